"""RateLimits: the plugin of a client. It knows which limits hold for which model; the waiting is the core's."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import get_args

from core_llm import ConfigError, InvalidSettingError, Request, hookimpl
from plugin_limits._bucket import Limited
from plugin_limits._estimate import estimate_tokens
from plugin_limits._learned import Learned
from plugin_limits._limit import Limit, checked_pattern, is_meant, specificity
from plugin_limits._names import OnLimit, Strategy
from plugin_limits._store import Store
from plugin_limits._turn import Turn


class RateLimits:
    """Limits of rate for the calls of every client whose plugin it is. Safe to share between clients and threads.

    Each attempt of a call is held back until all limits let it through whose patterns mean its model, in the order in
    which they came. It waits within the call's own limits of time, and an abort wakes it.
    """

    def __init__(
        self,
        limits: Mapping[str, Limit] | None = None,
        *,
        on_limit: OnLimit = "wait",
        storage: str = "memory://",
        strategy: Strategy = "moving-window",
        namespace: str = "core-llm",
        learn: bool = True,
        estimate: Callable[[Request], int] = estimate_tokens,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Make limits of which nothing is used.

        Args:
            limits: Pattern of model ids (``openai:*``) → limit. All that mean a model hold for it.
            on_limit: ``wait``, unless the call has ``on_busy="raise"``; or ``raise``: fail at once, with a BusyError.
            storage: Where it is counted: ``memory://``, or a URL of the library limits, such as
                ``redis://localhost:6379``, which makes the limits those of all processes that use it.
            strategy: How it is counted: as of the library limits.
            namespace: What the keys in a shared storage begin with; limits of the same namespace are the same.
            learn: Whether to hold back what a provider would refuse, after the headers of its answers.
            estimate: Says how many tokens a request will take.
            clock: Seconds since 1970, for tests; a storage has its own.

        Raises:
            InvalidSettingError: A setting is none.
            ConfigError: A pattern, the storage or the strategy cannot be used, or its package is missing.
        """
        if on_limit not in get_args(OnLimit):
            msg = f"on_limit must be wait or raise, not {on_limit!r}"
            raise InvalidSettingError(msg)
        self._limits = _checked(limits or {})
        self._on_limit: OnLimit = on_limit
        self._store = Store(storage, strategy)
        self._namespace = namespace
        self._learns = learn
        self._estimate = estimate
        self._clock = clock
        self._shared: dict[str, Limited] = {}
        self._places: dict[tuple[str, str], tuple[Learned | Limited, ...]] = {}

    @hookimpl
    def core_llm_admit_call(self, provider: str, model: str, request: Request) -> Turn | None:
        places = self._places.get((provider, model))
        if places is None:
            places = self._places.setdefault((provider, model), self._made(provider, model))
        if not places:
            return None
        is_remote = not self._store.is_local and any(isinstance(place, Limited) for place in places)
        name = f"{provider}:{model}"
        tokens = max(self._estimate(request), 0)
        return Turn(name, places, tokens, self._on_limit, may_block=is_remote, clock=self._clock)

    def _made(self, provider: str, model: str) -> tuple[Learned | Limited, ...]:
        """Return what an attempt at a model has to pass: the nearest first, so that nobody waits in a wide line."""
        found: list[Learned | Limited] = [Learned(self._clock)] if self._learns and model else []
        for pattern, limit in self._limits.items():
            if is_meant(pattern, provider, model):
                key = f"{pattern}/{provider}:{model}" if limit.each_model else pattern
                made = Limited(self._store, f"{self._namespace}/{key}", limit, self._clock)
                found.append(self._shared.setdefault(key, made))
        return tuple(found)


def _checked(limits: Mapping[str, object]) -> dict[str, Limit]:
    """Return the limits, those first that say most of a model id."""
    found: dict[str, Limit] = {}
    for pattern in sorted(map(checked_pattern, limits), key=specificity, reverse=True):
        limit = limits[pattern]
        if not isinstance(limit, Limit):
            msg = f"the limit of {pattern!r} must be a Limit(...), not {limit!r}"
            raise ConfigError(msg)
        found[pattern] = limit
    return found
