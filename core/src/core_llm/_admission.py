"""Admission: who may hold an attempt back until it is its turn; and the slots that bound how many run at once.

An attempt asks each of its admissions, waits as long as one says so, and releases all of them at its end. The waiting
is the engine's (`_stream.admitting`); which admissions an attempt has is said in `_gate`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping
from threading import Lock

from core_llm._forks import renew_in_child
from core_llm._response import Usage

Wake = Callable[[], None]


class Admission(ABC):
    """One attempt's turn at one limit in number or rate. Made for each attempt.

    The engine calls `ask` until it lets the attempt through, and `release` once, however the attempt ended: also if it
    was never let through. It is used by one thread or task at a time, and not always the same.

    Attributes:
        may_block: Whether `ask` may wait for something itself, such as a shared store: it runs in a thread of its own.
    """

    may_block = False

    @abstractmethod
    def ask(self) -> float | None:
        """Return None to let the attempt through, or the seconds after which to ask again; ``math.inf``: when woken."""

    def wake_with(self, wake: Wake) -> None:  # noqa: B027  # for those who know when
        """Let `wake` be called as soon as it is worth asking again; at once if it is. Any thread may call it."""

    def answered(self, status: int, headers: Mapping[str, str]) -> None:  # noqa: B027  # for those who learn from it
        """Take note of the head of the provider's answer; names of headers are in lower case. Must be quick."""

    @abstractmethod
    def release(self, usage: Usage | None) -> None:
        """Give back what the attempt held, and its place in the queue.

        It must be quick and wait for nothing: a stream may be dropped anywhere, and garbage be collected in any thread.

        Args:
            usage: What the provider reported of the attempt, as far as it did.
        """


class Slots:
    """So many attempts at once; the others wait in the order in which they asked, from whatever thread or event loop.

    Nobody ever waits for its lock: what is wanted is put into an inbox, and whoever has the lock sees to it. So a
    stream that is dropped, and collected in the midst of anything, can give its slot back.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.begin_anew()
        renew_in_child(self)

    def begin_anew(self) -> None:
        """Forget everybody; also in a forked child, where those who hold the slots are not."""
        self._lock = Lock()
        self._free = self.size
        self._inbox: deque[Callable[[], None]] = deque()
        self._queue: dict[SlotAdmission, None] = {}

    @property
    def free(self) -> int:
        """How many more could run now."""
        return self._free

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._queue)

    def admission(self) -> SlotAdmission:
        """Return the admission of one attempt."""
        return SlotAdmission(self)

    def see_to(self, wish: Callable[[], None]) -> None:
        """Let a wish be seen to: now, unless somebody is at it, who will do it."""
        inbox, lock = self._inbox, self._lock
        inbox.append(wish)
        while inbox and lock.acquire(blocking=False):
            try:
                while inbox:
                    inbox.popleft()()
            finally:
                lock.release()

    def enqueue(self, admission: SlotAdmission) -> None:
        """Put an admission at the end of the queue. Only as a wish."""
        self._queue[admission] = None
        self._hand_on()

    def take_back(self, admission: SlotAdmission) -> None:
        """Take an admission's slot back, or its place in the queue. Only as a wish."""
        if admission.is_admitted:
            self._free += 1
            self._hand_on()
        else:
            self._queue.pop(admission, None)

    def _hand_on(self) -> None:
        while self._free and self._queue:
            first = next(iter(self._queue))
            del self._queue[first]
            self._free -= 1
            first.admit()


class SlotAdmission(Admission):
    """One attempt's place at `Slots`."""

    __slots__ = ("_has_asked", "_is_released", "_slots", "_wake", "is_admitted")

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self._has_asked = False
        self._is_released = False
        self._wake: Wake | None = None
        self.is_admitted = False

    def ask(self) -> float | None:
        """Return None if it has a slot; queue up at first."""
        if not self._has_asked:
            self._has_asked = True
            self._slots.see_to(lambda: self._slots.enqueue(self))
        return None if self.is_admitted else math.inf

    def wake_with(self, wake: Wake) -> None:
        """Call `wake` when it has a slot."""
        self._wake = wake
        if self.is_admitted:  # who admits says so first and looks for whom to wake then
            wake()

    def admit(self) -> None:
        """Give it a slot."""
        self.is_admitted = True
        if self._wake is not None:
            self._wake()

    def release(self, usage: Usage | None) -> None:  # noqa: ARG002  # a slot is a slot
        """Give the slot back, or leave the queue."""
        if self._has_asked and not self._is_released:
            self._is_released = True
            self._slots.see_to(lambda: self._slots.take_back(self))
