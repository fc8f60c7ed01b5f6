"""Sharing: the events of one stream between its consumers, who are not equally quick. No I/O, no locks."""

from __future__ import annotations

from collections import deque
from typing import Literal

from core_llm._errors import LaggedError
from core_llm._events import StreamEvent

OnLag = Literal["raise", "block"]


class Sharing:
    """The events that some consumer still has to take, and how far each has come.

    Attributes:
        end: What the stream ended with; None while it goes on.
        max_lag: How many events are kept for the slowest.
    """

    def __init__(self, count: int, max_lag: int, on_lag: OnLag) -> None:
        self.end: BaseException | None = None
        self.max_lag = max_lag
        self._on_lag = on_lag
        self._events: deque[StreamEvent] = deque()
        self._first = 0
        self._places: dict[int, int] = dict.fromkeys(range(count), 0)
        self._lagged: set[int] = set()

    @property
    def is_left(self) -> bool:
        """Whether nobody is there any more."""
        return not self._places

    @property
    def kept(self) -> int:
        """How many events are kept."""
        return len(self._events)

    @property
    def ahead(self) -> int:
        """How many events the quickest has still to take."""
        return self._first + len(self._events) - max(self._places.values(), default=0)

    def has_part(self, number: int) -> bool:
        """Whether a consumer has neither left nor fallen behind."""
        return number in self._places

    def may_grow(self) -> bool:
        """Whether another event may be read."""
        return self.end is None and (self._on_lag == "raise" or len(self._events) < self.max_lag)

    def add(self, event: StreamEvent) -> None:
        """Take an event from the stream; who is too far behind to keep it for has no part in it any more."""
        self._events.append(event)
        if len(self._events) > self.max_lag:
            late = [number for number, place in self._places.items() if place == self._first]
            self._lagged.update(late)
            for number in late:
                del self._places[number]
        self._trim()

    def has(self, number: int) -> bool:
        """Whether there is an event for a consumer.

        Raises:
            LaggedError: It fell too far behind.
        """
        if number in self._lagged:
            msg = (
                f"this consumer of a shared stream fell more than {self.max_lag} events behind the quickest, and its "
                "events were not kept: read all consumers side by side, raise max_lag, or choose on_lag='block'"
            )
            raise LaggedError(msg)
        return number in self._places and self._places[number] < self._first + len(self._events)

    def take(self, number: int) -> StreamEvent:
        """Return a consumer's next event."""
        place = self._places[number]
        event = self._events[place - self._first]
        self._places[number] = place + 1
        if place == self._first:
            self._trim()
        return event

    def leave(self, number: int) -> None:
        """Let a consumer have no part in it any more."""
        self._places.pop(number, None)
        self._trim()

    def _trim(self) -> None:
        """Forget what everybody has taken."""
        slowest = min(self._places.values(), default=self._first + len(self._events))
        while self._first < slowest:
            self._events.popleft()
            self._first += 1
