"""Several streams as one: in order or interleaved, with one off switch, sync and async."""

from __future__ import annotations

import gc
import threading
from collections.abc import Hashable, Mapping, Sequence

import anyio
import pytest

from core_llm import (
    AbortedError,
    AsyncClient,
    AsyncStreamQueue,
    Client,
    InvalidRequestError,
    InvalidSettingError,
    QueuedEvent,
    QueueOptions,
    Response,
    ServerError,
    StreamError,
    TextDelta,
    tool,
)
from core_llm._queue.entries import Order
from core_llm.testing import Answer, Delay, FakeProvider

FAILING = ServerError("the model broke", status_code=500, headers={}, body="")
GUARD = 20.0


def texts(events: Sequence[QueuedEvent]) -> list[tuple[object, str]]:
    """Return tag and text of each delta."""
    return [(queued.tag, queued.event.text) for queued in events if isinstance(queued.event, TextDelta)]


def read(mode: str, answers: dict[str, Answer], **options: object) -> list[QueuedEvent]:
    """Return the events of a queue with a stream for each answer, read in one of three ways."""
    given: QueueOptions = {**options}  # type: ignore[typeddict-item]
    providers = [FakeProvider(answer, name=tag) for tag, answer in answers.items()]
    if mode == "sync":
        with Client(providers=providers, max_retries=0) as client, client.queue(**given) as queue:
            for tag in answers:
                queue.add(client.stream(f"{tag}:m", "Hi."), tag=tag)
            return list(queue)

    async def go() -> list[QueuedEvent]:
        async with AsyncClient(providers=providers, max_retries=0) as client, client.queue(**given) as queue:
            for tag in answers:
                queue.add(client.stream(f"{tag}:m", "Hi."), tag=tag)
            with anyio.fail_after(GUARD):
                return [queued async for queued in queue]

    return anyio.run(go, backend=mode)


modes = pytest.mark.parametrize("mode", ["sync", "asyncio", "trio"])


@modes
def test_streams_come_in_their_order(mode: str) -> None:
    """A sequential queue begins a stream when the one before has ended."""
    events = read(mode, {"a": "One two", "b": "three"})

    assert texts(events) == [("a", "One"), ("a", " two"), ("b", "three")]
    assert [queued.event.type for queued in events].count("finish") == 2


@modes
def test_interleaved_streams_do_not_wait_for_each_other(mode: str) -> None:
    """The event of a quick stream comes while a slow one pauses; each stream's own order is kept."""
    events = read(mode, {"slow": ["A", Delay(0.3), " b"], "quick": "C d"}, order="interleaved")

    assert texts(events)[-1] == ("slow", " b")
    assert [text for tag, text in texts(events) if tag == "quick"] == ["C", " d"]


@modes
@pytest.mark.parametrize("order", ["sequential", "interleaved"])
def test_a_stream_that_fails_is_an_event(mode: str, order: Order) -> None:
    """The others go on; the failing one ends with a StreamError under its tag."""
    events = read(mode, {"bad": FAILING, "good": "fine"}, order=order)

    [failed] = [queued for queued in events if isinstance(queued.event, StreamError)]
    assert failed.tag == "bad"
    assert texts(events) == [("good", "fine")]


@modes
@pytest.mark.parametrize("order", ["sequential", "interleaved"])
def test_a_stream_that_fails_may_end_the_queue(mode: str, order: Order) -> None:
    """With on_error='raise' its error is raised, and nothing is left running."""
    with pytest.raises(ServerError, match="the model broke"):
        read(mode, {"good": ["A", Delay(0.05), "b"], "bad": FAILING}, order=order, on_error="raise")


def test_follow_ups_are_added_while_it_runs() -> None:
    """A stream, or a whole run, may be added in answer to what was read; its answer is kept under its tag."""

    @tool
    def now() -> str:
        return "noon"

    provider = FakeProvider("First.", "Second.", "Third.")
    with Client(providers=[provider]) as client, client.queue() as queue:
        assert queue.add(client.stream("fake:m", "1")) == 0
        for queued in queue:
            if queued.event.type == "finish" and queued.tag == 0:
                queue.add(client.run("fake:m", "2", tools=[now]), tag="run")
                queue.add(client.stream("fake:m", "3"))

    answers = {tag: response.text for tag, response in queue.responses.items() if response is not None}
    assert answers == {0: "First.", "run": "Second.", 1: "Third."}


def test_a_queue_may_wait_for_more() -> None:
    """One that stays open waits, without polling, for what other threads add, until it is finished."""
    with Client(providers=[FakeProvider("One.", "Two.")]) as client, client.queue(stays_open=True) as queue:

        def feed() -> None:
            queue.add(client.stream("fake:m", "1"))
            queue.add(client.stream("fake:m", "2"))
            queue.finish()

        feeder = threading.Timer(0.05, feed)
        feeder.start()
        assert [text for _, text in texts(list(queue))] == ["One.", "Two."]

    with pytest.raises(InvalidRequestError, match="takes no more streams"):
        queue.add(client.stream("fake:m", "3"))


@modes
@pytest.mark.parametrize("order", ["sequential", "interleaved"])
def test_one_abort_stops_all(mode: str, order: Order) -> None:
    """An abort from another thread stops every stream, and the reader gets the reason."""
    slow: Answer = ["A", Delay(GUARD), "b"]

    def stop(queue: object) -> None:
        queue.abort("enough")  # type: ignore[attr-defined]

    if mode == "sync":
        with (
            Client(providers=[FakeProvider(slow)]) as client,
            client.queue(order=order) as queue,
            pytest.raises(AbortedError, match="enough"),
        ):
            queue.add(client.stream("fake:m", "1"))
            queue.add(client.stream("fake:m", "2"))
            for queued in queue:
                if isinstance(queued.event, TextDelta):
                    threading.Thread(target=stop, args=[queue]).start()
        return

    async def go() -> None:
        async with AsyncClient(providers=[FakeProvider(slow)]) as client, client.queue(order=order) as queue:
            queue.add(client.stream("fake:m", "1"))
            with pytest.raises(AbortedError, match="enough"), anyio.fail_after(GUARD):
                await _read_until(queue, stop)

    anyio.run(go, backend=mode)


@pytest.mark.parametrize("order", ["sequential", "interleaved"])
def test_closing_wakes_who_waits_for_more(order: Order) -> None:
    """A reader in another thread gets an error, and not the end."""
    with Client(providers=[FakeProvider("One.")]) as client, client.queue(order=order, stays_open=True) as queue:
        queue.add(client.stream("fake:m", "1"))
        closer = threading.Timer(0.05, queue.close)
        closer.start()
        with pytest.raises(AbortedError, match="the queue was closed"):
            list(queue)


@modes
@pytest.mark.parametrize("order", ["sequential", "interleaved"])
def test_what_is_no_failure_of_a_model_ends_the_queue(mode: str, order: Order) -> None:
    """A fault of the program's is raised to whoever reads; no stream is called whole that it broke."""
    with pytest.raises(AttributeError, match="entered before it was made"):
        _read_broken(mode, order)


def _read_broken(mode: str, order: Order) -> None:
    class Broken:
        response = None

        def abort(self, reason: str | None = None) -> None: ...

        def __enter__(self) -> None:
            raise AttributeError("entered before it was made")

        async def __aenter__(self) -> None:
            self.__enter__()

        def __exit__(self, *_: object) -> None: ...

        async def __aexit__(self, *_: object) -> None: ...

    if mode == "sync":
        with Client(providers=[FakeProvider()]) as client, client.queue(order=order) as queue:
            queue.add(Broken())  # type: ignore[arg-type]  # it is broken
            list(queue)
        return

    async def go() -> None:
        async with AsyncClient(providers=[FakeProvider()]) as client, client.queue(order=order) as queue:
            queue.add(Broken())  # type: ignore[arg-type]  # the same
            with anyio.fail_after(GUARD):
                _ = [queued async for queued in queue]

    anyio.run(go, backend=mode)


async def _read_until(queue: AsyncStreamQueue, stop: object) -> None:
    async for queued in queue:
        if isinstance(queued.event, TextDelta):
            threading.Thread(target=stop, args=[queue]).start()  # type: ignore[arg-type]


@modes
def test_a_slow_reader_slows_all_streams(mode: str) -> None:
    """Nothing is read ahead: when the reader leaves after one event, no stream has come further than its next batch."""
    many: list[Answer] = [["x"] * 1000, ["y"] * 1000]
    providers = [FakeProvider(answer, name=name) for answer, name in zip(many, "ab", strict=True)]
    if mode == "sync":
        with Client(providers=providers) as client, client.queue(order="interleaved") as queue:
            for name in "ab":
                queue.add(client.stream(f"{name}:m", "Hi."), tag=name)
            next(iter(queue))
        responses = queue.responses
    else:

        async def go() -> Mapping[Hashable, Response | None]:
            async with AsyncClient(providers=providers) as client, client.queue(order="interleaved") as queue:
                for name in "ab":
                    queue.add(client.stream(f"{name}:m", "Hi."), tag=name)
                await queue.__anext__()
            return queue.responses

        responses = anyio.run(go, backend=mode)
    assert all(response is None or len(response.text) < 1000 for response in responses.values())


@pytest.mark.parametrize("options", [{"order": "random"}, {"on_error": "ignore"}, {"max_active": 0}])
def test_absurd_options_are_refused(options: dict[str, object]) -> None:
    """A queue that cannot work is refused where it is made."""
    with Client(providers=[FakeProvider("x")]) as client, pytest.raises(InvalidSettingError):
        client.queue(**options)  # type: ignore[arg-type]


def test_a_tag_stands_for_one_stream() -> None:
    """A second stream under a tag is refused."""
    with Client(providers=[FakeProvider("x")]) as client, client.queue() as queue:
        queue.add(client.stream("fake:m", "1"), tag="a")
        with pytest.raises(InvalidRequestError, match="the tag 'a' already"):
            queue.add(client.stream("fake:m", "2"), tag="a")


def test_adding_costs_the_same_however_many_there_are() -> None:
    """Each tag is looked at when its stream is added, and not again for those that follow."""
    looks: list[int] = []

    class Tag:
        def __hash__(self) -> int:
            looks.append(1)
            return id(self)

    with Client(providers=[FakeProvider("x")]) as client:
        queue = client.queue()
        for _ in range(100):
            queue.add(client.stream("fake:m", "1"), tag=Tag())

    assert len(looks) <= 300


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_an_async_queue_may_be_made_before_its_loop(backend: str) -> None:
    """So may the streams and runs in it: where they are entered is where they belong."""
    client = AsyncClient(providers=[FakeProvider("One.")])
    queue = client.queue()
    queue.add(client.run("fake:m", "1"))

    async def go() -> list[QueuedEvent]:
        async with client, queue:
            return [queued async for queued in queue]

    assert texts(anyio.run(go, backend=backend)) == [(0, "One.")]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.filterwarnings("error")
def test_a_queue_whose_task_is_cancelled_leaves_nothing_open(backend: str) -> None:
    """Python warns of what is left open, here as an error."""

    async def go() -> None:
        slow: Answer = ["A", Delay(GUARD), "b"]
        async with AsyncClient(providers=[FakeProvider(slow)]) as client:
            with anyio.move_on_after(0.05):
                async with client.queue() as queue:
                    queue.add(client.stream("fake:m", "1"))
                    _ = [queued async for queued in queue]
        del queue
        gc.collect()

    anyio.run(go, backend=backend)
