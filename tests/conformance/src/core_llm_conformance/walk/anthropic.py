"""What an Anthropic Messages body holds, plain or streamed, for every recording that we have (checked 2026-11).

A stream's terminal marker is a stop reason, in ``message_delta``; what follows ``message_stop`` counts for nothing.
Server tools and their results (web search, code execution, MCP) are neither text nor calls.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from http import HTTPStatus

from core_llm_conformance.walk.calls import finish_call
from core_llm_conformance.walk.errors import is_error, walk_error, walk_error_response
from core_llm_conformance.walk.expected import Expected, ExpectedCall, ExpectedError, ExpectedUsage
from core_llm_conformance.walk.json_values import JsonObject, as_object, as_objects, as_text, first_count
from core_llm_conformance.walk.sse import walk_sse

FINISH_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",  # documented
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
"""The wire's words; any other, `pause_turn` too, is ``other``."""


@dataclass(slots=True)
class _Block:
    """A content block as it began, and its deltas."""

    start: JsonObject
    text: list[str] = field(default_factory=list)
    arguments: list[str] = field(default_factory=list)

    @property
    def type(self) -> str:
        return as_text(self.start.get("type"))


@dataclass(slots=True)
class _Walk:
    blocks: dict[int, _Block] = field(default_factory=dict)
    usage: JsonObject = field(default_factory=dict)
    raw_finish_reason: str | None = None
    has_marker: bool = False
    id: str | None = None
    model: str | None = None


def walk_anthropic(body: bytes, *, status: int = 200) -> Expected:
    """Return what `body` holds.

    Args:
        body: The decompressed body; a stream may be cut anywhere, its last unfinished event then counts for nothing.
        status: The response's HTTP status.
    """
    if status >= HTTPStatus.BAD_REQUEST:
        return Expected(error=walk_error_response(body, status))
    walk = _Walk()
    error = _walk_plain(walk, body, status) if body.lstrip()[:1] == b"{" else _walk_stream(walk, body, status)
    return _finish(walk, error)


def _walk_plain(walk: _Walk, body: bytes, status: int) -> ExpectedError | None:
    try:
        message = as_object(json.loads(body))
    except ValueError:
        return ExpectedError("malformed")
    if is_error(message):
        return walk_error(message, status)
    if not isinstance(message.get("content"), list):
        return ExpectedError("malformed")
    _walk_message(walk, message)
    walk.blocks = {number: _Block(block) for number, block in enumerate(as_objects(message.get("content")))}
    walk.raw_finish_reason = as_text(message.get("stop_reason")) or None
    walk.has_marker = True
    return None


def _walk_stream(walk: _Walk, body: bytes, status: int) -> ExpectedError | None:
    for _name, data in walk_sse(body):
        try:
            event = as_object(json.loads(data))
        except ValueError:
            return ExpectedError("malformed")
        match as_text(event.get("type")):
            case "error":
                return walk_error(event, status)
            case "message_start":
                _walk_message(walk, as_object(event.get("message")))
            case "content_block_start":
                walk.blocks[first_count(event.get("index")) or 0] = _Block(as_object(event.get("content_block")))
            case "content_block_delta":
                _walk_delta(walk.blocks[first_count(event.get("index")) or 0], as_object(event.get("delta")))
            case "message_delta":
                delta = as_object(event.get("delta"))
                walk.raw_finish_reason = as_text(delta.get("stop_reason")) or walk.raw_finish_reason
                walk.has_marker = walk.raw_finish_reason is not None
                _walk_usage(walk, as_object(event.get("usage")))
            case "message_stop":
                return None
    return None


def _walk_message(walk: _Walk, message: JsonObject) -> None:
    walk.id = as_text(message.get("id")) or None
    walk.model = as_text(message.get("model")) or None
    _walk_usage(walk, as_object(message.get("usage")))


def _walk_usage(walk: _Walk, usage: JsonObject) -> None:
    """Take the newer of each count; null says nothing."""
    walk.usage |= {name: value for name, value in usage.items() if value is not None}


def _walk_delta(block: _Block, delta: JsonObject) -> None:
    block.text += [as_text(delta.get("text")), as_text(delta.get("thinking"))]
    block.arguments.append(as_text(delta.get("partial_json")))


def _finish(walk: _Walk, error: ExpectedError | None) -> Expected:
    blocks = list(walk.blocks.values())
    is_complete = walk.has_marker and error is None
    reason = FINISH_REASONS.get(walk.raw_finish_reason or "", "other")
    if reason == "stop" and blocks and blocks[-1].type == "tool_use":
        reason = "tool_calls"
    was_cut = walk.raw_finish_reason is None or reason == "length"
    return Expected(
        text="".join(_text(block, "text") for block in blocks if block.type == "text"),
        reasoning="".join(_text(block, "thinking") for block in blocks if block.type == "thinking"),
        tool_calls=tuple(_finish_call(block, was_cut=was_cut) for block in blocks if block.type == "tool_use"),
        finish_reason=reason if is_complete else None,
        raw_finish_reason=walk.raw_finish_reason,
        usage=_finish_usage(walk.usage) if walk.usage else None,
        is_complete=is_complete,
        error=error,
        id=walk.id,
        model=walk.model,
    )


def _text(block: _Block, key: str) -> str:
    return as_text(block.start.get(key)) + "".join(block.text)


def _finish_call(block: _Block, *, was_cut: bool) -> ExpectedCall:
    """Return the call of a block; its input is streamed as text, or is there at once, and then not empty."""
    text = "".join(block.arguments)
    if not text and block.start.get("input"):
        text = json.dumps(block.start["input"])
    return finish_call(as_text(block.start.get("id")), as_text(block.start.get("name")), text, was_cut=was_cut)


def _finish_usage(usage: JsonObject) -> ExpectedUsage:
    read, written = (
        first_count(usage.get("cache_read_input_tokens")),
        first_count(usage.get("cache_creation_input_tokens")),
    )
    fresh = first_count(usage.get("input_tokens"))
    return ExpectedUsage(
        # What was read from the cache or written to it is counted beside the input.
        input_tokens=None if fresh is None else fresh + (read or 0) + (written or 0),
        output_tokens=first_count(usage.get("output_tokens")),
        cache_read_tokens=read,
        cache_write_tokens=written,
        reasoning_tokens=first_count(as_object(usage.get("output_tokens_details")).get("thinking_tokens")),
    )
