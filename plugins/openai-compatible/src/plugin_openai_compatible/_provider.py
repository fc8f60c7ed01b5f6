"""Any server that speaks Chat Completions: vLLM, SGLang, LM Studio, llama.cpp's server, hosted services, gateways."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from core_llm import Capabilities, ConfigError, Provider, hookimpl
from core_llm.wire import CallIdForm, ChatCompletions, JSONValue


class CompatibleChat(ChatCompletions):
    """Chat Completions as compatible servers have it: most still know the bound on output by its first name."""

    def __init__(self, provider: str, options: Mapping[str, JSONValue] | None = None) -> None:
        super().__init__(provider, options)
        bound = self.options.get("max_tokens_field") or "max_tokens"
        self.settings_fields = {**ChatCompletions.settings_fields, "max_tokens": str(bound)}
        self.sends_stream_options = self.options.get("stream_usage") is not False
        reasoning = self.options.get("reasoning_field")
        self.reasoning_field = str(reasoning) if reasoning else None
        if self.options.get("continuation") is True:
            self.continuation_fields = {"continue_final_message": True, "add_generation_prompt": False}
        if (form := self.options.get("tool_call_ids")) is not None:
            try:
                self.call_ids = CallIdForm.named(str(form))
            except ValueError as error:
                raise ConfigError(f"providers.{provider}.options.tool_call_ids: {error}") from None
        if (most := self.options.get("max_embed_inputs")) is not None:
            if type(most) is not int or most < 1:
                raise ConfigError(f"providers.{provider}.options.max_embed_inputs is no number of texts: {most!r}")
            self.max_embed_inputs = most


class OpenAICompatible(Provider):
    """A server at any address; each is a named endpoint in the configuration, with this provider as its `type`."""

    name = "openai-compatible"
    needs_api_key = False
    wire_format = CompatibleChat
    capabilities: ClassVar[Mapping[str, Capabilities]] = {
        "*": Capabilities(
            token_counting="unsupported",
            settings=dict.fromkeys(("reasoning_budget", "cache_key", "cache_ttl"), "unsupported"),
        ),
    }
    options: ClassVar[Mapping[str, str]] = {
        "max_tokens_field": "field for the bound on output tokens, if not max_tokens",
        "stream_usage": "false for a server that rejects stream_options; usage is then unknown",
        "max_embed_inputs": "texts that the server embeds in one request, if not 2048; longer lists go out as several",
        "continuation": "true for a server that goes on from a last message of the assistant's, as vLLM does",
        "tool_call_ids": "alphanumeric-9 for a server that takes only ids of nine letters and digits, as Mistral's do",
        "reasoning_field": "field in which the server wants the model's reasoning back, e.g. reasoning_content",
    }

    def capabilities_for(self, model: str) -> Capabilities:
        """Return what is declared; whether answers can be continued, the configuration says."""
        can_continue = self.config.options.get("continuation") is True
        declared = Capabilities(continuation="supported") if can_continue else Capabilities()
        return super().capabilities_for(model).merged(declared)


@hookimpl
def core_llm_register_providers() -> list[type[Provider] | Provider]:
    """Offer the provider that named endpoints are made of."""
    return [OpenAICompatible]
