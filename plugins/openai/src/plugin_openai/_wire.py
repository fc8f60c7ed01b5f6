"""OpenAI's two wires, Responses and Chat Completions, with what only OpenAI has of them."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import ClassVar

from core_llm import Capabilities, Request, Settings
from core_llm.wire import STRICT_SCHEMA, CallIdForm, ChatCompletions, JSONObject, JSONValue, Responses

REASONING_MODELS = ("gpt-5*", "gpt-6*", "o1*", "o3*", "o4*", "ft:o*", "codex-*")
CHAT_MODELS = ("*-chat*", "gpt-5-search*")
"""Of these, the ones that do not reason."""
ACCOUNT_HEADERS = {"organization": "openai-organization", "project": "openai-project"}
RETENTION = {"1h": "24h", "24h": "24h"}
"""Least time in the cache → the field's value. By default a beginning is kept for five minutes at least."""


def reasons(model: str) -> bool:
    """Tell whether a model thinks before it answers, as far as its name says."""
    is_among = [any(fnmatchcase(model, pattern) for pattern in names) for names in (REASONING_MODELS, CHAT_MODELS)]
    return is_among == [True, False]


class OpenAIResponses(Responses):
    """The Responses API as OpenAI has it."""

    capabilities: ClassVar[Capabilities] = Responses.capabilities.merged(Capabilities(citations="supported"))
    embed_encoding = "base64"
    call_ids = CallIdForm(r".{1,64}", 24)  # longer ones are refused with 400 (checked 2026-11)
    strict_schemas = STRICT_SCHEMA

    def headers(self) -> dict[str, str]:
        """Return the headers of the configured organization and project."""
        return account_headers(self.options)

    def encode_settings(self, request: Request) -> JSONObject:
        """Return the fields of the body that the knobs become."""
        others, cache = _split_cache(request.settings)
        return super().encode_settings(request.model_copy(update={"settings": others})) | cache

    def wants_encrypted_reasoning(self, request: Request) -> bool:
        """Whether the model reasons: a conversation then goes on without OpenAI having kept any answer of it."""
        return reasons(request.model)


class OpenAIChat(ChatCompletions):
    """Chat Completions as OpenAI has it."""

    embed_encoding = "base64"
    call_ids = CallIdForm(r".{1,40}", 24)  # longer ones are refused with 400 (checked 2026-11)
    strict_schemas = STRICT_SCHEMA
    settings_fields: Mapping[str, str] = {**ChatCompletions.settings_fields, "cache_key": "prompt_cache_key"}

    def headers(self) -> dict[str, str]:
        """Return the headers of the configured organization and project."""
        return account_headers(self.options)

    def encode_settings(self, settings: Settings) -> JSONObject:
        """Return the fields of the body that the knobs become."""
        others, cache = _split_cache(settings)
        return super().encode_settings(others) | cache


def account_headers(options: Mapping[str, JSONValue]) -> dict[str, str]:
    """Return the headers that say which organization and project are billed."""
    return {header: str(options[option]) for option, header in ACCOUNT_HEADERS.items() if options.get(option)}


def _split_cache(settings: Settings) -> tuple[Settings, JSONObject]:
    """Return the settings without the time in the cache, and the field that says it."""
    if settings.cache_ttl is None:
        return settings, {}
    retention = RETENTION.get(settings.cache_ttl)
    cache: JSONObject = {} if retention is None else {"prompt_cache_retention": retention}
    return settings.model_copy(update={"cache_ttl": None}), cache
