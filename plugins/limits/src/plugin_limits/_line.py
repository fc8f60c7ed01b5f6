"""Line: who asked first is served first, from whatever thread or event loop, and nobody waits for a lock."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from threading import Lock
from typing import Protocol


class Waiter(Protocol):
    """Who stands in a line."""

    def call(self) -> None:
        """Take note that it is worth asking again. Must be quick; any thread may call it."""
        ...


class Line:
    """Waiters in the order in which they came.

    What is wanted is put into an inbox, and whoever has the lock sees to it: a stream may be dropped, and leave its
    line, in the midst of anything, also while the same thread is in here.

    Attributes:
        first: Whose turn it is.
        ready_at: When the first one may be let through, as far as that is known, in seconds of the clock.
    """

    def __init__(self) -> None:
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._process = os.getpid()
        self._lock = Lock()
        self._inbox: deque[Callable[[], None]] = deque()
        self._waiters: dict[Waiter, None] = {}
        self.first: Waiter | None = None
        self.ready_at = 0.0

    def enter(self, waiter: Waiter) -> None:
        """Let somebody stand at the end."""
        if self._process != os.getpid():  # those who stand here are the parent's, and will not leave in a fork
            self._begin_anew()
        self._see_to(lambda: self._put(waiter))

    def leave(self, waiter: Waiter) -> None:
        """Let somebody go, whose turn it was or not; the next one is called."""
        self._see_to(lambda: self._drop(waiter))

    def call_first(self) -> None:
        """Tell the first that something is free."""
        first = self.first
        if first is not None:
            first.call()

    def _see_to(self, wish: Callable[[], None]) -> None:
        inbox, lock = self._inbox, self._lock
        inbox.append(wish)
        while inbox and lock.acquire(blocking=False):
            try:
                while inbox:
                    inbox.popleft()()
            finally:
                lock.release()

    def _put(self, waiter: Waiter) -> None:
        self._waiters[waiter] = None
        if self.first is None:
            self.first = waiter
            waiter.call()

    def _drop(self, waiter: Waiter) -> None:
        self._waiters.pop(waiter, None)
        if self.first is waiter:
            self.first = next(iter(self._waiters), None)
            if self.first is not None:
                self.first.call()
