"""The policies of the core: retries and recovery at one target, a list of models to fall back to, and routes.

They judge by the history alone, given to them with its figures; the budget is what they share, and the dice are given.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from core_llm._attempts import Attempt, AttemptMode, AttemptPolicy, FailedAttempt
from core_llm._errors import (
    AuthenticationError,
    BadRequestError,
    CoreLLMError,
    PluginError,
    ProviderError,
    RateLimitError,
    StatusError,
    TimeoutExceededError,
)
from core_llm._retries import Fallback

_STREAM_REFUSED = re.compile(
    r"stream\w*\W+(?:\w+\W+){0,6}?(?:not|un)\W?(?:supported|available|allowed|enabled)"
    r"|(?:not|n't)\s+support\w*\W+(?:\w+\W+){0,3}?stream"
    r"|unsupported\W+(?:\w+\W+){0,3}?stream",
    re.IGNORECASE,
)


def refuses_streaming(error: CoreLLMError) -> bool:
    """Whether a provider said that this model cannot stream."""
    return (
        isinstance(error, BadRequestError)
        and _STREAM_REFUSED.search(f"{error.message} {error.body}") is not None
        and "stream_options" not in error.message
    )


class StandardPolicy(AttemptPolicy):
    """Retries and recovery at one target, with full jitter or the provider's own wish; never another model."""

    __slots__ = ("_random",)

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random

    def next_attempt(self, history: Sequence[FailedAttempt]) -> Attempt | None:
        """Return the next attempt, or None when the error is final at this target."""
        if not history:
            return Attempt()
        last, own = history[-1], since_switch(history)
        error = last.error
        if not isinstance(error, ProviderError):
            return None
        if not last.had_content:
            if last.was_stream and last.can_go_plain and refuses_streaming(error):
                return Attempt(mode="plain")
            if isinstance(error, AuthenticationError) and last.can_refresh and not _was(own, "refresh"):
                return Attempt(mode="refresh")
            if (rotated := _rotated(own)) is not None:
                return rotated
        mode = last.recovery if last.had_content else "retry"
        return None if mode is None else self._again(own, mode)

    def _again(self, own: Sequence[FailedAttempt], mode: AttemptMode) -> Attempt | None:
        last = own[-1]
        rules = last.rules
        retries = sum(_is_retried(failed) for failed in own)
        if not _is_retried(last) or retries > rules.max_retries:
            return None
        delay = self._delay(last, retries)
        if delay is None:
            return None
        if not rules.budget.take():
            last.error.add_note(f"not tried again: the client's budget of retries for {last.provider} is spent")
            return None
        return Attempt(delay=delay, mode=mode)

    def _delay(self, last: FailedAttempt, retries: int) -> float | None:
        """Return the seconds to wait before retry number `retries`; None if the provider asks for more than allowed."""
        figures = last.rules.retries
        wish = last.error.retry_after if isinstance(last.error, ProviderError) else None
        if wish is not None:
            return wish if wish <= (figures.max_retry_after or 0.0) else None
        grown: float = (figures.base_delay or 0.0) * 2 ** (retries - 1)
        return self._random() * min(figures.max_delay or 0.0, grown)


class ListPolicy(AttemptPolicy):
    """One model after the other, each with the standard policy until that gives it up."""

    def __init__(self, fallback: Fallback, standard: AttemptPolicy, first: str | None = None) -> None:
        """Make the policy.

        Args:
            fallback: The models, and which errors lead to the next.
            standard: What happens at each.
            first: The model to begin with.
        """
        self._models = fallback.models
        self._errors = fallback.errors()
        self._standard = standard
        self._first = first

    def next_attempt(self, history: Sequence[FailedAttempt]) -> Attempt | None:
        """Return the next attempt: at the same model, else at the next."""
        if not history:
            return Attempt(model=self._first)
        again = self._standard.next_attempt(history)
        if again is not None or not history[-1].may_fall_back(self._errors):
            return again
        tried = sum(failed.attempt.model in self._models for failed in history)
        if tried >= len(self._models):
            return None
        return Attempt(model=self._models[tried], mode="restart" if history[-1].had_content else "retry")

    def succeeded(self, attempt: Attempt) -> None:
        """Pass it on."""
        self._standard.succeeded(attempt)


@dataclass(slots=True)
class _Frame:
    """A route that is being followed: its policy, what failed there, and the attempt that led to it."""

    policy: AttemptPolicy
    entered: Attempt
    history: list[FailedAttempt] = field(default_factory=list)


class RoutedPolicy(AttemptPolicy):
    """Asks a route's policy; where that names another route, asks the inner one until it has no other attempt."""

    def __init__(self, open_route: Callable[[str], AttemptPolicy | None], outermost: AttemptPolicy) -> None:
        """Make the policy.

        Args:
            open_route: Name → a fresh policy of the route of that name; None for a model.
            outermost: The policy that is asked first.
        """
        self._open = open_route
        self._frames = [_Frame(outermost, Attempt())]

    def next_attempt(self, history: Sequence[FailedAttempt]) -> Attempt | None:
        """Return the next attempt, whose model is no route."""
        if history:
            self._frames[-1].history.append(history[-1])
        while self._frames:
            frame = self._frames[-1]
            attempt = frame.policy.next_attempt(frame.history)
            if attempt is None:
                if not frame.history:
                    msg = f"the route {frame.entered.model or 'of the call'!r} names no model to begin with"
                    raise PluginError(msg)
                self._leave()
                continue
            if not frame.history:  # entering a route is one step with the first attempt in it
                entered = frame.entered
                attempt = replace(attempt, mode=entered.mode, delay=max(entered.delay, attempt.delay))
            inner = None if attempt.model is None else self._open(attempt.model)
            if inner is None:
                return attempt
            self._frames.append(_Frame(inner, attempt))
        return None

    def succeeded(self, attempt: Attempt) -> None:
        """Tell every policy that had a part in it."""
        for frame in self._frames:
            frame.policy.succeeded(attempt)

    def _leave(self) -> None:
        """Give up the innermost route: for the one around it, that was one failed attempt, with nothing left to try."""
        frame = self._frames.pop()
        if self._frames:
            self._frames[-1].history.append(_given_up(frame.history[-1], frame.entered))


def since_switch(history: Sequence[FailedAttempt]) -> Sequence[FailedAttempt]:
    """Return the attempts at the present target."""
    begun = max((number for number, failed in enumerate(history) if failed.attempt.model is not None), default=0)
    return history[begun:]


def _given_up(last: FailedAttempt, entered: Attempt) -> FailedAttempt:
    """Return what the policy around a route is told of it: its retries and keys were the route's own to use."""
    spent = replace(last.rules, max_retries=0, keys=())
    return replace(last, attempt=entered, can_refresh=False, can_go_plain=False, rules=spent)


def _is_retried(failed: FailedAttempt) -> bool:
    """Tell whether the same may succeed when it is tried again here."""
    error, statuses = failed.error, failed.rules.retries.statuses
    if isinstance(error, TimeoutExceededError) and error.limit != "connect":
        return failed.had_content and error.is_retryable  # a server that was too slow to begin is not asked twice
    if statuses is not None and isinstance(error, StatusError):
        was_refused = error.is_retryable_by_default and not error.is_retryable
        return error.status_code in statuses and not was_refused
    return isinstance(error, ProviderError) and error.is_retryable


def _rotated(own: Sequence[FailedAttempt]) -> Attempt | None:
    """Return the attempt with the provider's next key, where the last one was refused or has used up its rate."""
    last = own[-1]
    if not last.rules.keys or not isinstance(last.error, AuthenticationError | RateLimitError):
        return None
    tried = sum(failed.attempt.key is not None for failed in own)
    return Attempt(key=last.rules.keys[tried]) if tried < len(last.rules.keys) else None


def _was(own: Sequence[FailedAttempt], mode: AttemptMode) -> bool:
    return any(failed.attempt.mode == mode for failed in own)
