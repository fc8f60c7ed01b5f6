"""Streams of the Responses wire, composed for tests."""

from __future__ import annotations

from pydantic_core import to_json

from core_llm._events import PartEnd, StreamEvent
from core_llm._json import JSONObject, JSONValue
from core_llm._messages import Message, Part
from core_llm._request import Request
from core_llm.wire import Responses, ResponsesDecoder
from core_llm.wire.frames import Frame

REQUEST = Request(model="m", messages=(Message.user("Hi"),))
MESSAGE: JSONObject = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed"}
CALL: JSONObject = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "weather"}
"""Items without what they say."""


def event(kind: str, **fields: JSONValue) -> Frame:
    """Return the frame of one event; `kind` is its type without ``response.``."""
    return Frame(to_json({"type": f"response.{kind}", **fields}))


def added(index: int, item: JSONObject) -> Frame:
    """Return the beginning of an item."""
    return event("output_item.added", output_index=index, item=item)


def done(index: int, item: JSONObject) -> Frame:
    """Return the end of an item."""
    return event("output_item.done", output_index=index, item=item)


def text(delta: str, index: int = 0, content: int = 0, **fields: JSONValue) -> Frame:
    """Return one more piece of text."""
    where: JSONObject = {"item_id": f"msg_{index}", "output_index": index, "content_index": content}
    return event("output_text.delta", **where, delta=delta, **fields)


def arguments(delta: str, index: int = 0) -> Frame:
    """Return one more piece of a call's arguments."""
    return event("function_call_arguments.delta", item_id=f"fc_{index}", output_index=index, delta=delta)


def said(*texts: str, **fields: JSONValue) -> JSONObject:
    """Return a message that says these texts, each a piece of its content."""
    pieces: list[JSONValue] = [{"type": "output_text", "text": text, "annotations": []} for text in texts]
    return {**MESSAGE, "content": pieces, **fields}


def ended(*output: JSONValue, status: str = "completed", **fields: JSONValue) -> Frame:
    """Return the last event, which has the whole response."""
    return event(status, response={"id": "resp_1", "model": "m-1", "status": status, "output": list(output), **fields})


def new_decoder() -> ResponsesDecoder:
    """Return a decoder of the wire as it is."""
    return Responses("acme").decoder(REQUEST)


def fed(decoder: ResponsesDecoder, *frames: Frame) -> list[StreamEvent]:
    """Return what a decoder makes of frames and of their end."""
    return [event for frame in frames for event in decoder.feed(frame)] + list(decoder.close())


def parts_of(*frames: Frame) -> list[Part]:
    """Return the parts that frames make, in their order."""
    ends = [event for event in fed(new_decoder(), *frames) if isinstance(event, PartEnd)]
    return [end.part for end in sorted(ends, key=lambda end: end.part_index)]
