"""Responses, inward: how an answer ends (markers, errors, cuts), whole bodies, and what is no chat stream."""

from __future__ import annotations

from collections.abc import Generator

import pytest
from pydantic_core import to_json

from core_llm._errors import (
    AuthenticationError,
    BadRequestError,
    ContentFilterError,
    MalformedResponseError,
    RateLimitError,
    ServerError,
    StatusError,
)
from core_llm._events import PartEnd, RawEvent
from core_llm._json import JSONObject, JSONValue
from core_llm._messages import Message, ReasoningPart, TextPart, ToolCallPart
from core_llm._request import OutputSchema, Request, Settings
from core_llm._response import Response
from core_llm.wire import Responses
from core_llm.wire.base import ModelInfo, WireRequest, WireResponse
from core_llm.wire.frames import Frame

from .responses import CALL, REQUEST, added, arguments, done, ended, event, fed, new_decoder, said, text


def run(exchange: Generator[WireRequest, WireResponse, object], body: JSONValue) -> tuple[WireRequest, object]:
    """Answer the one request of an exchange; return that request and the value."""
    request = next(exchange)
    with pytest.raises(StopIteration) as stopped:
        exchange.send(WireResponse(200, {}, to_json(body)))
    return request, stopped.value.value


@pytest.mark.parametrize(
    ("status", "details", "reason", "raw"),
    [
        ("completed", None, "stop", "completed"),
        ("incomplete", {"reason": "max_output_tokens"}, "length", "max_output_tokens"),
        ("incomplete", {"reason": "content_filter"}, "content_filter", "content_filter"),
        ("incomplete", {"reason": "steered"}, "other", "steered"),
        ("cancelled", None, "other", "cancelled"),
    ],
)
def test_terminal_states(status: str, details: JSONValue, reason: str, raw: str) -> None:
    """Each of them ends the stream, and nothing after it is read."""
    decoder = new_decoder()
    fed(decoder, text("Hi"), ended(said("Hi"), status=status, incomplete_details=details))
    assert (decoder.finish_reason, decoder.raw_finish_reason) == (reason, raw)
    assert (decoder.is_complete, decoder.is_done) == (True, True)


def test_a_call_in_an_answer_that_ran_out() -> None:
    """A whole call may be executed, but the reason is the limit's: what came after it is missing."""
    decoder = new_decoder()
    call: JSONObject = {**CALL, "arguments": "{}", "status": "completed"}
    fed(decoder, ended(call, status="incomplete", incomplete_details={"reason": "max_output_tokens"}))
    assert decoder.parts.has_tool_calls
    assert decoder.finish_reason == "length"


def test_before_its_last_event_a_stream_is_not_complete() -> None:
    """A stream that ends early keeps what came: whole items with their state, others as far as they came."""
    decoder = new_decoder()
    item: JSONObject = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "AAA="}
    events = fed(decoder, done(0, item), added(1, CALL), arguments('{"city', 1), text("Hal", 2), event("keepalive"))
    ends = sorted((found for found in events if isinstance(found, PartEnd)), key=lambda end: end.part_index)
    reasoning, call, half = (end.part for end in ends)
    assert reasoning == ReasoningPart(provider_state={"acme": item})
    assert isinstance(call, ToolCallPart)
    assert not call.is_complete
    assert half == TextPart(text="Hal")
    assert (decoder.is_complete, decoder.finish_reason) == (False, None)


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        ({"code": "server_error", "message": "Sorry"}, ServerError, "Sorry"),
        ({"code": "rate_limit_exceeded", "message": "Slow down"}, RateLimitError, "Slow down"),
        ({"code": "invalid_prompt", "message": "Not that"}, BadRequestError, "Not that"),
        ({"code": "image_too_large", "message": "Too large"}, BadRequestError, "Too large"),
        ({"code": "image_content_policy_violation", "message": "No"}, ContentFilterError, "No"),
        ({"code": "new_word", "message": "Well"}, ServerError, "Well"),
        (None, ServerError, "nothing says why"),
    ],
)
def test_a_failed_response_raises(error: JSONValue, kind: type[StatusError], message: str) -> None:
    """The class is that of the error's code, in a stream and in a plain body."""
    decoder = new_decoder()
    with pytest.raises(kind, match=message):
        fed(decoder, event("failed", response={"id": "resp_1", "status": "failed", "error": error}))
    assert not decoder.is_complete
    with pytest.raises(kind, match=message):
        Responses("acme").decode_response({"id": "r", "status": "failed", "error": error, "output": []}, REQUEST)


@pytest.mark.parametrize(
    "data",
    [
        b'{"type":"error","code":"invalid_api_key","message":"Wrong key","param":null}',
        b'{"type":"error","error":{"type":"x","code":"invalid_api_key","message":"Wrong key"}}',
        b'{"error":{"code":"invalid_api_key","message":"Wrong key"}}',
        b'{"error":"Wrong key","code":"invalid_api_key"}',
    ],
)
def test_an_error_event_raises(data: bytes) -> None:
    """An error is one in each of its forms: flat, nested, and without a type."""
    with pytest.raises(AuthenticationError, match="Wrong key"):
        new_decoder().feed(Frame(data))


def test_an_error_in_plain_words_raises() -> None:
    """A gateway's error need not be JSON."""
    with pytest.raises(StatusError, match="upstream is gone"):
        new_decoder().feed(Frame(b"upstream is gone", "error"))


@pytest.mark.parametrize("data", [b"oops", b"[]", b"7"])
def test_what_is_no_event_is_malformed(data: bytes) -> None:
    """Garbage is shown, not taken for an answer."""
    with pytest.raises(MalformedResponseError):
        new_decoder().feed(Frame(data))


def test_what_is_unknown_is_kept() -> None:
    """A new event is handed on raw, under its type; what gateways add, and pings, are nothing."""
    decoder = new_decoder()
    unknown: JSONObject = {"type": "response.dreaming", "depth": 2}
    assert decoder.feed(Frame(to_json(unknown))) == [RawEvent("response.dreaming", unknown)]
    assert decoder.feed(Frame(b'{"depth":2}', "response.dreaming")) == [RawEvent("response.dreaming", {"depth": 2})]
    assert [*decoder.feed(Frame(b"[DONE]")), *decoder.feed(Frame(b'{"type":"keepalive"}'))] == []


def test_a_plain_body() -> None:
    """A body is read as the last event of a stream is; what it says beside the answer is metadata, echoes are not."""
    body: JSONObject = {
        "id": "resp_1",
        "object": "response",
        "model": "m-1",
        "status": "completed",
        "output": [said("Hi")],
        "error": None,
        "instructions": "Be brief.",
        "tools": [],
        "service_tier": "flex",
        "created_at": 1,
        "content_filters": [{"blocked": False}],
    }
    assert Responses("acme").decode_response(body, REQUEST) == Response(
        id="resp_1",
        model="m-1",
        parts=(TextPart(text="Hi", provider_state={"acme": {"id": "msg_1", "status": "completed"}}),),
        finish_reason="stop",
        raw_finish_reason="completed",
        is_complete=True,
        metadata={"service_tier": "flex", "created_at": 1, "content_filters": [{"blocked": False}]},
    )


@pytest.mark.parametrize("body", [{}, {"output": None}, {"choices": []}])
def test_a_body_without_output_is_malformed(body: JSONObject) -> None:
    """A body of another wire is not an empty answer."""
    with pytest.raises(MalformedResponseError, match="without output"):
        Responses("acme").decode_response(body, REQUEST)


@pytest.mark.parametrize("status", ["queued", "in_progress"])
def test_a_response_in_the_background_is_not_complete(status: str) -> None:
    """It has an id to ask for it by, and no finish reason yet."""
    response = Responses("acme").decode_response({"id": "resp_1", "status": status, "output": []}, REQUEST)
    assert (response.id, response.is_complete) == ("resp_1", False)
    assert (response.finish_reason, response.raw_finish_reason) == (None, status)


def test_a_response_is_fetched_and_cancelled() -> None:
    """Both take its id, whatever is in it, and return what it has come to."""
    body: JSONObject = {"id": "resp_1", "status": "completed", "output": [said("Hi")]}
    request, response = run(Responses("acme").retrieve_response("resp_1"), body)
    assert (request.method, request.path, request.body) == ("GET", "/responses/resp_1", None)
    assert isinstance(response, Response)
    assert (response.text, response.provider, response.is_complete) == ("Hi", "acme", True)
    request, response = run(Responses("acme").cancel_response("../x"), {**body, "status": "cancelled"})
    assert (request.method, request.path) == ("POST", "/responses/..%2Fx/cancel")
    assert isinstance(response, Response)
    assert response.raw_finish_reason == "cancelled"


def test_a_stream_is_resumed_after_an_event() -> None:
    """The request for the rest says after which event; without one the stream begins anew."""
    resumed = Responses("acme").encode_resume("resp_1", 41)
    assert (resumed.method, resumed.path, resumed.framing) == ("GET", "/responses/resp_1", "sse")
    assert resumed.query == {"stream": "true", "starting_after": "41"}
    assert Responses("acme").encode_resume("resp_1", None).query == {"stream": "true"}


def test_tokens_are_counted() -> None:
    """The endpoint is sent what counts as input, and nothing else."""
    request = Request(
        model="m",
        messages=(Message.system("Be brief."), Message.user("Hi")),
        settings=Settings(max_tokens=9, reasoning_effort="low"),
        output=OutputSchema(json_schema={}),
        provider_options={"acme": {"previous_response_id": "resp_0", "store": False}},
    )
    asked, count = run(Responses("acme").count_tokens(request), {"object": "x", "input_tokens": 12})
    assert (asked.method, asked.path, count) == ("POST", "/responses/input_tokens", 12)
    assert asked.body == {
        "model": "m",
        "instructions": "Be brief.",
        "input": [{"role": "user", "content": "Hi"}],
        "reasoning": {"effort": "low"},
        "text": {"format": {"type": "json_schema", "name": "output", "schema": {}, "strict": True}},
        "previous_response_id": "resp_0",
    }
    with pytest.raises(MalformedResponseError, match="tokens"):
        run(Responses("acme").count_tokens(request), {})


def test_models_are_listed() -> None:
    """The listing is the one of Chat Completions; an error in its place is raised."""
    request, models = run(Responses("acme").list_models(), {"data": [{"id": "small", "owned_by": "acme"}]})
    assert (request.method, request.path) == ("GET", "/models")
    assert models == (ModelInfo(id="small", owned_by="acme", raw={"id": "small", "owned_by": "acme"}),)
    with pytest.raises(BadRequestError, match="not you"):
        run(Responses("acme").list_models(), {"error": {"type": "invalid_request_error", "message": "not you"}})
    with pytest.raises(MalformedResponseError, match="no list"):
        run(Responses("acme").list_models(), {"object": "list"})
