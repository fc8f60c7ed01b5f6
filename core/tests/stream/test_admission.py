"""Calls that wait for their turn: slots of concurrency, limits of plugins, deadlines, aborts, and nothing left."""

from __future__ import annotations

import gc
import math
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import anyio
import pytest

from core_llm import (
    AbortedError,
    Admission,
    AsyncClient,
    BusyError,
    Client,
    Config,
    CoreLLMError,
    Finish,
    InvalidSettingError,
    Limits,
    LocalChannel,
    PluginError,
    Request,
    SignalController,
    StreamConfig,
    TimeoutExceededError,
    Usage,
    hookimpl,
)
from core_llm._admission import Slots
from core_llm.testing import FakeProvider
from core_llm_conformance.script import Stall, json_answer, sse_answer
from core_llm_conformance.server import FaultServer

from .calls import GUARD, Caller, config
from .tiny import HELLO, Tiny, at, event, hello

BUSY = json_answer({"error": "busy"}, 503)
FIRST = sse_answer(HELLO[0], Stall())
"""The beginning of an answer that then stands still."""


def slots(client: Client | AsyncClient, name: str = "tiny") -> Slots:
    """Return the slots of a client that were used."""
    found = client._calls._gate._slots[name]
    assert found is not None
    return found


def until(condition: Callable[[], bool]) -> None:
    """Wait for another thread to do its part."""
    ends = time.monotonic() + GUARD
    while not condition():
        assert time.monotonic() < ends, "it never came to pass"
        time.sleep(0.001)


def limited(url: str, **options: object) -> Client:
    """Return a client that makes one call at a time."""
    return Client(config=config(), providers=[at(url)], **{"max_concurrency": 1, **options})  # type: ignore[arg-type]


# ---- slots


def test_slots_are_given_in_the_order_in_which_they_were_asked_for() -> None:
    """Who comes later waits longer, and is woken when it is time."""
    given: list[str] = []
    one = Slots(1)
    first, second, third = (one.admission() for _ in range(3))
    assert [first.ask(), second.ask(), third.ask()] == [None, math.inf, math.inf]
    second.wake_with(lambda: given.append("second"))
    third.wake_with(lambda: given.append("third"))
    first.release(None)
    assert (given, second.ask(), third.ask()) == (["second"], None, math.inf)
    second.release(None)
    assert (given, one.free, one.waiting) == (["second", "third"], 0, 0)


def test_who_leaves_the_queue_is_passed_over() -> None:
    """An aborted call keeps nobody waiting."""
    one = Slots(1)
    first, second, third = (one.admission() for _ in range(3))
    assert [each.ask() for each in (first, second, third)] == [None, math.inf, math.inf]
    second.release(None)
    first.release(None)
    assert third.ask() is None


def test_who_is_admitted_between_asking_and_waiting_is_woken_at_once() -> None:
    """No slot is given to somebody who sleeps."""
    one = Slots(1)
    first, second = one.admission(), one.admission()
    first.ask()
    second.ask()
    first.release(None)
    woken: list[bool] = []
    second.wake_with(lambda: woken.append(True))
    assert woken == [True]


def test_a_slot_is_given_back_once() -> None:
    """However often it is released, and not at all if it was never asked for."""
    two = Slots(2)
    first, never = two.admission(), two.admission()
    first.ask()
    for each in (first, first, never):
        each.release(None)
    assert two.free == 2


def test_a_slot_may_be_given_back_in_the_midst_of_anything() -> None:
    """As happens where garbage is collected while the queue is seen to: nobody waits for the lock."""
    one = Slots(1)
    first, second = one.admission(), one.admission()
    first.ask()

    def collect() -> None:
        first.release(None)

    one.see_to(collect)
    assert (second.ask(), one.free) == (None, 0)


def test_ten_thousand_turns_from_many_threads_leave_nothing() -> None:
    """No slot is lost or given twice, and at no time do more run than may."""
    three = Slots(3)
    lock = threading.Lock()
    running, most = 0, 0

    def turn(_: int) -> None:
        nonlocal running, most
        admission = three.admission()
        if admission.ask() is not None:
            woken = threading.Event()
            admission.wake_with(woken.set)
            assert woken.wait(GUARD)
        with lock:
            running += 1
            most = max(most, running)
        with lock:
            running -= 1
        admission.release(None)

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(turn, range(10_000)))
    assert (three.free, three.waiting, len(three._inbox), running) == (3, 0, 0, 0)
    assert 1 <= most <= 3
    gc.collect()
    assert not [each for each in gc.get_objects() if isinstance(each, type(three.admission()))]


# ---- calls


class Crowd(FakeProvider):
    """Counts how many of its answers are being made at the same time."""

    def __init__(self) -> None:
        super().__init__(lambda _: "Hello", name="tiny")
        self.lock = threading.Lock()
        self.running = self.most = 0

    def run_local(self, request: Request, channel: LocalChannel) -> None:
        """Answer, and be counted meanwhile."""
        with self.lock:
            self.running += 1
            self.most = max(self.most, self.running)
        try:
            super().run_local(request, channel)
        finally:
            with self.lock:
                self.running -= 1


def crowd_sync(client: Client, count: int) -> list[str]:
    """Ask from many threads."""
    with ThreadPoolExecutor(12) as pool:
        return list(pool.map(lambda _: client.generate("tiny:m", "Hi").text, range(count)))


async def crowd_async(client: AsyncClient, count: int) -> list[str]:
    """Ask from many tasks."""
    texts: list[str] = []

    async def one() -> None:
        texts.append((await client.generate("tiny:m", "Hi")).text)

    async with anyio.create_task_group() as group:
        for _ in range(count):
            group.start_soon(one)
    return texts


def test_no_more_calls_run_than_may(caller: Caller) -> None:
    """From however many threads or tasks they are made."""
    crowd = Crowd()
    if caller.mode == "sync":
        client: Client | AsyncClient = (clients := Client(config=config(), providers=[crowd], max_concurrency=2))
        texts = crowd_sync(clients, 100)
    else:
        client = asynchronous = AsyncClient(config=config(), providers=[crowd], max_concurrency=2)
        texts = caller.run(lambda: crowd_async(asynchronous, 100))
    assert texts == ["Hello"] * 100
    assert 1 <= crowd.most <= 2
    assert (slots(client).free, slots(client).waiting) == (2, 0)


def test_one_client_bounds_the_calls_of_all_its_event_loops() -> None:
    """Each in a thread of its own, on asyncio and trio."""
    crowd = Crowd()
    client = AsyncClient(config=config(), providers=[crowd], max_concurrency=3)
    with ThreadPoolExecutor(4) as pool:
        backends = ["asyncio", "trio", "asyncio", "trio"]
        found = list(pool.map(lambda backend: anyio.run(crowd_async, client, 50, backend=backend), backends))
    assert found == [["Hello"] * 50] * 4
    assert 1 <= crowd.most <= 3
    assert (slots(client).free, slots(client).waiting) == (3, 0)


def test_a_call_is_sent_when_the_one_before_is_over() -> None:
    """And not before: the server has seen one request while the second waits."""
    with FaultServer(FIRST, hello()) as server, limited(server.url) as client, ThreadPoolExecutor(1) as pool:
        with client.stream("tiny:m", "Hi") as first:
            next(iter(first))
            second = pool.submit(lambda: client.generate("tiny:m", "Hi", via_stream=True).text)
            until(lambda: slots(client).waiting == 1)
            assert len(server.requests) == 1
        assert second.result(GUARD) == "Hello"
        assert slots(client).free == 1


def test_a_call_is_over_with_its_finish() -> None:
    """Whatever the consumer does then, in the midst of the stream, it can call again."""
    with FaultServer(hello(), hello()) as server, limited(server.url, on_busy="raise") as client:
        with client.stream("tiny:m", "Hi") as stream:
            texts = [client.generate("tiny:m", "Hi", via_stream=True).text for e in stream if isinstance(e, Finish)]
        assert texts == ["Hello"]


def test_other_kinds_of_calls_wait_too(caller: Caller) -> None:
    """A listing of models has the provider's slots, and gives them back."""
    counted = json_answer({"models": ["a"]})
    with FaultServer(counted) as server:
        found = caller.models(at(server.url), client={"max_concurrency": 1, "on_busy": "raise"})
    assert [model.id for model in found] == ["a"]


def test_a_failed_attempt_gives_its_slot_back_before_the_next(caller: Caller) -> None:
    """Else a retry would wait for itself, and a fall back for its own provider."""
    with FaultServer(BUSY, BUSY, hello()) as server:
        outcome = caller.stream(
            at(server.url), client={"max_concurrency": 1}, on_busy="raise", max_retries=1, fallback=["tiny:other"]
        )
    assert (outcome.error, outcome.response.text) == (None, "Hello")


# ---- however it ends


@dataclass
class Turnstile(Admission):
    """An admission that says what it is told to, and notes what it is told."""

    answers: list[object] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    may_block: bool = False
    blocked: threading.Event = field(default_factory=threading.Event)
    wake: Callable[[], None] | None = None

    def ask(self) -> float | None:
        """Give the next answer; None when there are no more."""
        self.told.append("ask")
        answer = self.answers.pop(0) if self.answers else None
        if answer == "block":
            self.blocked.wait(GUARD)
            return None
        if isinstance(answer, Exception):
            raise answer
        return answer  # type: ignore[return-value]  # a wrong one is part of the tests

    def wake_with(self, wake: Callable[[], None]) -> None:
        """Keep it."""
        self.wake = wake

    def answered(self, status: int, headers: Mapping[str, str]) -> None:
        """Note the status and a header."""
        self.told.append(f"answered {status} {headers.get('content-type', '').partition(';')[0]}")

    def release(self, usage: Usage | None) -> None:
        """Note what was used."""
        self.told.append(f"release {None if usage is None else usage.output_tokens}")


class Limiting:
    """A plugin that admits every attempt by one turnstile."""

    def __init__(self, turnstile: object) -> None:
        self.turnstile = turnstile
        self.asked: list[tuple[str, str, str]] = []

    @hookimpl
    def core_llm_admit_call(self, provider: str, model: str, request: Request) -> object:
        self.asked.append((provider, model, request.messages[0].text if request.messages else ""))
        return self.turnstile


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


def test_what_a_plugin_returns_must_be_an_admission(caller: Caller) -> None:
    """Else it is told so, by name."""
    with FaultServer() as server:
        outcome = caller.stream(at(server.url), client={"plugins": [Limiting("me")]})
    assert isinstance(outcome.error, PluginError)
    assert outcome.error.message.endswith("core_llm_admit_call returns a str, not an Admission")


def left(client: Client) -> tuple[int, int]:
    """Return how many slots are free and how many wait, after one call that had the only slot."""
    return slots(client).free, slots(client).waiting


def test_a_stream_that_is_left_gives_its_slot_back() -> None:
    """With its block."""
    with FaultServer(FIRST) as server, limited(server.url) as client:
        with client.stream("tiny:m", "Hi") as stream:
            next(iter(stream))
            assert left(client) == (0, 0)
        assert left(client) == (1, 0)


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_stream_that_is_dropped_gives_its_slot_back() -> None:
    """Once it is collected; nobody has closed it."""
    with FaultServer(FIRST) as server, limited(server.url) as client:
        stream = client.stream("tiny:m", "Hi")
        next(iter(stream.__enter__()))
        assert left(client) == (0, 0)
        del stream
        gc.collect()
        assert left(client) == (1, 0)


def test_a_stream_that_breaks_gives_its_slot_back(caller: Caller) -> None:
    """The next call does not wait."""
    with FaultServer(sse_answer(HELLO[0]), hello()) as server:
        client = {"max_concurrency": 1, "on_busy": "raise"}
        broken, whole = caller.streams(at(server.url), [{}, {}], client=client)  # type: ignore[arg-type]
    assert isinstance(broken.error, CoreLLMError)
    assert whole.response.text == "Hello"


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("is_waiting", [True, False])
def test_a_cancelled_task_gives_back_what_it_holds(backend: str, is_waiting: bool) -> None:  # noqa: FBT001
    """Its slot, or its place in the queue; also where it never came into its block."""

    async def main(url: str) -> tuple[int, int]:
        options = {"config": config(), "providers": [at(url)], "max_concurrency": 1}
        async with AsyncClient(**options) as client:  # type: ignore[arg-type]
            holder = client.stream("tiny:m", "Hi")
            if is_waiting:
                await holder.__aenter__()
            with anyio.move_on_after(0.1):
                await client.generate("tiny:m", "Hi", via_stream=True)
            found = slots(client).free, slots(client).waiting
            await holder.aclose()
            return found

    with FaultServer(FIRST) as server:
        assert anyio.run(main, server.url, backend=backend) == ((0, 0) if is_waiting else (1, 0))


# ---- limits and aborts


def test_waiting_has_a_limit_of_its_own_that_is_named(caller: Caller) -> None:
    """It is not retried, and the error says which limit it was."""
    turnstile = Turnstile([math.inf])
    with FaultServer() as server:
        outcome = caller.stream(
            at(server.url), client={"plugins": [Limiting(turnstile)]}, limits=Limits(admission=0.05)
        )
        assert server.requests == []
    assert isinstance(outcome.error, TimeoutExceededError)
    assert (outcome.error.limit, outcome.error.seconds) == ("admission", 0.05)
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


def test_another_model_takes_over_from_one_that_is_busy() -> None:
    """As from one that failed."""
    with FaultServer(FIRST, hello()) as server:
        client = limited(server.url, max_concurrency={"tiny:m": 1}, on_busy="raise")
        with client, client.stream("tiny:m", "Hi") as stream:
            next(iter(stream))
            response = client.generate("tiny:m", "Hi", via_stream=True, fallback=["tiny:other"])
    assert (response.text, response.model) == ("Hello", "other")
    assert [record.error for record in response.attempts] == ["BusyError", None]


# ---- what is configured


def sizes(options: Mapping[str, object], model: str = "m") -> list[int]:
    """Return the sizes of what a call of a model waits for."""
    client = Client(providers=[Tiny], **options)  # type: ignore[arg-type]
    gate = client._calls.plan(f"tiny:{model}", "Hi", {}, is_stream=True).gate
    if gate is None:
        return []
    return [each._slots.size for each in gate(Request(model=model, messages=())) if not isinstance(each, Turnstile)]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("layer", "given", "expected"),
    [
        ({}, None, []),
        ({"max_concurrency": 9}, None, [9]),
        ({"max_concurrency": 9, "providers": {"tiny": {"max_concurrency": 5}}}, None, [5]),
        ({"providers": {"tiny": {"max_concurrency": 5, "model_concurrency": {"m": 2, "n": 1}}}}, None, [2, 5]),
        ({"max_concurrency": 9, "providers": {"tiny": {"max_concurrency": 5}}}, 3, [3]),
        ({"providers": {"tiny": {"max_concurrency": 5}}}, {"tiny": 4}, [4]),
        ({"providers": {"tiny": {"max_concurrency": 5, "model_concurrency": {"m": 2}}}}, {"tiny:m": 1}, [1, 5]),
        ({}, {"other": 4}, []),
    ],
)
def test_the_nearest_figure_holds(layer: dict[str, object], given: object, expected: list[int]) -> None:
    """Of the client, the provider's section, the whole configuration; a model's slots come before its provider's."""
    loaded = Config.load(environ={"HOME": "/nonexistent"}, arguments=layer)
    options = {"config": loaded} if given is None else {"config": loaded, "max_concurrency": given}
    assert sizes(options) == expected


@pytest.mark.parametrize("given", [0, -1, True, 1.5, "3", {"tiny": 0}, {"tiny": None}])
def test_what_is_no_number_of_calls_is_refused_where_it_is_given(given: object) -> None:
    """With the name that it was given for."""
    with pytest.raises(InvalidSettingError, match="max_concurrency must be a whole number of 1 or more"):
        Client(config=config(), max_concurrency=given)  # type: ignore[arg-type]


@pytest.mark.parametrize("layer", [{"max_concurrency": 0}, {"providers": {"tiny": {"model_concurrency": {"m": 0}}}}])
def test_so_it_is_in_the_configuration(layer: dict[str, object]) -> None:
    """By the setting's name."""
    with pytest.raises(InvalidSettingError, match="concurrency"):
        Config.load(environ={"HOME": "/nonexistent"}, arguments=layer)


@pytest.mark.parametrize("given", ["soon", True, 0])
def test_what_says_nothing_about_being_busy_is_refused(given: object) -> None:
    """By the call and by a StreamConfig."""
    with pytest.raises(InvalidSettingError, match="on_busy must be wait or raise"):
        StreamConfig(on_busy=given)  # type: ignore[arg-type]
    with pytest.raises(InvalidSettingError, match="on_busy must be wait or raise"):
        Client(config=config(), providers=[Tiny]).generate("tiny:m", "Hi", on_busy=given)  # type: ignore[arg-type]


def test_a_call_that_nothing_limits_has_no_gate() -> None:
    """It pays nothing."""
    assert Client(config=config(), providers=[Tiny]).stream("tiny:m", "Hi")._plan.gate is None
