"""OpenAI: its models and the wire of each. API: https://platform.openai.com/docs/api-reference (checked 2026-11)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from core_llm import Capabilities, Provider, Request, Response, hookimpl
from core_llm.wire import Exchange, WireFormat
from plugin_openai._wire import REASONING_MODELS, OpenAIChat, OpenAIResponses

REASONING = Capabilities(
    reasoning="supported",
    settings={
        "temperature": "unsupported",
        "top_p": "unsupported",
        "presence_penalty": "unsupported",
        "frequency_penalty": "unsupported",
        "logprobs": "unsupported",
        "top_logprobs": "unsupported",
        "reasoning_effort": "supported",
    },
)
"""What reasoning models refuse: guide "Reasoning models". From GPT-5.1 on it depends on the effort, so it is sent."""
NO_STOP = Capabilities(settings={"stop": "unsupported"})
"""API reference, `stop`: not supported with the latest reasoning models o3 and o4-mini."""
GENERAL = Capabilities(
    system_prompt="supported",
    tools="supported",
    tool_choice="supported",
    parallel_tools="supported",
    structured_output="supported",
    json_output="supported",
    image_input="supported",
    document_input="supported",
    audio_input="unsupported",
    usage="supported",
    cached_usage="supported",
    refusals="supported",
    settings=dict.fromkeys(("max_tokens", "parallel_tool_calls", "service_tier", "cache_key"), "supported"),
)
"""Pages of the models; guides "Images and vision", "File inputs", "Prompt caching"."""
NOT_REASONING = Capabilities(
    reasoning="unsupported",
    settings={
        **dict.fromkeys(("temperature", "top_p", "logprobs", "top_logprobs"), "supported"),
        **dict.fromkeys(("stop", "seed", "presence_penalty", "frequency_penalty"), "supported"),
        "reasoning_effort": "unsupported",
    },
)
HEARS = Capabilities(audio_input="supported", image_input="unsupported", reasoning="unsupported")
"""Pages of the models `gpt-audio`, `gpt-4o-audio-preview`."""
SEARCHES = Capabilities(
    image_input="unknown",
    citations="supported",
    untested={"citations": "whether a stream of Chat Completions has sources is not documented"},
)
"""Guide "Web search": in Chat Completions only these models search."""


class OpenAI(Provider):
    """OpenAI's models."""

    name = "openai"
    base_url = "https://api.openai.com/v1"
    base_url_env = "OPENAI_BASE_URL"
    api_key_env = "OPENAI_API_KEY"
    wire_format = OpenAIChat
    # Models that reason keep their reasoning between turns on Responses only, and some are on nothing else. The others,
    # among them those that hear, speak or search in Chat Completions, take more settings there.
    wires: ClassVar[Mapping[str, type[WireFormat]]] = {
        **dict.fromkeys(REASONING_MODELS, OpenAIResponses),
        "gpt-daybreak-*": OpenAIResponses,
        "gpt-rosalind-*": OpenAIResponses,
        "computer-use-*": OpenAIResponses,
        "gpt-5-search-*": OpenAIChat,
    }
    wire_choices: ClassVar[Mapping[str, type[WireFormat]]] = {"chat": OpenAIChat, "responses": OpenAIResponses}
    capabilities: ClassVar[Mapping[str, Capabilities]] = {
        "*": Capabilities(
            streaming="supported",
            model_listing="supported",
            token_counting="supported",
            embeddings="supported",
            video_input="unsupported",
            citations="unsupported",
            continuation="unsupported",
            settings={"top_k": "unsupported", "reasoning_budget": "unsupported"},
        ),
        "gpt-4.1*": GENERAL.merged(NOT_REASONING),
        "gpt-4o*": Capabilities(image_input="supported"),
        "gpt-audio*": HEARS,
        "gpt-4o*-audio*": HEARS,
        "*-search-*": SEARCHES,
        "gpt-5": GENERAL.merged(REASONING),
        "gpt-5-20*": GENERAL.merged(REASONING),
        "gpt-5-mini*": GENERAL.merged(REASONING),
        "gpt-5-nano*": GENERAL.merged(REASONING),
        "o1*": REASONING,
        "o3*": REASONING.merged(NO_STOP),
        "o4*": REASONING.merged(NO_STOP),
    }
    options: ClassVar[Mapping[str, str]] = {
        "organization": "the organization that is billed, where a key belongs to several",
        "project": "the project that is billed",
    }

    def count_tokens(self, request: Request) -> Exchange[int]:
        """Count the input tokens of a request, as a sans-I/O generator; the endpoint knows every model."""
        return self._responses().count_tokens(request)

    def retrieve_response(self, response_id: str) -> Exchange[Response]:
        """Fetch a response that OpenAI keeps, finished or not, as a sans-I/O generator.

        Raises:
            ProviderError: The response failed.
        """
        return self._responses().retrieve_response(response_id)

    def cancel_response(self, response_id: str) -> Exchange[Response]:
        """Stop a response that runs in the background, and return what it has come to, as a sans-I/O generator."""
        return self._responses().cancel_response(response_id)

    def _responses(self) -> OpenAIResponses:
        return OpenAIResponses(self.endpoint, self.config.options)


@hookimpl
def core_llm_register_providers() -> list[type[Provider] | Provider]:
    """Offer OpenAI."""
    return [OpenAI]
