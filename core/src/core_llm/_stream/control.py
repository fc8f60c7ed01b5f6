"""Control: one call's deadlines and its off switch, reachable from any thread; and the watchdog thread that enforces them.

A deadline is armed by writing two attributes, so it costs nothing per event. The watchdog looks at it when an earlier one
would have passed: it sleeps until the earliest deadline it knows, and reads the current one only then.
"""

from __future__ import annotations

import heapq
import itertools
import math
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from core_llm._errors import Limit

AnyLimit = Limit | Literal["drain"]
"""The limits a caller can set, and the short one for giving a connection back."""


@dataclass(slots=True)
class LimitExceeded:
    """A deadline passed."""

    limit: AnyLimit
    seconds: float


@dataclass(slots=True)
class Aborted:
    """The caller stopped the call."""

    reason: str | None


class Control:
    """The state that a call shares with the watchdog and with whoever may stop it.

    Attributes:
        interruption: Why the call must stop; the first reason stays.
        deadline: The deadline in force (monotonic clock). While `arm` has set one that is not over, it may be moved to
            any time from `scheduled` on by writing it, which is what makes a deadline free of cost per event.
        scheduled: When the watchdog looks next.
    """

    __slots__ = ("_limit", "_lock", "_seconds", "_wake", "deadline", "interruption", "is_finished", "scheduled")

    def __init__(self) -> None:
        self.interruption: LimitExceeded | Aborted | None = None
        self.is_finished = False
        self.deadline = math.inf
        self._limit: AnyLimit = "total"
        self._seconds = math.inf
        self.scheduled = math.inf
        self._wake: Callable[[], None] | None = None
        self._lock = threading.Lock()

    def is_interrupted(self) -> bool:
        """Whether the call must stop."""
        return self.interruption is not None

    def arm(self, limit: AnyLimit, seconds: float, deadline: float) -> None:
        """Set the deadline in force (monotonic clock); it replaces the one before."""
        self._limit = limit
        self._seconds = seconds
        self.deadline = deadline
        if deadline < self.scheduled:
            _watchdog.schedule(self, deadline)

    def disarm(self) -> None:
        """Take the deadline away."""
        self.deadline = math.inf

    def finish(self) -> None:
        """Say that the call is over: nothing can interrupt it any more, and the watchdog forgets it."""
        with self._lock:
            self.is_finished = True
            self._wake = None
            self.deadline = math.inf

    def abort(self, reason: str | None) -> None:
        """Stop the call, from any thread."""
        self._interrupt(Aborted(reason))

    def set_wake(self, wake: Callable[[], None] | None) -> bool:
        """Say how to wake what the call is waiting on now; returns False if it is interrupted already.

        `wake` runs under a lock that `set_wake(None)` takes too: once that has returned, no stale wake can hit a
        connection that now belongs to another call.
        """
        with self._lock:
            self._wake = wake
            return self.interruption is None

    def _interrupt(self, interruption: LimitExceeded | Aborted) -> None:
        with self._lock:
            if self.is_finished or self.interruption is not None:
                return
            self.interruption = interruption
            if self._wake is not None:
                self._wake()

    def _expire(self, now: float) -> float:
        """Enforce the deadline; return when to look again (infinity: never). Only for the watchdog."""
        # Forget the schedule before reading the deadline: an `arm` that comes between the two then schedules itself.
        self.scheduled = math.inf
        deadline = self.deadline
        if deadline > now:
            self.scheduled = deadline
            return deadline
        self._interrupt(LimitExceeded(self._limit, self._seconds))
        return math.inf


class _Watchdog:
    """One daemon thread a process, started with the first deadline; it holds only what still can expire."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._heap: list[tuple[float, int, Control]] = []
        self._numbers = itertools.count()
        self._wakes_at = math.inf
        self._pid: int | None = None

    def schedule(self, control: Control, deadline: float) -> None:
        with self._condition:
            if self._pid != os.getpid():
                self._start()
            control.scheduled = deadline
            heapq.heappush(self._heap, (deadline, next(self._numbers), control))
            if deadline < self._wakes_at:
                self._condition.notify()

    def _start(self) -> None:
        """Start the thread; again after a fork, which leaves it behind."""
        self._pid = os.getpid()
        self._heap.clear()
        threading.Thread(target=self._watch, name="core-llm-watchdog", daemon=True).start()

    def _watch(self) -> None:
        while True:
            with self._condition:
                now = time.monotonic()
                while not self._heap or self._heap[0][0] > now:
                    self._wakes_at = self._heap[0][0] if self._heap else math.inf
                    self._condition.wait(None if self._wakes_at == math.inf else self._wakes_at - now)
                    self._wakes_at = -math.inf
                    now = time.monotonic()
                control = heapq.heappop(self._heap)[2]
            again = control._expire(now)  # noqa: SLF001  # as above
            if again < math.inf:
                with self._condition:
                    heapq.heappush(self._heap, (again, next(self._numbers), control))
            del control


_watchdog = _Watchdog()
