"""StreamQueue: several streams as one, for sync code."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Hashable, Iterator, Mapping
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Protocol, Self

from core_llm._errors import CoreLLMError, InvalidRequestError
from core_llm._events import StreamEvent
from core_llm._queue.entries import (
    CLOSED,
    DEFAULT_MAX_ACTIVE,
    Entries,
    OnStreamError,
    Order,
    QueuedEvent,
    Source,
)
from core_llm._readers import Reader
from core_llm._response import Response

_WAKE = object()


class SyncSource(Source, AbstractContextManager["SyncSource"], Protocol):
    """A `Stream` or a `Run`."""

    def __iter__(self) -> Iterator[StreamEvent]:
        """Iterate over its events."""
        ...


class StreamQueue:
    """Several streams in one: one after the other, or interleaved as their events come.

    Streams may be added at any time, from any thread, also while it is read. Nothing is read from a stream before its
    last event was taken, so a slow consumer slows all of them; leaving the block, or `abort`, stops all of them.
    """

    def __init__(
        self,
        *,
        order: Order = "sequential",
        on_error: OnStreamError = "event",
        max_active: int = DEFAULT_MAX_ACTIVE,
        stays_open: bool = False,
    ) -> None:
        """Make an empty queue.

        Args:
            order: ``sequential``, or ``interleaved``.
            on_error: Whether a stream that fails ends with a `StreamError` event, or ends the queue.
            max_active: How many streams run at once, where they are interleaved.
            stays_open: Wait for more when it has run dry, until `finish` is called.

        Raises:
            InvalidSettingError: A setting is none of these.
        """
        self._entries: Entries[SyncSource] = Entries(
            order=order, on_error=on_error, max_active=max_active, stays_open=stays_open
        )
        self._changed = threading.Condition()
        self._reader: Reader[QueuedEvent] | None = None
        self._coming: queue.Queue[QueuedEvent | Exception | object] = queue.Queue(maxsize=1)
        self._threads: list[threading.Thread] = []

    def add(self, source: SyncSource, *, tag: Hashable | None = None) -> Hashable:
        """Put a stream or a run at the end; it must not be entered. Returns its tag, a running number by default.

        Raises:
            InvalidRequestError: The queue is over, or the tag is taken.
        """
        tag = self._entries.add(source, tag)
        self._notify()
        return tag

    def finish(self) -> None:
        """Say that no more streams will be added."""
        self._entries.finish()
        self._notify()

    def abort(self, reason: str | None = None) -> None:
        """Stop all streams, from any thread; whoever reads the queue gets an AbortedError."""
        self._entries.stop(reason)
        self._notify()

    @property
    def responses(self) -> Mapping[Hashable, Response | None]:
        """Tag → the answer of each stream that has begun, as far as it has come."""
        return self._entries.responses

    def __enter__(self) -> Self:
        """Begin."""
        events = self._sequential() if self._entries.order == "sequential" else self._interleaved()
        self._reader = Reader(events, "queue", ".responses")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop what still runs."""
        self.close()

    def close(self) -> None:
        """Stop what still runs, from any thread, and free what it holds."""
        if not self._entries.is_dry:
            self.abort(CLOSED)
        if self._reader is not None:
            self._reader.close()

    def __iter__(self) -> Iterator[QueuedEvent]:
        """Iterate over the events that are left."""
        return self

    def __next__(self) -> QueuedEvent:
        """Return the next event.

        Raises:
            AbortedError: The queue was stopped.
            CoreLLMError: A stream failed, and failures are raised.
        """
        if self._reader is None:
            msg = "the queue is not open; use it as `with client.queue() as queue:`"
            raise InvalidRequestError(msg)
        return self._reader.next()

    def _sequential(self) -> Generator[QueuedEvent]:
        while (taken := self._next_source()) is not None:
            tag, source = taken
            try:
                with source:
                    for event in source:
                        yield QueuedEvent(tag, event)
            except CoreLLMError as error:
                self._check_stopped(error)
                failed = self._entries.failed(tag, error)
                if failed is None:
                    raise
                yield failed
            finally:
                self._entries.ended(tag)
        self._check_stopped(None)

    def _next_source(self) -> tuple[Hashable, SyncSource] | None:
        with self._changed:
            while True:
                taken = self._entries.take()
                if taken is not None or self._entries.is_dry:
                    return taken
                self._changed.wait()

    def _interleaved(self) -> Generator[QueuedEvent]:
        try:
            self._start_threads()
            while not self._entries.is_dry:
                came = self._coming.get()
                self._start_threads()
                if isinstance(came, Exception):
                    raise came
                if isinstance(came, QueuedEvent):
                    yield came
            self._check_stopped(None)
        finally:
            self._entries.stop(CLOSED)
            self._join()

    def _start_threads(self) -> None:
        while (taken := self._entries.take()) is not None:
            thread = threading.Thread(target=self._pump, args=taken, name="core-llm-queue", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _pump(self, tag: Hashable, source: SyncSource) -> None:
        """Hand on a stream's events; each waits until the one before, of whatever stream, was taken."""
        try:
            with source:
                for event in source:
                    self._coming.put(QueuedEvent(tag, event))
        except CoreLLMError as error:
            if not self._entries.is_stopped:
                self._coming.put(self._entries.failed(tag, error) or error)
        except Exception as error:  # noqa: BLE001  # whoever reads the queue gets it
            self._coming.put(error)
        finally:
            self._entries.ended(tag)  # only now may the reader find the queue dry
            self._coming.put(_WAKE)

    def _join(self) -> None:
        """Let the threads end: what they still want to hand on is taken and dropped."""
        for thread in self._threads:
            while thread.is_alive():
                try:
                    self._coming.get(timeout=0.01)
                except queue.Empty:
                    continue

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()
        if self._entries.order == "interleaved":
            try:
                self._coming.put_nowait(_WAKE)
            except queue.Full:  # an event is waiting to be taken: whoever takes it looks
                return

    def _check_stopped(self, cause: CoreLLMError | None) -> None:
        """Raise if the queue was stopped."""
        if self._entries.is_stopped:
            raise self._entries.stopped_error() from cause
