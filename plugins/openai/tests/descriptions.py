"""What OpenAI answers, on both wires, after its API reference. `tests/cassettes` is composed of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import ClassVar

from core_llm_conformance.documented import Failed, FullChatBodies, FullResponsesBodies, describe
from core_llm_conformance.recording import Description, Reply, json_reply
from core_llm_conformance.target import Target

DATE = dt.date(2026, 11, 22)
CHAT = "https://platform.openai.com/docs/api-reference/chat"
RESPONSES = "https://platform.openai.com/docs/api-reference/responses"
SOURCES = {
    "model_listing": "https://platform.openai.com/docs/api-reference/models/list",
    "embeddings": "https://platform.openai.com/docs/api-reference/embeddings/create",
    "token_count": "https://platform.openai.com/docs/api-reference/responses/input-tokens",
    **{
        f"error_{status}": "https://platform.openai.com/docs/guides/error-codes"
        for status in ("400", "401", "404", "429", "500")
    },
}
SNAPSHOTS = {"gpt-4.1-mini": "gpt-4.1-mini-2025-04-14", "gpt-5-mini": "gpt-5-mini-2025-08-07"}
"""Model → the snapshot of it that answers."""
BAD = "invalid_request_error"
BROKEN = Failed(200, "The server had an error while it worked on your request.", "server_error", "server_error")
ERRORS = {
    "error_400": Failed(
        400, "'temperature' must not be greater than 2.", BAD, "decimal_above_max_value", "temperature"
    ),
    "error_401": Failed(401, "The API key that was provided is incorrect.", BAD, "invalid_api_key"),
    "error_404": Failed(404, "The model 'no-such-model' does not exist.", BAD, "model_not_found"),
    "error_429": Failed(429, "The limit of requests a minute is reached.", "requests", "rate_limit_exceeded"),
    "error_500": Failed(500, BROKEN.message, "server_error"),
    "error_mid_stream": Failed(200, BROKEN.message, BROKEN.type, BROKEN.code, after="Hello, it"),
    "error_first_event": BROKEN,
    "error_in_200": BROKEN,
}
MODELS = ("gpt-4.1-mini", "gpt-5-mini", "text-embedding-3-small")


class OpenAIChatBodies(FullChatBodies):
    """Chat Completions."""

    listed: ClassVar[Sequence[str]] = MODELS

    @property
    def served(self) -> str:
        """The snapshot."""
        return SNAPSHOTS.get(self.model, self.model)

    def token_count(self, tokens: int) -> Reply:
        """Return a count, which is made by the endpoint of Responses whatever the wire."""
        return json_reply({"object": "response.input_tokens", "input_tokens": tokens})


class OpenAIResponsesBodies(FullResponsesBodies):
    """Responses."""

    listed: ClassVar[Sequence[str]] = MODELS

    @property
    def served(self) -> str:
        """The snapshot."""
        return SNAPSHOTS.get(self.model, self.model)


def described_chat(target: Target) -> Iterator[Description]:
    """Describe Chat Completions."""
    never = ("error_first_event", "error_in_200")
    return describe(target, OpenAIChatBodies, source=CHAT, date=DATE, errors=ERRORS, sources=SOURCES, without=never)


def described_responses(target: Target) -> Iterator[Description]:
    """Describe Responses."""
    never = ("error_first_event",)
    return describe(
        target, OpenAIResponsesBodies, source=RESPONSES, date=DATE, errors=ERRORS, sources=SOURCES, without=never
    )
