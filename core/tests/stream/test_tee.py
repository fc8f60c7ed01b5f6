"""One stream for several consumers, in threads and tasks: each gets everything, and no more is kept than may."""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import anyio
import anyio.lowlevel
import pytest

from core_llm import (
    AbortedError,
    AsyncClient,
    Client,
    LaggedError,
    StreamEvent,
    StreamInterruptedError,
    TextDelta,
    check_events,
    transforms,
)
from core_llm_conformance.script import Gate, Pause, Stall, sse_answer
from core_llm_conformance.server import FaultServer

from .calls import GUARD, config
from .tiny import DONE, HELLO, at, event


def loud(event: StreamEvent) -> StreamEvent:
    """Put text into capitals."""
    return replace(event, text=event.text.upper()) if isinstance(event, TextDelta) else event


def texts(events: Iterable[StreamEvent]) -> list[str]:
    """Return the texts of the deltas."""
    return [event.text for event in events if isinstance(event, TextDelta)]


# ---- shared


def take_all(consumer: Iterable[StreamEvent]) -> str:
    """Return the text that a consumer got."""
    return "".join(texts(consumer))


def test_a_stream_is_shared_by_threads() -> None:
    """Each gets every event, and the grammar holds for each."""
    count = 5
    answer = sse_answer(*(event(text=f"{number} ") for number in range(300)), event(finish="stop"), DONE)
    with (
        FaultServer(answer) as server,
        Client(config=config(), providers=[at(server.url)]) as client,
        client.stream("tiny:m", "Hi") as stream,
        transforms.tee(stream, count, max_lag=8, on_lag="block") as consumers,
        ThreadPoolExecutor(count) as pool,
    ):
        found = list(pool.map(lambda consumer: take_all(check_events(consumer)), consumers, timeout=GUARD))
    assert found == ["".join(f"{number} " for number in range(300))] * count


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_stream_is_shared_by_tasks(backend: str) -> None:
    """The same, and each may be transformed in its own way."""
    answer = sse_answer(*(event(text=f"{number} ") for number in range(300)), event(finish="stop"), DONE)
    found: dict[int, list[StreamEvent]] = {}

    async def consume(number: int, consumer: AsyncIterator[StreamEvent]) -> None:
        found[number] = [event async for event in consumer]

    async def main(url: str) -> None:
        async with (
            AsyncClient(config=config(), providers=[at(url)]) as client,
            client.stream("tiny:m", "Hi") as stream,
            transforms.tee(stream, 3, max_lag=8, on_lag="block") as (first, second, third),
            anyio.create_task_group() as group,
        ):
            group.start_soon(consume, 0, first)
            group.start_soon(consume, 1, transforms.map(loud)(second))
            group.start_soon(consume, 2, transforms.sentences()(third))

    with FaultServer(answer) as server:
        anyio.run(main, server.url, backend=backend)
    for events in found.values():
        assert take_all(check_events(events)) == "".join(f"{number} " for number in range(300))


def numbers(count: int) -> Iterator[StreamEvent]:
    """Yield so many events."""
    for number in range(count):
        yield TextDelta(0, str(number))


def test_no_more_is_kept_than_may() -> None:
    """However far one runs ahead: who lags further behind has no part in it, is told so, and the others go on."""
    tee = transforms.tee(numbers(1000), 3, max_lag=10)
    quick, middle, slow = tee
    next(slow)
    for _ in range(9):
        next(middle)
    assert len(list(quick)) == 1000
    assert tee._sharing.kept == 0
    for late in (middle, slow):
        with pytest.raises(LaggedError, match="fell more than 10 events behind the quickest"):
            next(late)


def test_who_is_within_the_bound_gets_everything() -> None:
    """One after the other, in one thread."""
    quick, slow = transforms.tee(numbers(10), 2, max_lag=10)
    assert take_all(quick) == take_all(slow) == "0123456789"


def test_the_quick_wait_for_the_slow_where_that_is_wanted() -> None:
    """No more is read than may be kept."""
    asked: list[int] = []

    def source() -> Iterator[StreamEvent]:
        for number in range(50):
            asked.append(number)
            yield TextDelta(0, str(number))

    with transforms.tee(source(), 2, max_lag=4, on_lag="block") as (quick, slow), ThreadPoolExecutor(1) as pool:
        reading = pool.submit(take_all, quick)
        assert next(slow) == TextDelta(0, "0")
        assert len(asked) <= 6
        assert take_all(slow) == "".join(str(number) for number in range(1, 50))
        assert reading.result(GUARD) == "".join(map(str, range(50)))


def test_who_leaves_keeps_nobody_waiting() -> None:
    """A consumer that is closed has no part in it any more."""
    with transforms.tee(numbers(100), 2, max_lag=4, on_lag="block") as (quick, slow):
        slow.close()
        assert len(list(quick)) == 100
        with pytest.raises(AbortedError, match="this consumer of a shared stream was closed before its end"):
            next(slow)


def test_the_last_to_leave_closes_the_stream() -> None:
    """Not the first."""
    with (
        FaultServer(sse_answer(HELLO[0], Stall())) as server,
        Client(config=config(), providers=[at(server.url)]) as client,
        client.stream("tiny:m", "Hi") as stream,
    ):
        first, second = transforms.tee(stream)
        assert next(first).type == "stream_start"
        first.close()
        assert [next(second).type for _ in range(3)] == ["stream_start", "part_start", "text_delta"]
        second.close()
        server.connections[0].closed_by_client.wait()


def test_a_failure_is_everybodys() -> None:
    """After what came before it."""
    with (
        FaultServer(sse_answer(HELLO[0])) as server,
        Client(config=config(), providers=[at(server.url)]) as client,
        client.stream("tiny:m", "Hi") as stream,
    ):
        for consumer in transforms.tee(stream, 3):
            found: list[StreamEvent] = []
            with pytest.raises(StreamInterruptedError):
                found.extend(consumer)
            assert take_all(found) == "Hel"


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_consumer_that_is_cancelled_takes_nothing_from_the_others(backend: str) -> None:
    """Whoever would have been the one to read."""
    gate = Gate()
    found: list[str] = []

    async def consume(consumer: AsyncIterator[StreamEvent]) -> None:
        found.append("".join([event.text async for event in consumer if isinstance(event, TextDelta)]))

    async def leave(consumer: AsyncIterator[StreamEvent]) -> None:
        with anyio.move_on_after(0.05):
            async for _ in consumer:
                pass
        gate.open()

    async def main(url: str) -> None:
        async with (
            AsyncClient(config=config(), providers=[at(url)]) as client,
            client.stream("tiny:m", "Hi") as stream,
            transforms.tee(stream) as (first, second),
            anyio.create_task_group() as group,
        ):
            group.start_soon(leave, first)
            group.start_soon(consume, second)

    with FaultServer(sse_answer(HELLO[0], Pause(gate), *HELLO[1:])) as server:
        anyio.run(main, server.url, backend=backend)
    assert found == ["Hello"]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_leaving_the_block_closes_a_shared_stream(backend: str) -> None:
    """While its server stands still."""

    async def main(server: FaultServer) -> None:
        async with (
            AsyncClient(config=config(), providers=[at(server.url)]) as client,
            client.stream("tiny:m", "Hi") as stream,
        ):
            async with transforms.tee(stream) as (first, _):
                assert (await anext(first)).type == "stream_start"
            server.connections[0].closed_by_client.wait()
            with pytest.raises(AbortedError, match="this consumer of a shared stream was closed"):
                await anext(first)

    with FaultServer(sse_answer(HELLO[0], Stall())) as server:
        anyio.run(main, server, backend=backend)


async def numbers_async(count: int) -> AsyncIterator[StreamEvent]:
    """Yield so many events, and then break."""
    for number in range(count):
        yield TextDelta(0, str(number))
    raise StreamInterruptedError("it broke")


@pytest.mark.anyio
async def test_who_lags_behind_in_async_is_cut_off_and_the_others_get_the_end() -> None:
    """Each in its own way: by falling behind, by leaving, or by the error that the stream ends with."""
    async with transforms.tee(numbers_async(100), 3, max_lag=20) as (quick, slow, gone):
        found: list[StreamEvent] = [await anext(gone)]
        await gone.aclose()
        with pytest.raises(StreamInterruptedError):
            found = [event async for event in quick]
        with pytest.raises(LaggedError):
            await anext(slow)
        with pytest.raises(AbortedError):
            await anext(gone)
    assert len(found) == 1  # the list of an async comprehension that raises is not kept


@pytest.mark.anyio
async def test_after_the_last_consumer_nothing_is_read() -> None:
    """Within the block already."""
    asked: list[int] = []

    async def source() -> AsyncIterator[StreamEvent]:
        for number in range(1000):
            asked.append(number)
            yield TextDelta(0, str(number))

    async with transforms.tee(source(), 2) as (first, second):
        async with first:
            await anext(first)
        async with second:
            pass
        await anyio.lowlevel.checkpoint()
        assert len(asked) < 1000


def test_a_thousand_shared_and_dropped_streams_leave_nothing() -> None:
    """No thread, no event."""
    for _ in range(1000):
        first, second = transforms.tee(numbers(3))
        assert next(first) == next(second)
    del first, second
    gc.collect()
    assert not [each for each in gc.get_objects() if isinstance(each, transforms.Tee)]


def test_a_sync_program_imports_no_event_loop_for_it() -> None:
    """What is for async is imported when it is used, and there is nothing else."""
    code = (
        "import sys; from core_llm import transforms; transforms.tee([]); transforms.debounce(1)([]);"
        "assert not {'anyio', 'trio'} & set(sys.modules); assert transforms.AsyncTee.__name__ == 'AsyncTee';"
        "assert 'anyio' in sys.modules; assert not hasattr(transforms, 'nothing')"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=GUARD)
