"""What an OpenAI Responses body holds, plain or streamed, of whoever speaks the wire (checked 2026-11).

A stream's terminal markers are ``response.completed`` and ``response.incomplete``; ``response.failed`` and ``error``
raise. The answer is read from its items as they are at the end, and from the deltas of those that never ended. Built-in
tools are neither text nor calls.
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

INCOMPLETE_REASONS = {"max_output_tokens": "length", "content_filter": "content_filter"}
"""The wire's words; any other is ``other``."""


@dataclass(slots=True)
class _Item:
    """An output item as last seen, and its deltas as long as it has not ended."""

    value: JsonObject
    is_done: bool = False
    text: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    refusal: list[str] = field(default_factory=list)
    arguments: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Walk:
    items: dict[int, _Item] = field(default_factory=dict)
    response: JsonObject = field(default_factory=dict)
    has_marker: bool = False


def walk_responses(body: bytes, *, status: int = 200) -> Expected:
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
        response = as_object(json.loads(body))
    except ValueError:
        return ExpectedError("malformed")
    if is_error(response):
        return walk_error(response, status)
    if not isinstance(response.get("output"), list):
        return ExpectedError("malformed")
    walk.response, walk.has_marker = response, True
    walk.items = {number: _Item(item, is_done=True) for number, item in enumerate(as_objects(response.get("output")))}
    return None


def _walk_stream(walk: _Walk, body: bytes, status: int) -> ExpectedError | None:
    for _name, data in walk_sse(body):
        try:
            event = as_object(json.loads(data))
        except ValueError:
            return ExpectedError("malformed")
        kind = as_text(event.get("type"))
        walk.response = as_object(event.get("response")) or walk.response
        if kind == "error":
            return walk_error(event, status)
        if kind == "response.failed":
            return walk_error(walk.response, status)
        if kind in ("response.completed", "response.incomplete"):
            walk.has_marker = True
            # The ChatGPT backend's last event has no items, though it streamed them.
            for number, item in enumerate(as_objects(walk.response.get("output"))):
                walk.items[number] = _Item(item, is_done=True)
            return None
        _walk_event(walk, kind, event)
    return None


def _walk_event(walk: _Walk, kind: str, event: JsonObject) -> None:
    number = first_count(event.get("output_index")) or 0
    delta = as_text(event.get("delta"))
    match kind:
        case "response.output_item.added":
            walk.items[number] = _Item(as_object(event.get("item")))
        case "response.output_item.done":
            walk.items[number] = _Item(as_object(event.get("item")), is_done=True)
        case "response.output_text.delta":
            walk.items[number].text.append(delta)
        case "response.reasoning_summary_text.delta" | "response.reasoning_text.delta":
            walk.items[number].reasoning.append(delta)
        case "response.refusal.delta":
            walk.items[number].refusal.append(delta)
        case "response.function_call_arguments.delta":
            walk.items[number].arguments.append(delta)
        case "response.function_call_arguments.done":
            walk.items[number].arguments = [as_text(event.get("arguments"))]


def _finish(walk: _Walk, error: ExpectedError | None) -> Expected:
    items = [walk.items[number] for number in sorted(walk.items)]
    is_complete = walk.has_marker and error is None
    status, details = as_text(walk.response.get("status")), as_object(walk.response.get("incomplete_details"))
    raw = as_text(details.get("reason")) or status or None
    refusal = "".join(_content(item, "message", "refusal", item.refusal) for item in items)
    calls = tuple(_finish_call(item) for item in items if item.value.get("type") == "function_call")
    usage = as_object(walk.response.get("usage"))
    return Expected(
        text="".join(_content(item, "message", "text", item.text) for item in items),
        reasoning="".join(_content(item, "reasoning", "text", item.reasoning) for item in items),
        refusal=refusal or None,
        tool_calls=calls,
        finish_reason=_finish_reason(status, raw, calls, is_refusal=bool(refusal)) if is_complete else None,
        raw_finish_reason=raw if walk.has_marker else None,
        usage=_finish_usage(usage) if usage else None,
        is_complete=is_complete,
        error=error,
        id=as_text(walk.response.get("id")) or None,
        model=as_text(walk.response.get("model")) or None,
    )


def _finish_reason(status: str, raw: str | None, calls: tuple[ExpectedCall, ...], *, is_refusal: bool) -> str:
    if status == "incomplete":
        return INCOMPLETE_REASONS.get(raw or "", "other")
    if status != "completed":
        return "other"
    if is_refusal:
        return "content_filter"
    return "tool_calls" if any(call.is_complete for call in calls) else "stop"


def _content(item: _Item, kind: str, key: str, deltas: list[str]) -> str:
    """Return what an item of this kind says under `key`, in its content and its summary, or said before it was cut."""
    if item.value.get("type") != kind:
        return ""
    if not item.is_done:
        return "".join(deltas)
    pieces = [*as_objects(item.value.get("summary")), *as_objects(item.value.get("content"))]
    return "".join(as_text(piece.get(key)) for piece in pieces)


def _finish_call(item: _Item) -> ExpectedCall:
    value = item.value
    text = as_text(value.get("arguments")) if item.is_done else "".join(item.arguments)
    was_cut = not item.is_done or value.get("status") == "incomplete"
    return finish_call(as_text(value.get("call_id")), as_text(value.get("name")), text, was_cut=was_cut)


def _finish_usage(usage: JsonObject) -> ExpectedUsage:
    given, made = as_object(usage.get("input_tokens_details")), as_object(usage.get("output_tokens_details"))
    return ExpectedUsage(
        input_tokens=first_count(usage.get("input_tokens")),
        output_tokens=first_count(usage.get("output_tokens")),
        cache_read_tokens=first_count(given.get("cached_tokens")),
        cache_write_tokens=first_count(given.get("cache_write_tokens")),
        reasoning_tokens=first_count(made.get("reasoning_tokens")),
    )
