"""GrokChat and GrokResponses: the two wires as xAI has them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import ClassVar

from core_llm import AuthenticationError, Capabilities, Request, StatusError, StreamEvent
from core_llm.wire import (
    STRICT_SCHEMA,
    ChatCompletions,
    ChatDecoder,
    JSONObject,
    Responses,
    WireRequest,
    decode_status_error,
)

SCHEMAS = replace(STRICT_SCHEMA, tells=STRICT_SCHEMA.tells | {"minItems", "maxItems"}, is_closed=False, is_whole=False)
"""Source: docs.x.ai, page "Structured outputs", supported schemas (checked 2026-11)."""
WRONG_KEY = re.compile(r"(?i)\b(?:incorrect|invalid) api key\b")
"""What xAI's code does not say: docs.x.ai, page "Debugging errors" (checked 2026-11)."""
MIN_REPEATED = 8
"""A shorter piece of reasoning may well come twice in a row by right; a longer one is xAI's placeholder, said again."""


def decode_error(status: int, headers: Mapping[str, str], body: bytes) -> StatusError:
    """Return the error for an answer with status 400 or above; xAI answers a wrong key with 400."""
    error = decode_status_error(status, headers, body)
    if status != HTTPStatus.BAD_REQUEST or not WRONG_KEY.search(error.message):
        return error
    return AuthenticationError(
        error.message,
        status_code=status,
        headers=error.headers,
        body=error.body,
        code=error.code,
        request_id=error.request_id,
        phase=error.phase,
    )


class GrokDecoder(ChatDecoder):
    """Decodes an answer, without what xAI says twice: a piece of reasoning, or the conversation's last message."""

    def __init__(self, wire: GrokChat, request: Request) -> None:
        super().__init__(wire, request)
        last = request.messages[-1] if request.messages else None
        self._echo: object = last.text if last is not None and last.role == "assistant" else None
        self._reasoning: object = None

    def read_delta(self, delta: JSONObject) -> Sequence[StreamEvent]:
        """Return the events of a delta."""
        reasoning, content = delta.get("reasoning_content"), delta.get("content")
        if isinstance(reasoning, str) and reasoning == self._reasoning and len(reasoning) >= MIN_REPEATED:
            delta = {**delta, "reasoning_content": None}
        if content:
            delta = {**delta, "content": None} if content == self._echo else delta
            self._echo = None
        self._reasoning = reasoning
        return super().read_delta(delta)


class GrokChat(ChatCompletions):
    """Chat Completions as xAI has it. Its output tokens leave reasoning out; the usage here has it, as the total."""

    decoder_type = GrokDecoder
    strict_schemas = SCHEMAS
    settings_fields: Mapping[str, str] = {
        name: field for name, field in ChatCompletions.settings_fields.items() if name not in ("top_k", "service_tier")
    }

    def encode_request(self, request: Request) -> WireRequest:
        """Return the HTTP request; requests with one cache key go to the server that has their beginning."""
        key = request.settings.cache_key
        settings = request.settings.model_copy(update={"cache_key": None})
        wired = super().encode_request(request.model_copy(update={"settings": settings}))
        if key is not None:
            wired.headers["x-grok-conv-id"] = key
        return wired

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> StatusError:
        """Return the error for an answer with status 400 or above."""
        return decode_error(status, headers, body)


class GrokResponses(Responses):
    """The Responses wire as xAI has it: its server-side tools are there."""

    strict_schemas = SCHEMAS
    capabilities: ClassVar[Capabilities] = Responses.capabilities.merged(
        Capabilities(
            citations="supported",
            document_input="supported",
            untested={"document_input": "xAI fetches documents from their address, and the suite has only their bytes"},
        )
    )

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> StatusError:
        """Return the error for an answer with status 400 or above."""
        return decode_error(status, headers, body)
