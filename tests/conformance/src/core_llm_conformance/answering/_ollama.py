"""A server of Ollama's native API."""

from __future__ import annotations

import json

from pydantic import JsonValue

from core_llm_conformance.answering._said import (
    INPUT_TOKENS,
    OUTPUT_TOKENS,
    JsonObject,
    Said,
    as_objects,
    asked,
    beginning_in,
    said,
    words,
)
from core_llm_conformance.script import Answer, Send, json_answer
from core_llm_conformance.server import RecordedRequest

CONTEXT_LENGTH = 131072


def answer(request: RecordedRequest) -> Answer:
    """Return the answer to a request for a chat, or to one about models."""
    if request.path == "/api/tags":
        return json_answer({"models": [{"name": "llama3.2:latest", "model": "llama3.2:latest"}]})
    body = asked(request)
    if request.path == "/api/show":
        return json_answer({"model_info": {"llama.context_length": CONTEXT_LENGTH}, "capabilities": ["completion"]})
    options = body.get("options")
    reply = said(
        wants_calls=bool(body.get("tools")) and as_objects(body["messages"])[-1]["role"] != "tool",
        wants_json="format" in body,
        reasons=body.get("think") not in (None, False),
        bound=options.get("num_predict") if isinstance(options, dict) else None,
        begun=beginning_in(as_objects(body["messages"])),
    )
    end: JsonObject = {"done": True, "done_reason": "length" if reply.is_cut else "stop"}
    end |= {"prompt_eval_count": INPUT_TOKENS, "eval_count": OUTPUT_TOKENS}
    calls: list[JsonValue] = [{"function": {"name": "weather", "arguments": {"city": city}}} for city in reply.cities]
    if not body.get("stream"):
        return json_answer({**_line(content=reply.text, thinking=reply.reasoning, tool_calls=calls), **end})
    lines = [_line(content="", thinking=piece) for piece in words(reply.reasoning)]
    lines += [_line(content=piece) for piece in reply.pieces]
    lines += [_line(content="", tool_calls=calls)] if calls else []
    return Answer(
        200, {"content-type": "application/x-ndjson"}, [Send(_encoded([*lines, {**_line(content=""), **end}]))]
    )


def beginning(reply: Said) -> bytes:
    """Return the first words of a streamed answer."""
    return _encoded([_line(content=piece) for piece in reply.pieces[:4]])


def half_a_call() -> bytes:
    """Return a call of which the rest is missing: here it comes whole, so the line itself is cut."""
    call: JsonObject = {"function": {"name": "weather", "arguments": {"city": "Paris"}}}
    return _encoded([_line(content="", tool_calls=[call])]).partition(b"is")[0]


def failure() -> bytes:
    """Return the error by which a running answer fails."""
    return _encoded([{"error": "Internal failure"}])


def _line(**message: JsonValue) -> JsonObject:
    said_here = {name: value for name, value in message.items() if value or name == "content"}
    return {
        "model": "model",
        "created_at": "2026-11-01T12:00:00Z",
        "message": {"role": "assistant", **said_here},
        "done": False,
    }


def _encoded(lines: list[JsonObject]) -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)
