"""How a stream ends, and that it is never told better than it was."""

from __future__ import annotations

import pickle  # errors of ours must survive it
import traceback

import pytest

from core_llm import (
    AuthenticationError,
    Finish,
    Limits,
    MalformedResponseError,
    ServerError,
    StreamInterruptedError,
    TimeoutExceededError,
    ToolCall,
    Usage,
)
from core_llm.wire import JSONValue
from core_llm_conformance.script import Answer, Drip, End, Flood, Reset, Send, Stall, json_answer, sse_answer
from core_llm_conformance.server import FaultServer

from .calls import Caller
from .tiny import DONE, HELLO, Locked, at, event, hello, tool

KEY = "tiny-secret-0123456789"


def test_a_whole_answer_ends_with_finish(wired: Caller) -> None:
    """The terminal marker came: the response is complete, and the events say so."""
    with FaultServer(hello()) as server:
        outcome = wired.stream(at(server.url))
    assert outcome.types == ["stream_start", "part_start", "text_delta", "text_delta", "part_end", "finish"]
    assert outcome.texts == ["Hel", "lo"]
    assert outcome.response.text == "Hello"
    assert (outcome.response.finish_reason, outcome.response.is_complete) == ("stop", True)
    assert (outcome.response.id, outcome.response.model, outcome.response.provider) == ("r1", "m", "tiny")


@pytest.mark.parametrize("end", [End(), Reset()], ids=["end", "reset"])
def test_an_end_without_the_marker_is_an_interruption(wired: Caller, end: End | Reset) -> None:
    """A clean end of the body is no success, as little as a broken connection."""
    with FaultServer(sse_answer(HELLO[0], HELLO[1], end)) as server:
        outcome = wired.stream(at(server.url))
    assert isinstance(outcome.error, StreamInterruptedError)
    assert outcome.error.partial is not None
    assert outcome.error.partial.text == outcome.response.text
    assert outcome.response.text in ("Hello", "Hel", "")  # a reset may overtake what was sent before it
    assert (outcome.response.finish_reason, outcome.response.is_complete) == (None, False)
    assert not any(isinstance(event, Finish) for event in outcome.events)


def test_generate_does_not_take_a_cut_stream_for_an_answer(caller: Caller) -> None:
    """What gathers a stream fails like the stream."""
    with FaultServer(sse_answer(*HELLO[:2])) as server, pytest.raises(StreamInterruptedError) as raised:
        caller.generate(at(server.url), via_stream=True)
    assert raised.value.partial is not None
    assert raised.value.partial.text == "Hello"


def test_a_call_whose_arguments_are_cut_is_marked_and_not_offered(caller: Caller) -> None:
    """A stream that ends inside tool-call arguments leaves a call that nothing will execute."""
    with FaultServer(sse_answer(tool('{"city": '), tool('"Par'))) as server:
        outcome = caller.stream(at(server.url))
    assert isinstance(outcome.error, StreamInterruptedError)
    [call] = outcome.response.parts
    assert (call.kind, call.is_complete, call.raw_arguments) == ("tool_call", False, '{"city": "Par')  # type: ignore[union-attr]
    assert outcome.response.tool_calls == ()
    assert not any(isinstance(event, ToolCall) for event in outcome.events)


def test_a_call_cut_by_the_token_limit_is_marked_too(caller: Caller) -> None:
    """With the marker there, the answer is complete and the call is not."""
    with FaultServer(sse_answer(tool('{"city": "Par'), event(finish="length"), DONE)) as server:
        outcome = caller.stream(at(server.url))
    assert outcome.error is None
    assert (outcome.response.finish_reason, outcome.response.tool_calls) == ("length", ())
    assert outcome.response.message.parts == ()


def test_two_whole_calls_with_one_index_are_two_calls(caller: Caller) -> None:
    """Calls are told apart by id."""
    steps = [tool('{"city": "Oslo"}', call_id="a"), tool('{"city": "Rome"}', call_id="b"), event(finish="tool_calls")]
    with FaultServer(sse_answer(*steps, DONE)) as server:
        outcome = caller.stream(at(server.url))
    assert [call.arguments for call in outcome.response.tool_calls] == [{"city": "Oslo"}, {"city": "Rome"}]


@pytest.mark.parametrize("ending", [DONE, event(finish="stop")], ids=["done", "finish reason"])
def test_what_is_lost_after_the_marker_is_unknown_and_no_failure(caller: Caller, ending: bytes) -> None:
    """Cut after the marker, the answer is complete; its usage did not come and is not invented."""
    with FaultServer(sse_answer(HELLO[0], ending, Reset())) as server:
        outcome = caller.stream(at(server.url), client={"max_retries": 0})
    if outcome.error is None:  # a reset may overtake what was sent before it
        assert (outcome.response.is_complete, outcome.response.usage) == (True, None)
    else:
        assert not outcome.response.is_complete


def test_usage_is_what_was_sent_and_none_otherwise(caller: Caller) -> None:
    """Figures that the provider did not send stay unknown."""
    with FaultServer(sse_answer(HELLO[0], event(finish="stop"), event(usage={"in": 3}), DONE)) as server:
        outcome = caller.stream(at(server.url))
    assert outcome.response.usage == Usage(input_tokens=3, output_tokens=None)
    assert outcome.response.usage.total_tokens is None


def test_a_silent_server_after_the_marker_is_not_waited_for_long(caller: Caller) -> None:
    """What may follow the marker is waited for within the limit between events, and then the answer stands."""
    with FaultServer(sse_answer(HELLO[0], event(finish="stop"), Stall())) as server:
        outcome = caller.stream(at(server.url), limits=Limits(between_events=0.1))
        server.connections[0].closed_by_client.wait()
    assert outcome.error is None
    assert outcome.response.text == "Hel"
    assert outcome.response.is_complete


@pytest.mark.parametrize(
    "drip", [Drip(b": ping\n\n" * 10_000, 8, 0.02), Flood(event(text="x"), 0.02)], ids=["pings", "text"]
)
def test_a_drip_without_end_is_stopped_by_the_total_limit(caller: Caller, drip: Drip | Flood) -> None:
    """Neither pings nor content keep a call alive beyond its total limit."""
    with FaultServer(sse_answer(HELLO[0], drip)) as server:
        outcome = caller.stream(at(server.url), limits=Limits(total=0.25))
        server.connections[0].closed_by_client.wait()
    assert isinstance(outcome.error, TimeoutExceededError)
    assert (outcome.error.limit, outcome.error.seconds) == ("total", 0.25)
    assert outcome.response.text.startswith("Hel")
    assert outcome.error.partial == outcome.response


def test_an_error_in_the_middle_raises_with_the_servers_words(caller: Caller) -> None:
    """An error object inside a 200 is an error of its own type, and what came before it is kept."""
    with FaultServer(sse_answer(HELLO[0], event(error={"message": "CUDA out of memory"}))) as server:
        outcome = caller.stream(at(server.url))
    assert isinstance(outcome.error, ServerError)
    assert "CUDA out of memory" in outcome.error.message
    assert outcome.error.partial is not None
    assert outcome.error.partial.text == outcome.response.text == "Hel"


def test_a_frame_that_the_wire_cannot_read_raises_and_shows_it(caller: Caller) -> None:
    """Whatever a decoder raises becomes an error that shows the frame."""
    with FaultServer(sse_answer(HELLO[0], b"data: {not json\n\n")) as server:
        outcome = caller.stream(at(server.url))
    assert isinstance(outcome.error, MalformedResponseError)
    assert outcome.error.frame == "{not json"
    assert outcome.response.text == "Hel"


def test_what_follows_done_in_the_same_bytes_is_not_read(caller: Caller) -> None:
    """Whether a server's last words come in one piece or in two, they are ignored after the end."""
    with FaultServer(sse_answer(HELLO[0] + DONE + event(text="never"))) as server:
        outcome = caller.stream(at(server.url))
    assert outcome.response.text == "Hel"


def test_a_key_echoed_by_the_server_is_nowhere(wired: Caller, caplog: pytest.LogCaptureFixture) -> None:
    """A 401 whose body, headers and message hold the key shows it in no text that an error has."""
    body: JSONValue = {"error": {"message": f"Incorrect API key provided: {KEY}", "code": f"bad_{KEY}"}}
    answer = json_answer(body, 401, {"x-request-id": f"req-{KEY}", "x-echo": f"Bearer {KEY}"})
    with FaultServer(answer) as server:
        outcome = wired.stream(at(server.url, Locked), client={"api_keys": {"tiny": KEY}})
        assert server.last_request.headers["authorization"] == f"Bearer {KEY}"
    error = outcome.error
    assert isinstance(error, AuthenticationError)
    assert "[redacted]" in error.message
    assert "[redacted]" in error.body
    again = pickle.loads(pickle.dumps(error))  # noqa: S301  # of our own making
    texts = ["".join(traceback.format_exception(error)), *(repr(vars(each)) for each in (error, again))]
    texts += [text for each in (error, again) for text in (str(each), repr(each), repr(each.args))]
    assert [text for text in [*texts, caplog.text] if KEY in text] == []


def test_a_connection_that_breaks_leaves_a_stand_in_as_its_cause(caller: Caller) -> None:
    """Neither cause nor context is the library's exception, which holds the request with its key."""
    with FaultServer(sse_answer(HELLO[0], Reset())) as server:
        outcome = caller.stream(at(server.url, Locked), client={"api_keys": {"tiny": KEY}, "max_retries": 0})
    error = outcome.error
    assert isinstance(error, StreamInterruptedError)
    assert type(error.__cause__).__name__ == "RedactedCause"
    assert error.__context__ is None
    assert "httpx" in str(error.__cause__)


def test_leaving_early_closes_the_connection_and_keeps_what_came(wired: Caller) -> None:
    """The server sees the end at once, and the next call is answered."""
    endless = sse_answer(*HELLO[:2], Flood(b": ping\n\n", 0.01))
    with FaultServer(endless, hello()) as server:
        first = wired.stream(at(server.url), take=4)
        server.connections[0].closed_by_client.wait()
        second = wired.stream(at(server.url))
    assert first.response.text == "Hello"
    assert not first.response.is_complete
    assert first.response.message.text == "Hello"
    assert second.response.is_complete


def test_an_answer_without_content_is_no_answer(caller: Caller) -> None:
    """A stream that says nothing at all is interrupted, without a part, and may be sent again."""
    with FaultServer(*[Answer(200, {"content-type": "text/event-stream"}, [Send(b": hi\n\n")])] * 3) as server:
        outcome = caller.stream(at(server.url))
    assert isinstance(outcome.error, StreamInterruptedError)
    assert (outcome.error.attempts, outcome.response.parts) == (3, ())
