"""What a Gemini body holds, of the Gemini API or Vertex AI, plain or streamed (checked 2026-11 on every recording).

Candidate 0 is the answer. A stream's terminal marker is a finish reason, or the reason why the prompt was blocked;
chunks may follow it, and one that goes on with the answer without a reason of its own takes it back, since some models
finish in the middle. Executed code, built-in tools and images are neither text nor calls.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http import HTTPStatus

from pydantic import JsonValue

from core_llm_conformance.walk.calls import called_with
from core_llm_conformance.walk.errors import is_error, walk_error, walk_error_response
from core_llm_conformance.walk.expected import Expected, ExpectedCall, ExpectedError, ExpectedUsage
from core_llm_conformance.walk.json_values import JsonObject, as_object, as_objects, as_text, first_count
from core_llm_conformance.walk.sse import walk_sse

FINISH_REASONS = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "MODEL_ARMOR": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
    "MALFORMED_FUNCTION_CALL": "error",
    "MALFORMED_RESPONSE": "error",
    "UNEXPECTED_TOOL_CALL": "error",
    "TOO_MANY_TOOL_CALLS": "error",
    "MISSING_THOUGHT_SIGNATURE": "error",
}
"""The wire's words; any other is ``other``."""


@dataclass(slots=True)
class _Walk:
    text: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    calls: list[ExpectedCall] = field(default_factory=list)
    usage: dict[str, int] = field(default_factory=dict)
    raw_finish_reason: str | None = None
    is_blocked: bool = False
    has_marker: bool = False
    id: str | None = None
    model: str | None = None


def walk_gemini(body: bytes, *, status: int = 200) -> Expected:
    """Return what `body` holds.

    Args:
        body: The decompressed body: an object, an event stream, or the array of a stream without ``alt=sse``. A stream
            may be cut anywhere, its last unfinished event then counts for nothing.
        status: The response's HTTP status.
    """
    if status >= HTTPStatus.BAD_REQUEST:
        return Expected(error=_name_error(walk_error_response(body, status), _error_in(body)))
    walk = _Walk()
    is_plain = body.lstrip()[:1] == b"{"
    try:
        for chunk in [json.loads(body)] if is_plain else _chunks(body):
            if is_error(as_object(chunk)):
                return _finish(walk, _name_error(walk_error(as_object(chunk), status), as_object(chunk)))
            _walk_chunk(walk, as_object(chunk))
    except ValueError:
        return _finish(walk, ExpectedError("malformed"))
    walk.has_marker = walk.has_marker or is_plain
    return _finish(walk, None)


def _chunks(body: bytes) -> Iterator[JsonValue]:
    if body.lstrip()[:1] == b"[":
        yield from json.loads(body)
        return
    for _name, data in walk_sse(body):
        yield json.loads(data)


def _walk_chunk(walk: _Walk, chunk: JsonObject) -> None:
    walk.id = walk.id or as_text(chunk.get("responseId")) or None
    walk.model = walk.model or as_text(chunk.get("modelVersion")) or None
    # Each chunk counts from the beginning, and may leave out what another has said.
    counts = {name: first_count(value) for name, value in as_object(chunk.get("usageMetadata")).items()}
    walk.usage |= {name: count for name, count in counts.items() if count is not None}
    if reason := as_text(as_object(chunk.get("promptFeedback")).get("blockReason")):
        walk.raw_finish_reason, walk.is_blocked, walk.has_marker = reason, True, True
    for candidate in as_objects(chunk.get("candidates")):
        if candidate.get("index") in (0, None):
            _walk_candidate(walk, candidate)


def _walk_candidate(walk: _Walk, candidate: JsonObject) -> None:
    parts = as_objects(as_object(candidate.get("content")).get("parts"))
    for part in parts:
        (walk.reasoning if part.get("thought") is True else walk.text).append(as_text(part.get("text")))
        if "functionCall" in part:
            call = as_object(part["functionCall"])
            arguments = call.get("args") or {}
            walk.calls.append(called_with(as_text(call.get("id")), as_text(call.get("name")), arguments))
    if reason := as_text(candidate.get("finishReason")):
        walk.raw_finish_reason, walk.has_marker = reason, True
    elif parts:
        walk.raw_finish_reason, walk.has_marker = None, False


def _finish(walk: _Walk, error: ExpectedError | None) -> Expected:
    is_complete = walk.has_marker and error is None
    raw = walk.raw_finish_reason
    reason = "content_filter" if walk.is_blocked else FINISH_REASONS.get(raw or "", "other")
    return Expected(
        text="".join(walk.text),
        reasoning="".join(walk.reasoning),
        tool_calls=tuple(walk.calls),
        finish_reason=("tool_calls" if reason == "stop" and walk.calls else reason) if is_complete else None,
        raw_finish_reason=raw,
        usage=_finish_usage(walk.usage) if walk.usage else None,
        is_complete=is_complete,
        error=error,
        id=walk.id,
        model=walk.model,
    )


def _finish_usage(counts: dict[str, int]) -> ExpectedUsage:
    return ExpectedUsage(
        # The prompt is counted without what built-in tools put into it, the candidates without their thoughts.
        input_tokens=_total(counts.get("promptTokenCount"), counts.get("toolUsePromptTokenCount")),
        output_tokens=_total(counts.get("candidatesTokenCount"), counts.get("thoughtsTokenCount")),
        cache_read_tokens=counts.get("cachedContentTokenCount"),
        reasoning_tokens=counts.get("thoughtsTokenCount"),
    )


def _total(*counts: int | None) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _error_in(body: bytes) -> JsonObject:
    try:
        return as_object(json.loads(body))
    except ValueError:
        return {}


def _name_error(error: ExpectedError, value: JsonObject) -> ExpectedError:
    """Return the error with Google's words for it, either of which may be the code: the status, and the reason."""
    inner = as_object(value.get("error"))
    status = as_text(inner.get("status"))
    reasons = [as_text(detail.get("reason")) for detail in as_objects(inner.get("details"))]
    return replace(error, type=status or None, code=next(filter(None, reasons), status) or error.code)
