"""What a Chat Completions body holds, plain or streamed, for every provider whose recordings we have (checked 2026-11).

Choice 0 is the answer. A stream's terminal marker is a finish reason or ``[DONE]``. Cumulative copies that some servers
send beside the deltas (Perplexity's `message`, Together's `text`) are not read.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from http import HTTPStatus

from core_llm_conformance.walk.calls import finish_call
from core_llm_conformance.walk.errors import is_error, walk_error, walk_error_response
from core_llm_conformance.walk.expected import Expected, ExpectedError, ExpectedUsage
from core_llm_conformance.walk.json_values import JsonObject, as_object, as_objects, as_text, first_count
from core_llm_conformance.walk.sse import walk_sse

FINISH_REASONS = {
    "stop": "stop",
    "length": "length",
    "max_tokens": "length",  # `finish_details` of gpt-4-vision-preview
    "model_length": "length",  # Mistral, documented
    "tool_calls": "tool_calls",
    "tool_call": "tool_calls",  # DeepSeek on Azure
    "function_call": "tool_calls",  # OpenAI before tools
    "content_filter": "content_filter",
    "sensitive": "content_filter",  # Z.ai, documented
    "error": "error",
    "network_error": "error",  # Z.ai, documented
    "insufficient_system_resource": "error",  # DeepSeek, documented
}
"""The wire's words; any other is ``other``."""


@dataclass(slots=True)
class _Call:
    id: str = ""
    index: int | None = None
    name: str = ""
    arguments: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Walk:
    """What has been gathered so far."""

    text: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    refusal: list[str] = field(default_factory=list)
    calls: list[_Call] = field(default_factory=list)
    raw_finish_reason: str | None = None
    usage: JsonObject = field(default_factory=dict)
    has_marker: bool = False
    id: str | None = None
    model: str | None = None


def walk_chat_completions(body: bytes, *, status: int = 200) -> Expected:
    """Return what `body` holds.

    Args:
        body: The decompressed body; a stream may be cut anywhere, its last unfinished event then counts for nothing.
        status: The response's HTTP status.
    """
    if status >= HTTPStatus.BAD_REQUEST:
        return Expected(error=walk_error_response(body, status))
    walk = _Walk()
    error = _walk_plain(walk, body, status) if body.lstrip()[:1] in (b"{", b"[") else _walk_stream(walk, body, status)
    return _finish(walk, error)


def _walk_plain(walk: _Walk, body: bytes, status: int) -> ExpectedError | None:
    try:
        parsed = as_object(json.loads(body))
    except ValueError:
        return ExpectedError("malformed")
    if is_error(parsed):
        return walk_error(parsed, status)
    if not as_objects(parsed.get("choices")):
        return ExpectedError("malformed")
    _walk_object(walk, parsed, "message")
    walk.has_marker = True
    return None


def _walk_stream(walk: _Walk, body: bytes, status: int) -> ExpectedError | None:
    for _name, data in walk_sse(body):
        if data.strip() == b"[DONE]":
            walk.has_marker = True
            return None
        try:
            chunk = json.loads(data)
        except ValueError:
            return ExpectedError("malformed")
        if is_error(as_object(chunk)):
            return walk_error(as_object(chunk), status)
        _walk_object(walk, as_object(chunk), "delta")
        walk.has_marker = walk.has_marker or walk.raw_finish_reason is not None
    return None


def _walk_object(walk: _Walk, value: JsonObject, content_key: str) -> None:
    walk.id = walk.id or as_text(value.get("id")) or None
    walk.model = walk.model or as_text(value.get("model")) or None
    # Groq may say it in x_groq alone; a count that comes again is the newer one, never to be added.
    walk.usage = as_object(value.get("usage")) or as_object(as_object(value.get("x_groq")).get("usage")) or walk.usage
    for choice in as_objects(value.get("choices")):
        if choice.get("index") in (0, None):
            _walk_content(walk, as_object(choice.get(content_key)))
            details = as_object(choice.get("finish_details"))
            reason = as_text(choice.get("finish_reason")) or as_text(details.get("type"))
            walk.raw_finish_reason = reason or walk.raw_finish_reason


def _walk_content(walk: _Walk, message: JsonObject) -> None:
    content = message.get("content")
    walk.text.append(as_text(content))
    walk.text.append(as_text(as_object(message.get("audio")).get("transcript")))
    for piece in as_objects(content):  # Mistral's reasoning models: thinking and text by turns
        walk.text.append(as_text(piece.get("text")))
        walk.reasoning += [as_text(thought.get("text")) for thought in as_objects(piece.get("thinking"))]
    walk.reasoning.append(_reasoning_text(message))
    walk.refusal.append(as_text(message.get("refusal")))
    for fragment in as_objects(message.get("tool_calls")):
        _walk_call(walk.calls, fragment)
    legacy = as_object(message.get("function_call"))
    if legacy:
        _walk_call(walk.calls, {"index": 0, "function": legacy})


def _reasoning_text(message: JsonObject) -> str:
    """Return the reasoning of one message or delta; a server that says it under two names says it once."""
    details = as_objects(message.get("reasoning_details"))
    return (
        as_text(message.get("reasoning_content"))
        or as_text(message.get("reasoning"))
        or "".join(as_text(detail.get("text")) or as_text(detail.get("summary")) for detail in details)
    )


def _walk_call(calls: list[_Call], fragment: JsonObject) -> None:
    function = as_object(fragment.get("function"))
    call_id, name = as_text(fragment.get("id")), as_text(function.get("name"))
    index = first_count(fragment.get("index"))
    call = _find_call(calls, call_id, name, index)
    if call is None:
        call = _Call(call_id, index)
        calls.append(call)
    call.id = call.id or call_id
    call.name = call.name or name
    arguments = function.get("arguments")
    call.arguments.append(json.dumps(arguments) if isinstance(arguments, dict) else as_text(arguments))


def _find_call(calls: list[_Call], call_id: str, name: str, index: int | None) -> _Call | None:
    """Return the call that a fragment goes on with: of the same id, else of the same index, else the last one.

    Another id makes another call, whatever the index; so does a name where there is neither id nor index.
    """
    same_id = [call for call in calls if call_id and call.id == call_id]
    same_index = [call for call in calls if index is not None and call.index == index]
    if same_id:
        return same_id[-1]
    if same_index and not (call_id and same_index[-1].id):
        return same_index[-1]
    if call_id or name or index is not None:
        return None
    return calls[-1] if calls else None


def _finish(walk: _Walk, error: ExpectedError | None) -> Expected:
    was_cut = not walk.has_marker or FINISH_REASONS.get(walk.raw_finish_reason or "") == "length"
    calls = tuple(finish_call(call.id, call.name, "".join(call.arguments), was_cut=was_cut) for call in walk.calls)
    refusal = "".join(walk.refusal)
    is_complete = walk.has_marker and error is None
    has_calls = any(call.is_complete for call in calls)
    reason = _finish_reason(walk.raw_finish_reason, has_calls=has_calls, is_refusal=bool(refusal))
    return Expected(
        text="".join(walk.text),
        reasoning="".join(walk.reasoning),
        refusal=refusal or None,
        tool_calls=calls,
        finish_reason=reason if is_complete else None,
        raw_finish_reason=walk.raw_finish_reason,
        usage=_finish_usage(walk.usage) if walk.usage else None,
        is_complete=is_complete,
        error=error,
        id=walk.id,
        model=walk.model,
    )


def _finish_reason(raw: str | None, *, has_calls: bool, is_refusal: bool) -> str:
    reason = "stop" if raw is None else FINISH_REASONS.get(raw, "other")
    if reason == "stop" and is_refusal:
        return "content_filter"
    return "tool_calls" if reason == "stop" and has_calls else reason


def _finish_usage(usage: JsonObject) -> ExpectedUsage:
    prompt = as_object(usage.get("prompt_tokens_details"))
    completion = as_object(usage.get("completion_tokens_details"))
    given, made = first_count(usage.get("prompt_tokens")), first_count(usage.get("completion_tokens"))
    reasoning = first_count(completion.get("reasoning_tokens"), usage.get("reasoning_tokens"))
    extra_in, extra_out = _left_out(usage, reasoning, first_count(prompt.get("audio_tokens")))
    return ExpectedUsage(
        input_tokens=None if given is None else given + extra_in,
        output_tokens=None if made is None else made + extra_out,
        cache_read_tokens=first_count(
            prompt.get("cached_tokens"),
            usage.get("cached_tokens"),  # Together, Moonshot
            usage.get("num_cached_tokens"),  # Mistral in 2025
            usage.get("prompt_cache_hit_tokens"),  # DeepSeek
            usage.get("cache_read_input_tokens"),  # Venice, Doubleword
        ),
        cache_write_tokens=first_count(prompt.get("cache_write_tokens"), usage.get("cache_creation_input_tokens")),
        reasoning_tokens=reasoning,
    )


def _left_out(usage: JsonObject, reasoning: int | None, audio: int | None) -> tuple[int, int]:
    """Return what the total counts but neither of its parts does, as (input, output).

    xAI leaves reasoning out of the completion, and so does Gemini's compatible endpoint without saying how much it was;
    Mistral leaves audio out of the prompt.
    """
    counts = [first_count(usage.get(name)) for name in ("prompt_tokens", "completion_tokens", "total_tokens")]
    given, made, total = counts
    if given is None or made is None or total is None or total <= given + made:
        return 0, 0
    gap = total - given - made
    return (gap, 0) if gap == audio and gap != reasoning else (0, gap)
