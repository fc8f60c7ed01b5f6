"""Slots of concurrency: who gets one when, in threads and event loops, that they come back, and what is configured."""

from __future__ import annotations

import gc
import math
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import anyio
import pytest

from core_llm import (
    AsyncClient,
    Client,
    Config,
    CoreLLMError,
    Finish,
    InvalidSettingError,
    LocalChannel,
    Request,
    StreamConfig,
    UnknownProviderError,
)
from core_llm._admission import Slots
from core_llm.testing import FakeProvider
from core_llm_conformance.script import json_answer, sse_answer
from core_llm_conformance.server import FaultServer

from .calls import GUARD, Caller, config
from .tiny import HELLO, Tiny, at, hello
from .waiting import BUSY, FIRST, Turnstile, limited, slots, until


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
        control = stream._control
        del stream
        gc.collect()
        assert left(client) == (1, 0)
        control.finish()  # else the watchdog has it until the total limit, and other tests look there


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
        ({}, {"tiny:n": 4}, []),
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


@pytest.mark.parametrize("name", ["tinny", "tinny:m"])
def test_figures_are_for_providers_that_there_are(name: str) -> None:
    """A slip of the pen would leave the calls without a bound."""
    with pytest.raises(UnknownProviderError, match="did you mean 'tiny'"):
        Client(config=config(), providers=[Tiny], max_concurrency={name: 3})


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
        Client(config=config(), providers=[Tiny]).generate("tiny:m", "Hi", on_busy=given)  # type: ignore[call-overload]


def test_a_call_that_nothing_limits_has_no_gate() -> None:
    """It pays nothing."""
    assert Client(config=config(), providers=[Tiny]).stream("tiny:m", "Hi")._plan.gate is None
