"""Plugins that admit calls: asked, told and released, within the deadlines, and woken by aborts."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Mapping

import pytest

from core_llm import (
    AbortedError,
    Admission,
    BusyError,
    InvalidRequestError,
    Limits,
    PluginError,
    Signal,
    SignalController,
    TimeoutExceededError,
    Usage,
    hookimpl,
)
from core_llm_conformance.script import sse_answer
from core_llm_conformance.server import FaultServer

from .calls import Caller
from .tiny import HELLO, at, event, hello
from .waiting import BUSY, Limiting, Turnstile, until


def test_a_plugin_admits_attempts_and_learns_from_their_answers(caller: Caller) -> None:
    """It is asked for each, told of the head of each answer, and of the usage at the end."""
    turnstile = Turnstile([0.0])
    limiting = Limiting(turnstile)
    answer = sse_answer(*HELLO[:2], event(usage={"in": 3, "out": 2}), *HELLO[2:])
    with FaultServer(BUSY, answer) as server:
        outcome = caller.stream(at(server.url), client={"plugins": [limiting]})
    assert outcome.response.text == "Hello"
    assert limiting.asked == [("tiny", "m", "Hi")] * 2
    assert turnstile.told == [
        *("ask", "ask", "answered 503 application/json", "release None"),
        *("ask", "answered 200 text/event-stream", "release 2"),
    ]


def test_a_plugin_that_admits_may_wake_whom_it_held_back(caller: Caller) -> None:
    """The wait ends when it is told to, from any thread."""
    turnstile = Turnstile([math.inf])
    limiting = Limiting(turnstile)

    def keep(wake: Callable[[], None]) -> None:
        threading.Timer(0.01, wake).start()

    turnstile.wake_with = keep  # type: ignore[method-assign]
    with FaultServer(hello()) as server:
        assert caller.stream(at(server.url), client={"plugins": [limiting]}).response.text == "Hello"
    assert turnstile.told[:2] == ["ask", "ask"]


def test_a_plugin_that_asks_a_store_may_block(caller: Caller) -> None:
    """It is asked in a thread of its own; a call that is stopped does not wait for it, and releases it later."""
    turnstile = Turnstile(["block"], may_block=True)
    with FaultServer() as server:
        outcome = caller.stream(
            at(server.url), client={"plugins": [Limiting(turnstile)]}, limits=Limits(admission=0.05)
        )
        assert turnstile.told == ["ask"]
        turnstile.blocked.set()
        until(lambda: len(turnstile.told) == 2)
    assert isinstance(outcome.error, TimeoutExceededError)
    assert turnstile.told == ["ask", "release None"]


@pytest.mark.parametrize("may_block", [False, True])
@pytest.mark.parametrize("answer", [RuntimeError("the store is down"), "soon"])
def test_nothing_goes_out_without_leave(caller: Caller, answer: object, may_block: bool) -> None:  # noqa: FBT001
    """Where a plugin fails, or says nothing that can be understood, the call fails."""
    turnstile = Turnstile([answer], may_block=may_block)
    with FaultServer() as server:
        outcome = caller.stream(at(server.url), client={"plugins": [Limiting(turnstile)]})
        assert server.requests == []
    assert isinstance(outcome.error, PluginError)
    assert "the store is down" in outcome.error.message or "returned a str" in outcome.error.message
    assert turnstile.told == ["ask", "release None"]


@pytest.mark.parametrize(
    ("raised", "kind", "message"),
    [
        (LookupError("no such tenant"), PluginError, "failed to admit a call of tiny:m: LookupError: no such tenant"),
        (InvalidRequestError("not at night"), InvalidRequestError, "not at night"),
    ],
)
def test_a_plugin_may_refuse_a_call(caller: Caller, raised: Exception, kind: type, message: str) -> None:
    """By an error of this package, which is the call's; any other is its own failure, and named as such."""

    class Refusing:
        @hookimpl
        def core_llm_admit_call(self) -> Admission | None:
            raise raised

    with FaultServer() as server:
        for plugin in (Refusing(), Limiting(Turnstile([raised]))):
            outcome = caller.stream(at(server.url), client={"plugins": [plugin]})
            assert type(outcome.error) is kind
            assert message.rpartition(": ")[2] in str(outcome.error)
        assert server.requests == []


def test_what_is_told_afterwards_cannot_harm_an_answer(caller: Caller, caplog: pytest.LogCaptureFixture) -> None:
    """A plugin that fails on being told is reported."""

    class Clumsy(Turnstile):
        def answered(self, status: int, headers: Mapping[str, str]) -> None:
            raise KeyError(f"x-ratelimit of {status} in {len(headers)}")

        def release(self, usage: Usage | None) -> None:
            raise OSError(f"cannot write {usage}")

    with FaultServer(hello()) as server, caplog.at_level(logging.WARNING, "core_llm"):
        assert caller.stream(at(server.url), client={"plugins": [Limiting(Clumsy())]}).response.text == "Hello"
    assert "x-ratelimit of 200" in caplog.text
    assert "cannot write None" in caplog.text


def test_what_a_plugin_returns_must_be_an_admission(caller: Caller) -> None:
    """Else it is told so, by name."""
    with FaultServer() as server:
        outcome = caller.stream(at(server.url), client={"plugins": [Limiting("me")]})
    assert isinstance(outcome.error, PluginError)
    assert outcome.error.message.endswith("core_llm_admit_call returns a str, not an Admission")


# ---- limits and aborts


def test_a_call_that_is_stopped_before_it_begins_asks_nobody(caller: Caller) -> None:
    """It sends nothing, so it uses up nobody's rate."""
    turnstile = Turnstile()
    with FaultServer() as server:
        outcome = caller.stream(at(server.url), client={"plugins": [Limiting(turnstile)]}, signal=Signal.timeout(0))
    assert isinstance(outcome.error, AbortedError)
    assert turnstile.told == []


def test_waiting_has_a_limit_of_its_own_that_is_named(caller: Caller) -> None:
    """It is not retried, and the error says which limit it was."""
    turnstile = Turnstile([math.inf])
    with FaultServer() as server:
        outcome = caller.stream(
            at(server.url), client={"plugins": [Limiting(turnstile)]}, limits=Limits(admission=0.05)
        )
        assert server.requests == []
    assert isinstance(outcome.error, TimeoutExceededError)
    assert (outcome.error.limit, outcome.error.seconds, outcome.error.phase) == ("admission", 0.05, "prepare")
    assert outcome.error.message == (
        "tiny: not let through by the limits in number or rate within 0.05 s (limit 'admission'); "
        "raise it with limits=Limits(admission=…) if that is too short"
    )
    assert turnstile.told == ["ask", "release None"]


def test_the_total_limit_counts_while_a_call_waits(caller: Caller) -> None:
    """It is the whole call's."""
    with FaultServer() as server:
        plugins = [Limiting(Turnstile([math.inf]))]
        outcome = caller.stream(at(server.url), client={"plugins": plugins}, limits=Limits(total=0.05))
    assert isinstance(outcome.error, TimeoutExceededError)
    assert outcome.error.limit == "total"


def test_an_abort_wakes_a_call_that_waits(caller: Caller) -> None:
    """At once, with its reason; nothing was sent."""
    controller = SignalController()
    turnstile = Turnstile([math.inf])

    def abort(_: Callable[[], None]) -> None:
        threading.Timer(0.01, controller.abort, ["not any more"]).start()

    turnstile.wake_with = abort  # type: ignore[method-assign, assignment]
    with FaultServer() as server:
        outcome = caller.stream(at(server.url), client={"plugins": [Limiting(turnstile)]}, signal=controller.signal)
        assert server.requests == []
    assert isinstance(outcome.error, AbortedError)
    assert outcome.error.reason == "not any more"
    assert turnstile.told == ["ask", "release None"]


def test_who_does_not_want_to_wait_fails_at_once(caller: Caller) -> None:
    """With an error that says for how long it would have been, where that is known."""
    with FaultServer() as server:
        plugins = [Limiting(Turnstile([12.5]))]
        outcome = caller.stream(at(server.url), client={"plugins": plugins}, on_busy="raise")
        assert server.requests == []
    assert isinstance(outcome.error, BusyError)
    assert (outcome.error.retry_after, outcome.error.is_retryable, outcome.error.phase) == (12.5, False, "prepare")
    assert "wait with on_busy='wait', or raise the limits" in outcome.error.message
