"""Control: one call's deadlines and its off switch, reachable from any thread.

A deadline is armed by writing two attributes, so it costs nothing per event. The watchdog looks at it when an earlier
one would have passed: it sleeps until the earliest deadline it knows, and reads the current one only then.
"""

from __future__ import annotations

import math
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from core_llm._errors import AbortKind, Limit
from core_llm._signals import Fired, Signal, Subscription, attach
from core_llm._timers import watchdog

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
    kind: AbortKind = "abort"


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
        "__weakref__",
        "_limit",
        "_lock",
        "_seconds",
        "_subscription",
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
        self._subscription: Subscription | None = None
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
            watchdog.schedule(self, look)

    def disarm(self) -> None:
        """Take all deadlines and the signal away: the answer is whole."""
        self.deadline = math.inf
        self.ends = math.inf
        self._unfollow()

    def finish(self) -> None:
        """Say that the call is over: nothing can interrupt it any more, and watchdog and signal forget it."""
        with self._lock:
            self.is_finished = True
            self._wake = None
        self._unfollow()

    def follow(self, signal: Signal) -> None:
        """Let a signal stop the call, at once if it has fired; until the call is over."""
        # Weakly: a stream that is dropped without being closed must not be kept by a signal that outlives it.
        reference = weakref.ref(self, lambda _: subscription.remove())

        def stop(fired: Fired) -> None:
            control = reference()
            if control is not None:
                control.abort(fired.reason, fired.kind)

        subscription = self._subscription = attach(signal, stop)

    def _unfollow(self) -> None:
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            subscription.remove()

    def abort(self, reason: str | None, kind: AbortKind = "abort") -> None:
        """Stop the call, from any thread."""
        self._interrupt(Aborted(reason, kind))

    def renew(self) -> bool:
        """Let another attempt begin after a limit that was the last attempt's own; False if the call must stop.

        The total limit and an abort are the whole call's: they stay.
        """
        with self._lock:
            if isinstance(self.interruption, LimitExceeded) and self.interruption.limit != "total":
                self.interruption = None
            return self.interruption is None

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

    def expire(self, now: float) -> float:
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
