"""What a signal is to limits and to calls that are over, and what many calls have in common that share one."""

from __future__ import annotations

import asyncio
import gc
import signal as signals
import threading
import weakref
from collections.abc import Callable
from typing import TypeVar

import pytest
import trio

from core_llm import (
    AbortedError,
    AsyncClient,
    Client,
    CoreLLMError,
    Limits,
    Signal,
    SignalController,
    StreamInterruptedError,
    TextDelta,
    TimeoutExceededError,
)
from core_llm._config_model import NO_LIMITS
from core_llm._loops import current_loop
from core_llm._stream.control import Control
from core_llm._timers import watchdog
from core_llm_conformance.script import Answer, Stall, Wait, json_answer, sse_answer
from core_llm_conformance.server import FaultServer

from .calls import GUARD, Caller, Outcome, stream_async, stream_sync, sync_client
from .test_deadlines import unaccepting
from .test_signals_of_calls import aborting, stopped, subscribers
from .test_transport import needs_proc, no_more_sockets_than, sockets_open
from .tiny import HELLO, Tiny, at, hello

T = TypeVar("T")
LONG = 3600.0


class Other(Tiny):
    """Another provider, to fall back to."""

    name = "other"


# ---- beside the limits


def test_limits_hold_beside_a_signal(caller: Caller) -> None:
    """Whichever comes first ends the call, and says its own name."""
    with FaultServer(sse_answer(Stall()), sse_answer(Stall())) as server:
        outcomes = caller.streams(
            at(server.url),
            [
                {"signal": Signal.timeout(LONG), "limits": Limits(total=0.1)},
                {"signal": Signal.timeout(0.1), "limits": Limits(total=100)},
            ],
        )
    assert [type(outcome.error) for outcome in outcomes] == [TimeoutExceededError, AbortedError]


@pytest.mark.parametrize(
    ("signal", "limits", "error"),
    [
        (Signal.never(), None, type(None)),
        (Signal.never(), Limits(total=0.2), TimeoutExceededError),
        (Signal.any(), None, TimeoutExceededError),
        (Signal.any(Signal.never(), Signal.timeout(LONG)), None, TimeoutExceededError),
    ],
    ids=["never", "never, with a total of its own", "any of nothing", "any"],
)
def test_never_lifts_the_total_limit(
    caller: Caller, signal: Signal, limits: Limits | None, error: type[Exception]
) -> None:
    """That of the client and below, and that alone; what the call itself gives still holds."""
    with FaultServer(sse_answer(HELLO[0], Wait(0.6), *HELLO[1:])) as server:
        options = {} if limits is None else {"limits": limits}
        outcome = caller.stream(at(server.url), client={"limits": Limits(total=0.3)}, signal=signal, **options)  # type: ignore[arg-type]
    assert type(outcome.error) is error


def test_never_leaves_the_other_limits() -> None:
    """A server that says nothing at all is given up as ever."""
    with FaultServer(sse_answer(Stall())) as server, sync_client(server.url) as client:
        outcome = stream_sync(client, "tiny:m", signal=Signal.never(), limits=Limits(first_event=0.1))
    assert isinstance(outcome.error, TimeoutExceededError)
    assert outcome.error.limit == "first_event"


def test_a_limit_of_one_attempt_leaves_the_signal_alone(caller: Caller) -> None:
    """A time-out of a limit does not fire the signal, so a later call, with another model say, may share it."""
    signal = Signal.timeout(LONG)
    with FaultServer(sse_answer(Stall()), hello()) as server:
        first, second = caller.streams(
            at(server.url), [{"signal": signal, "limits": Limits(first_event=0.1)}, {"signal": signal}]
        )
    assert isinstance(first.error, TimeoutExceededError)
    assert second.response.text == "Hello"
    assert not signal.is_fired


def test_a_fallback_begins_with_a_signal_that_has_not_fired(caller: Caller) -> None:
    """The limit of the first model's attempt is its own; the second answers under the same signal."""
    signal = Signal.timeout(LONG)
    with FaultServer(Answer(before=[Stall()])) as slow, FaultServer(hello()) as quick:
        second = at(quick.url, Other)
        outcome = caller.stream(
            at(slow.url),
            client={"providers": [at(slow.url), second], "max_retries": 0},
            fallback=["other:m"],
            signal=signal,
            limits=Limits(first_event=0.1),
        )
    assert outcome.response.text == "Hello"
    assert not signal.is_fired


def test_no_fallback_takes_over_from_a_signal(caller: Caller) -> None:
    """It stops the call, not an attempt: the second model is not asked."""
    with FaultServer(Answer(before=[Stall()])) as slow, FaultServer() as quick:
        outcome = caller.stream(
            at(slow.url),
            client={"providers": [at(slow.url), at(quick.url, Other)]},
            fallback=["other:m"],
            signal=Signal.timeout(0.1),
        )
        assert quick.connections == []
    assert isinstance(outcome.error, AbortedError)
    assert outcome.error.kind == "timeout"


def test_a_control_goes_on_after_a_limit_of_one_attempt_only() -> None:
    """Another attempt may begin after it; not after the total limit, and not after an abort."""

    def struck(limit: str) -> Control:
        control, woken = Control(), threading.Event()
        control.set_wake(woken.set)
        control.arm(limit, 0.01, 0.0)  # type: ignore[arg-type]
        assert woken.wait(GUARD)
        return control

    assert [struck(limit).renew() for limit in ("first_event", "between_events", "total")] == [True, True, False]
    aborted = Control()
    aborted.abort(None)
    assert not aborted.renew()


# ---- after the call


def test_a_signal_that_fires_after_the_end_changes_nothing(caller: Caller) -> None:
    """The answer is whole, and its connection serves the next call."""
    controller = SignalController()
    with FaultServer(hello(), hello()) as server:
        provider = at(server.url)

        def abort_after(outcome: Outcome) -> Outcome:
            controller.abort("too late")
            return outcome

        if caller.mode == "sync":
            with Client(**caller.options(provider, {})) as client:
                first = abort_after(stream_sync(client, "tiny:m", signal=controller.signal))
                second = stream_sync(client, "tiny:m")
        else:

            async def go() -> tuple[Outcome, Outcome]:
                async with AsyncClient(**caller.options(provider, {})) as clients:
                    done = abort_after(await stream_async(clients, "tiny:m", signal=controller.signal))
                    return done, await stream_async(clients, "tiny:m")

            first, second = caller.run(go)
        assert [first.response.text, second.response.text] == ["Hello", "Hello"]
        assert len(server.connections) == 1
    assert subscribers(controller.signal) == 0


def test_calls_leave_nothing_with_a_signal_that_outlives_them(caller: Caller) -> None:
    """Neither those that ended well, nor those that failed, were cut, or were left."""
    signal = Signal.any(SignalController().signal, Signal.timeout(LONG))
    answers = [hello(), json_answer({}, 400), sse_answer(HELLO[0]), sse_answer(HELLO[0], Stall())]
    before = watchdog.left()
    with FaultServer(*answers) as server:
        options = {"signal": signal, "max_retries": 0}
        outcomes = caller.streams(at(server.url), [options] * 3)  # type: ignore[list-item]
        left = caller.stream(at(server.url), take=3, **options)  # type: ignore[arg-type]
    assert isinstance(outcomes[2].error, StreamInterruptedError)
    assert left.response.text == "Hel"
    assert subscribers(signal) == 0
    assert [timed for timed in watchdog.left() if timed not in before] == []


def test_a_stream_that_is_dropped_unclosed_is_not_kept_by_its_signal() -> None:
    """A signal refers to its calls weakly, and forgets those that are gone."""
    controller = SignalController()
    control = Control()
    control.follow(controller.signal)
    reference = weakref.ref(control)
    assert subscribers(controller.signal) == 1
    del control
    gc.collect()
    assert reference() is None
    assert subscribers(controller.signal) == 0


@needs_proc
@pytest.mark.parametrize("at_what", ["connecting", "head", "body"])
def test_stopped_calls_leave_neither_sockets_nor_threads_nor_tasks(wired: Caller, at_what: str) -> None:
    """After several, what is open is what was open before, and the client works."""
    calls, threads = 3, threading.active_count()
    stalled = [Answer(before=[Stall()]) if at_what == "head" else sse_answer(HELLO[0], Stall())] * calls
    with FaultServer(*stalled, hello()) as server, unaccepting() as closed:
        options = wired.options(at(server.url), {"limits": NO_LIMITS})
        options["providers"] = [at(server.url), type("Deaf", (Tiny,), {"name": "deaf", "base_url": closed})]
        model = "deaf:m" if at_what == "connecting" else "tiny:m"
        sockets = sockets_open()
        if wired.mode == "sync":
            with Client(**options) as client:
                failed = [stream_sync(client, model, signal=Signal.timeout(0.05)).error for _ in range(calls)]
                assert no_more_sockets_than(sockets)
        else:

            async def go() -> list[CoreLLMError | None]:
                async with AsyncClient(**options) as clients:
                    before, sockets = tasks_living(), sockets_open()
                    found = [
                        (await stream_async(clients, model, signal=Signal.timeout(0.05))).error for _ in range(calls)
                    ]
                    assert no_more_sockets_than(sockets)
                    assert tasks_living() == before
                    return found

            failed = wired.run(go)
    assert [error.kind for error in failed if isinstance(error, AbortedError)] == ["timeout"] * calls
    assert threading.active_count() <= threads + 1  # the watchdog


def tasks_living() -> int:
    """Return how many tasks the running loop has."""
    if (loop := current_loop()) and isinstance(loop, asyncio.AbstractEventLoop):
        return len(asyncio.all_tasks())
    return trio.lowlevel.current_statistics().tasks_living


@pytest.mark.skipif(not hasattr(signals, "setitimer"), reason="the system has no timers that send signals")
def test_a_handler_of_the_systems_signals_stops_the_read_it_interrupts() -> None:
    """It runs in the very thread that is blocked; the read ends, though the system would go on with it."""
    controller = SignalController()
    before = signals.signal(signals.SIGALRM, lambda *_: controller.abort("alarm"))
    try:
        with FaultServer(sse_answer(HELLO[0], Stall())) as server, sync_client(server.url) as client:
            signals.setitimer(signals.ITIMER_REAL, 0.2)
            outcome = stream_sync(client, "tiny:m", signal=controller.signal)
    finally:
        signals.setitimer(signals.ITIMER_REAL, 0)
        signals.signal(signals.SIGALRM, before)
    stopped(outcome.error, "alarm")


# ---- many calls


def test_one_signal_stops_many_calls(caller: Caller) -> None:
    """Those of threads and tasks, each in the midst of its read."""
    calls, controller = 8, SignalController()
    with FaultServer(*[sse_answer(HELLO[0], Stall())] * calls) as server:
        provider = at(server.url)

        def one(_: int) -> Outcome:
            return caller.stream(provider, signal=controller.signal, limits=NO_LIMITS)

        with aborting(controller, lambda: server.wait_for_requests(calls)):
            outcomes = in_threads(one, calls)
        for connection in server.connections:
            connection.closed_by_client.wait()
    assert [stopped(outcome.error, "enough").reason for outcome in outcomes] == ["enough"] * calls
    assert subscribers(controller.signal) == 0


def in_threads(function: Callable[[int], T], count: int) -> list[T]:
    """Call a function in so many threads at once, and return what they return."""
    results: list[T] = []
    threads = [
        threading.Thread(target=lambda number=number: results.append(function(number))) for number in range(count)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(GUARD)
    return results


def test_a_callback_of_the_same_signal_may_use_the_client() -> None:
    """The calls have been told before, so it does not wait for them."""
    controller = SignalController()
    texts: list[str] = []
    with FaultServer(sse_answer(HELLO[0], Stall()), hello()) as server, sync_client(server.url) as client:
        controller.signal.add_callback(lambda _: texts.append(stream_sync(client, "tiny:m").response.text))
        with pytest.raises(AbortedError), client.stream("tiny:m", "Hi", signal=controller.signal) as stream:
            for event in stream:
                if isinstance(event, TextDelta):
                    controller.abort("enough")
    assert texts == ["Hello"]
