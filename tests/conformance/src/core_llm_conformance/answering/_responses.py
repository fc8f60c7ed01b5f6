"""A server of the Responses API, which keeps no answer: one in the background is finished as soon as it is fetched."""

from __future__ import annotations

from itertools import count

from pydantic import JsonValue

from core_llm_conformance.answering._said import (
    INPUT_TOKENS,
    OUTPUT_TOKENS,
    SOURCE,
    SOURCE_TITLE,
    TEXT,
    JsonObject,
    Said,
    arguments,
    as_object,
    as_objects,
    asked,
    said,
)
from core_llm_conformance.script import Answer, json_answer, sse_answer, sse_event
from core_llm_conformance.server import RecordedRequest

ID = "resp_1"
FIRST_WORDS = 4


def answer(request: RecordedRequest) -> Answer:
    """Return the answer to a request for a response, to one that counts it, fetches one, or cancels one."""
    if request.path.endswith("/input_tokens"):
        return json_answer({"object": "response.input_tokens", "input_tokens": INPUT_TOKENS})
    if request.path.endswith("/cancel"):
        return json_answer(_response("cancelled", []))
    if request.method == "GET":
        return (
            _resumed(request)
            if request.query.get("stream")
            else json_answer(_response("completed", _items(Said(TEXT))))
        )
    body = asked(request)
    if body.get("background") and not body.get("stream"):
        return json_answer(_response("queued", []))
    tools, given = as_objects(body.get("tools")), as_objects(body.get("input"))
    reply = said(
        wants_calls=any(tool["type"] == "function" for tool in tools)
        and given[-1].get("type") != "function_call_output"
        and body.get("tool_choice") != "none",
        wants_json="format" in as_object(body.get("text")),
        reasons=as_object(body.get("reasoning")).get("summary") is not None,
        bound=body.get("max_output_tokens"),
    )
    has_search = any(tool["type"] == "web_search" for tool in tools)
    response = _response("incomplete" if reply.is_cut else "completed", _items(reply, has_search=has_search))
    return sse_answer(_numbered(_stream(reply, response))) if body.get("stream") else json_answer(response)


def beginning(reply: Said) -> bytes:
    """Return the first words of a streamed answer."""
    events = _stream(reply, _response("completed", _items(reply)))
    return _numbered(events[: FIRST_WORDS + 2])  # the response and its message have begun before


def half_a_call() -> bytes:
    """Return a call of which the rest is missing."""
    item: JsonObject = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "weather", "arguments": ""}
    return _numbered(
        [
            {"type": "response.output_item.added", "output_index": 0, "item": item},
            {
                "type": "response.function_call_arguments.delta",
                "item_id": "fc_1",
                "output_index": 0,
                "delta": '{"city": "Par',
            },
        ]
    )


def failure() -> bytes:
    """Return the error by which a running answer fails."""
    return _numbered([{"type": "error", "code": "server_error", "message": "Internal failure", "param": None}])


def _resumed(request: RecordedRequest) -> Answer:
    """Return what follows the event after which a stream is asked for again."""
    after = int(request.query.get("starting_after", ["-1"])[0])
    events = _stream(Said(TEXT), _response("completed", _items(Said(TEXT))))
    return sse_answer(_numbered(events[after + 1 :], first=after + 1))


def _stream(reply: Said, response: JsonObject) -> list[JsonObject]:
    """Return the events of a whole stream."""
    items = as_objects(response["output"])
    events: list[JsonObject] = [{"type": "response.created", "response": _response("in_progress", [])}]
    for number, item in enumerate(items):
        if item["type"] != "message":
            events.append({"type": "response.output_item.added", "output_index": number, "item": item})
        else:
            begun = {**item, "content": []}
            events.append({"type": "response.output_item.added", "output_index": number, "item": begun})
            events += _deltas(reply.pieces, number)
        events.append({"type": "response.output_item.done", "output_index": number, "item": item})
    return [*events, {"type": f"response.{response['status']}", "response": response}]


def _deltas(pieces: list[str], number: int = 0) -> list[JsonObject]:
    place: JsonObject = {"item_id": f"msg_{number}", "output_index": number, "content_index": 0}
    return [{"type": "response.output_text.delta", **place, "delta": piece} for piece in pieces]


def _numbered(events: list[JsonObject], *, first: int = 0) -> bytes:
    numbers = count(first)
    return b"".join(sse_event({**event, "sequence_number": next(numbers)}, name=str(event["type"])) for event in events)


def _items(reply: Said, *, has_search: bool = False) -> list[JsonValue]:
    items: list[JsonValue] = []
    if reply.reasoning:
        summary: JsonObject = {"type": "summary_text", "text": reply.reasoning}
        items.append({"type": "reasoning", "id": "rs_1", "summary": [summary], "encrypted_content": "sealed"})
    if has_search:
        action: JsonObject = {"type": "search", "query": "sky"}
        items.append({"type": "web_search_call", "id": "ws_1", "status": "completed", "action": action})
    for number, city in enumerate(reply.cities):
        call: JsonObject = {"type": "function_call", "id": f"fc_{number}", "call_id": f"call_{number}"}
        items.append({**call, "name": "weather", "arguments": arguments(city), "status": "completed"})
    if reply.text:
        source: JsonObject = {"type": "url_citation", "url": SOURCE, "title": SOURCE_TITLE}
        sources: list[JsonValue] = [{**source, "start_index": 0, "end_index": len(reply.text)}] if has_search else []
        content: JsonObject = {"type": "output_text", "text": reply.text, "annotations": sources}
        items.append({"type": "message", "id": f"msg_{len(items)}", "role": "assistant", "content": [content]})
    return items


def _response(status: str, items: list[JsonValue]) -> JsonObject:
    response: JsonObject = {"id": ID, "object": "response", "model": "model", "status": status, "output": items}
    if status in ("completed", "incomplete"):
        response["usage"] = {"input_tokens": INPUT_TOKENS, "output_tokens": OUTPUT_TOKENS}
    if status == "incomplete":
        response["incomplete_details"] = {"reason": "max_output_tokens"}
    return response
