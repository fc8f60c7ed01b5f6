"""What both queues share: which streams wait, under which tags, what became of each, and the one off switch."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass
from itertools import count
from typing import Generic, Literal, Protocol, TypedDict, TypeVar

from core_llm._errors import AbortedError, CoreLLMError, InvalidRequestError, InvalidSettingError
from core_llm._events import StreamError, StreamEvent
from core_llm._response import Response

Order = Literal["sequential", "interleaved"]
"""One stream after the other, or all at once, their events as they come."""
OnStreamError = Literal["event", "raise"]
"""What a stream that fails does: it ends with a `StreamError` event and the others go on, or it ends the queue."""
DEFAULT_MAX_ACTIVE = 16
CLOSED = "the queue was closed"


class QueueOptions(TypedDict, total=False):
    """What a queue takes."""

    order: Order
    """``sequential`` (default) or ``interleaved``."""
    on_error: OnStreamError
    """``event`` (default): a stream that fails ends with a `StreamError`, and the others go on; or ``raise``."""
    max_active: int
    """How many streams run at once, where they are interleaved; 16 by default."""
    stays_open: bool
    """Wait for more streams when it has run dry, until `finish` is called."""


@dataclass(slots=True)
class QueuedEvent:
    """An event of one of the queue's streams.

    Attributes:
        tag: Of the stream, as it was added.
        event: What it yielded; a `StreamError` where it failed.
    """

    tag: Hashable
    event: StreamEvent


class Source(Protocol):
    """What a queue may hold: a stream or a run, not entered yet."""

    @property
    def response(self) -> Response | None:
        """The answer as far as it has come."""
        ...

    def abort(self, reason: str | None = None) -> None:
        """Stop it."""
        ...


SourceT = TypeVar("SourceT", bound=Source)


class Entries(Generic[SourceT]):
    """The streams of a queue. Safe to use from any thread.

    Attributes:
        order: How events of several streams follow each other.
        on_error: What a stream that fails does.
        max_active: How many streams run at once, where they are interleaved.
        stays_open: Whether the queue waits for more when it has run dry, until `finish` is called.
    """

    def __init__(self, *, order: Order, on_error: OnStreamError, max_active: int, stays_open: bool) -> None:
        if order not in ("sequential", "interleaved"):
            raise InvalidSettingError(f"order must be 'sequential' or 'interleaved', not {order!r}")
        if on_error not in ("event", "raise"):
            raise InvalidSettingError(f"on_error must be 'event' or 'raise', not {on_error!r}")
        if max_active < 1:
            raise InvalidSettingError(f"max_active must be 1 or more, not {max_active!r}")
        self.order: Order = order
        self.on_error: OnStreamError = on_error
        self.max_active = 1 if order == "sequential" else max_active
        self.stays_open = stays_open
        self.reason: str | None = None
        self.is_stopped = False
        self.is_finished = False
        self._lock = threading.Lock()
        self._waiting: deque[tuple[Hashable, SourceT]] = deque()
        self._active: dict[Hashable, SourceT] = {}
        self._ended: dict[Hashable, Response | None] = {}
        self._tags: set[Hashable] = set()
        self._numbers = count()

    def add(self, source: SourceT, tag: Hashable | None) -> Hashable:
        """Put a stream at the end and return its tag: a running number where none is given.

        Raises:
            InvalidRequestError: The queue is over, or the tag is taken.
        """
        with self._lock:
            if self.is_stopped or self.is_finished:
                msg = "the queue takes no more streams; make another"
                raise InvalidRequestError(msg)
            if tag is None:
                tag = next(number for number in self._numbers if number not in self._tags)
            elif tag in self._tags:
                msg = f"the queue has a stream with the tag {tag!r} already"
                raise InvalidRequestError(msg)
            self._tags.add(tag)
            self._waiting.append((tag, source))
            return tag

    def take(self) -> tuple[Hashable, SourceT] | None:
        """Return the next stream that may run now, None if there is none or enough are running."""
        with self._lock:
            if self.is_stopped or not self._waiting or len(self._active) >= self.max_active:
                return None
            tag, source = self._waiting.popleft()
            self._active[tag] = source
            return tag, source

    def ended(self, tag: Hashable) -> None:
        """Note that a stream is over, however that came."""
        with self._lock:
            self._ended[tag] = self._active.pop(tag).response

    def finish(self) -> None:
        """Take no more streams."""
        with self._lock:
            self.is_finished = True

    def stop(self, reason: str | None) -> None:
        """Abort all streams that run, and let none begin."""
        with self._lock:
            self.is_stopped = True
            self.reason = self.reason or reason
            active = list(self._active.values())
            self._waiting.clear()
        for source in active:
            source.abort(reason)

    @property
    def is_dry(self) -> bool:
        """Whether nothing is left, and nothing is awaited."""
        with self._lock:
            is_empty = not self._waiting and not self._active
            return is_empty and (self.is_stopped or self.is_finished or not self.stays_open)

    @property
    def responses(self) -> dict[Hashable, Response | None]:
        """Tag → the answer of each stream that has begun, as far as it has come."""
        with self._lock:
            return {**self._ended, **{tag: source.response for tag, source in self._active.items()}}

    def stopped_error(self) -> AbortedError:
        """Return what whoever reads a queue that was stopped gets."""
        msg = f"the queue was stopped: {self.reason}" if self.reason else "the queue was stopped"
        return AbortedError(msg, reason=self.reason)

    def failed(self, tag: Hashable, error: CoreLLMError) -> QueuedEvent | None:
        """Return the event that a failure becomes, None where it is raised."""
        return QueuedEvent(tag, StreamError(error)) if self.on_error == "event" else None
