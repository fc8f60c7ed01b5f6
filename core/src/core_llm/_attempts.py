"""Attempts: what a policy is asked and what it answers. The seam of everything that decides where a call goes next.

A call makes attempts until one succeeds or its policy has no other. The engine makes them; a policy only decides. The
standard policies are in `_stream.policies`; a plugin may bring its own, through a `Route`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Literal

from pydantic import SecretStr

from core_llm._capabilities import Capabilities
from core_llm._errors import (
    BadRequestError,
    CoreLLMError,
    InvalidToolCallError,
    MissingAPIKeyError,
    ProviderError,
    RequestTooLargeError,
    UnsupportedError,
)
from core_llm._forks import renew_in_child
from core_llm._request import Request
from core_llm._retries import Recovery, Retries

_CALLERS_FAULT = (BadRequestError, RequestTooLargeError, InvalidToolCallError)
"""What another model would refuse as well, more likely than not."""
AttemptMode = Literal["retry", "plain", "refresh", "restart", "continue", "resume"]
"""How an attempt goes about it.

``retry``: the request is sent; ``plain``: without streaming, from now on; ``refresh``: with new credentials; and after
content, ``restart``: anew, all that came being void; ``continue``: from the partial answer, given back as the
assistant's beginning; ``resume``: the same answer, which its provider has kept.
"""


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt to make.

    Attributes:
        model: The model to ask, as ``provider:model``, a role or a route; None for the one before.
        key: The key to use from here on; None for the one before, or the target's own.
        delay: Seconds to wait before it.
        mode: How it goes about it.
    """

    model: str | None = None
    key: SecretStr | None = None
    delay: float = 0.0
    mode: AttemptMode = "retry"


def is_retry(attempt: Attempt) -> bool:
    """Whether an attempt, if it is not a call's first, was paid for by the budget.

    Another model, another key and other credentials are not, and neither is what a refusal to stream is answered with.
    """
    return attempt.model is None and attempt.key is None and attempt.mode not in ("plain", "refresh")


class RetryBudget:
    """How many retries are left, so that an outage is not multiplied: a bucket that successes refill. Thread-safe."""

    __slots__ = ("__weakref__", "_left", "_lock", "_refill", "_size")

    def __init__(self, size: float, refill: float) -> None:
        self._size = size
        self._refill = refill
        self._left = size
        self.begin_anew()
        renew_in_child(self)

    def begin_anew(self) -> None:
        """Take a lock of its own, in a forked child too, since a thread of the parent may hold the one before."""
        self._lock = Lock()

    @property
    def left(self) -> float:
        """Retries in hand."""
        return self._left

    def take(self) -> bool:
        """Take one retry; returns False if there is none."""
        with self._lock:
            if self._left < 1:
                return False
            self._left -= 1
            return True

    def give_back(self, *, was_retried: bool) -> None:
        """Take note of a success: one that a retry brought gives the retry back, any other a part of one."""
        if self._left >= self._size:
            return
        with self._lock:
            self._left = min(self._size, self._left + (1.0 if was_retried else self._refill))


class KeyRing:
    """Several keys for one provider, of which the one that was last seen to work comes first. Thread-safe."""

    __slots__ = ("_first", "_keys")

    def __init__(self, keys: Sequence[SecretStr]) -> None:
        """Take the keys, at least one."""
        self._keys = tuple(keys)
        self._first = 0

    def turn(self) -> tuple[SecretStr, ...]:
        """Return all keys, in the order in which to try them."""
        first = self._first
        return self._keys[first:] + self._keys[:first]

    def prefer(self, key: object) -> None:
        """Take note that a key works."""
        if key is not self._keys[self._first] and key in self._keys:
            self._first = self._keys.index(key)


@dataclass(frozen=True, slots=True)
class RetryRules:
    """What the standard policy goes by at one provider.

    Attributes:
        max_retries: How many attempts may follow the first.
        retries: Every figure set but `statuses`, which may be None.
        budget: Shared by all calls of one client to one provider.
        keys: The provider's further keys, to be tried in turn.
    """

    max_retries: int
    retries: Retries
    budget: RetryBudget
    keys: tuple[SecretStr, ...] = ()


@dataclass(frozen=True, slots=True)
class FailedAttempt:
    """An attempt that failed: what a policy judges by.

    Attributes:
        number: From 1.
        attempt: What was to be done.
        provider: The provider that was asked.
        model: Its name for the model.
        error: What came of it.
        had_content: Whether the consumer holds content, so that only `recovery` may follow.
        recovery: How the call may go on after content; None where the caller wants none, or it cannot be done.
        was_stream: Whether a stream was asked for.
        can_refresh: Whether the credentials can be had anew.
        can_go_plain: Whether the same can be asked for without streaming.
        rules: What the standard policy goes by here.
    """

    number: int
    attempt: Attempt
    provider: str
    model: str
    error: CoreLLMError
    had_content: bool
    recovery: AttemptMode | None
    was_stream: bool
    can_refresh: bool
    can_go_plain: bool
    rules: RetryRules = field(repr=False)

    def may_fall_back(self, errors: tuple[type[CoreLLMError], ...] | None = None) -> bool:
        """Tell whether another model may take over.

        Args:
            errors: Those that lead to another model; None for all that are not the caller's own doing.
        """
        error = self.error
        if self.had_content and self.recovery != "restart":
            return False
        if errors is not None:
            return isinstance(error, errors)
        if isinstance(error, _CALLERS_FAULT):
            return False
        return isinstance(error, ProviderError | UnsupportedError | MissingAPIKeyError)


class AttemptPolicy(ABC):
    """Decides which attempts one call makes. Made for each call; the engine asks it from one thread at a time."""

    @abstractmethod
    def next_attempt(self, history: Sequence[FailedAttempt]) -> Attempt | None:
        """Return the attempt to make next, or None to raise the last error.

        Args:
            history: The attempts that failed, the last one last. Empty when the call begins, where an attempt is due.
        """

    def succeeded(self, attempt: Attempt) -> None:  # noqa: B027  # for those who want to know
        """Take note that the last attempt brought a whole answer."""


@dataclass(frozen=True, slots=True)
class RoutedCall:
    """What a route may decide by.

    Attributes:
        request: What is asked, its model not filled in.
        standard: The retries, and the recovery, that a call has without a route: a policy for one target. It returns
            None when the target is to be given up.
        recovery: What the caller wants after content; another model may take over only where it is ``restart``.
        capabilities: Model id → what is declared of it.
        random: A number from 0 to 1.
        monotonic: Seconds of a clock that never jumps.
    """

    request: Request
    standard: AttemptPolicy
    recovery: Recovery
    capabilities: Callable[[str], Capabilities]
    random: Callable[[], float]
    monotonic: Callable[[], float]


class Route(ABC):
    """Where a call may go: what a name stands for that is no model. Made once, shared by all calls of a client."""

    @property
    @abstractmethod
    def models(self) -> Sequence[str]:
        """Every model id, role or route that it may lead to; each is looked up when the route is first used."""

    @abstractmethod
    def policy(self, call: RoutedCall) -> AttemptPolicy:
        """Return the policy of one call. The first attempt that it returns must name a model."""
