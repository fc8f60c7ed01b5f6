"""A response in the background: its stream breaks, and another takes it up where it stopped."""

from __future__ import annotations

import json

import httpx
import pytest

from core_llm import Client, ResumePoint, StreamInterruptedError, UnsupportedError
from core_llm.wire import JSONObject, JSONValue
from plugin_openai import OpenAI

TEXT: JSONObject = {"type": "output_text", "text": "Hello"}
MESSAGE: JSONObject = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [TEXT]}
WHOLE: JSONObject = {"id": "resp_1", "model": "gpt-5", "status": "completed", "output": [MESSAGE]}


def event(number: int, kind: str, **fields: JSONValue) -> bytes:
    """Return one event of the stream."""
    return b"data: " + json.dumps({"type": kind, "sequence_number": number, **fields}).encode() + b"\n\n"


def delta(number: int, text: str) -> bytes:
    """Return an event with more text."""
    return event(number, "response.output_text.delta", item_id="msg_1", output_index=0, content_index=0, delta=text)


BEGIN = event(0, "response.created", response={"id": "resp_1", "model": "gpt-5", "status": "in_progress"})
ITEM = event(1, "response.output_item.added", output_index=0, item={**MESSAGE, "content": []})
END = event(4, "response.completed", response=WHOLE)


def client_that_keeps(seen: list[httpx.Request]) -> Client:
    """Return a client whose socket breaks the first stream after three events, and gives the rest on demand."""

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        body = delta(3, "lo") + END if request.method == "GET" else BEGIN + ITEM + delta(2, "Hel")
        return httpx.Response(200, content=body, headers={"content-type": "text/event-stream"})

    transport = httpx.MockTransport(answer)
    return Client(providers=[OpenAI], api_keys={"openai": "made-up"}, http_client=httpx.Client(transport=transport))


def test_a_broken_stream_is_taken_up_where_it_stopped() -> None:
    """The point at which it broke goes through JSON, to another process say, and the rest is asked for from there."""
    seen: list[httpx.Request] = []
    client = client_that_keeps(seen)
    stream = client.stream("openai:gpt-5", "Hi", provider_options={"openai": {"background": True}})
    with pytest.raises(StreamInterruptedError), stream:
        stream.finish()
    assert stream.resume_point is not None
    point = ResumePoint.from_json(stream.resume_point.to_json())

    with client.stream("openai:gpt-5", "Hi", resume=point) as rest:
        assert list(rest.iter_text()) == ["lo"]

    assert point == ResumePoint(response_id="resp_1", cursor=2)
    assert json.loads(seen[0].content)["background"] is True
    assert str(seen[1].url) == "https://api.openai.com/v1/responses/resp_1?stream=true&starting_after=2"
    assert rest.response.is_complete


def test_a_wire_that_cannot_resume_says_so() -> None:
    """Chat Completions has no such thing, and nothing is sent."""
    seen: list[httpx.Request] = []
    stream = client_that_keeps(seen).stream("openai:gpt-4.1", "Hi", resume=ResumePoint(response_id="resp_1"))

    with pytest.raises(UnsupportedError, match="cannot take up a stream again"):
        stream.__enter__()

    assert (seen, stream.resume_point) == ([], None)
