"""The four limits of time: each holds, and says its name."""

from __future__ import annotations

import math
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from core_llm import Client, Limits, OverloadedError, RateLimitError, TimeoutExceededError, Usage
from core_llm._calls import Calls
from core_llm._config_model import DEFAULT_LIMITS, NO_LIMITS
from core_llm._stream.control import LimitExceeded
from core_llm_conformance.script import Answer, Drip, Flood, Gate, Pause, Send, Stall, Wait, json_answer, sse_answer
from core_llm_conformance.server import FaultServer

from .calls import Caller, config
from .tiny import DONE, HELLO, Tiny, at, event, hello

ONCE = 0


@contextmanager
def unaccepting() -> Iterator[str]:
    """Give the address of a listener whose queue is full: connecting to it gets no answer."""
    with ExitStack() as sockets:
        listener = sockets.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = sockets.enter_context(socket.socket())
            waiting.setblocking(False)  # noqa: FBT003  # as the socket has it
            waiting.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def exceeded(error: Exception | None) -> tuple[str, float]:
    """Return the limit that an error says was exceeded, and its seconds."""
    assert isinstance(error, TimeoutExceededError)
    assert f"limit {error.limit!r}" in error.message
    assert f"within {error.seconds:g} s" in error.message
    return error.limit, error.seconds


def test_the_connection_is_waited_for_within_the_connect_limit(wired: Caller) -> None:
    """A server that does not accept is given up."""
    with unaccepting() as url:
        outcome = wired.stream(at(url), limits=Limits(connect=0.1), max_retries=ONCE)
    assert exceeded(outcome.error) == ("connect", 0.1)
    assert outcome.error.phase == "connect"  # type: ignore[union-attr]


def test_connecting_does_not_outlast_the_total_limit(wired: Caller) -> None:
    """Of two limits that connecting is under, the nearer one holds and is named."""
    with unaccepting() as url:
        outcome = wired.stream(at(url), limits=Limits(total=0.2), client={"limits": Limits(connect=60)})
    assert exceeded(outcome.error) == ("total", 0.2)


def test_the_head_is_waited_for_within_the_first_event_limit(wired: Caller) -> None:
    """A server that takes the request and says nothing is given up, and sees the connection close."""
    with FaultServer(Answer(before=[Stall()])) as server:
        outcome = wired.stream(at(server.url), limits=Limits(first_event=0.1))
        server.connections[0].closed_by_client.wait()
    assert exceeded(outcome.error) == ("first_event", 0.1)
    assert outcome.error.phase == "headers"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "steps",
    [[Stall()], [Drip(b": ping\n\n" * 1000, 8, 0.02)], [Flood(event(text=""), 0.02)], [Flood(b"\n", 0.02)]],
    ids=["silence", "comments", "empty deltas", "blank lines"],
)
def test_the_first_event_is_waited_for_within_its_limit(caller: Caller, steps: list[Stall]) -> None:
    """What is not content is no progress, whatever it is."""
    with FaultServer(sse_answer(*steps)) as server:
        outcome = caller.stream(at(server.url), limits=Limits(first_event=0.1))
    assert exceeded(outcome.error) == ("first_event", 0.1)
    assert outcome.events == []


def test_the_wait_for_the_head_counts_towards_the_first_event(caller: Caller) -> None:
    """The limit runs from the sending of the request, not anew from the head."""
    slow = Answer(200, {"content-type": "text/event-stream"}, [Wait(0.3), Send(HELLO[0])], before=[Wait(0.3)])
    with FaultServer(slow) as server:
        outcome = caller.stream(at(server.url), limits=Limits(first_event=0.45))
    assert exceeded(outcome.error) == ("first_event", 0.45)


@pytest.mark.parametrize(
    "steps",
    [[Stall()], [Drip(b": ping\n\n" * 1000, 8, 0.02)], [Flood(event(text=""), 0.02)]],
    ids=["silence", "comments", "empty deltas"],
)
def test_the_next_event_is_waited_for_within_its_limit(caller: Caller, steps: list[Stall]) -> None:
    """A stream that has begun and gets stuck is given up, with what came."""
    with FaultServer(sse_answer(HELLO[0], *steps)) as server:
        outcome = caller.stream(at(server.url), limits=Limits(between_events=0.1))
    assert exceeded(outcome.error) == ("between_events", 0.1)
    assert outcome.error.partial.text == outcome.response.text == "Hel"  # type: ignore[union-attr]
    assert outcome.error.phase == "body"  # type: ignore[union-attr]


def test_many_events_may_take_longer_than_the_limit_between_them(caller: Caller) -> None:
    """Each event starts the limit anew."""
    steps = [step for _ in range(5) for step in (Send(event(text="x")), Wait(0.12))]
    with FaultServer(sse_answer(*steps, event(finish="stop"), DONE)) as server:
        outcome = caller.stream(at(server.url), limits=Limits(between_events=0.4))
    assert outcome.error is None
    assert outcome.response.text == "xxxxx"


def test_a_plain_request_is_under_the_first_event_limit(caller: Caller) -> None:
    """For a whole answer the limit is for all of it."""
    with FaultServer(Answer(200, {}, [Send(b"{"), Stall()])) as server, pytest.raises(TimeoutExceededError) as raised:
        caller.generate(at(server.url), limits=Limits(first_event=0.1))
    assert exceeded(raised.value) == ("first_event", 0.1)


def test_a_marker_that_makes_no_event_begins_its_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """What may follow the marker is waited for shortly, though the last frame brought nothing to hand on."""
    monkeypatch.setattr("core_llm._stream.reading.MARKER_GRACE_SECONDS", 0.1)
    with FaultServer(sse_answer(HELLO[0], event(finish="stop"), Stall())) as server:
        client = Client(config=config(), providers=[at(server.url)], limits=Limits(between_events=8))
        with client, client.stream("tiny:m", "Hi") as stream:
            assert stream.finish().text == "Hel"
            assert stream._control.interruption == LimitExceeded("between_events", 0.1)


def test_usage_alone_is_no_progress(caller: Caller) -> None:
    """A server that repeats how much it has counted, and nothing else, is given up; what it said is kept."""
    with FaultServer(sse_answer(HELLO[0], Flood(event(usage={"out": 1}), 0.02))) as server:
        outcome = caller.stream(at(server.url), limits=Limits(between_events=0.1))
    assert exceeded(outcome.error) == ("between_events", 0.1)
    assert outcome.response.usage == Usage(output_tokens=1)


def test_the_consumers_time_does_not_count_between_events() -> None:
    """A consumer who thinks for longer than the limit finds the stream as it was."""
    gate = Gate()
    with FaultServer(sse_answer(HELLO[0], Pause(gate), *HELLO[1:])) as server:
        client = Client(config=config(), providers=[at(server.url)], limits=Limits(between_events=0.5, first_event=0.5))
        with client, client.stream("tiny:m", "Hi") as stream:
            threading.Event().wait(0.8)
            assert next(stream).type == "stream_start"
            threading.Event().wait(0.8)
            gate.open()
            assert stream.finish().text == "Hello"


def test_the_consumers_time_counts_towards_the_total() -> None:
    """The limit of the whole call strikes while the consumer thinks; the server is free at once."""
    with FaultServer(sse_answer(HELLO[0], Stall())) as server:
        client = Client(config=config(), providers=[at(server.url)], limits=Limits(total=0.3))
        with client, client.stream("tiny:m", "Hi") as stream:
            assert next(stream).type == "stream_start"
            server.connections[0].closed_by_client.wait()
            with pytest.raises(TimeoutExceededError) as raised:
                stream.finish()
    assert exceeded(raised.value) == ("total", 0.3)


def test_waiting_for_another_attempt_does_not_outlast_the_total_limit(caller: Caller) -> None:
    """A provider that asks for more time than the call has gets no second attempt."""
    with FaultServer(json_answer({"error": "busy"}, 429, {"retry-after": "30"})) as server:
        outcome = caller.stream(at(server.url), limits=Limits(total=5))
    assert isinstance(outcome.error, RateLimitError)
    assert outcome.error.retry_after == 30
    assert outcome.types == []


def test_the_body_of_an_error_is_not_waited_for_in_vain(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """A status whose body never ends is still that status, with what came of the body."""
    monkeypatch.setattr("core_llm._stream.engine.ERROR_BODY_SECONDS", 0.2)
    with FaultServer(Answer(503, {}, [Send(b"no capacity"), Stall()])) as server:
        outcome = caller.stream(at(server.url), max_retries=ONCE)
    assert isinstance(outcome.error, OverloadedError)
    assert "no capacity" in outcome.error.message


def test_the_default_limits_suit_models_that_think() -> None:
    """Nothing is unbounded by default."""
    assert Limits(admission=600, connect=10, first_event=300, between_events=120, total=1800) == DEFAULT_LIMITS
    calls = Calls({"config": config(), "providers": [Tiny]})
    assert calls.plan("tiny:m", "Hi", {}, is_stream=True).limits == DEFAULT_LIMITS


def test_a_limit_given_nearer_to_the_call_goes_over_the_others() -> None:
    """The call's, the client's, the provider's, the configuration's, the default's; field by field."""
    layered = config().with_arguments(
        {
            "limits": {"connect": 1, "first_event": 1, "total": 1},
            "providers": {"tiny": {"limits": {"total": 20, "connect": 2}}},
        }
    )
    calls = Calls({"config": layered, "providers": [Tiny], "limits": Limits(connect=3)})
    plan = calls.plan("tiny:m", "Hi", {"limits": Limits(between_events=4)}, is_stream=True)
    assert plan.limits == Limits(admission=600).merged(Limits(connect=3, first_event=1, between_events=4, total=20))


def test_infinity_switches_a_limit_off(caller: Caller) -> None:
    """Without limits a call works as ever."""
    assert NO_LIMITS.total == math.inf
    with FaultServer(hello()) as server:
        outcome = caller.stream(at(server.url), limits=NO_LIMITS)
    assert outcome.response.text == "Hello"
