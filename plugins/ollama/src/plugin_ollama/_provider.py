"""Ollama: models of a server on this machine, or in Ollama's cloud."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from core_llm import Capabilities, Provider, hookimpl
from core_llm.wire import Exchange, ModelInfo
from plugin_ollama._wire import OllamaChat


class Ollama(Provider):
    """Models that Ollama serves. API: https://docs.ollama.com/api (checked 2026-11)."""

    name = "ollama"
    base_url = "http://127.0.0.1:11434"
    api_key_env = "OLLAMA_API_KEY"
    needs_api_key = False
    connect_hint = "start it with: ollama serve"
    wire_format = OllamaChat
    capabilities: ClassVar[Mapping[str, Capabilities]] = {
        "*": Capabilities(
            streaming="supported",
            system_prompt="supported",
            tool_choice="unsupported",  # no field: a model calls tools when it likes
            audio_input="unsupported",
            document_input="unsupported",
            video_input="unsupported",
            model_listing="supported",
            token_counting="unsupported",
            continuation="supported",  # a last message of the assistant's is left open (ollama#6778)
            embeddings="supported",
            settings={
                "reasoning_budget": "unsupported",
                "parallel_tool_calls": "unsupported",
                "service_tier": "unsupported",
                "cache_key": "unsupported",
                "cache_ttl": "unsupported",
            },
        ),
    }
    options: ClassVar[Mapping[str, str]] = {
        "num_ctx": "context window in tokens; the server's own default is small, and it cuts longer prompts in silence",
        "keep_alive": "how long the model stays loaded after a call, e.g. 10m; -1 for ever, 0 to unload",
    }

    def show_model(self, model: str) -> Exchange[ModelInfo]:
        """Describe one model, as a sans-I/O generator for `Client.exchange`."""
        return OllamaChat(self.endpoint, self.config.options).show_model(model)


@hookimpl
def core_llm_register_providers() -> list[type[Provider] | Provider]:
    """Offer Ollama."""
    return [Ollama]
