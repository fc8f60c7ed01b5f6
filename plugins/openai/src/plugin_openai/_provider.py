"""OpenAI, through Chat Completions. API: https://platform.openai.com/docs/api-reference/chat (checked 2026-11)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from core_llm import Capabilities, Provider, hookimpl
from core_llm.wire import ChatCompletions

REASONING = Capabilities(
    reasoning="supported",
    settings={
        "temperature": "unsupported",
        "top_p": "unsupported",
        "presence_penalty": "unsupported",
        "frequency_penalty": "unsupported",
        "logprobs": "unsupported",
        "top_logprobs": "unsupported",
    },
)
"""What reasoning models refuse: guide "Reasoning models". From GPT-5.1 on it depends on the effort, so it is sent."""
NO_STOP = Capabilities(settings={"stop": "unsupported"})
"""API reference, `stop`: not supported with the latest reasoning models o3 and o4-mini."""
GENERAL = Capabilities(
    tools="supported",
    tool_choice="supported",
    structured_output="supported",
    json_output="supported",
    image_input="supported",
)


class OpenAIChat(ChatCompletions):
    """Chat Completions as OpenAI has it, with the headers that name an organization and a project."""

    def headers(self) -> dict[str, str]:
        """Return the headers of the configured organization and project."""
        names = {"organization": "openai-organization", "project": "openai-project"}
        return {header: str(self.options[option]) for option, header in names.items() if self.options.get(option)}


class OpenAI(Provider):
    """OpenAI's models."""

    name = "openai"
    base_url = "https://api.openai.com/v1"
    base_url_env = "OPENAI_BASE_URL"
    api_key_env = "OPENAI_API_KEY"
    wire_format = OpenAIChat
    capabilities: ClassVar[Mapping[str, Capabilities]] = {
        "*": Capabilities(
            streaming="supported",
            model_listing="supported",
            video_input="unsupported",
            settings={"top_k": "unsupported", "reasoning_budget": "unsupported"},
        ),
        "gpt-4.1*": GENERAL,
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


@hookimpl
def core_llm_register_providers() -> list[type[Provider] | Provider]:
    """Offer OpenAI."""
    return [OpenAI]
