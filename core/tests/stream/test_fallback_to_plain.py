"""Asking for a stream where there is none: the caller notices nothing, or is told what came in its place."""

from __future__ import annotations

import gzip
import zlib

import pytest

from core_llm import (
    Capabilities,
    Limits,
    MalformedResponseError,
    ServerError,
    StatusError,
    StreamInterruptedError,
    ToolCall,
    ToolCallPart,
    TransportError,
)
from core_llm._json import JSONObject
from core_llm._request import Request
from core_llm._response import Response
from core_llm_conformance.script import Answer, Close, End, Reset, Send, Stall, json_answer, sse_answer
from core_llm_conformance.server import FaultServer

from .calls import Caller
from .tiny import HELLO, Locked, Tiny, TinyWire, at, hello, plain

AS_IF_STREAMED = ["stream_start", "part_start", "text_delta", "part_end", "finish"]


class Unstreamed(TinyWire):
    """A wire without streams."""

    can_stream = False


class OnlyStreamed(TinyWire):
    """A wire with nothing but streams."""

    can_generate = False


class Calling(TinyWire):
    """A wire whose plain answer is a tool call."""

    can_stream = False

    def decode_response(self, body: JSONObject, request: Request) -> Response:
        """Return two calls, one of them broken."""
        whole = ToolCallPart(id="a", name="weather", arguments={"city": "Oslo"}, raw_arguments='{"city": "Oslo"}')
        broken = ToolCallPart(id="b", name="weather", raw_arguments='{"city"', is_complete=False)
        return super().decode_response(body, request).model_copy(update={"parts": (whole, broken)})


class Unstreaming(Tiny):
    """A provider that declares one model to have no streams."""

    capabilities = {"m": Capabilities(streaming="unsupported")}  # noqa: RUF012  # as a plugin's author would write it


def test_a_wire_without_streams_is_asked_plainly(caller: Caller) -> None:
    """The events are those that a stream of the same answer would have."""
    with FaultServer(json_answer(plain("Hello", usage={"in": 1}))) as server:
        outcome = caller.stream(at(server.url, wire=Unstreamed))
        assert server.last_request.json == {"texts": ["Hi"], "stream": False}
    assert outcome.types == [*AS_IF_STREAMED[:-1], "usage_update", "finish"]
    assert (outcome.response.text, outcome.response.provider, outcome.response.model) == ("Hello", "tiny", "m")


def test_a_model_declared_without_streams_is_asked_plainly(caller: Caller) -> None:
    """A declaration spares the attempt that would be refused."""
    with FaultServer(json_answer(plain())) as server:
        outcome = caller.stream(at(server.url, Unstreaming))
        assert [request.json for request in server.requests] == [{"texts": ["Hi"], "stream": False}]
    assert outcome.types == AS_IF_STREAMED


def test_whole_calls_of_a_plain_answer_are_offered_and_broken_ones_are_not(caller: Caller) -> None:
    """The same rule as in a stream."""
    with FaultServer(json_answer(plain())) as server:
        outcome = caller.stream(at(server.url, wire=Calling))
    assert [event.call.id for event in outcome.events if isinstance(event, ToolCall)] == ["a"]
    assert [part.id for part in outcome.response.tool_calls] == ["a"]


@pytest.mark.parametrize(
    "words", ["Streaming is not supported by this model", "this model doesn't support streaming", "Unsupported: stream"]
)
def test_a_provider_that_refuses_to_stream_is_asked_plainly(caller: Caller, words: str) -> None:
    """Its refusal is not shown; the second request asks for a whole answer."""
    with FaultServer(json_answer({"error": {"message": words}}, 400), json_answer(plain())) as server:
        outcome = caller.stream(at(server.url), client={"max_retries": 0})
        asked = [request.json for request in server.requests]
    assert asked == [{"texts": ["Hi"], "stream": True}, {"texts": ["Hi"], "stream": False}]
    assert outcome.types == AS_IF_STREAMED


def test_a_provider_that_refused_to_stream_is_not_asked_to_again(caller: Caller) -> None:
    """A retry after the refusal waits its time, is shown, and asks plainly."""
    refusal = json_answer({"error": "streaming is not supported"}, 400)
    with FaultServer(refusal, json_answer({}, 503, {"retry-after": "0.01"}), json_answer(plain())) as server:
        outcome = caller.stream(at(server.url))
        assert [request.json["stream"] for request in server.requests] == [True, False, False]  # type: ignore[index, call-overload]
    assert outcome.types == ["retrying", *AS_IF_STREAMED]
    assert outcome.events[0].delay == 0.01  # type: ignore[union-attr]


def test_another_bad_request_is_an_error(caller: Caller) -> None:
    """Only what refuses streaming is asked again."""
    with FaultServer(json_answer({"error": {"message": "stream_options is not supported"}}, 400)) as server:
        outcome = caller.stream(at(server.url))
    assert isinstance(outcome.error, StatusError)


def test_generate_reads_a_stream_where_the_wire_has_nothing_else(caller: Caller) -> None:
    """Invisible the other way round."""
    with FaultServer(hello()) as server:
        assert caller.generate(at(server.url, wire=OnlyStreamed)).text == "Hello"


# ---- what comes in place of a stream


def test_plain_json_in_place_of_a_stream_is_taken(caller: Caller) -> None:
    """Some servers ignore the wish for a stream; blanks before the body change nothing."""
    body = Answer(
        200,
        {"content-type": "text/event-stream"},
        [Send(b"\r\n "), Send(b'{"id": "r1", "text": "He'), Send(b'llo", "finish": "stop"}')],
    )
    with FaultServer(body) as server:
        outcome = caller.stream(at(server.url))
    assert outcome.types == AS_IF_STREAMED
    assert outcome.response.text == "Hello"


def test_an_error_object_in_place_of_a_stream_raises(caller: Caller) -> None:
    """A 200 with an error is an error."""
    with FaultServer(json_answer({"error": {"message": "no GPU"}})) as server:
        outcome = caller.stream(at(server.url), max_retries=0)
    assert isinstance(outcome.error, ServerError)
    assert "no GPU" in outcome.error.message


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<html><title>Sign in</title>", "an HTML page: Sign in"),
        (b'{"id": "r1", "te', "not with JSON"),
        (b'[{"message": "odd"}]', "a JSON list where an object is due"),
    ],
    ids=["a page", "cut JSON", "a list"],
)
def test_a_page_or_cut_json_in_place_of_a_stream_is_said_to_be_that(caller: Caller, body: bytes, words: str) -> None:
    """The error shows what came."""
    with FaultServer(Answer(200, {}, [Send(body)])) as server:
        outcome = caller.stream(at(server.url))
    assert isinstance(outcome.error, MalformedResponseError)
    assert words in outcome.error.message
    assert outcome.error.frame == body.decode()


@pytest.mark.parametrize(
    "answer", [Answer(200, framing="content-length"), Answer(204, framing="content-length")], ids=["200", "204"]
)
def test_an_empty_body_is_no_answer(caller: Caller, answer: Answer) -> None:
    """Neither asked for as a stream nor plainly."""
    with FaultServer(answer, answer) as server:
        outcome = caller.stream(at(server.url), max_retries=0)
        with pytest.raises(MalformedResponseError, match="the body is empty"):
            caller.generate(at(server.url), max_retries=0)
    assert isinstance(outcome.error, StreamInterruptedError)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_never_followed(wired: Caller, status: int) -> None:
    """The key does not reach the second server; the error says where the first one pointed."""
    with FaultServer() as elsewhere, FaultServer(Answer(status, {"location": f"{elsewhere.url}/chat"})) as server:
        outcome = wired.stream(at(server.url, Locked), client={"api_keys": {"tiny": "secret-key"}})
        assert elsewhere.connections == []
        assert isinstance(outcome.error, StatusError)
        assert outcome.error.status_code == status
        assert f"{elsewhere.url}/chat" in outcome.error.message


# ---- broken below


def test_a_compressed_stream_is_read(wired: Caller) -> None:
    """Nobody asked for it, and some proxies do it all the same."""
    body = gzip.compress(b"".join(HELLO))
    cut = [Send(body[:20]), Send(body[20:])]
    with FaultServer(Answer(200, {"content-type": "text/event-stream", "content-encoding": "gzip"}, cut)) as server:
        outcome = wired.stream(at(server.url))
        assert server.last_request.headers["accept-encoding"] == "identity"
    assert outcome.response.text == "Hello"


def test_a_body_of_several_gzip_members_is_read_whole(wired: Caller) -> None:
    """Joined by a proxy, say, and padded."""
    body = gzip.compress(HELLO[0]) + gzip.compress(b"".join(HELLO[1:])) + bytes(8)
    headers = {"content-type": "text/event-stream", "content-encoding": "gzip"}
    with FaultServer(Answer(200, headers, [Send(body)])) as server:
        outcome = wired.stream(at(server.url))
    assert (outcome.error, outcome.response.text) == (None, "Hello")


@pytest.mark.parametrize(
    "body", [b"not compressed at all", zlib.compress(b"x" * 5000)[:20]], ids=["nothing of the kind", "cut"]
)
def test_a_broken_compression_is_an_interruption(wired: Caller, body: bytes) -> None:
    """The stream cannot be read, so it is no success."""
    headers = {"content-type": "text/event-stream", "content-encoding": "deflate"}
    with FaultServer(Answer(200, headers, [Send(body)])) as server:
        outcome = wired.stream(at(server.url), max_retries=0)
    assert isinstance(outcome.error, StreamInterruptedError)


BROKEN_CHUNK = Answer(
    framing="raw", steps=[Send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nnonsense\r\n"), End()]
)
TOO_SHORT = Answer(200, {}, [Send(HELLO[0]), Close()], framing="content-length", content_length=999)
CUT_CHUNKS = Answer(200, {}, [Send(HELLO[0]), Close()])


@pytest.mark.parametrize("answer", [BROKEN_CHUNK, TOO_SHORT, CUT_CHUNKS], ids=["chunk sizes", "length", "last chunk"])
def test_a_broken_framing_of_the_body_is_an_interruption(wired: Caller, answer: Answer) -> None:
    """What is not HTTP to its end is not whole."""
    with FaultServer(answer) as server:
        outcome = wired.stream(at(server.url), max_retries=0)
    assert isinstance(outcome.error, StreamInterruptedError)
    assert not outcome.response.is_complete


def test_more_bytes_than_were_promised_are_not_read(wired: Caller) -> None:
    """What follows the promised length is no part of the answer."""
    head = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(HELLO[0])
    with FaultServer(Answer(framing="raw", steps=[Send(head + b"".join(HELLO)), Stall()])) as server:
        outcome = wired.stream(at(server.url))
    assert isinstance(outcome.error, StreamInterruptedError)
    assert outcome.response.text == "Hel"


def test_a_plain_body_that_is_cut_is_an_interruption(caller: Caller) -> None:
    """An answer asked for whole is not made of its beginning."""
    with FaultServer(Answer(200, {}, [Send(b'{"id": "r1"'), Close()])) as server, pytest.raises(StreamInterruptedError):
        caller.generate(at(server.url), max_retries=0)


def test_interim_answers_are_passed_over(wired: Caller) -> None:
    """1xx is not the answer."""
    interim = b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
    with FaultServer(Answer(framing="raw", steps=[Send(interim + head + b"".join(HELLO))])) as server:
        assert wired.stream(at(server.url)).response.text == "Hello"


@pytest.mark.parametrize(
    "raw", [b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200_000, b"ICY 200 OK\r\n\r\n"], ids=["huge", "not HTTP"]
)
def test_a_head_that_is_none_is_a_broken_connection(wired: Caller, raw: bytes) -> None:
    """An endless header, or another protocol."""
    with FaultServer(Answer(framing="raw", steps=[Send(raw), Stall()])) as server:
        outcome = wired.stream(at(server.url), max_retries=0, limits=Limits(first_event=5))
    assert isinstance(outcome.error, TransportError)
    assert outcome.error.phase == "headers"


@pytest.mark.parametrize("ending", [Reset(), Close()])
def test_an_error_whose_body_is_cut_is_still_that_error(caller: Caller, ending: Reset | Close) -> None:
    """The status says enough; what came of the body is kept."""
    answer = Answer(401, {}, [Send(b"bad key" * 3), ending], framing="content-length", content_length=10_000)
    with FaultServer(answer) as server:
        outcome = caller.stream(at(server.url))
    assert isinstance(outcome.error, StatusError)
    assert outcome.error.status_code == 401


def test_the_endless_body_of_an_error_is_read_as_far_as_is_useful(caller: Caller) -> None:
    """A megabyte of error does not fill the memory, nor hide its beginning."""
    with FaultServer(Answer(500, {}, [Send(b"no memory left"), *[Send(b" " * 65536)] * 16])) as server:
        outcome = caller.stream(at(server.url), max_retries=0)
    assert isinstance(outcome.error, ServerError)
    assert "no memory left" in outcome.error.message


def test_an_answer_read_plainly_equals_one_that_was_streamed(caller: Caller) -> None:
    """Whichever way it came."""
    with FaultServer(hello(), json_answer(plain()), json_answer(plain())) as server:
        streamed = caller.stream(at(server.url)).response
        fallen_back = caller.stream(at(server.url, wire=Unstreamed)).response
        generated = caller.generate(at(server.url))
    assert streamed == fallen_back == generated


def test_a_stream_cut_inside_a_stream_of_another_kind(caller: Caller) -> None:
    """A body without a single event is said to have had no content."""
    with FaultServer(sse_answer(b"Internal Server Error")) as server:
        outcome = caller.stream(at(server.url), max_retries=0)
    assert isinstance(outcome.error, StreamInterruptedError)
    assert "without any content" in outcome.error.message
