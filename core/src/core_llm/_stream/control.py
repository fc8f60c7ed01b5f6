"""Control: one call's deadlines and its off switch, reachable from any thread; and the watchdog that enforces them.

A deadline is armed by writing two attributes, so it costs nothing per event. The watchdog looks at it when an earlier
one would have passed: it sleeps until the earliest deadline it knows, and reads the current one only then.
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
from core_llm._logging import logger

AnyLimit = Limit | Literal["drain"]
"""The limits a caller can set, and the short one for giving a connection back."""
CLEAN_FROM = 256
"""How many deadlines the watchdog holds before it looks for those of calls that are over."""


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
        deadline: When what is waited for now must have come (monotonic clock); infinity while nothing is waited for, so
            that the consumer's own time does not count. After an `arm` it may be moved to any time from `scheduled` on
            by writing it, which is what makes a deadline free of cost per event.
        ends: When the whole call must be over.
        scheduled: When the watchdog looks next.
    """

    __slots__ = (
        "_limit",
        "_lock",
        "_seconds",
        "_total",
        "_wake",
        "deadline",
        "ends",
        "interruption",
        "is_finished",
        "scheduled",
    )

    def __init__(self) -> None:
        self.interruption: LimitExceeded | Aborted | None = None
        self.is_finished = False
        self.deadline = math.inf
        self.ends = math.inf
        self.scheduled = math.inf
        self._limit: AnyLimit = "total"
        self._seconds = math.inf
        self._total = math.inf
        self._wake: Callable[[], None] | None = None
        # Reentrant, for a signal handler may abort the call while this very thread is in here.
        self._lock = threading.RLock()

    def is_interrupted(self) -> bool:
        """Whether the call must stop."""
        return self.interruption is not None

    def is_aborted(self) -> bool:
        """Whether it was the caller who stopped the call."""
        return isinstance(self.interruption, Aborted)

    def begin(self, total: float, ends: float) -> None:
        """Set the limit of the whole call; the watchdog learns of it with the first `arm`."""
        self._total = total
        self.ends = ends

    def arm(self, limit: AnyLimit, seconds: float, deadline: float) -> None:
        """Say what is waited for now, and until when; it replaces what was waited for before."""
        self._limit = limit
        self._seconds = seconds
        self.deadline = deadline
        look = min(deadline, self.ends)
        if look < self.scheduled:
            _watchdog.schedule(self, look)

    def disarm(self) -> None:
        """Take all deadlines away: the answer is whole."""
        self.deadline = math.inf
        self.ends = math.inf

    def finish(self) -> None:
        """Say that the call is over: nothing can interrupt it any more, and the watchdog forgets it."""
        with self._lock:
            self.is_finished = True
            self._wake = None

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
        """Enforce the deadlines; return when to look again (infinity: never). Only for the watchdog."""
        # Forget the schedule before reading the deadline: an `arm` that comes between the two then schedules itself.
        self.scheduled = math.inf
        deadline = self.deadline
        if self.is_finished:
            return math.inf
        if self.ends <= now:
            self._interrupt(LimitExceeded("total", self._total))
            return math.inf
        if deadline <= now:
            self._interrupt(LimitExceeded(self._limit, self._seconds))
            return math.inf
        # Nothing is waited for: the next wait, if it is as long as the last, cannot be over before this.
        look = now + self._seconds if deadline == math.inf else deadline
        self.scheduled = min(look, self.ends)
        return self.scheduled


class _Watchdog:
    """One daemon thread a process, started with the first deadline; it holds only what still can expire."""

    def __init__(self) -> None:
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget everything; also after a fork, which leaves the thread behind, and with it a lock that it may hold."""
        self._condition = threading.Condition()
        self._heap: list[tuple[float, int, Control]] = []
        self._numbers = itertools.count()
        self._wakes_at = math.inf
        self._clean_at = CLEAN_FROM
        self._is_running = False

    def schedule(self, control: Control, look: float) -> None:
        with self._condition:
            if not self._is_running:
                self._is_running = True
                threading.Thread(target=self._watch, name="core-llm-watchdog", daemon=True).start()
            if len(self._heap) >= self._clean_at:
                self._forget_finished()
            control.scheduled = look
            heapq.heappush(self._heap, (look, next(self._numbers), control))
            if look < self._wakes_at:
                self._condition.notify()

    def _forget_finished(self) -> None:
        """Drop the calls that are over long before their deadlines; done at double the size that it left last."""
        self._heap = [entry for entry in self._heap if not entry[2].is_finished]
        heapq.heapify(self._heap)
        self._clean_at = max(CLEAN_FROM, 2 * len(self._heap))

    def _watch(self) -> None:
        while True:
            with self._condition:
                now = time.monotonic()
                while not self._heap or self._heap[0][0] > now:
                    self._wakes_at = self._heap[0][0] if self._heap else math.inf
                    left = min(self._wakes_at - now, threading.TIMEOUT_MAX)
                    self._condition.wait(left)
                    self._wakes_at = -math.inf
                    now = time.monotonic()
                control = heapq.heappop(self._heap)[2]
            try:
                again = control._expire(now)  # noqa: SLF001  # the two share this room
            except Exception:  # noqa: BLE001  # one call's socket must not take the deadlines of all others along
                logger.warning("a call could not be woken at its deadline", exc_info=True)
                again = math.inf
            if again < math.inf:
                with self._condition:
                    heapq.heappush(self._heap, (again, next(self._numbers), control))
            del control


_watchdog = _Watchdog()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_watchdog.begin_anew)
