"""Calls that a signal stops: wherever they are, at once, and with all that they held given back."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import TypeVar

import pytest

from core_llm import (
    AbortedError,
    AsyncClient,
    Client,
    InvalidSettingError,
    Limits,
    LocalChannel,
    Request,
    Signal,
    SignalController,
    TimeoutExceededError,
)
from core_llm._config_model import NO_LIMITS
from core_llm.wire import Exchange, WireRequest
from core_llm_conformance.script import Answer, Gate, Pause, Stall, json_answer, sse_answer
from core_llm_conformance.server import FaultServer

from .calls import GUARD, Caller
from .test_deadlines import unaccepting
from .test_embedding import Acme
from .test_local_provider import Here
from .tiny import HELLO, Locked, at, hello

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
    """A signal does not wait for the pause to end: no second request is sent."""
    controller = SignalController()
    busy = json_answer({"error": "busy"}, 429, {"retry-after": "15"})
    with (
        FaultServer(busy, busy) as server,
        pytest.raises(AbortedError) as raised,
        aborting(controller, lambda: server.wait_for_requests(1)),
    ):
        caller.models(at(server.url), signal=controller.signal, limits=NO_LIMITS, max_retries=5)
    stopped(raised.value, "enough")
    assert len(server.requests) == 1


class Counting(Acme):
    """Counts tokens and embeds, when its server answers."""

    def count_tokens(self, request: Request) -> Exchange[int]:  # noqa: ARG002  # the contract's signature
        """Ask the server."""
        response = yield WireRequest("GET", "/tokens")
        return len(response.body)


@pytest.mark.parametrize("what", ["embed", "count_tokens"])
def test_a_signal_stops_what_is_no_chat(caller: Caller, what: str) -> None:
    """In the midst of it; and one that has fired lets nothing be sent."""
    signal = Signal.timeout(0.1)
    with FaultServer(Answer(before=[Stall()])) as server:
        options = caller.options(at(server.url, Counting), {})

        def sync() -> None:
            with Client(**options) as client:
                if what == "embed":
                    client.embed("tiny:m", "Hi", signal=signal)
                else:
                    client.count_tokens("tiny:m", "Hi", signal=signal)

        async def go() -> None:
            async with AsyncClient(**options) as client:
                if what == "embed":
                    await client.embed("tiny:m", "Hi", signal=signal)
                else:
                    await client.count_tokens("tiny:m", "Hi", signal=signal)

        for _ in range(2):
            with pytest.raises(AbortedError, match=r"the signal's timeout of 0\.1 s has passed"):
                sync() if caller.mode == "sync" else caller.run(go)
        assert len(server.connections) == 1


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
