"""Timers: one daemon thread a process that calls, when its time has come, whatever can expire: a call, a signal.

What is scheduled may be forgotten at any time by finishing it; nothing has to be taken out, so that is free.
"""

from __future__ import annotations

import heapq
import itertools
import math
import threading
import time
from typing import Protocol

from core_llm._forks import renew_in_child
from core_llm._logging import logger

CLEAN_FROM = 256
"""How many things are held before those that are over are looked for."""


class Timed(Protocol):
    """What can expire."""

    scheduled: float
    """When the watchdog looks at it next (monotonic clock); infinity: never."""

    @property
    def is_finished(self) -> bool:
        """Whether it cannot expire any more."""
        ...

    def expire(self, now: float) -> float:
        """Do what is due; return when to look again (infinity: never). Quick: everybody's time waits for it."""
        ...


class Watchdog:
    """The thread, started with the first thing that is scheduled, and what still can expire."""

    def __init__(self) -> None:
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget everything; also after a fork, which leaves the thread behind, and with it a lock that it may hold."""
        self._condition = threading.Condition()
        self._heap: list[tuple[float, int, Timed]] = []
        self._numbers = itertools.count()
        self._wakes_at = math.inf
        self._clean_at = CLEAN_FROM
        self._thread: threading.Thread | None = None

    def schedule(self, timed: Timed, look: float) -> None:
        """Look at it at that time."""
        with self._condition:
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="core-llm-watchdog", daemon=True)
                self._thread.start()
            if len(self._heap) >= self._clean_at:
                self._forget_finished()
            timed.scheduled = look
            heapq.heappush(self._heap, (look, next(self._numbers), timed))
            if look < self._wakes_at:
                self._condition.notify()

    def is_current(self) -> bool:
        """Whether it is the watchdog's thread that asks."""
        return threading.current_thread() is self._thread

    def left(self) -> list[Timed]:
        """Return what still can expire."""
        with self._condition:
            return [timed for _, _, timed in self._heap if not timed.is_finished]

    def _forget_finished(self) -> None:
        """Drop what is over long before its time; done at double the size that it left last."""
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
                timed = heapq.heappop(self._heap)[2]
            try:
                again = timed.expire(now)
            except Exception:  # noqa: BLE001  # what one call's socket does must not take the time of all others along
                logger.warning("a call could not be woken at its deadline", exc_info=True)
                again = math.inf
            if again < math.inf:
                with self._condition:
                    heapq.heappush(self._heap, (again, next(self._numbers), timed))
            del timed


watchdog = Watchdog()
renew_in_child(watchdog)
