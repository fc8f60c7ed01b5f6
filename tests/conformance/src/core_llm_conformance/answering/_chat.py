"""A server of Chat Completions, with what Azure, xAI and OpenRouter add to it where a request is theirs."""

from __future__ import annotations

from pydantic import JsonValue

from core_llm_conformance.answering._said import (
    INPUT_TOKENS,
    OUTPUT_TOKENS,
    SOURCE,
    JsonObject,
    Said,
    arguments,
    as_object,
    as_objects,
    asked,
    beginning_in,
    said,
    words,
)
from core_llm_conformance.script import Answer, json_answer, sse_answer, sse_event
from core_llm_conformance.server import RecordedRequest


def answer(request: RecordedRequest) -> Answer:
    """Return the answer to a request for a chat."""
    body = asked(request)
    messages = as_objects(body.get("messages"))
    reply = said(
        wants_calls=bool(body.get("tools")) and messages[-1]["role"] != "tool" and body.get("tool_choice") != "none",
        wants_json="response_format" in body,
        reasons="reasoning" in body,
        bound=body.get("max_tokens", body.get("max_completion_tokens")),
        begun=beginning_in(messages),
    )
    reason = "tool_calls" if reply.cities else "length" if reply.is_cut else "stop"
    usage = _usage(body)
    extra = _extra(request, body)
    calls: list[JsonValue] = [_call(number, city) for number, city in enumerate(reply.cities)]
    if not body.get("stream"):
        message: JsonObject = {"role": "assistant", "content": reply.text or None, **_reasoning(reply.reasoning)}
        if calls:
            message["tool_calls"] = calls
        choice: JsonObject = {"index": 0, "message": message, "finish_reason": reason}
        return json_answer({"id": "chatcmpl-1", "model": "model", "choices": [choice], "usage": usage, **extra})
    frames = [delta(role="assistant", content="")]
    frames += [delta(**_reasoning(piece)) for piece in words(reply.reasoning)]
    frames += [delta(content=piece) for piece in reply.pieces]
    frames += [delta(tool_calls=calls)] if calls else []
    ends: list[JsonValue] = [{**delta(finish_reason=reason), **extra}, {"choices": [], "usage": usage}, "[DONE]"]
    return sse_answer(*(sse_event(frame) for frame in [*frames, *ends]))


def models() -> Answer:
    """Return the list of models."""
    return json_answer({"data": [{"id": "small"}, {"id": "large"}]})


def beginning(reply: Said) -> bytes:
    """Return the first words of a streamed answer."""
    return b"".join(sse_event(delta(content=piece)) for piece in reply.pieces[:4])


def half_a_call() -> bytes:
    """Return a call of which the rest is missing."""
    function: JsonObject = {"name": "weather", "arguments": '{"city": "Par'}
    return sse_event(delta(tool_calls=[{"index": 0, "id": "c1", "function": function}]))


def failure() -> bytes:
    """Return the error by which a running answer fails."""
    return sse_event({"error": {"message": "Internal failure", "code": 500}})


def delta(**fields: JsonValue) -> JsonObject:
    """Return a frame of a stream."""
    finish = fields.pop("finish_reason", None)
    choice: JsonObject = {"index": 0, "delta": fields, "finish_reason": finish}
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "model", "choices": [choice]}


def _call(number: int, city: str) -> JsonObject:
    return {"index": number, "id": f"call_{number}", "function": {"name": "weather", "arguments": arguments(city)}}


def _reasoning(text: str) -> JsonObject:
    """Return the fields that OpenRouter has for reasoning."""
    if not text:
        return {}
    return {"reasoning": text, "reasoning_details": [{"type": "reasoning.text", "text": text, "index": 0}]}


def _usage(body: JsonObject) -> JsonObject:
    total = INPUT_TOKENS + OUTPUT_TOKENS
    usage: JsonObject = {
        "prompt_tokens": INPUT_TOKENS,
        "completion_tokens": OUTPUT_TOKENS,
        "total_tokens": total,
    }
    return {**usage, "cost": 0.0012} if as_object(body.get("usage")).get("include") else usage


def _extra(request: RecordedRequest, body: JsonObject) -> JsonObject:
    """Return what only one of the services has beside its choices."""
    extra: JsonObject = {}
    if "search_parameters" in body:
        extra["citations"] = [SOURCE]
    if "provider" in body:
        order = as_object(body["provider"]).get("order")
        extra["provider"] = order[0] if isinstance(order, list) else "Anybody"
    if request.path.startswith("/openai/"):
        severity: JsonObject = {"violence": {"filtered": False, "severity": "safe"}}
        extra["prompt_filter_results"] = [{"prompt_index": 0, "content_filter_results": severity}]
    return extra
