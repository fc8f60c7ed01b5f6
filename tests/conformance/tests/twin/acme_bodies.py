"""What Acme's servers answer: the bodies of Chat Completions, plain and streamed."""

from __future__ import annotations

import json

from pydantic import JsonValue

from core_llm_conformance.documented import usual
from core_llm_conformance.documented.said import Called, Failed, JsonObject, Said
from core_llm_conformance.documented.usual import MODELS, VECTORS

ID = "chatcmpl-1"
MODEL = "acme-1"
REASONS = {"stop": "stop", "length": "length", "tool_calls": "tool_calls", "content_filter": "stop"}
"""A refusal ends with ``stop`` on this wire."""
ANSWERS = usual.ANSWERS
JSON_TYPE = {"content-type": "application/json"}
STREAM_TYPE = {"content-type": "text/event-stream; charset=utf-8"}


def plain(said: Said) -> bytes:
    """Return a plain body."""
    message: JsonObject = {"role": "assistant", "content": said.text or None, **_thought(said, said.reasoning)}
    if said.refusal:
        message["refusal"] = said.refusal
    if said.calls:
        message["tool_calls"] = [_call(call, call.arguments or "{}") for call in said.calls]
    if said.source:
        message["annotations"] = [_source(said)]
    choice: JsonObject = {"index": 0, "message": message, "finish_reason": REASONS[said.finish]}
    return _json({**_head("chat.completion"), "choices": [choice], "usage": _usage(said)})


def streamed(said: Said) -> bytes:
    """Return the body of a stream."""
    deltas: list[JsonObject] = [{"role": "assistant", "content": ""}]
    last = len(said.thoughts) - 1
    deltas += [_thought(said, piece, is_last=number == last) for number, piece in enumerate(said.thoughts)]
    deltas += [{"content": piece} for piece in said.pieces]
    deltas += [{"refusal": piece} for piece in [said.refusal] if piece]
    if said.source:
        deltas.append({"annotations": [_source(said)]})
    for number, call in enumerate(said.calls):
        deltas += [{"tool_calls": [fragment]} for fragment in _fragments(number, call)]
    frames = [_chunk(delta) for delta in deltas] + [_chunk({}, REASONS[said.finish])]
    frames.append({**_head("chat.completion.chunk"), "choices": [], "usage": _usage(said)})
    return b"".join(map(_event, frames)) + b"data: [DONE]\n\n"


def error(failed: Failed) -> bytes:
    """Return the body of an error."""
    return _json(_error(failed))


def failing_stream(failed: Failed) -> bytes:
    """Return a stream that an error ends."""
    frames = [_chunk({"content": piece}) for piece in Said(failed.after).pieces]
    return b"".join(map(_event, [*frames, _error(failed)]))


def models() -> list[bytes]:
    """Return the listing, all on one page."""
    listed: list[JsonValue] = [
        {"id": f"acme-{name}", "object": "model", "created": 1_760_000_000, "owned_by": "acme"} for name in MODELS
    ]
    return [_json({"object": "list", "data": listed})]


def embeddings() -> bytes:
    """Return the vectors, out of order as the wire allows."""
    data: list[JsonValue] = [
        {"object": "embedding", "index": index, "embedding": list(vector)} for index, vector in enumerate(VECTORS)
    ]
    usage: JsonObject = {"prompt_tokens": 21, "total_tokens": 21}
    return _json({"object": "list", "data": data[::-1], "model": MODEL, "usage": usage})


def _head(kind: str) -> JsonObject:
    return {"id": ID, "object": kind, "created": 1_760_000_000, "model": MODEL}


def _chunk(delta: JsonObject, reason: str | None = None) -> JsonObject:
    choice: JsonObject = {"index": 0, "delta": delta, "finish_reason": reason}
    return {**_head("chat.completion.chunk"), "choices": [choice]}


def _thought(said: Said, text: str, *, is_last: bool = True) -> JsonObject:
    if not text:
        return {}
    detail: JsonObject = {"type": "reasoning.text", "text": text, "index": 0}
    if said.seal and is_last:
        detail["signature"] = said.seal
    return {"reasoning": text, "reasoning_details": [detail]}


def _call(call: Called, arguments: str) -> JsonObject:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def _fragments(number: int, call: Called) -> list[JsonObject]:
    fragments: list[JsonObject] = [{"index": number, **_call(call, "")}]
    middle = len(call.arguments) // 2
    pieces = (call.arguments[:middle], call.arguments[middle:])
    fragments += [{"index": number, "function": {"arguments": piece}} for piece in pieces if piece]
    return fragments


def _source(said: Said) -> JsonObject:
    cited: JsonObject = {"url": said.source, "title": "The prize", "start_index": 0, "end_index": len(said.text)}
    return {"type": "url_citation", "url_citation": cited}


def _usage(said: Said) -> JsonObject:
    given, made = said.counts
    usage: JsonObject = {"prompt_tokens": given, "completion_tokens": made, "total_tokens": given + made}
    if said.cached is not None:
        usage["prompt_tokens_details"] = {"cached_tokens": said.cached}
    if said.thought is not None:
        usage["completion_tokens_details"] = {"reasoning_tokens": said.thought}
    return usage


def _error(failed: Failed) -> JsonObject:
    return {"error": {"message": failed.message, "type": failed.type, "param": None, "code": failed.type}}


def _event(frame: JsonObject) -> bytes:
    return b"data: " + _json(frame) + b"\n\n"


def _json(value: JsonObject) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()
