"""AsyncStreamQueue: several streams as one, for async code."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Hashable, Mapping
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

import anyio

from core_llm._errors import CoreLLMError, InvalidRequestError
from core_llm._events import StreamEvent
from core_llm._loops import run_soon
from core_llm._queue.entries import (
    CLOSED,
    DEFAULT_MAX_ACTIVE,
    Entries,
    OnStreamError,
    Order,
    QueuedEvent,
    Source,
)
from core_llm._readers import AsyncReader
from core_llm._response import Response

if TYPE_CHECKING:
    from anyio.abc import TaskGroup


class AsyncSource(Source, AbstractAsyncContextManager["AsyncSource"], Protocol):
    """An `AsyncStream` or an `AsyncRun`."""

    def __aiter__(self) -> AsyncIterator[StreamEvent]:
        """Iterate over its events."""
        ...


@dataclass(slots=True)
class _Came:
    """What a stream brought, and whether the reader has taken it."""

    what: QueuedEvent | Exception
    is_taken: anyio.Event = field(default_factory=anyio.Event)


class AsyncStreamQueue:
    """Several streams in one: one after the other, or interleaved as their events come.

    Streams may be added at any time, from any task or thread, also while it is read. Nothing is read from a stream
    before its last event was taken, so a slow consumer slows all of them; leaving the block, or `abort`, stops all.
    """

    def __init__(
        self,
        *,
        order: Order = "sequential",
        on_error: OnStreamError = "event",
        max_active: int = DEFAULT_MAX_ACTIVE,
        stays_open: bool = False,
    ) -> None:
        """Make an empty queue; the settings are those of `StreamQueue`.

        Raises:
            InvalidSettingError: A setting is none of these.
        """
        self._entries: Entries[AsyncSource] = Entries(
            order=order, on_error=on_error, max_active=max_active, stays_open=stays_open
        )
        self._wake: Callable[[], None] = _nothing
        self._reader: AsyncReader[QueuedEvent] | None = None
        self._group: TaskGroup
        self._send, self._coming = anyio.create_memory_object_stream[_Came | None](math.inf)

    def add(self, source: AsyncSource, *, tag: Hashable | None = None) -> Hashable:
        """Put a stream or a run at the end; it must not be entered. Returns its tag, a running number by default.

        Raises:
            InvalidRequestError: The queue is over, or the tag is taken.
        """
        tag = self._entries.add(source, tag)
        self._wake()
        return tag

    def finish(self) -> None:
        """Say that no more streams will be added."""
        self._entries.finish()
        self._wake()

    def abort(self, reason: str | None = None) -> None:
        """Stop all streams, from any task or thread; whoever reads the queue gets an AbortedError."""
        self._entries.stop(reason)
        self._wake()

    @property
    def responses(self) -> Mapping[Hashable, Response | None]:
        """Tag → the answer of each stream that has begun, as far as it has come."""
        return self._entries.responses

    async def __aenter__(self) -> Self:
        """Begin."""
        self._group = anyio.create_task_group()  # not before: a queue may be made where no event loop runs yet
        await self._group.__aenter__()
        self._wake = run_soon(self._look)
        self._reader = AsyncReader(self._read(), "queue", ".responses")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop what still runs."""
        try:
            await self.aclose()
        finally:
            self._group.cancel_scope.cancel()
            try:
                await self._group.__aexit__(None, None, None)
            finally:  # it raises where the task is cancelled
                self._send.close()
                self._coming.close()

    async def aclose(self) -> None:
        """Stop what still runs, from any task, and free what it holds."""
        if not self._entries.is_dry:
            self.abort(CLOSED)
        if self._reader is not None:
            await self._reader.close()

    def __aiter__(self) -> AsyncIterator[QueuedEvent]:
        """Iterate over the events that are left."""
        return self

    async def __anext__(self) -> QueuedEvent:
        """Return the next event.

        Raises:
            AbortedError: The queue was stopped.
            CoreLLMError: A stream failed, and failures are raised.
        """
        if self._reader is None:
            msg = "the queue is not open; use it as `async with client.queue() as queue:`"
            raise InvalidRequestError(msg)
        return await self._reader.next()

    def _look(self) -> None:
        """Let the reader look what has changed."""
        with suppress(anyio.ClosedResourceError, anyio.BrokenResourceError):
            self._send.send_nowait(None)

    async def _read(self) -> AsyncGenerator[QueuedEvent]:
        """Yield what the tasks that read the streams hand over."""
        while True:
            while (taken := self._entries.take()) is not None:
                self._group.start_soon(self._pump, *taken)
            if self._entries.is_dry:
                break
            came = await self._coming.receive()
            if came is not None:
                came.is_taken.set()
                if isinstance(came.what, Exception):
                    raise came.what
                yield came.what
        if self._entries.is_stopped:
            raise self._entries.stopped_error()

    async def _hand_over(self, what: QueuedEvent | Exception) -> None:
        came = _Came(what)
        self._send.send_nowait(came)
        await came.is_taken.wait()

    async def _pump(self, tag: Hashable, source: AsyncSource) -> None:
        """Hand on a stream's events; each waits until it is taken."""
        try:
            async with source:
                async for event in source:
                    await self._hand_over(QueuedEvent(tag, event))
        except CoreLLMError as error:
            if not self._entries.is_stopped:
                await self._hand_over(self._entries.failed(tag, error) or error)
        except Exception as error:  # noqa: BLE001  # whoever reads the queue gets it
            await self._hand_over(error)
        finally:
            self._entries.ended(tag)
            self._look()


def _nothing() -> None:
    """Do nothing: the queue is not open yet."""
