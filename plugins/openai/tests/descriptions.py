"""What OpenAI answers, on both wires, after its API reference. `tests/cassettes` is composed of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar
from zlib import crc32

from core_llm_conformance.documented import ChatBodies, Failed, ResponsesBodies, Said, describe
from core_llm_conformance.documented.said import JsonObject
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
BOOK = 1_000
"""Characters."""
MODELS = ("gpt-4.1-mini", "gpt-5-mini", "text-embedding-3-small")


class OpenAIChatBodies(ChatBodies):
    """Every figure of usage is told, and every chunk is padded."""

    listed: ClassVar[Sequence[str]] = MODELS
    reasons: ClassVar[Mapping[str, str]] = {"content_filter": "stop"}

    @property
    def served(self) -> str:
        """The snapshot."""
        return SNAPSHOTS.get(self.model, self.model)

    def beside(self, kind: str) -> JsonObject:
        """Return how the request was served."""
        return {"service_tier": "default", "system_fingerprint": "fp_1", **super().beside(kind)}

    def beside_choice(self, kind: str, said: Said) -> JsonObject:  # noqa: ARG002  # the base's
        """Return that nobody asked for log probabilities."""
        return {"logprobs": None}

    def message(self, said: Said) -> JsonObject:
        """Return the message, in which nothing is told as null or as an empty list."""
        return {"refusal": None, "annotations": [], **super().message(said)}

    def deltas(self, said: Said) -> Iterator[JsonObject]:
        """Yield what a stream adds; the first delta says, too, that nothing was refused."""
        first, *others = super().deltas(said)
        yield {**first, "content": None if said.calls else "", "refusal": None}
        yield from others

    def chunk(self, delta: JsonObject, said: Said, reason: str | None = None) -> JsonObject:
        """Return one chunk, padded."""
        return {**super().chunk(delta, said, reason), "usage": None, "obfuscation": padding(str(delta))}

    def usage_chunk(self, said: Said) -> JsonObject:
        """Return the chunk that has the usage, padded."""
        return {**super().usage_chunk(said), "obfuscation": padding("usage")}

    def usage(self, said: Said) -> JsonObject:
        """Return the usage with all of its details."""
        return {
            **super().usage(said),
            "prompt_tokens_details": {"cached_tokens": said.cached or 0, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": said.thought or 0,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        }

    def expected_usage(self, said: Said) -> JsonObject:
        """Return the figures that are told even if they are nothing."""
        return {"cache_read_tokens": said.cached or 0, "reasoning_tokens": said.thought or 0}

    def token_count(self, tokens: int) -> Reply:
        """Return a count, which is made by the endpoint of Responses whatever the wire."""
        return json_reply({"object": "response.input_tokens", "input_tokens": tokens})


class OpenAIResponsesBodies(ResponsesBodies):
    """A response says all of its settings again, and deltas are padded."""

    listed: ClassVar[Sequence[str]] = MODELS

    @property
    def served(self) -> str:
        """The snapshot."""
        return SNAPSHOTS.get(self.model, self.model)

    def beside(self, status: str) -> JsonObject:
        """Return the settings; instructions as long as a book are left out of what a cassette says again and again."""
        told = self.options.get("system")
        instructions: JsonObject = {} if isinstance(told, str) and len(told) > BOOK else {"instructions": told}
        return {
            **instructions,
            "background": False,
            "max_output_tokens": self.options.get("max_tokens"),
            "max_tool_calls": None,
            "metadata": {},
            "previous_response_id": None,
            "prompt_cache_key": None,
            "reasoning": {"effort": self.options.get("reasoning_effort"), "summary": None},
            "safety_identifier": None,
            "service_tier": "default" if status in ("completed", "incomplete") else "auto",
            "store": True,
            "temperature": 1.0,
            "tool_choice": "auto",
            "top_logprobs": 0,
            "top_p": 1.0,
            "truncation": "disabled",
            "user": None,
        }

    def pad(self, piece: str) -> JsonObject:
        """Return the padding of a delta."""
        return {"obfuscation": padding(piece)}


def padding(piece: str) -> str:
    """Return letters that hide the length of a piece: chance at OpenAI, here always the same."""
    letters = f"{crc32(piece.encode()):08x}"
    return letters[: 1 + len(piece) % len(letters)]


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
