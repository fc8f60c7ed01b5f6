"""Acme, the good twin that speaks Chat Completions: what a plugin for a compatible service looks like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from core_llm import Capabilities, Provider, hookimpl
from core_llm.wire import ChatCompletions

YES = (
    "streaming system_prompt tools tool_choice parallel_tools structured_output json_output reasoning image_input "
    "audio_input document_input model_listing embeddings usage cached_usage citations refusals"
).split()
NO = ("video_input", "token_counting", "continuation")
NO_KNOBS = ("top_k", "reasoning_budget", "cache_key", "cache_ttl")
KNOBS = sorted(ChatCompletions.settings_fields.keys() - set(NO_KNOBS))


class AcmeWire(ChatCompletions):
    """Chat Completions as Acme has it: without `top_k`."""

    settings_fields: Mapping[str, str] = {
        name: field for name, field in ChatCompletions.settings_fields.items() if name != "top_k"
    }


class Acme(Provider):
    """Models hosted by Acme."""

    name = "acme"
    base_url = "https://api.acme.example/v1"
    api_key_env = "ACME_API_KEY"
    wire_format = AcmeWire
    capabilities: ClassVar[Mapping[str, Capabilities]] = {
        "*": Capabilities.model_validate(
            {
                **dict.fromkeys(YES, "supported"),
                **dict.fromkeys(NO, "unsupported"),
                "settings": {**dict.fromkeys(KNOBS, "supported"), **dict.fromkeys(NO_KNOBS, "unsupported")},
            }
        )
    }


@hookimpl
def core_llm_register_providers() -> list[type[Provider] | Provider]:
    """Offer Acme."""
    return [Acme]
