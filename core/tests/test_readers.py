"""One consumer reads a generator, anybody closes it: the end, a failure and a close stay apart, sync and async."""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, Generator

import anyio
import pytest

from core_llm import AbortedError, ServerError
from core_llm._readers import AsyncReader, Reader

FAILING = ServerError("it broke", status_code=500, headers={}, body="")
CLOSED = "the run was closed before its end; .messages has what had come"
GUARD = 20.0


def numbers(error: BaseException | None = None) -> Generator[int]:
    """Yield 1, and end or fail."""
    yield 1
    if error is not None:
        raise error


async def async_numbers(error: BaseException | None = None) -> AsyncGenerator[int]:
    """Do the same, async."""
    for number in numbers(error):
        yield number


def test_the_end_stays_the_end() -> None:
    """Who has read everything is told so again, also after closing."""
    reader = Reader(numbers(), "run", ".messages")
    assert reader.next() == 1
    for close in (reader.close, list):
        with pytest.raises(StopIteration):
            reader.next()
        close()


def test_a_failure_is_raised_again() -> None:
    """A generator that failed has come to no end."""
    reader = Reader(numbers(FAILING), "run", ".messages")
    reader.next()
    for _ in range(2):
        with pytest.raises(ServerError, match="it broke"):
            reader.next()


def test_what_is_not_ours_is_raised_once() -> None:
    """After an interrupt, what was read is known to be no whole."""
    reader = Reader(numbers(KeyboardInterrupt()), "run", ".messages")
    reader.next()
    with pytest.raises(KeyboardInterrupt):
        reader.next()
    with pytest.raises(AbortedError, match=CLOSED):
        reader.next()


def test_what_was_closed_has_not_ended() -> None:
    """Whoever reads on after a close gets an error, and not the end."""
    reader = Reader(numbers(), "run", ".messages")
    reader.next()
    reader.close()
    with pytest.raises(AbortedError, match=CLOSED):
        reader.next()


def test_closing_while_another_thread_reads() -> None:
    """It does not wait, and does not break what the other is in."""
    reads, goes_on = threading.Event(), threading.Event()

    def slow() -> Generator[int]:
        reads.set()
        goes_on.wait(GUARD)
        yield 1

    reader = Reader(slow(), "run", ".messages")
    got: list[int] = []
    other = threading.Thread(target=lambda: got.append(reader.next()))
    other.start()
    assert reads.wait(GUARD)
    reader.close()
    goes_on.set()
    other.join(GUARD)

    assert got == [1]
    with pytest.raises(AbortedError, match=CLOSED):
        reader.next()


def test_two_threads_cannot_share_a_reader() -> None:
    """The second one is told, and the first one goes on."""

    def twice() -> Generator[int]:
        with pytest.raises(AbortedError, match="two threads read from one run"):
            reader.next()
        yield 1

    reader = Reader(twice(), "run", ".messages")
    assert reader.next() == 1


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_async_readers_do_the_same(backend: str) -> None:
    """The end, a failure and a close stay apart; a second task is told that it is one."""

    async def go() -> None:
        ended = AsyncReader(async_numbers(), "run", ".messages")
        assert await ended.next() == 1
        for _ in range(2):
            with pytest.raises(StopAsyncIteration):
                await ended.next()
            await ended.close()

        failed = AsyncReader(async_numbers(FAILING), "run", ".messages")
        await failed.next()
        for _ in range(2):
            with pytest.raises(ServerError, match="it broke"):
                await failed.next()

        closed = AsyncReader(async_numbers(), "run", ".messages")
        await closed.next()
        await closed.close()
        with pytest.raises(AbortedError, match=CLOSED):
            await closed.next()

    anyio.run(go, backend=backend)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_tasks_that_meet_in_a_reader(backend: str) -> None:
    """One that is cancelled has come to no end; another that reads or closes meanwhile breaks nothing."""

    async def slow() -> AsyncGenerator[int]:
        await anyio.sleep_forever()
        yield 1

    async def go() -> None:
        reader = AsyncReader(slow(), "run", ".messages")
        async with anyio.create_task_group() as group:
            group.start_soon(reader.next)
            await anyio.wait_all_tasks_blocked()
            with pytest.raises(AbortedError, match="two tasks read from one run"):
                await reader.next()
            await reader.close()
            group.cancel_scope.cancel()
        with pytest.raises(AbortedError, match=CLOSED):
            await reader.next()

    anyio.run(go, backend=backend)
