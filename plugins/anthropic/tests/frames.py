"""Frames of the Messages wire, and what a decoder makes of them."""

from __future__ import annotations

import json

from core_llm import Message, Request, StreamEvent, UsageUpdate
from core_llm.wire import Frame, JSONObject, JSONValue
from plugin_anthropic._decode import MessagesDecoder
from plugin_anthropic._wire import Messages

START: JSONObject = {
    "type": "message_start",
    "message": {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-haiku-4-5-20251001",
        "content": [],
        "stop_reason": None,
        "usage": {"input_tokens": 10, "cache_read_input_tokens": 5, "output_tokens": 1},
    },
}
STOP: JSONObject = {"type": "message_stop"}


def decoder() -> MessagesDecoder:
    """Return a decoder of one answer."""
    return Messages("anthropic").decoder(Request(model="m", messages=(Message.user("Hi"),)))


def begin(index: int, **block: JSONValue) -> JSONObject:
    """Return the frame that begins a block."""
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(index: int, kind: str, **fields: JSONValue) -> JSONObject:
    """Return the frame that a block grows by."""
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **fields}}


def stop(index: int) -> JSONObject:
    """Return the frame that ends a block."""
    return {"type": "content_block_stop", "index": index}


def reason(word: str, **fields: JSONValue) -> JSONObject:
    """Return the frame that says why the answer ended."""
    return {"type": "message_delta", "delta": {"stop_reason": word, **fields}, "usage": {"output_tokens": 9}}


def fed(decoder: MessagesDecoder, *frames: JSONObject) -> list[StreamEvent]:
    """Feed frames, and return the events without the counts of tokens."""
    events: list[StreamEvent] = []
    for frame in frames:
        events += decoder.feed(Frame(json.dumps(frame, separators=(",", ":")).encode(), str(frame["type"])))
    return [event for event in events if not isinstance(event, UsageUpdate)]
