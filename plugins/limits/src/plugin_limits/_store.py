"""Store: the counters, kept by the library `limits` in memory or wherever a URL says."""

from __future__ import annotations

import time
from typing import get_args
from urllib.parse import urlsplit

from limits import RateLimitItem
from limits.errors import ConfigurationError
from limits.storage import Storage, storage_from_string
from limits.strategies import STRATEGIES, FixedWindowRateLimiter, SlidingWindowCounterRateLimiter

from core_llm import ConfigError
from plugin_limits._names import Strategy

MIN_WAIT_SECONDS = 0.05
"""The shortest wait between two questions, for stores that round the time at which something is free."""


class Store:
    """Counts what is used, by a strategy.

    Attributes:
        is_local: Whether it is in this process, so that it answers at once.
        counts_each: Whether it keeps an entry for each thing that it counts.
    """

    def __init__(self, url: str, strategy: Strategy) -> None:
        """Open a store; nothing is connected yet.

        Raises:
            ConfigError: The URL or the strategy is unknown, a package is missing, or the two do not go together.
        """
        if strategy not in get_args(Strategy):
            msg = f"strategy must be one of {', '.join(get_args(Strategy))}, not {strategy!r}"
            raise ConfigError(msg)
        self._storage = _opened(url)
        try:
            self._limiter = STRATEGIES[strategy](self._storage)
        except NotImplementedError:
            msg = f"the storage {_scheme(url)}:// has no strategy {strategy!r}; take 'fixed-window'"
            raise ConfigError(msg) from None
        self.is_local = _scheme(url) == "memory"
        self.counts_each = strategy == "moving-window"

    def take(self, item: RateLimitItem, key: str, cost: int) -> float | None:
        """Take what is wanted, and return None; or the seconds after which it is worth asking again."""
        limiter = self._limiter
        # A fixed window counts what it refuses, too.
        may_ask = not isinstance(limiter, FixedWindowRateLimiter) or limiter.test(item, key, cost=cost)
        if may_ask and limiter.hit(item, key, cost=cost):
            return None
        reset_at, remaining = limiter.get_window_stats(item, key)
        lacking = cost - remaining
        if lacking <= 0:  # it has become free meanwhile
            return MIN_WAIT_SECONDS
        wait = reset_at - time.time()
        if isinstance(limiter, SlidingWindowCounterRateLimiter):  # which says when one thing is free, not so many
            wait = max(wait, lacking * item.get_expiry() / item.amount)
        return max(wait, MIN_WAIT_SECONDS)


def _opened(url: str) -> Storage:
    scheme = _scheme(url)
    try:
        storage = storage_from_string(url)
    except ConfigurationError as error:
        raise ConfigError(_problem(scheme, str(error))) from None
    except Exception as error:  # noqa: BLE001  # each client of a store has errors of its own, which may quote a password
        msg = f"the storage {scheme}:// cannot be opened: {type(error).__name__}; check its URL"
        raise ConfigError(msg) from None
    if not isinstance(storage, Storage):
        msg = f"the storage {scheme}:// is one for asyncio alone; leave out 'async+'"
        raise ConfigError(msg)
    return storage


def _problem(scheme: str, reason: str) -> str:
    if "unknown storage scheme" in reason:
        return f"there is no storage {scheme!r}; storage is a URL such as memory:// or redis://localhost:6379"
    if scheme.startswith("redis"):
        return f"the storage {scheme}:// needs the package redis: pip install 'plugin-limits[redis]'"
    return f"the storage {scheme}:// needs a package that is not installed; the library limits names it in its docs"


def _scheme(url: object) -> str:
    return urlsplit(url).scheme if isinstance(url, str) else type(url).__name__
