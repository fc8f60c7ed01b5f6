"""AsyncTee: one async stream for several consumers, in tasks. A task of its own reads, so that none of them matters."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from functools import partial
from types import TracebackType
from typing import Self

import anyio
from anyio.abc import TaskGroup

from core_llm._errors import AbortedError
from core_llm._events import StreamEvent
from core_llm.transforms._pump import AHEAD
from core_llm.transforms._reading import aclose
from core_llm.transforms._sharing import Sharing
from core_llm.transforms._tee import CLOSED


class AsyncTee:
    """The consumers of one async stream: ``async with tee(stream, 2) as (left, right):``.

    A consumer whose task is cancelled takes nothing from the others: the stream is read by a task of the block, a few
    events ahead of the quickest.
    """

    def __init__(self, source: AsyncIterable[StreamEvent], count: int, sharing: Sharing) -> None:
        self._source = source
        self._sharing = sharing
        self._group: TaskGroup | None = None
        self._scope: anyio.CancelScope | None = None
        """Of the reading task alone: that of the group has the consumers' block in it."""
        self._changed: anyio.Event | None = None
        self._branches = tuple(
            AsyncBranch(partial(self._next, number), partial(self._leave, number)) for number in range(count)
        )

    async def __aenter__(self) -> tuple[AsyncBranch, ...]:
        """Begin to read, and return the consumers."""
        self._changed = anyio.Event()
        self._scope = anyio.CancelScope()
        self._group = anyio.create_task_group()
        await self._group.__aenter__()
        self._group.start_soon(self._read, self._scope)
        return self._branches

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close all consumers, and with them the stream."""
        group, self._group = self._group, None
        for number in range(len(self._branches)):
            self._leave(number)
        try:
            if group is not None:  # with the last consumer its task was told to end
                await group.__aexit__(None, None, None)
        finally:
            await aclose(self._source)

    def _leave(self, number: int) -> None:
        """Let a consumer go; after the last one nothing more is read."""
        self._sharing.leave(number)
        if self._sharing.is_left and self._scope is not None:
            self._scope.cancel()
        self._notify()

    async def _next(self, number: int) -> StreamEvent:
        """Return a consumer's next event.

        Raises:
            StopAsyncIteration: The stream has ended.
            CoreLLMError: It failed, or this consumer fell behind or was closed.
        """
        sharing = self._sharing
        while not sharing.has(number):
            if self._changed is None or not sharing.has_part(number):
                raise AbortedError(CLOSED)
            if sharing.end is not None:
                raise sharing.end
            await self._changed.wait()
        event = sharing.take(number)
        self._notify()
        return event

    async def _read(self, scope: anyio.CancelScope) -> None:
        """Read for all, as far as may be."""
        sharing = self._sharing
        end: BaseException = StopAsyncIteration()
        with scope:
            try:
                async for event in self._source:
                    sharing.add(event)
                    self._notify()
                    while not sharing.may_grow() or sharing.ahead >= AHEAD:
                        assert self._changed is not None  # noqa: S101  # this runs within the block
                        await self._changed.wait()
            except Exception as error:  # noqa: BLE001  # everybody is told
                end = error
        sharing.end = end
        self._notify()

    def _notify(self) -> None:
        """Wake whoever waits for anything to change."""
        changed, self._changed = self._changed, anyio.Event()
        if changed is not None:
            changed.set()


class AsyncBranch:
    """One consumer of a shared async stream: an iterator for one task at a time."""

    def __init__(self, take: Callable[[], Awaitable[StreamEvent]], leave: Callable[[], None]) -> None:
        self._take = take
        self._leave = leave

    def __aiter__(self) -> AsyncIterator[StreamEvent]:
        """Iterate over the events that are left."""
        return self

    async def __anext__(self) -> StreamEvent:
        """Return the next event.

        Raises:
            CoreLLMError: The stream failed, or this consumer fell too far behind.
        """
        return await self._take()

    async def aclose(self) -> None:
        """Have no part in the stream any more; nobody waits for this consumer from here on."""
        self._leave()

    async def __aenter__(self) -> Self:
        """Return the consumer; leaving the block closes it."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close it."""
        await self.aclose()
