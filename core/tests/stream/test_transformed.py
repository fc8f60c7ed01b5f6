"""Transforms of real streams, sync, asyncio and trio: what is read, when, and that closing closes."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import replace

import anyio
import pytest

from core_llm import (
    AbortedError,
    AsyncClient,
    Client,
    Finish,
    StreamEvent,
    StreamInterruptedError,
    TextDelta,
    check_events,
    transforms,
)
from core_llm_conformance.script import Gate, Pause, Stall, sse_answer
from core_llm_conformance.server import FaultServer

from .calls import Caller, config
from .tiny import DONE, HELLO, at, event, hello

SENTENCES = (event(text="One. Tw"), event(text="o. Thr"), event(text="ee"), event(finish="stop"), DONE)
Transform = transforms.Transform[StreamEvent]


def loud(event: StreamEvent) -> StreamEvent:
    """Put text into capitals."""
    return replace(event, text=event.text.upper()) if isinstance(event, TextDelta) else event


def read(caller: Caller, url: str, transform: Transform) -> list[StreamEvent]:
    """Return what a transform makes of one answer, to its end."""
    if caller.mode == "sync":
        with Client(config=config(), providers=[at(url)]) as client, client.stream("tiny:m", "Hi") as stream:
            return list(stream | transform)

    async def main() -> list[StreamEvent]:
        async with AsyncClient(config=config(), providers=[at(url)]) as client, client.stream("tiny:m", "Hi") as stream:
            return [event async for event in stream | transform]

    return caller.run(main)


def texts(events: Iterable[StreamEvent]) -> list[str]:
    """Return the texts of the deltas."""
    return [event.text for event in events if isinstance(event, TextDelta)]


# ---- as iterators


def test_a_stream_is_read_through_transforms(caller: Caller) -> None:
    """Its events follow the grammar as before."""
    with FaultServer(sse_answer(*SENTENCES)) as server:
        events = read(caller, server.url, transforms.map(loud) | transforms.sentences())
    assert texts(check_events(events)) == ["ONE. ", "TWO. ", "THREE"]
    assert isinstance(events[-1], Finish)
    assert events[-1].response.text == "ONE. TWO. THREE"


def test_a_stream_that_breaks_gives_up_what_is_held_and_raises(caller: Caller) -> None:
    """In this order."""
    found: list[str] = []

    def note(event: StreamEvent) -> StreamEvent:
        found.append(event.text if isinstance(event, TextDelta) else event.type)
        return event

    with FaultServer(sse_answer(*SENTENCES[:2])) as server, pytest.raises(StreamInterruptedError):
        read(caller, server.url, transforms.sentences() | transforms.map(note))
    assert found == ["One. ", "Two. ", "Thr"]


def test_nothing_is_read_before_it_is_asked_for() -> None:
    """A transform reads no further than it must."""
    asked: list[int] = []

    def source() -> Iterator[StreamEvent]:
        for number in range(100):
            asked.append(number)
            yield TextDelta(0, "a. ")

    first = next(transforms.sentences()(source()))
    assert (first, asked) == (TextDelta(0, "a. "), [0, 1])


def test_closing_what_is_transformed_closes_the_stream() -> None:
    """Its connection is free, and it says why nothing more comes."""
    with (
        FaultServer(sse_answer(event(text="One. Tw"), Stall())) as server,
        Client(config=config(), providers=[at(server.url)]) as client,
        client.stream("tiny:m", "Hi") as stream,
    ):
        with stream | transforms.sentences() | transforms.text() as sentences:
            assert next(sentences) == "One. "
        server.connections[0].closed_by_client.wait()
        assert stream.response.text == "One. Tw"
        with pytest.raises(AbortedError, match="the transformed stream was closed before its end"):
            next(sentences)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_so_it_does_in_async(backend: str) -> None:
    """With the block of what is transformed, or `aclose`."""

    async def main(server: FaultServer) -> None:
        async with (
            AsyncClient(config=config(), providers=[at(server.url)]) as client,
            client.stream("tiny:m", "Hi") as stream,
        ):
            async with stream | transforms.sentences() | transforms.text() as sentences:
                assert await anext(sentences) == "One. "
            server.connections[0].closed_by_client.wait()
            with pytest.raises(AbortedError, match="the transformed stream was closed before its end"):
                await anext(sentences)

    with FaultServer(sse_answer(event(text="One. Tw"), Stall())) as server:
        anyio.run(main, server, backend=backend)


def test_who_breaks_off_a_loop_over_a_generator_closes_it() -> None:
    """Any iterator of events will do, and is closed if it can be."""
    closed: list[bool] = []

    def source() -> Iterator[StreamEvent]:
        try:
            yield TextDelta(0, "a")
        finally:
            closed.append(True)

    with transforms.map(loud)(source()) as events:
        next(events)
    assert closed == [True]


# ---- time


def debounced(caller: Caller, url: str, seconds: float, take: Callable[[str], object]) -> None:
    """Let the pieces of one answer be taken as they come, in a block that sees to their time."""
    transform = transforms.debounce(seconds) | transforms.text()

    def sync(client: Client) -> None:
        with client.stream("tiny:m", "Hi") as stream, stream | transform as pieces:
            for piece in pieces:
                take(piece)

    async def main() -> None:
        async with (
            AsyncClient(config=config(), providers=[at(url)]) as client,
            client.stream("tiny:m", "Hi") as stream,
            stream | transform as pieces,
        ):
            async for piece in pieces:
                take(piece)

    if caller.mode == "sync":
        with Client(config=config(), providers=[at(url)]) as client:
            sync(client)
    else:
        caller.run(main)


def test_what_is_held_is_handed_on_when_its_time_is_over(caller: Caller) -> None:
    """While nothing arrives: in a block, a thread or a task sees to it."""
    gate = Gate()
    found: list[str] = []

    def take(piece: str) -> None:
        found.append(piece)
        gate.open()

    with FaultServer(sse_answer(*HELLO[:1], Pause(gate), *HELLO[1:])) as server:
        debounced(caller, server.url, 0.01, take)
    assert found == ["Hel", "lo"]


def test_without_a_block_it_is_handed_on_with_the_next_event() -> None:
    """Or at the end, whichever comes first; nobody else looks at the clock."""
    with (
        FaultServer(hello()) as server,
        Client(config=config(), providers=[at(server.url)]) as client,
        client.stream("tiny:m", "Hi") as stream,
    ):
        assert texts(stream | transforms.debounce(60)) == ["Hello"]


def test_leaving_the_block_of_a_debounced_stream_that_stands_still_ends_its_thread() -> None:
    """At once, though it waits for the server."""
    before = threading.active_count()
    with (
        FaultServer(sse_answer(HELLO[0], Stall())) as server,
        Client(config=config(), providers=[at(server.url)]) as client,
        client.stream("tiny:m", "Hi") as stream,
    ):
        with stream | transforms.debounce(0.01) as events:
            assert texts([next(events), next(events), next(events)]) == ["Hel"]
        assert not [thread for thread in threading.enumerate() if thread.name == "core-llm-transform"]
    assert threading.active_count() <= before + 1  # the watchdog stays


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_debounced_stream_may_be_cancelled(backend: str) -> None:
    """Its task ends with the block, and the connection is closed."""

    async def main(server: FaultServer) -> bool:
        with anyio.move_on_after(0.2) as scope:
            async with (
                AsyncClient(config=config(), providers=[at(server.url)]) as client,
                client.stream("tiny:m", "Hi") as stream,
                stream | transforms.debounce(0.01) as events,
            ):
                async for _ in events:
                    pass
        return scope.cancelled_caught

    with FaultServer(sse_answer(HELLO[0], Stall())) as server:
        assert anyio.run(main, server, backend=backend)
        server.connections[0].closed_by_client.wait()


def test_an_error_comes_out_of_a_debounced_stream(caller: Caller) -> None:
    """After what came before it, through the thread or the task."""
    found: list[str] = []
    with FaultServer(sse_answer(HELLO[0])) as server, pytest.raises(StreamInterruptedError):
        debounced(caller, server.url, 5, found.append)
    assert found == ["Hel"]


def test_a_thread_reads_but_a_few_events_ahead() -> None:
    """So that a slow consumer still slows the stream."""
    asked: list[int] = []

    def source() -> Iterator[StreamEvent]:
        for number in range(1000):
            asked.append(number)
            yield TextDelta(number % 2, "a")

    with transforms.debounce(5, max_chars=1)(source()) as events:
        next(events)
        assert len(asked) <= 1 + 16 + 1 + 1
    assert len(asked) < 1000


@pytest.mark.anyio
async def test_a_task_reads_but_a_few_events_ahead_too() -> None:
    """So that a slow consumer still slows the stream."""
    asked: list[int] = []

    async def source() -> AsyncIterator[StreamEvent]:
        for number in range(1000):
            asked.append(number)
            yield TextDelta(number % 2, "a")

    async with transforms.debounce(5, max_chars=1)(source()) as events:
        await anext(events)
        await anyio.wait_all_tasks_blocked()
        assert 1 < len(asked) <= 1 + 16 + 1
        assert len([event async for event in events]) == 999


@pytest.mark.anyio
async def test_a_function_that_fails_closes_an_async_stream() -> None:
    """Its exception comes out as it is, and again."""
    closed: list[bool] = []

    async def source() -> AsyncIterator[StreamEvent]:
        try:
            yield TextDelta(0, "a")
        finally:
            closed.append(True)

    def fail(_: StreamEvent) -> StreamEvent:
        raise LookupError("no such word")

    events = transforms.map(fail)(source())
    for _ in range(2):
        with pytest.raises(LookupError, match="no such word"):
            await anext(events)
    assert closed == [True]
