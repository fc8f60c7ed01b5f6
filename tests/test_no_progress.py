"""What is no progress on any wire: a server that keeps a stream alive without saying anything is given up in time.

What keeps a connection alive differs from wire to wire; the literal frames are here, the limit is the engine's.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import pytest
from pydantic import JsonValue

from core_llm import AsyncClient, Client, Config, CoreLLMError, Limits, TimeoutExceededError
from core_llm_conformance.script import Answer, Flood, Send, Step
from core_llm_conformance.server import FaultServer

LIMIT = 0.15
PACE = 0.01
"""Seconds between two frames that say nothing: many of them fit into the limit."""


def sse(value: JsonValue, name: str = "") -> bytes:
    """Return one event of a stream."""
    return (f"event: {name}\n" if name else "").encode() + b"data: " + json.dumps(value).encode() + b"\n\n"


def line(value: JsonValue) -> bytes:
    """Return one line of a stream of JSON."""
    return json.dumps(value).encode() + b"\n"


@dataclass(frozen=True)
class Speech:
    """How one wire begins to speak, and how it says nothing.

    Attributes:
        provider: Its name.
        content: What makes the text "Hel".
        idle: Name → a frame that may come for ever.
        options: The provider's configuration.
        media_type: Of the stream.
    """

    provider: str
    content: bytes
    idle: Mapping[str, bytes]
    options: Mapping[str, JsonValue] = field(default_factory=dict)
    media_type: str = "text/event-stream"


def chat(delta: JsonValue, **others: JsonValue) -> bytes:
    """Return a chunk of Chat Completions."""
    return sse({"id": "c1", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta}], **others})


CHAT_USAGE: JsonValue = {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}
CHAT = {
    "comment": b": OPENROUTER PROCESSING\n\n",
    "blank lines": b"\n\n",
    "role": chat({"role": "assistant", "content": ""}),
    "nothing": chat({}),
    "no choices": sse({"id": "c1", "object": "chat.completion.chunk", "choices": []}),
    "usage so far": chat({"content": ""}, usage=CHAT_USAGE),
    "ping": sse({"type": "ping"}),
}
MESSAGE: JsonValue = {"type": "message", "id": "m1", "role": "assistant", "content": [], "status": "in_progress"}
THOUGHT: JsonValue = {"type": "reasoning", "id": "t1", "summary": []}


def text_delta(text: str) -> bytes:
    """Return a delta of the Responses API."""
    delta: JsonValue = {"type": "response.output_text.delta", "item_id": "m1", "output_index": 0, "content_index": 0}
    return sse({**delta, "delta": text}, "response.output_text.delta")  # type: ignore[dict-item]  # it is an object


RESPONSES = {
    "comment": b": keep-alive\n\n",
    "keepalive": sse({"type": "keepalive", "sequence_number": 3}, "keepalive"),
    "in progress": sse({"type": "response.in_progress", "response": {"id": "r1", "status": "in_progress"}}),
    "empty delta": text_delta(""),
    "a thought begins": sse({"type": "response.output_item.added", "output_index": 1, "item": THOUGHT}),
}
RESPONSE_BEGUN = sse({"type": "response.output_item.added", "output_index": 0, "item": MESSAGE}) + text_delta("Hel")


def block_delta(text: str) -> bytes:
    """Return a delta of the Messages API."""
    return sse({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}})


MESSAGE_START = sse(
    {
        "type": "message_start",
        "message": {"id": "m1", "type": "message", "role": "assistant", "model": "m", "content": [], "usage": {}},
    }
)
BLOCK_START = sse({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})


def candidate(text: str) -> bytes:
    """Return a chunk of Gemini's."""
    content: JsonValue = {"role": "model", "parts": [{"text": text}]}
    counts: JsonValue = {"promptTokenCount": 3, "candidatesTokenCount": 1, "totalTokenCount": 4}
    return sse({"candidates": [{"index": 0, "content": content}], "usageMetadata": counts})


def said(text: str) -> bytes:
    """Return a line of Ollama's."""
    return line({"model": "m", "message": {"role": "assistant", "content": text}, "done": False})


SPEECHES = [
    *(
        Speech(name, chat({"content": "Hel"}), CHAT, options)
        for name, options in (
            ("openai", {"wire": "chat"}),
            ("azure", {"wire": "chat"}),
            ("grok", {"wire": "chat"}),
            ("openrouter", {}),
            ("openai-compatible", {}),
        )
    ),
    Speech("openai", RESPONSE_BEGUN, RESPONSES, {"wire": "responses"}),
    Speech("grok", RESPONSE_BEGUN, RESPONSES, {"wire": "responses"}),
    Speech(
        "anthropic",
        MESSAGE_START + BLOCK_START + block_delta("Hel"),
        {
            "comment": b": ping\n\n",
            "ping": sse({"type": "ping"}, "ping"),
            "begun": MESSAGE_START,
            "empty delta": block_delta(""),
        },
    ),
    Speech(
        "gemini",
        candidate("Hel"),
        {
            "comment": b": ping\n\n",
            "empty text": candidate(""),
            "usage": sse({"usageMetadata": {"totalTokenCount": 4}}),
        },
    ),
    Speech("ollama", said("Hel"), {"empty": said(""), "blank lines": b"\n"}, media_type="application/x-ndjson"),
]
CASES = [
    pytest.param(speech, frame, id=f"{speech.provider}{''.join(map(str, speech.options.values()))}-{name}")
    for speech in SPEECHES
    for name, frame in speech.idle.items()
]
Mode = Literal["sync", "asyncio"]


def call(speech: Speech, url: str, limits: Limits, mode: Mode) -> tuple[CoreLLMError | None, str]:
    """Stream one answer; return its error, and the text that came."""
    config = Config.load(
        environ={"HOME": "/nonexistent"},
        arguments={"providers": {speech.provider: {"base_url": url, "options": dict(speech.options)}}},
    )
    keys, model = {speech.provider: "k-not-secret"}, f"{speech.provider}:m"
    if mode == "sync":
        with Client(config=config, api_keys=keys) as client:
            stream = client.stream(model, "Hi", limits=limits, max_retries=0)
            try:
                with stream:
                    stream.finish()
            except CoreLLMError as error:
                return error, stream.response.text
            return None, stream.response.text

    async def go() -> tuple[CoreLLMError | None, str]:
        async with AsyncClient(config=config, api_keys=keys) as clients:
            stream = clients.stream(model, "Hi", limits=limits, max_retries=0)
            try:
                async with stream:
                    await stream.finish()
            except CoreLLMError as error:
                return error, stream.response.text
            return None, stream.response.text

    return asyncio.run(go())


@pytest.mark.parametrize(("speech", "frame"), CASES)
def test_what_says_nothing_is_no_first_event(speech: Speech, frame: bytes) -> None:
    """However lively the server keeps the connection, content is waited for within the limit, and not longer."""
    answer = Answer(200, {"content-type": speech.media_type}, [Flood(frame, PACE)])
    limits = Limits(first_event=LIMIT, between_events=60, total=90)
    with FaultServer(answer) as server:
        error, text = call(speech, server.url, limits, "sync")
    assert isinstance(error, TimeoutExceededError)
    assert (error.limit, text) == ("first_event", "")


@pytest.mark.parametrize(("speech", "frame"), CASES)
def test_what_says_nothing_is_no_next_event(speech: Speech, frame: bytes) -> None:
    """The same once there was content, here under async: it is given up, and what came is kept."""
    steps: list[Step] = [Send(speech.content), Flood(frame, PACE)]
    answer = Answer(200, {"content-type": speech.media_type}, steps)
    limits = Limits(first_event=60, between_events=LIMIT, total=90)
    with FaultServer(answer) as server:
        error, text = call(speech, server.url, limits, "asyncio")
    assert isinstance(error, TimeoutExceededError)
    assert (error.limit, text) == ("between_events", "Hel")
