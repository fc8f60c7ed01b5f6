"""OpenRouter: models of many providers behind one key, over Chat Completions with quirks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from core_llm import Capabilities, Provider, Settings, hookimpl
from core_llm.wire import STRICT_SCHEMA, CallIdForm, ChatCompletions, JSONObject

CALL_IDS = {
    "mistralai/": CallIdForm.named("alphanumeric-9"),
    "openai/": CallIdForm(r".{1,40}", 24),
}
"""Beginning of a model's name → what its provider takes as ids of tool calls; OpenRouter hands on what it is given.

Source: error messages that Mistral and OpenAI answer with through OpenRouter (checked 2026-11).
"""


class OpenRouterChat(ChatCompletions):
    """Chat Completions as OpenRouter has it. Reasoning goes back as `reasoning_details`, exactly as it came."""

    settings_fields: Mapping[str, str] = {**ChatCompletions.settings_fields, "max_tokens": "max_tokens"}
    strict_schemas = STRICT_SCHEMA  # what is strict is made so for the narrowest of the providers behind it
    embed_fields: Mapping[str, str] = {"dimensions": "dimensions", "input_type": "input_type"}
    input_types: ClassVar[Mapping[str, str]] = {"query": "search_query", "document": "search_document"}

    def headers(self) -> dict[str, str]:
        """Return the headers that name the application in OpenRouter's rankings, if it wants to be named."""
        names = {"app_url": "http-referer", "app_title": "x-title"}
        return {header: str(self.options[option]) for option, header in names.items() if self.options.get(option)}

    def call_ids_for(self, model: str) -> CallIdForm | None:
        """Return what the provider behind takes as ids of tool calls, where that is known."""
        return next((form for beginning, form in CALL_IDS.items() if model.startswith(beginning)), None)

    def encode_settings(self, settings: Settings) -> JSONObject:
        """Return the fields of the knobs: effort and budget of reasoning share one, and usage reports the cost."""
        reasoning = {"effort": settings.reasoning_effort, "max_tokens": settings.reasoning_budget}
        left = settings.model_copy(update={"reasoning_effort": None, "reasoning_budget": None})
        fields = super().encode_settings(left)
        given: JSONObject = {name: value for name, value in reasoning.items() if value is not None}
        if given:
            fields["reasoning"] = given
        return {**fields, "usage": {"include": True}}


class OpenRouter(Provider):
    """OpenRouter's models. API: https://openrouter.ai/docs (checked 2026-11)."""

    name = "openrouter"
    base_url = "https://openrouter.ai/api/v1"
    api_key_env = "OPENROUTER_API_KEY"
    wire_format = OpenRouterChat
    capabilities: ClassVar[Mapping[str, Capabilities]] = {
        "*": Capabilities(
            streaming="supported",
            usage="supported",
            cached_usage="supported",
            citations="supported",  # its own search, which works with every model
            document_input="supported",  # read for models that cannot
            refusals="supported",  # what the provider behind has filtered
            model_listing="supported",
            token_counting="unsupported",
            embeddings="supported",
            settings={"service_tier": "unsupported", "cache_key": "unsupported", "cache_ttl": "unsupported"},
        ),
        # Whether an answer can be continued is the model's affair; these are known to take a beginning.
        **dict.fromkeys(
            ("anthropic/claude-3*", "anthropic/claude-*-4", "anthropic/claude-*-4.[15]"),
            Capabilities(continuation="supported"),
        ),
    }
    options: ClassVar[Mapping[str, str]] = {
        "app_url": "address of your application, for OpenRouter's rankings",
        "app_title": "its name",
    }


@hookimpl
def core_llm_register_providers() -> list[type[Provider] | Provider]:
    """Offer OpenRouter."""
    return [OpenRouter]
