"""Bucket: one figure of a limit. What was taken too much or too little is made up for by those who take next."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from limits import RateLimitItemPerSecond

from plugin_limits._limit import Limit
from plugin_limits._line import Line
from plugin_limits._names import Kind
from plugin_limits._store import Store

MOST_ENTRIES = 10_000
"""How many entries a store may have to keep for one figure; of more tokens, several are counted as one."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What an attempt has taken.

    Attributes:
        amount: How much was wanted.
        until: When it is free again, in seconds of the clock.
    """

    amount: int
    until: float


class Bucket:
    """So many of a kind in so many seconds.

    One at a time takes; any thread may correct.
    """

    def __init__(self, store: Store, key: str, kind: Kind, limit: Limit, clock: Callable[[], float]) -> None:
        amount = limit.requests if kind == "requests" else limit.tokens
        assert amount is not None  # noqa: S101  # who makes it has looked
        self.kind = kind
        self.amount = amount
        self.per = limit.per
        self._unit = -(-amount // MOST_ENTRIES) if store.counts_each and kind == "tokens" else 1
        self._item = RateLimitItemPerSecond(amount // self._unit, limit.per, namespace=key)
        self._store = store
        self._clock = clock
        self._news: deque[tuple[int, float]] = deque()
        self._owed: list[tuple[int, float]] = []

    def take(self, wanted: int) -> Taken | float:
        """Take as much as is wanted, or return the seconds after which it is worth asking again.

        What is more than the whole limit is let through when nothing else is counted, and made up for afterwards.
        """
        now = self._clock()
        self._take_news(now)
        # What was used already is counted whether or not there is room for more.
        owed = sum(amount for amount, _ in self._owed)
        wait = self._pay(owed, owed // self._unit, now) if owed >= self._unit else None
        if wait is None:
            owed = wanted + sum(amount for amount, _ in self._owed)
            wait = self._pay(owed, -(-max(owed, 0) // self._unit), now)
        return Taken(wanted, now + self.per) if wait is None else wait

    def correct(self, taken: Taken, used: int) -> bool:
        """Say how much of what was taken was used; return whether something is free by that. Waits for nothing."""
        if used != taken.amount:
            # What was not used is free only as long as it counts; what was used beyond it counts from now on.
            self._news.append((used - taken.amount, taken.until if used < taken.amount else self._clock() + self.per))
        return used < taken.amount

    def _pay(self, owed: int, portions: int, now: float) -> float | None:
        """Count portions, no more than the limit has, and keep what is owed beyond them; or return how long to wait."""
        cost = min(portions, self._item.amount)
        wait = self._store.take(self._item, self.kind, cost) if cost else None
        if wait is None:
            rest = owed - cost * self._unit
            until = now + self.per if cost else max((until for _, until in self._owed), default=now)
            self._owed = [(rest, until)] if rest else []
        return wait

    def _take_news(self, now: float) -> None:
        while self._news:
            self._owed.append(self._news.popleft())
        self._owed = [entry for entry in self._owed if entry[1] > now]


class Limited:
    """What one pattern limits, for all models that share it: a line, and a bucket for each figure.

    Attributes:
        line: Who waits.
        taking: Held by who takes, and by nobody else: what is given back waits for nothing.
        buckets: Requests before tokens.
    """

    def __init__(self, store: Store, key: str, limit: Limit, clock: Callable[[], float]) -> None:
        self.line = Line()
        self.taking = Lock()
        kinds: list[Kind] = [kind for kind in ("requests", "tokens") if getattr(limit, kind) is not None]
        self.buckets = [Bucket(store, key, kind, limit, clock) for kind in kinds]
