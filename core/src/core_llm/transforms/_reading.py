"""What a stream is after a transform: an iterator, sync or async, over what its stage makes. Two thin adapters.

Nothing is read before somebody asks, so the stream is slowed by who reads. Closing the iterator closes the stream.
Where a stage has a time limit, entering the iterator starts what keeps it (a thread, or a task), which reads a few
events ahead; without that, time is looked at only when an event arrives.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Generic, Self, TypeVar

from core_llm._errors import AbortedError
from core_llm._events import StreamEvent
from core_llm.transforms._pump import Pump
from core_llm.transforms._stages import Stage

if TYPE_CHECKING:
    from core_llm.transforms._async_pump import AsyncPump

Out = TypeVar("Out")
JOIN_SECONDS = 2.0
"""How long closing waits for a thread that reads; a stream of this package wakes it at once."""


class _Outlet(Generic[Out]):
    """What both iterators are made of: what is ready, what is waited for, and how the stream ended.

    Attributes:
        recipe: What it was made by, as long as nothing was read or entered.
    """

    def __init__(self, stage: Stage[Out], recipe: object) -> None:
        self.recipe = recipe
        self._stage = stage
        self._ready: deque[Out] = deque()
        self._failure: BaseException | None = None
        self._is_over = False
        self._is_closed = False

    def _feed(self, event: StreamEvent) -> None:
        self._ready.extend(self._stage.feed(event))

    def _end(self, failure: BaseException | None) -> None:
        """Take the end of the stream; what was held back comes before the error."""
        self._is_over = True
        self._failure = failure
        self._ready.extend(self._stage.flush())

    def _after_the_end(self, stop: type[BaseException]) -> BaseException:
        if self._is_closed and self._failure is None:
            return AbortedError("the transformed stream was closed before its end")
        return self._failure or stop()


class Transformed(_Outlet[Out]):
    """The iterator over what a transform makes of a stream."""

    def __init__(self, source: Iterable[StreamEvent], stage: Stage[Out], recipe: object = None) -> None:
        super().__init__(stage, recipe)
        self.source = source
        self._events: Iterator[StreamEvent] | None = None
        self._pump: Pump | None = None

    def __enter__(self) -> Self:
        """Keep the stage's time limit from here on, if it has one; enter the stream itself before."""
        self.recipe = None
        if self._stage.is_timed and self._pump is None and not self._is_over:
            self._pump = Pump(self.source)
            self._pump.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the stream."""
        self.close()

    def close(self) -> None:
        """Close the stream that this one reads, from any thread; what is held back is dropped."""
        self._is_closed = not self._is_over
        self._is_over = True
        self._ready.clear()
        pump = self._pump
        if pump is not None:
            pump.stop()
        with suppress(ValueError):  # a generator that the pump is reading: it ends with what that one reads
            close(self._events, self.source)
        if pump is not None:
            pump.join(JOIN_SECONDS)

    def __iter__(self) -> Iterator[Out]:
        """Iterate over what is left."""
        return self

    def __next__(self) -> Out:
        """Return the next event, or text.

        Raises:
            CoreLLMError: The stream failed.
        """
        while not self._ready:
            if self._is_over:
                raise self._after_the_end(StopIteration)
            self._read()
        return self._ready.popleft()

    def _read(self) -> None:
        self.recipe = None
        try:
            event = self._next() if self._pump is None else self._pump.get(self._stage.patience())
        except StopIteration:
            self._end(None)
            return
        except Exception as error:  # noqa: BLE001  # raised when what came before it was taken
            self._end(error)
            return
        try:
            if event is None:
                self._ready.extend(self._stage.flush())
            else:
                self._feed(event)
        except BaseException as error:
            self._failure = error
            self.close()
            raise

    def _next(self) -> StreamEvent:
        if self._events is None:
            self._events = iter(self.source)
        return next(self._events)


class AsyncTransformed(_Outlet[Out]):
    """The iterator over what a transform makes of an async stream."""

    def __init__(self, source: AsyncIterable[StreamEvent], stage: Stage[Out], recipe: object = None) -> None:
        super().__init__(stage, recipe)
        self.source = source
        self._events: AsyncIterator[StreamEvent] | None = None
        self._pump: AsyncPump | None = None

    async def __aenter__(self) -> Self:
        """Keep the stage's time limit from here on, if it has one; enter the stream itself before."""
        self.recipe = None
        if self._stage.is_timed and self._pump is None and not self._is_over:
            from core_llm.transforms._async_pump import AsyncPump  # noqa: PLC0415  # a sync program does without anyio

            self._pump = AsyncPump(self.source)
            await self._pump.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the stream."""
        await self.aclose()

    async def aclose(self) -> None:
        """Close the stream that this one reads; what is held back is dropped."""
        self._is_closed = not self._is_over
        self._is_over = True
        self._ready.clear()
        pump, self._pump = self._pump, None
        try:
            if pump is not None:
                await pump.stop()
        finally:
            await aclose(self._events, self.source)

    def __aiter__(self) -> AsyncIterator[Out]:
        """Iterate over what is left."""
        return self

    async def __anext__(self) -> Out:
        """Return the next event, or text.

        Raises:
            CoreLLMError: The stream failed.
        """
        while not self._ready:
            if self._is_over:
                raise self._after_the_end(StopAsyncIteration)
            await self._read()
        return self._ready.popleft()

    async def _read(self) -> None:
        self.recipe = None
        try:
            event = await (self._next() if self._pump is None else self._pump.get(self._stage.patience()))
        except StopAsyncIteration:
            self._end(None)
            return
        except Exception as error:  # noqa: BLE001  # raised when what came before it was taken
            self._end(error)
            return
        try:
            if event is None:
                self._ready.extend(self._stage.flush())
            else:
                self._feed(event)
        except BaseException as error:
            self._failure = error
            await self.aclose()
            raise

    async def _next(self) -> StreamEvent:
        if self._events is None:
            self._events = aiter(self.source)
        return await anext(self._events)


def close(*sources: object) -> None:
    """Close what can be closed."""
    for source in sources:
        shut = getattr(source, "close", None)
        if shut is not None:
            shut()


async def aclose(*sources: object) -> None:
    """Close what can be closed."""
    for source in sources:
        shut = getattr(source, "aclose", None)
        if shut is not None:
            await shut()
