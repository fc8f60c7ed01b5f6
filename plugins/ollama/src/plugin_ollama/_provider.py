"""Ollama: models of a server on this machine, or in Ollama's cloud."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from core_llm import Capabilities, Provider, hookimpl
from core_llm.wire import Exchange, ModelInfo
from plugin_ollama._wire import OPTION_FIELDS, TOP_FIELDS, OllamaChat

CALLS = Capabilities(tools="supported", parallel_tools="supported")
THINKS = Capabilities(reasoning="supported")
LEVELS = Capabilities(settings={"reasoning_effort": "supported"})
SEES = Capabilities(image_input="supported")
BLIND = Capabilities(image_input="unsupported")
"""Pages "Tool calling", "Thinking" and "Vision". Of other models only the server knows, so they are asked.

Only gpt-oss has levels of effort: any effort makes other models that think do so, and ``none`` keeps them from it.
"""


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
            structured_output="supported",  # the server itself holds a model to a schema
            json_output="supported",
            usage="supported",
            cached_usage="unsupported",  # no field for any of these three
            citations="unsupported",
            refusals="unsupported",
            model_listing="supported",
            token_counting="unsupported",
            continuation="supported",  # a last message of the assistant's is left open (ollama#6778)
            embeddings="supported",
            settings={
                **dict.fromkeys(OPTION_FIELDS, "supported"),
                **dict.fromkeys(TOP_FIELDS, "supported"),
                "reasoning_budget": "unsupported",
                "parallel_tool_calls": "unsupported",
                "service_tier": "unsupported",
                "cache_key": "unsupported",
                "cache_ttl": "unsupported",
            },
        ),
        "*cloud": Capabilities(structured_output="unknown", json_output="unknown"),
        "qwen3": CALLS.merged(THINKS).merged(BLIND),
        "qwen3:*": CALLS.merged(THINKS).merged(BLIND),
        "gpt-oss*": CALLS.merged(THINKS).merged(LEVELS).merged(BLIND),
        "deepseek-r1*": THINKS.merged(BLIND),
        **dict.fromkeys(("gemma3*", "llava*", "llama3.2-vision*", "qwen2.5vl*", "qwen3-vl*"), SEES),
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
