"""The attempt policy: after a failed attempt, what comes next. Pure; the clock and the dice are given to it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from core_llm._errors import AuthenticationError, BadRequestError, CoreLLMError, ProviderError

AttemptMode = Literal["fresh", "plain", "refresh"]
"""``fresh``: the same request again; ``plain``: without streaming, from now on; ``refresh``: with new credentials."""

BASE_DELAY = 0.5
MAX_DELAY = 8.0
MAX_RETRY_AFTER = 60.0
"""A provider that asks for a longer wait is not waited for: the caller gets its error, with `retry_after`."""

_STREAM_REFUSED = re.compile(
    r"stream\w*\W+(?:\w+\W+){0,6}?(?:not|un)\W?(?:supported|available|allowed|enabled)"
    r"|(?:not|n't)\s+support\w*\W+(?:\w+\W+){0,3}?stream"
    r"|unsupported\W+(?:\w+\W+){0,3}?stream",
    re.IGNORECASE,
)


@dataclass(slots=True)
class Attempt:
    """The attempt to make next.

    Attributes:
        number: From 1.
        delay: Seconds to wait before it.
        mode: How it differs from the one before.
    """

    number: int
    delay: float = 0.0
    mode: AttemptMode = "fresh"


@dataclass(slots=True)
class FailedAttempt:
    """An attempt that failed: what the policy judges by."""

    attempt: Attempt
    error: CoreLLMError
    had_content: bool
    was_stream: bool
    can_refresh: bool
    can_go_plain: bool


class AttemptPolicy(Protocol):
    """Decides what follows a failed attempt."""

    def __call__(self, history: Sequence[FailedAttempt]) -> Attempt | None:
        """Return the next attempt, or None to raise the last error."""
        ...


def refuses_streaming(error: CoreLLMError) -> bool:
    """Whether a provider said that this model cannot stream."""
    return (
        isinstance(error, BadRequestError)
        and _STREAM_REFUSED.search(f"{error.message} {error.body}") is not None
        and "stream_options" not in error.message
    )


class RetryPolicy:
    """Retries what is retryable, before any content, with full jitter or the provider's own wish."""

    def __init__(self, max_retries: int, random: Callable[[], float]) -> None:
        self.max_retries = max_retries
        self.random = random

    def __call__(self, history: Sequence[FailedAttempt]) -> Attempt | None:
        """Return the next attempt, or None when the error is final."""
        last = history[-1]
        number = last.attempt.number + 1
        if last.had_content or not isinstance(last.error, ProviderError):
            return None
        if last.was_stream and last.can_go_plain and refuses_streaming(last.error):
            return Attempt(number, mode="plain")
        modes = [failed.attempt.mode for failed in history]
        if isinstance(last.error, AuthenticationError) and last.can_refresh and "refresh" not in modes:
            return Attempt(number, mode="refresh")
        retries = sum(failed.error.is_retryable for failed in history if isinstance(failed.error, ProviderError))
        if not last.error.is_retryable or retries > self.max_retries:
            return None
        delay = last.error.retry_after
        if delay is None:
            delay = self.random() * min(MAX_DELAY, BASE_DELAY * 2 ** (retries - 1))
        elif delay > MAX_RETRY_AFTER:
            return None
        return Attempt(number, delay=delay)


__all__ = ["Attempt", "AttemptMode", "AttemptPolicy", "FailedAttempt", "RetryPolicy", "refuses_streaming"]
