"""Tee: one stream for several consumers, in threads. Its memory is bounded by how far one may lag behind the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from threading import Condition
from types import TracebackType
from typing import Self

from core_llm._errors import AbortedError
from core_llm._events import StreamEvent
from core_llm.transforms._reading import close
from core_llm.transforms._sharing import Sharing

CLOSED = "this consumer of a shared stream was closed before its end"


class Tee:
    """The consumers of one stream: ``with tee(stream, 2) as (left, right):``, or unpacked.

    Whoever asks first reads for all; there is no thread but those of the consumers.
    """

    def __init__(self, source: Iterable[StreamEvent], count: int, sharing: Sharing) -> None:
        self._source = source
        self._events: Iterator[StreamEvent] | None = None
        self._sharing = sharing
        self._changed = Condition()
        self._is_reading = False
        self._branches = tuple(
            Branch(partial(self._next, number), partial(self._leave, number)) for number in range(count)
        )

    def __iter__(self) -> Iterator[Branch]:
        """Iterate over the consumers."""
        return iter(self._branches)

    def __enter__(self) -> tuple[Branch, ...]:
        """Return the consumers."""
        return self._branches

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close all consumers, and with them the stream."""
        self.close()

    def close(self) -> None:
        """Close all consumers, and with them the stream; from any thread."""
        for number in range(len(self._branches)):
            self._leave(number)

    def _leave(self, number: int) -> None:
        """Let a consumer go; the last one closes the stream."""
        with self._changed:
            self._sharing.leave(number)
            self._changed.notify_all()
            is_left = self._sharing.is_left
        if is_left:
            with suppress(ValueError):  # a generator that another thread is reading: it ends with what that one reads
                close(self._events, self._source)

    def _next(self, number: int) -> StreamEvent:
        """Return a consumer's next event; it reads for all if nobody does.

        Raises:
            StopIteration: The stream has ended.
            CoreLLMError: It failed, or this consumer fell behind or was closed.
        """
        sharing, changed = self._sharing, self._changed
        while True:
            with changed:
                while not sharing.has(number):
                    if not sharing.has_part(number):
                        raise AbortedError(CLOSED)
                    if sharing.end is not None:
                        raise sharing.end
                    if not self._is_reading and sharing.may_grow():
                        self._is_reading = True
                        break
                    changed.wait()
                else:
                    event = sharing.take(number)
                    changed.notify_all()
                    return event
            self._read()

    def _read(self) -> None:
        """Read one event for all. Only who has said that he does."""
        event: StreamEvent | None = None
        end: BaseException | None = None
        try:
            if self._events is None:
                self._events = iter(self._source)
            event = next(self._events)
        except (StopIteration, Exception) as error:  # noqa: BLE001  # everybody is told
            end = error
        finally:
            with self._changed:
                self._is_reading = False
                if event is not None:
                    self._sharing.add(event)
                self._sharing.end = end
                self._changed.notify_all()


class Branch:
    """One consumer of a shared stream: an iterator for one thread at a time."""

    def __init__(self, take: Callable[[], StreamEvent], leave: Callable[[], None]) -> None:
        self._take = take
        self._leave = leave

    def __iter__(self) -> Iterator[StreamEvent]:
        """Iterate over the events that are left."""
        return self

    def __next__(self) -> StreamEvent:
        """Return the next event.

        Raises:
            CoreLLMError: The stream failed, or this consumer fell too far behind.
        """
        return self._take()

    def close(self) -> None:
        """Have no part in the stream any more, from any thread; nobody waits for this consumer from here on."""
        self._leave()

    def __enter__(self) -> Self:
        """Return the consumer; leaving the block closes it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()
