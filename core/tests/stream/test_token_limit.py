"""Signals that limit output tokens: what counts, what is stopped, and what several calls share."""

from __future__ import annotations

import pytest

from core_llm import AbortedError, Limits, LocalChannel, Message, Request, Signal, Usage
from core_llm._calls import Calls
from core_llm._stream.control import Control
from core_llm._stream.state import CallState
from core_llm.wire import PartsBuilder
from core_llm_conformance.script import Answer, Stall, json_answer, sse_answer
from core_llm_conformance.server import FaultServer

from .calls import GUARD, Caller, Outcome, config
from .test_local_provider import Here
from .tiny import DONE, Tiny, at, event, hello, plain, tool

LETTERS = [event(text=letter) for letter in "abcdef"]
END = (event(finish="stop"), DONE)


def answer(*steps: bytes) -> Answer:
    """Return a whole answer of these events."""
    return sse_answer(*steps, *END)


def used_up(outcome: Outcome, limit: int) -> str:
    """Return the text of a call that was stopped by its limit of tokens."""
    assert isinstance(outcome.error, AbortedError)
    assert outcome.error.kind == "token_limit"
    assert outcome.error.reason == f"the signal's limit of {limit} output tokens is used up"
    assert outcome.error.partial == outcome.response
    assert not outcome.response.is_complete
    return outcome.response.text


@pytest.mark.parametrize("chunks", [1, 3, 6], ids=["one read", "two reads", "many reads"])
def test_a_stream_is_stopped_at_the_first_piece_beyond_the_limit(caller: Caller, chunks: int) -> None:
    """Whatever the network makes of it, the consumer gets exactly so many, and the server sees the end."""
    steps = [b"".join(LETTERS[at : at + 6 // chunks]) for at in range(0, 6, 6 // chunks)]
    signal = Signal.token_limit(4)
    with FaultServer(sse_answer(*steps, *END, Stall())) as server:
        outcome = caller.stream(at(server.url), signal=signal)
        server.connections[0].closed_by_client.wait()
    assert used_up(outcome, 4) == "abcd"
    assert outcome.texts == ["a", "b", "c", "d"]
    assert signal.is_fired


def test_what_came_goes_back_into_a_conversation(caller: Caller) -> None:
    """The partial response is a message; what was decoded beyond the limit is no part of it."""
    with FaultServer(answer(*LETTERS)) as server:
        outcome = caller.stream(at(server.url), signal=Signal.token_limit(2))
    assert outcome.response.message == Message.assistant("ab")


def test_an_answer_of_just_so_many_tokens_is_whole(caller: Caller) -> None:
    """It has come to its end; the signal then has fired for whoever comes next."""
    signal = Signal.token_limit(6)
    with FaultServer(answer(*LETTERS)) as server:
        outcome, late = caller.streams(at(server.url), [{"signal": signal}] * 2)
        assert len(server.requests) == 1
    assert outcome.error is None
    assert outcome.response.text == "abcdef"
    assert used_up(late, 6) == ""


def test_reasoning_refusals_and_arguments_count(caller: Caller) -> None:
    """All that the model puts out."""
    steps = [event(thought="a"), event(refusal="b"), tool("{"), event(text="c"), event(text="d")]
    with FaultServer(answer(*steps)) as server:
        outcome = caller.stream(at(server.url), signal=Signal.token_limit(4))
    assert used_up(outcome, 4) == "c"
    assert [part.kind for part in outcome.response.parts] == ["reasoning", "refusal", "tool_call", "text"]


def test_what_the_provider_reports_counts_more_than_pieces(caller: Caller) -> None:
    """A piece may be many tokens: the report is the truth, and pieces are counted on from there."""
    steps = [LETTERS[0], event(usage={"out": 9}), LETTERS[1], LETTERS[2]]
    with FaultServer(answer(*steps)) as server:
        outcome = caller.stream(at(server.url), signal=Signal.token_limit(10))
    assert used_up(outcome, 10) == "ab"
    assert outcome.response.usage == Usage(output_tokens=9)


def test_a_report_below_the_count_corrects_it(caller: Caller) -> None:
    """A provider that sends less than a token in a piece is not cut short, once it has said so."""
    steps = [*LETTERS[:3], event(usage={"out": 1}), *LETTERS[3:]]
    with FaultServer(answer(*steps)) as server:
        outcome = caller.stream(at(server.url), signal=Signal.token_limit(5))
    assert outcome.error is None
    assert outcome.response.text == "abcdef"


def test_a_report_beyond_the_limit_at_the_end_stops_others_only(caller: Caller) -> None:
    """An answer that is whole stays so; nothing would be saved."""
    signal = Signal.token_limit(10)
    with FaultServer(sse_answer(*LETTERS, END[0], event(usage={"out": 120}), DONE)) as server:
        outcome = caller.stream(at(server.url), signal=signal)
    assert outcome.error is None
    assert outcome.response.usage == Usage(output_tokens=120)
    assert signal.is_fired


def test_calls_that_share_a_signal_share_its_tokens(caller: Caller) -> None:
    """One after the other: what the first has left is what the second has."""
    signal = Signal.token_limit(8)
    with FaultServer(answer(*LETTERS), answer(*LETTERS)) as server:
        first, second = caller.streams(at(server.url), [{"signal": signal}] * 2)
    assert first.response.text == "abcdef"
    assert used_up(second, 8) == "ab"


def test_a_call_may_be_under_several_limits(caller: Caller) -> None:
    """The nearest stops it; each counts all that came."""
    near, far = Signal.token_limit(2), Signal.token_limit(9)
    with FaultServer(answer(*LETTERS), answer(*LETTERS)) as server:
        first, second = caller.streams(
            at(server.url), [{"signal": Signal.any(far, near, Signal.timeout(GUARD))}, {"signal": far}]
        )
    assert used_up(first, 2) == "ab"
    assert second.response.text == "abcdef"
    assert near.is_fired


def test_what_a_failed_attempt_brought_counts(caller: Caller) -> None:
    """Usage that came before a failure was spent; the attempt after it counts from there."""
    broken = sse_answer(event(usage={"out": 3}), event(error={"message": "overloaded", "type": "overloaded_error"}))
    with FaultServer(broken, answer(*LETTERS)) as server:
        outcome = caller.stream(at(server.url), signal=Signal.token_limit(5))
        assert len(server.requests) == 2
    assert used_up(outcome, 5) == "ab"


def test_a_plain_answer_under_a_limit_is_streamed(caller: Caller) -> None:
    """A whole answer cannot be stopped on its way, so a stream is asked for and gathered."""
    with FaultServer(answer(*LETTERS)) as server, pytest.raises(AbortedError) as raised:
        caller.generate(at(server.url), signal=Signal.token_limit(3))
    assert b'"stream":true' in server.last_request.body
    assert raised.value.partial is not None
    assert raised.value.partial.text == "abc"


def test_a_provider_that_refuses_to_stream_answers_whole(caller: Caller) -> None:
    """Then the limit counts what it reports, for the calls that follow."""
    signal = Signal.token_limit(5)
    refused = json_answer({"error": {"message": "streaming is not supported for this model"}}, 400)
    whole = plain(usage={"in": 1, "out": 70})
    with FaultServer(refused, json_answer(whole)) as server:
        outcome = caller.stream(at(server.url), signal=signal)
    assert (outcome.error, outcome.response.text, outcome.texts) == (None, "Hello", ["Hello"])
    assert signal.is_fired


def test_a_model_in_this_process_is_stopped_too(caller: Caller) -> None:
    """It hands on its events in batches of its own, and is told when it is enough."""

    def run(_: Request, channel: LocalChannel) -> None:
        parts = PartsBuilder("here")
        for letter in "abcdef":
            channel.emit(parts.text(letter))
        channel.emit(parts.close_all())
        channel.finish("stop")

    outcome = caller.stream(Here(run), signal=Signal.token_limit(3))
    assert used_up(outcome, 3) == "abc"


def test_other_limits_hold_beside_it(caller: Caller) -> None:
    """A stream that stops sending is not saved by having tokens left."""
    with FaultServer(sse_answer(LETTERS[0], Stall())) as server:
        outcome = caller.stream(at(server.url), signal=Signal.token_limit(3), limits=Limits(between_events=0.1))
    assert type(outcome.error).__name__ == "TimeoutExceededError"


def test_a_stream_without_such_a_limit_is_not_counted() -> None:
    """It costs nothing per event: there is no meter, and its batches are not looked at."""
    calls = Calls({"config": config(), "providers": [Tiny]})

    def state(signal: Signal) -> CallState:
        return CallState(calls.plan("tiny:m", "Hi", {"signal": signal}, is_stream=True), Control())

    assert (state(Signal.timeout(GUARD)).meter, state(Signal.timeout(GUARD)).is_watched) == (None, False)
    assert state(Signal.token_limit(1)).is_watched


def test_a_whole_answer_of_hello_is_two_tokens(caller: Caller) -> None:
    """The count is of pieces, as long as nothing is reported."""
    with FaultServer(hello(), hello()) as server:
        outcomes = caller.streams(at(server.url), [{"signal": Signal.token_limit(n)} for n in (2, 1)])
    assert outcomes[0].response.text == "Hello"
    assert used_up(outcomes[1], 1) == "Hel"
