"""Calls that a signal stops: wherever they are, at once, and with all that they held given back."""

from __future__ import annotations

import asyncio
import gc
import socket
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import TypeVar

import pytest
import trio

from core_llm import (
    AbortedError,
    AsyncClient,
    Client,
    CoreLLMError,
    InvalidSettingError,
    Limits,
    LocalChannel,
    Request,
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
from core_llm_conformance.script import Answer, Gate, Pause, Stall, Wait, json_answer, sse_answer
from core_llm_conformance.server import FaultServer

from .calls import GUARD, Caller, Outcome, stream_async, stream_sync, sync_client
from .test_deadlines import unaccepting
from .test_local_provider import Here
from .test_transport import needs_proc, no_more_sockets_than, sockets_open
from .tiny import HELLO, Locked, Tiny, at, hello

T = TypeVar("T")
LONG = 3600.0


def stopped(error: BaseException | None, reason: str) -> AbortedError:
    """Return the error if it says that the call was stopped for that reason."""
    assert isinstance(error, AbortedError)
    assert (error.reason, error.kind) == (reason, "abort")
    assert error.message == f"the call was stopped: {reason}"
    return error


@contextmanager
def aborting(controller: SignalController, when: Callable[[], object]) -> Iterator[None]:
    """Abort from another thread once `when` has returned, while the block runs."""

    def abort() -> None:
        when()
        controller.abort("enough")

    stopper = threading.Thread(target=abort)
    stopper.start()
    yield
    stopper.join(GUARD)
    assert not stopper.is_alive()


def subscribers(signal: Signal) -> int:
    """Return how many are attached to a signal."""
    return sum(len(source.subscriptions) for source in signal._sources)


# ---- wherever the call is


def test_a_signal_stops_a_blocked_read(wired: Caller) -> None:
    """The consumer that waits for the next event wakes; what came is kept, the server sees the end."""
    gate, controller = Gate(), SignalController()
    with FaultServer(sse_answer(HELLO[0], Pause(gate))) as server, aborting(controller, gate.reached.wait):
        outcome = wired.stream(at(server.url), signal=controller.signal, limits=NO_LIMITS)
        server.connections[0].closed_by_client.wait()
    error = stopped(outcome.error, "enough")
    assert error.partial == outcome.response
    assert subscribers(controller.signal) == 0


def test_a_signal_stops_the_wait_for_the_head(wired: Caller) -> None:
    """A server that takes the request and says nothing does not hold the caller."""
    controller = SignalController()
    with FaultServer(Answer(before=[Stall()])) as server:
        with aborting(controller, lambda: server.wait_for_requests(1)):
            outcome = wired.stream(at(server.url), signal=controller.signal, limits=NO_LIMITS)
        server.connections[0].closed_by_client.wait()
    stopped(outcome.error, "enough")


def test_a_signal_stops_connecting(wired: Caller) -> None:
    """A server that does not accept does not either; here it is time that stops the call."""
    with unaccepting() as url:
        outcome = wired.stream(at(url), signal=Signal.timeout(0.1), limits=NO_LIMITS)
    assert isinstance(outcome.error, AbortedError)
    assert outcome.error.kind == "timeout"


def test_a_signal_stops_a_handshake(wired: Caller) -> None:
    """A server that takes the first bytes of TLS and never answers."""
    controller = SignalController()
    with closing(socket.create_server(("127.0.0.1", 0))) as listener, closing(socket.socket()) as none:
        accepted = [none]

        def hello_came() -> None:
            accepted.append(listener.accept()[0])
            assert accepted[-1].recv(1)

        with aborting(controller, hello_came):
            url = f"https://127.0.0.1:{listener.getsockname()[1]}"
            outcome = wired.stream(at(url), signal=controller.signal, limits=NO_LIMITS)
        accepted[-1].settimeout(GUARD)
        while accepted[-1].recv(4096):
            pass
        accepted[-1].close()
    stopped(outcome.error, "enough")


def test_a_signal_stops_the_wait_for_another_attempt(caller: Caller) -> None:
    """The pause before a retry ends at once, and no second request is sent."""
    controller = SignalController()
    with FaultServer(json_answer({"error": "busy"}, 429, {"retry-after": "59"})) as server:
        with aborting(controller, lambda: server.wait_for_requests(1) and threading.Event().wait(0.05)):
            outcome = caller.stream(at(server.url), signal=controller.signal, limits=NO_LIMITS)
        assert len(server.requests) == 1
    assert outcome.types == ["retrying"]
    stopped(outcome.error, "enough")


def test_a_signal_stops_the_wait_for_a_key(caller: Caller) -> None:
    """A function that gives the key, and hangs, holds nobody, in sync too; nothing is sent."""
    controller, is_called, may_return = SignalController(), threading.Event(), threading.Event()

    def key() -> str:
        is_called.set()
        may_return.wait(GUARD)
        return "a-key-that-comes-late"

    with FaultServer() as server, aborting(controller, lambda: is_called.wait(GUARD)):
        outcome = caller.stream(
            at(server.url, Locked), client={"api_keys": {"tiny": key}}, signal=controller.signal, limits=NO_LIMITS
        )
        may_return.set()
        assert server.connections == []
    stopped(outcome.error, "enough")


def test_the_total_limit_strikes_while_a_key_is_waited_for(caller: Caller) -> None:
    """No function of the caller's own can make a call unbounded."""
    may_return = threading.Event()
    with FaultServer() as server:
        keys = {"tiny": lambda: str(may_return.wait(GUARD))}
        outcome = caller.stream(at(server.url, Locked), client={"api_keys": keys}, limits=Limits(total=0.1))
        may_return.set()
    assert isinstance(outcome.error, TimeoutExceededError)
    assert outcome.error.limit == "total"


def test_a_signal_stops_a_model_in_this_process(caller: Caller) -> None:
    """Its thread is told, and the consumer does not wait for its next word."""
    controller, may_end = SignalController(), threading.Event()

    def run(_request: Request, channel: LocalChannel) -> None:
        controller.abort("enough")
        while not channel.is_cancelled:
            may_end.wait(0.01)

    model = Here(run)
    outcome = caller.stream(model, signal=controller.signal, limits=NO_LIMITS)
    stopped(outcome.error, "enough")
    assert model.is_over.wait(GUARD)


def test_a_signal_stops_a_listing(caller: Caller) -> None:
    """What is no chat obeys as well."""
    controller = SignalController()
    with FaultServer(Answer(before=[Stall()])) as server:
        with aborting(controller, lambda: server.wait_for_requests(1)), pytest.raises(AbortedError) as raised:
            caller.models(at(server.url), signal=controller.signal, limits=NO_LIMITS)
        server.connections[0].closed_by_client.wait()
    stopped(raised.value, "enough")
    assert subscribers(controller.signal) == 0


def test_a_listing_is_stopped_while_it_waits_for_another_attempt(caller: Caller) -> None:
    """Neither the abort nor the total limit waits for the pause to end."""
    busy = json_answer({"error": "busy"}, 429, {"retry-after": "0.2"})
    with FaultServer(busy, busy, busy) as server, pytest.raises(AbortedError) as raised:
        caller.models(at(server.url), signal=Signal.timeout(0.3), limits=Limits(first_event=0.1), max_retries=5)
    assert raised.value.kind == "timeout"
    assert len(server.requests) == 2


# ---- before the call


FIRED = [Signal.timeout(0), Signal.any(Signal.timeout(LONG), Signal.timeout(0))]


@pytest.mark.parametrize("signal", FIRED, ids=["timeout", "any"])
def test_a_signal_that_has_fired_lets_nothing_be_sent(wired: Caller, signal: Signal) -> None:
    """The server sees no connection, and a function that gives the key is not called."""
    keys = {"tiny": lambda: pytest.fail("the key is not needed")}
    with FaultServer() as server:
        outcome = wired.stream(at(server.url, Locked), client={"api_keys": keys}, signal=signal)
        assert server.connections == []
    assert isinstance(outcome.error, AbortedError)
    assert outcome.error.reason == "the signal's timeout of 0 s has passed"
    assert outcome.response.parts == ()


def test_a_fired_signal_fails_every_kind_of_call(caller: Caller) -> None:
    """A plain answer and a listing too, over a connection that is there already."""
    with FaultServer(hello()) as server:
        provider = at(server.url)
        calls = caller.streams(provider, [{}, {"signal": FIRED[0]}])
        assert [type(outcome.error) for outcome in calls] == [type(None), AbortedError]
        with pytest.raises(AbortedError):
            caller.generate(provider, signal=FIRED[0])
        with pytest.raises(AbortedError):
            caller.models(provider, signal=FIRED[0])
        assert len(server.requests) == 1


@pytest.mark.parametrize("signal", [SignalController(), 30, "never"], ids=["controller", "number", "text"])
def test_what_is_no_signal_is_refused(caller: Caller, signal: Signal) -> None:
    """By every call, before anything is sent."""
    with FaultServer() as server:
        provider = at(server.url)
        calls: list[Callable[[], object]] = [
            lambda: caller.stream(provider, signal=signal),
            lambda: caller.generate(provider, signal=signal),
            lambda: caller.models(provider, signal=signal),
        ]
        for call in calls:
            with pytest.raises(InvalidSettingError, match="a signal must be a Signal, "):
                call()


def test_a_listing_takes_no_option_of_a_chat(caller: Caller) -> None:
    """The error says what it takes."""
    with FaultServer() as server, pytest.raises(InvalidSettingError, match="takes no temperature; it takes limits"):
        caller.models(at(server.url), temperature=1)  # type: ignore[call-arg]


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
