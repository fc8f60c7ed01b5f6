"""What an Ollama ``/api/chat`` body holds, plain or streamed, for every recording that we have (checked 2026-11).

A stream is one JSON object a line; its terminal marker is ``done: true``. Tool calls come whole.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from http import HTTPStatus

from pydantic import JsonValue

from core_llm_conformance.walk.calls import called_with
from core_llm_conformance.walk.errors import is_error, walk_error, walk_error_response
from core_llm_conformance.walk.expected import Expected, ExpectedCall, ExpectedError, ExpectedUsage
from core_llm_conformance.walk.json_values import JsonObject, as_object, as_objects, as_text, first_count

FINISH_REASONS = {"stop": "stop", "length": "length"}
"""The wire's words; any other is ``other``."""


@dataclass(slots=True)
class _Walk:
    text: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    calls: list[ExpectedCall] = field(default_factory=list)
    last: JsonObject = field(default_factory=dict)
    model: str | None = None


def walk_ollama(body: bytes, *, status: int = 200) -> Expected:
    """Return what `body` holds.

    Args:
        body: The decompressed body; a stream may be cut anywhere, its last line then counts only if it is whole.
        status: The response's HTTP status.
    """
    if status >= HTTPStatus.BAD_REQUEST:
        return Expected(error=walk_error_response(body, status))
    walk = _Walk()
    lines = _lines(body)
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            value: JsonValue = json.loads(line)
        except ValueError:
            return _finish(walk, None if number == len(lines) and number > 1 else ExpectedError("malformed"))
        if is_error(as_object(value)):
            return _finish(walk, walk_error(as_object(value), status))
        _walk_object(walk, as_object(value))
        if walk.last:
            break
    return _finish(walk, None)


def _lines(body: bytes) -> list[bytes]:
    """Return the lines; a plain body that somebody has set out in several is one."""
    try:
        json.loads(body)
    except ValueError:
        return body.split(b"\n")
    return [body]


def _walk_object(walk: _Walk, value: JsonObject) -> None:
    walk.model = walk.model or as_text(value.get("model")) or None
    message = as_object(value.get("message"))
    walk.text.append(as_text(message.get("content")))
    walk.reasoning.append(as_text(message.get("thinking")))
    for call in as_objects(message.get("tool_calls")):
        function = as_object(call.get("function"))
        arguments = function.get("arguments") or {}
        walk.calls.append(called_with(as_text(call.get("id")), as_text(function.get("name")), arguments))
    if value.get("done") is True:
        walk.last = value


def _finish(walk: _Walk, error: ExpectedError | None) -> Expected:
    is_complete = bool(walk.last) and error is None
    raw = as_text(walk.last.get("done_reason")) or None
    reason = FINISH_REASONS.get(raw, "other") if raw else "stop"
    given, made = first_count(walk.last.get("prompt_eval_count")), first_count(walk.last.get("eval_count"))
    return Expected(
        text="".join(walk.text),
        reasoning="".join(walk.reasoning),
        tool_calls=tuple(walk.calls),
        finish_reason=("tool_calls" if reason == "stop" and walk.calls else reason) if is_complete else None,
        raw_finish_reason=raw,
        usage=None if given is None and made is None else ExpectedUsage(given, made),
        is_complete=is_complete,
        error=error,
        model=walk.model,
    )
