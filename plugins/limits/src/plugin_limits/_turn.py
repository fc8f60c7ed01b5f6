"""Turn: one attempt on its way through the limits that hold for it, one line after the other."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from core_llm import Admission, BusyError, Usage
from plugin_limits._bucket import Bucket, Limited, Taken
from plugin_limits._learned import Learned
from plugin_limits._names import OnLimit

_ERROR_STATUS = 400


class Turn(Admission):
    """One attempt. What it takes of one limit it keeps while it waits for the next."""

    def __init__(
        self,
        name: str,
        places: Sequence[Learned | Limited],
        tokens: int,
        on_limit: OnLimit,
        *,
        may_block: bool,
        clock: Callable[[], float],
    ) -> None:
        """Take a turn that has not begun.

        Args:
            name: The model id, for errors.
            places: What it has to pass, in this order.
            tokens: What it will use, as far as that can be said.
            on_limit: What to do where it has to wait.
            may_block: Whether asking may wait for a shared store.
            clock: Seconds since 1970.
        """
        self.may_block = may_block
        self._name = name
        self._places = places
        self._tokens = tokens
        self._on_limit = on_limit
        self._clock = clock
        self._at = 0
        self._is_in_line = False
        self._called = False
        self._wake: Callable[[], None] | None = None
        self._taken: dict[Bucket, Taken] = {}
        self._status: int | None = None

    def ask(self) -> float | None:
        """Go on as far as may be; return None at the end of it."""
        while self._at < len(self._places):
            place = self._places[self._at]
            wait = self._pass(place)
            if wait is None:
                self._at += 1
                self._is_in_line = False
                place.line.leave(self)
            elif self._on_limit == "raise":
                raise self._busy(place.line.ready_at if wait == math.inf else self._clock() + wait)
            else:
                return wait
        return None

    def wake_with(self, wake: Callable[[], None]) -> None:
        """Call `wake` when it is first in its line, or something is free."""
        self._wake = wake
        if self._called:
            wake()

    def call(self) -> None:
        """Wake it: the line says that it is worth asking again."""
        self._called = True  # who tells its waker looks at this afterwards
        if self._wake is not None:
            self._wake()

    def answered(self, status: int, headers: Mapping[str, str]) -> None:
        """Learn from the head of the answer."""
        self._status = status
        for place in self._places:
            if isinstance(place, Learned):
                place.learn(status, headers)

    def release(self, usage: Usage | None) -> None:
        """Leave the line, and say what was used of what was taken."""
        if self._is_in_line:
            self._is_in_line = False
            self._places[self._at].line.leave(self)
        for place in self._places:
            if isinstance(place, Limited):
                self._settle(place, usage)
        self._taken.clear()

    def _pass(self, place: Learned | Limited) -> float | None:
        """Pass one limit: at once where nobody waits, else when it is the first in the line."""
        self._wake = None
        self._called = False
        if not self._is_in_line:
            # Who only wants to pass is not in a line: others would take it for one who waits.
            if place.line.first is None and self._take(place) is None:
                return None
            self._is_in_line = True
            place.line.enter(self)
        if place.line.first is not self:
            return math.inf
        self._called = False  # by itself, as it came to be the first
        return self._take(place)

    def _take(self, place: Learned | Limited) -> float | None:
        wait = place.take(self._tokens) if isinstance(place, Learned) else self._take_all(place)
        if wait is not None:
            place.line.ready_at = self._clock() + wait
        return wait

    def _take_all(self, place: Limited) -> float | None:
        with place.taking:
            for bucket in place.buckets:
                if bucket not in self._taken:
                    found = bucket.take(1 if bucket.kind == "requests" else self._tokens)
                    if not isinstance(found, Taken):
                        return found
                    self._taken[bucket] = found
        return None

    def _settle(self, place: Limited, usage: Usage | None) -> None:
        was_sent = self._at == len(self._places)
        has_freed = False
        for bucket in place.buckets:
            taken = self._taken.get(bucket)
            if taken is not None:
                used = (1 if bucket.kind == "requests" else self._used(usage)) if was_sent else 0
                has_freed |= bucket.correct(taken, used)
        if has_freed:
            place.line.call_first()

    def _used(self, usage: Usage | None) -> int:
        """Return the tokens that were used: as reported, else as estimated; a refused request used none."""
        known = [n for n in (usage.input_tokens, usage.output_tokens) if n is not None] if usage else []
        if len(known) == 2:  # noqa: PLR2004  # both of them
            return sum(known)
        if not known and self._status is not None and self._status >= _ERROR_STATUS:
            return 0
        return max(sum(known), self._tokens)

    def _busy(self, ready_at: float) -> BusyError:
        seconds = max(ready_at - self._clock(), 0.0)
        when = f"; in {seconds:.3g} s it may be let through" if seconds else ""
        msg = f"{self._name}: your limits of rate are reached, and on_limit is 'raise'{when}"
        return BusyError(msg, phase="prepare", retry_after=seconds or None)
