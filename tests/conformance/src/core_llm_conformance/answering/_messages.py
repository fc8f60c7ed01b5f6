"""A server of Anthropic's Messages API."""

from __future__ import annotations

from pydantic import JsonValue

from core_llm_conformance.answering._said import (
    INPUT_TOKENS,
    OUTPUT_TOKENS,
    SOURCE,
    SOURCE_TITLE,
    JsonObject,
    Said,
    as_object,
    as_objects,
    asked,
    beginning_in,
    said,
    words,
)
from core_llm_conformance.script import Answer, json_answer, sse_answer, sse_event
from core_llm_conformance.server import RecordedRequest

CACHED_TOKENS = 2000
BLANK_END = "messages: final assistant content cannot end with trailing whitespace"
GROWING = {"text": ("text_delta", "text"), "thinking": ("thinking_delta", "thinking")}
"""Type of a block → type of its deltas, and the field of both that grows."""


def answer(request: RecordedRequest) -> Answer:
    """Return the answer to a request for a message, or to one that counts it."""
    if request.path.endswith("/count_tokens"):
        return json_answer({"input_tokens": INPUT_TOKENS})
    body = asked(request)
    tools, last = as_objects(body.get("tools")), as_objects(body["messages"])[-1]
    begun = beginning_in(as_objects(body["messages"]))
    if begun != begun.rstrip():
        return json_answer({"type": "error", "error": {"type": "invalid_request_error", "message": BLANK_END}}, 400)
    has_result = any(block.get("type") == "tool_result" for block in as_objects(last["content"]))
    offers_tools = any("input_schema" in tool for tool in tools)
    reply = said(
        wants_calls=offers_tools and not has_result and as_object(body.get("tool_choice")).get("type") != "none",
        wants_json="format" in as_object(body.get("output_config")),
        reasons=as_object(body.get("thinking")).get("type") in ("enabled", "adaptive"),
        bound=body["max_tokens"],
        begun=begun,
    )
    blocks = _blocks(reply, has_search=len(tools) > sum("input_schema" in tool for tool in tools))
    reason = "tool_use" if reply.cities else "max_tokens" if reply.is_cut else "end_turn"
    usage: JsonObject = {"input_tokens": INPUT_TOKENS, "output_tokens": OUTPUT_TOKENS}
    if "cache_control" in request.body.decode():
        usage["cache_creation_input_tokens"] = CACHED_TOKENS
    if not body.get("stream"):
        return json_answer(_message(content=[*blocks], stop_reason=reason, usage=usage))
    events = [_opening(usage)]
    for number, block in enumerate(blocks):
        events += _streamed(number, block)
    ends: JsonObject = {"stop_reason": reason, "stop_sequence": None}
    events.append({"type": "message_delta", "delta": ends, "usage": {"output_tokens": OUTPUT_TOKENS}})
    return sse_answer(_encoded([*events, {"type": "message_stop"}]))


def models() -> Answer:
    """Return the list of models."""
    model: JsonObject = {"type": "model", "id": "claude-sonnet-4-5", "display_name": "Claude Sonnet 4.5"}
    return json_answer({"data": [{**model, "max_input_tokens": 200000, "max_tokens": 64000}], "has_more": False})


def beginning(reply: Said) -> bytes:
    """Return the first words of a streamed answer."""
    block: JsonObject = {"type": "text", "text": "".join(reply.pieces[:4])}
    return _encoded([_opening({"input_tokens": INPUT_TOKENS}), *_streamed(0, block)[:-1]])


def half_a_call() -> bytes:
    """Return a call of which the rest is missing."""
    call: JsonObject = {"type": "tool_use", "id": "c1", "name": "weather", "input": {}}
    piece: JsonObject = {"type": "input_json_delta", "partial_json": '{"city": "Par'}
    return _encoded(
        [
            {"type": "content_block_start", "index": 0, "content_block": call},
            {"type": "content_block_delta", "index": 0, "delta": piece},
        ]
    )


def failure() -> bytes:
    """Return the error by which a running answer fails."""
    return _encoded([{"type": "error", "error": {"type": "api_error", "message": "Internal failure"}}])


def _opening(usage: JsonObject) -> JsonObject:
    return {"type": "message_start", "message": _message(content=[], stop_reason=None, usage=usage)}


def _message(**fields: JsonValue) -> JsonObject:
    return {"id": "msg_1", "type": "message", "role": "assistant", "model": "model", **fields}


def _blocks(reply: Said, *, has_search: bool) -> list[JsonObject]:
    blocks: list[JsonObject] = []
    if reply.reasoning:
        blocks.append({"type": "thinking", "thinking": reply.reasoning, "signature": "signed"})
    source: JsonObject = {"url": SOURCE, "title": SOURCE_TITLE}
    if has_search:
        query: JsonObject = {"query": "sky"}
        blocks.append({"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": query})
        found: JsonObject = {"type": "web_search_result", **source, "encrypted_content": "sealed"}
        blocks.append({"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [found]})
    for number, city in enumerate(reply.cities):
        blocks.append({"type": "tool_use", "id": f"call_{number}", "name": "weather", "input": {"city": city}})
    if reply.text:
        text: JsonObject = {"type": "text", "text": reply.text}
        cited: JsonObject = {"type": "web_search_result_location", **source, "cited_text": "scatters blue light"}
        blocks.append({**text, "citations": [cited]} if has_search else text)
    return blocks


def _streamed(number: int, block: JsonObject) -> list[JsonObject]:
    """Return a block as it comes in a stream: begun, in pieces, and stopped."""
    begun, deltas = dict(block), list[JsonObject]()
    if grows := GROWING.get(str(block["type"])):
        kind, field = grows
        begun[field] = ""
        deltas = [{"type": kind, field: piece} for piece in words(str(block[field]))]
    cited = as_objects(begun.pop("citations", None))
    deltas += [{"type": "citations_delta", "citation": source} for source in cited]
    if signature := begun.pop("signature", None):
        deltas.append({"type": "signature_delta", "signature": signature})
    events: list[JsonObject] = [{"type": "content_block_start", "index": number, "content_block": begun}]
    events += [{"type": "content_block_delta", "index": number, "delta": delta} for delta in deltas]
    return [*events, {"type": "content_block_stop", "index": number}]


def _encoded(events: list[JsonObject]) -> bytes:
    return b"".join(sse_event(event, name=str(event["type"])) for event in events)
