"""AsyncPump: a task that reads an async stream, so that who waits for its next event can wait for something else."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterable

import anyio

from core_llm._events import StreamEvent
from core_llm.transforms._pump import AHEAD


class AsyncPump:
    """The task, and the few events that it has read ahead."""

    def __init__(self, source: AsyncIterable[StreamEvent]) -> None:
        self._source = source
        self._events: deque[StreamEvent] = deque()
        self._end: BaseException | None = None
        self._changed = anyio.Event()
        self._group = anyio.create_task_group()
        self._scope = anyio.CancelScope()
        """Of the reading task alone: that of the group has the consumer's block in it."""

    async def start(self) -> None:
        """Begin to read."""
        await self._group.__aenter__()
        self._group.start_soon(self._run)

    async def get(self, patience: float | None) -> StreamEvent | None:
        """Return the next event; None if it does not come in time.

        Raises:
            BaseException: What the stream ended with; StopAsyncIteration at its end.
        """
        with anyio.move_on_after(patience):
            while not self._events and self._end is None:
                await self._changed.wait()
        if self._events:
            event = self._events.popleft()
            self._notify()
            return event
        if self._end is not None:
            raise self._end
        return None

    async def stop(self) -> None:
        """Read no further, and wait for the task to end."""
        self._scope.cancel()
        await self._group.__aexit__(None, None, None)

    async def _run(self) -> None:
        end: BaseException = StopAsyncIteration()
        with self._scope:
            try:
                async for event in self._source:
                    while len(self._events) >= AHEAD:
                        await self._changed.wait()
                    self._events.append(event)
                    self._notify()
            except Exception as error:  # noqa: BLE001  # raised where the events are read
                end = error
        self._end = end
        self._notify()

    def _notify(self) -> None:
        """Wake whoever waits for anything to change."""
        changed, self._changed = self._changed, anyio.Event()
        changed.set()
