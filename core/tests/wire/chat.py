"""Frames of the Chat Completions wire, and what a decoder makes of them."""

from __future__ import annotations

from pydantic_core import to_json

from core_llm._events import PartEnd, StreamEvent
from core_llm._json import JSONObject, JSONValue
from core_llm._messages import Message, Part
from core_llm._request import Request
from core_llm.wire.chat_completions import ChatCompletions
from core_llm.wire.chat_decode import ChatDecoder
from core_llm.wire.frames import Frame

DONE = Frame(b"[DONE]")


def new_decoder(provider_options: dict[str, JSONObject] | None = None) -> ChatDecoder:
    """Return a decoder for one answer of provider ``acme``."""
    request = Request(model="m", messages=(Message.user("Hi"),), provider_options=provider_options or {})
    return ChatCompletions("acme").decoder(request)


def frame(**fields: JSONValue) -> Frame:
    """Return a frame with these fields at its top."""
    return Frame(to_json(fields))


def chunk(delta: JSONValue = None, finish_reason: str | None = None, **choice: JSONValue) -> Frame:
    """Return an ordinary frame with one choice."""
    first: JSONObject = {"index": 0, "delta": delta or {}, "finish_reason": finish_reason, **choice}
    return frame(id="chatcmpl-1", object="chat.completion.chunk", model="m-1", choices=[first])


def text(value: str) -> Frame:
    """Return an ordinary frame with a piece of text."""
    return chunk({"content": value})


def call(index: int | None, call_id: str | None, name: str | None, arguments: JSONValue) -> Frame:
    """Return an ordinary frame with one fragment of a tool call."""
    fragment: JSONObject = {"index": index, "id": call_id, "function": {"name": name, "arguments": arguments}}
    return chunk({"tool_calls": [fragment]})


def fed(decoder: ChatDecoder, *frames: Frame) -> list[StreamEvent]:
    """Return the events of `frames`, the end of the stream included."""
    events = [event for each in frames for event in decoder.feed(each)]
    return events + list(decoder.close())


def parts_of(*frames: Frame) -> list[Part]:
    """Return the parts of a stream, in their order."""
    ends = [event for event in fed(new_decoder(), *frames) if isinstance(event, PartEnd)]
    return [end.part for end in sorted(ends, key=lambda end: end.part_index)]
