"""Reader, AsyncReader: the one consumer of a generator, which anybody may close. What runs and queues are read through.

A generator that failed or was closed only stops when it is asked for more, as one that has come to its end does; who
reads here is told which it was, each time.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, Generator
from typing import Generic, TypeVar

from core_llm._errors import AbortedError, CoreLLMError

T = TypeVar("T")


class _Reading:
    """How reading has ended, if it has."""

    def __init__(self, what: str, kept: str) -> None:
        self._what = what
        self._kept = kept
        self._is_over = False
        self._error: CoreLLMError | None = None

    def _fail(self, error: BaseException | None = None) -> None:
        """Note why nothing more will come; a failure is raised again whenever more is asked for."""
        if isinstance(error, CoreLLMError):
            self._error = error
        elif self._error is None and not self._is_over:
            msg = f"the {self._what} was closed before its end; {self._kept} has what had come"
            self._error = AbortedError(msg, reason=f"the {self._what} was closed")

    def _two(self, readers: str) -> AbortedError:
        return AbortedError(f"two {readers} read from one {self._what}; give each consumer its own")


class Reader(_Reading, Generic[T]):
    """Reads a generator."""

    def __init__(self, events: Generator[T], what: str, kept: str) -> None:
        """Begin.

        Args:
            events: The generator.
            what: The thing that is read, in messages.
            kept: Its attribute that has what had come, in messages.
        """
        super().__init__(what, kept)
        self._events = events
        self._busy = threading.Lock()

    def next(self) -> T:
        """Return what comes next.

        Raises:
            StopIteration: The generator has come to its end.
            AbortedError: It was closed before, or another thread reads.
            CoreLLMError: It failed; asked again, it raises again.
        """
        if self._is_over:
            raise StopIteration
        if self._error is not None:
            raise self._error
        if not self._busy.acquire(blocking=False):
            raise self._two("threads")
        try:
            return next(self._events)
        except StopIteration:
            self._is_over = True
            raise
        except BaseException as error:
            self._fail(error)
            raise
        finally:
            self._busy.release()

    def close(self) -> None:
        """Let nothing more come, from any thread: where another one reads, it is whoever closes who wakes it."""
        self._fail()
        if self._busy.acquire(blocking=False):
            try:
                self._events.close()
            finally:
                self._busy.release()


class AsyncReader(_Reading, Generic[T]):
    """Reads an async generator."""

    def __init__(self, events: AsyncGenerator[T], what: str, kept: str) -> None:
        """Begin, as `Reader` does."""
        super().__init__(what, kept)
        self._events = events
        self._is_busy = False

    async def next(self) -> T:
        """Return what comes next.

        Raises:
            StopAsyncIteration: The generator has come to its end.
            AbortedError: It was closed before, or another task reads.
            CoreLLMError: It failed; asked again, it raises again.
        """
        if self._is_over:
            raise StopAsyncIteration
        if self._error is not None:
            raise self._error
        if self._is_busy:
            raise self._two("tasks")
        self._is_busy = True
        try:
            return await self._events.__anext__()
        except StopAsyncIteration:
            self._is_over = True
            raise
        except BaseException as error:
            self._fail(error)
            raise
        finally:
            self._is_busy = False

    async def close(self) -> None:
        """Let nothing more come, from any task: where another one reads, it is whoever closes who wakes it."""
        self._fail()
        if self._is_busy:
            return
        import anyio  # noqa: PLC0415  # a sync program does without

        self._is_busy = True
        try:
            with anyio.CancelScope(shield=True):  # what is held is given back also by a task that was cancelled
                await self._events.aclose()
        finally:
            self._is_busy = False
