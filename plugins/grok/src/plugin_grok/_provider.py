"""Grok: the models of xAI."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from core_llm import Capabilities, Provider, hookimpl
from core_llm.wire import WireFormat
from plugin_grok._wire import GrokChat, GrokResponses

REASONING = Capabilities(
    reasoning="supported",
    settings={"stop": "unsupported", "presence_penalty": "unsupported", "frequency_penalty": "unsupported"},
)
"""What reasoning models refuse: docs.x.ai, guide "Reasoning" (checked 2026-11)."""
NOT_REASONING = Capabilities(
    reasoning="unsupported",
    settings={"stop": "supported", "presence_penalty": "supported", "frequency_penalty": "supported"},
)
"""A model that takes these again, its name being among those of models that reason."""
FIXED_EFFORT = Capabilities(settings={"reasoning_effort": "unsupported"})
"""Models that reason as much as they like, and refuse to be told."""


SEES = Capabilities(image_input="supported")
"""Page "Models and pricing": which take images."""


class Grok(Provider):
    """xAI's models. API: https://docs.x.ai (checked 2026-11)."""

    name = "grok"
    base_url = "https://api.x.ai/v1"
    api_key_env = "XAI_API_KEY"
    wire_format = GrokChat
    wires: ClassVar[Mapping[str, type[WireFormat]]] = {"grok-*-multi-agent*": GrokResponses}
    wire_choices: ClassVar[Mapping[str, type[WireFormat]]] = {"chat": GrokChat, "responses": GrokResponses}
    capabilities: ClassVar[Mapping[str, Capabilities]] = {
        "*": Capabilities(
            streaming="supported",
            system_prompt="supported",
            tools="supported",
            tool_choice="supported",
            parallel_tools="supported",
            structured_output="supported",
            json_output="supported",
            usage="supported",
            cached_usage="supported",
            citations="unsupported",  # Chat Completions has no search since that of `search_parameters` was shut down
            document_input="unsupported",
            model_listing="supported",
            audio_input="unsupported",
            video_input="unsupported",
            continuation="unsupported",
            token_counting="unsupported",
            embeddings="unsupported",  # no endpoint for it, and no model, in the API reference
            settings={
                **dict.fromkeys(("temperature", "top_p", "max_tokens", "seed", "parallel_tool_calls"), "supported"),
                "cache_key": "supported",
                "top_k": "unsupported",
                "reasoning_budget": "unsupported",
                "service_tier": "unsupported",
                "cache_ttl": "unsupported",
            },
        ),
        "grok-3-mini*": REASONING.merged(Capabilities(settings={"reasoning_effort": "supported"})),
        "grok-4*": REASONING.merged(FIXED_EFFORT).merged(SEES),
        "grok-4-fast-non-reasoning*": NOT_REASONING,
        "grok-code*": REASONING.merged(FIXED_EFFORT),
    }


@hookimpl
def core_llm_register_providers() -> list[type[Provider] | Provider]:
    """Offer Grok."""
    return [Grok]
