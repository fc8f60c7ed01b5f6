"""Gemini and Vertex: one wire, two services of Google's, and what their models are declared to take.

API: https://ai.google.dev/api and https://cloud.google.com/vertex-ai/generative-ai/docs (checked 2026-11).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar

from core_llm import Capabilities, ConfigError, HeaderAuth, Provider, ProviderConfig, hookimpl
from core_llm.wire import WireFormat
from plugin_gemini._embed import EMBEDDING_2
from plugin_gemini._wire import GeminiEmbedding2, GeminiWire, VertexEmbedding2, VertexGeminiEmbedding, VertexWire

PENALTIES = ("presence_penalty", "frequency_penalty")
GENERAL = Capabilities(
    system_prompt="supported",
    tools="supported",
    tool_choice="supported",
    structured_output="supported",
    json_output="supported",
    image_input="supported",
    audio_input="supported",
    video_input="supported",
    document_input="supported",
    parallel_tools="supported",
    usage="supported",
    citations="supported",
    refusals="supported",
    settings=dict.fromkeys(("temperature", "top_p", "top_k", "max_tokens", "stop", "seed"), "supported"),
)
THINKING = Capabilities(
    reasoning="supported",
    cached_usage="supported",
    settings={
        **dict.fromkeys(("reasoning_effort", "reasoning_budget"), "supported"),
        **dict.fromkeys(PENALTIES, "unsupported"),
    },
)
"""The models that think also cache what was sent before, unasked, and refuse penalties (vercel/ai#8943)."""
NOT_THINKING = Capabilities(
    reasoning="unsupported", settings={"reasoning_effort": "unsupported", "reasoning_budget": "unsupported"}
)
WITHOUT_TOOLS = Capabilities(tools="unsupported", tool_choice="unsupported", parallel_tools="unsupported")
CAPABILITIES = {
    "*": Capabilities(
        streaming="supported",
        model_listing="supported",
        token_counting="supported",
        embeddings="supported",
        settings={
            "parallel_tool_calls": "unsupported",
            "cache_key": "unsupported",
            "cache_ttl": "unsupported",
        },
    ),
    "gemini-*": GENERAL,
    "gemini-1.5*": NOT_THINKING,
    "gemini-2.0*": NOT_THINKING.merged(Capabilities(settings=dict.fromkeys(PENALTIES, "supported"))),
    "gemini-2.5*": THINKING,
    "gemini-3*": THINKING,
    "gemini-2.5-flash-image*": WITHOUT_TOOLS.merged(NOT_THINKING),
    "gemma-3*": WITHOUT_TOOLS.merged(Capabilities(system_prompt="unsupported")),
}
"""Pattern → what is documented in the models' pages; what is not is unknown, and sent."""
OPTIONS = {
    "api_version": "the version of the API in addresses, if not {}",
    "schemas": "json or subset: the schema language of tools and structured output, if not the one usual for the model",
}
MULTI_REGIONS = ("us", "eu")
_LOCATION = re.compile(r"[a-z][a-z0-9-]*")


class Gemini(Provider):
    """Google's models through the Gemini API, with a key."""

    name = "gemini"
    base_url = "https://generativelanguage.googleapis.com"
    api_key_env = ("GEMINI_API_KEY", "GOOGLE_API_KEY")
    auth = HeaderAuth("x-goog-api-key")
    wire_format = GeminiWire
    wires: ClassVar[Mapping[str, type[WireFormat]]] = {EMBEDDING_2: GeminiEmbedding2}
    capabilities: ClassVar[Mapping[str, Capabilities]] = CAPABILITIES
    options: ClassVar[Mapping[str, str]] = {name: text.format("v1beta") for name, text in OPTIONS.items()}

    def __init__(self, config: ProviderConfig | None = None, *, name: str | None = None) -> None:
        super().__init__(config, name=name)
        _check_options(self)


class Vertex(Provider):
    """Google's models through Vertex AI, with a token of Google Cloud: best a callable that returns a fresh one."""

    name = "vertex"
    api_key_env = ("GOOGLE_OAUTH_ACCESS_TOKEN", "CLOUDSDK_AUTH_ACCESS_TOKEN")
    wire_format = VertexWire
    wires: ClassVar[Mapping[str, type[WireFormat]]] = {
        "*gemini-embedding*": VertexGeminiEmbedding,
        EMBEDDING_2: VertexEmbedding2,
    }
    capabilities: ClassVar[Mapping[str, Capabilities]] = CAPABILITIES
    options: ClassVar[Mapping[str, str]] = {
        "project": "the id or number of the Google Cloud project",
        "location": "the region, such as europe-west4, or global (the default), us or eu",
        **{name: text.format("v1") for name, text in OPTIONS.items()},
    }

    def __init__(self, config: ProviderConfig | None = None, *, name: str | None = None) -> None:
        super().__init__(config, name=name)
        _check_options(self)
        location = self.config.options.get("location") or "global"
        if not isinstance(location, str) or not _LOCATION.fullmatch(location):
            msg = f"providers.{self.endpoint}.options.location is no location of Google Cloud: {location!r}"
            raise ConfigError(msg)
        self.base_url = self.base_url or f"https://{_host(location)}"


def _host(location: str) -> str:
    """Return where a location is served."""
    if location == "global":
        return "aiplatform.googleapis.com"
    if location in MULTI_REGIONS:
        return f"aiplatform.{location}.rep.googleapis.com"
    return f"{location}-aiplatform.googleapis.com"


def _check_options(provider: Provider) -> None:
    if provider.config.options.get("schemas") not in (None, "json", "subset"):
        msg = f"providers.{provider.endpoint}.options.schemas is neither 'json' nor 'subset'"
        raise ConfigError(msg)


@hookimpl
def core_llm_register_providers() -> list[type[Provider] | Provider]:
    """Offer both."""
    return [Gemini, Vertex]
