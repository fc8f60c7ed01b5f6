"""CallPlan: all that the engine needs to know of one call, put together by the client before anything is sent."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import SecretStr

from core_llm._admission import Admission
from core_llm._attempts import Attempt, AttemptPolicy, KeyRing, RetryBudget, RetryRules
from core_llm._callbacks import Callbacks, EventTransform
from core_llm._config_model import Limits, OnBusy
from core_llm._json import JSONObject, JSONValue
from core_llm._provider import Provider
from core_llm._request import Request
from core_llm._response import ResumePoint
from core_llm._retries import DEFAULT_RETRIES, Recovery
from core_llm._signals import Signal
from core_llm.hookspecs import StreamObserver
from core_llm.wire.merging import merged_options


def _token() -> str:
    return os.urandom(16).hex()


@dataclass(slots=True, frozen=True)
class Clock:
    """The engine's sources of time and chance; tests give their own."""

    monotonic: Callable[[], float] = time.monotonic
    now: Callable[[], float] = time.time
    random: Callable[[], float] = random.random  # noqa: S311  # spreads retries, guards nothing
    token: Callable[[], str] = _token


CLOCK = Clock()
FIRST = Attempt()
NO_RETRIES = RetryRules(max_retries=0, retries=DEFAULT_RETRIES, budget=RetryBudget(0.0, 0.0))


@dataclass(slots=True)
class CallPlan:
    """One call.

    Attributes:
        request: Rewritten and checked; its `is_stream` says which form is wanted first.
        credentials: The key, or a callable that gives one, or None where the server wants none.
        limits: Every field set.
        signal: Stops the call.
        policy: Decides on the attempts of the call.
        first: The first of them, for which this plan is made.
        rules: What the standard policy goes by at this provider.
        keys: The provider's keys, where there are several.
        recovery: What the caller wants when the answer breaks after its first content.
        target: Model id → the plan for the same call at another model.
        fresh_transforms: Makes the transforms again, for an answer that begins anew.
        idempotency_key: By which the provider knows that a request is the same again.
        resume: Where the stream of an answer is taken up again, in place of a new answer.
        gate: Makes what an attempt has to wait for, where calls are limited in number or rate.
        on_busy: What to do where it has to.
        can_stream: False where the model is declared to have no streaming: a plain request is sent at once.
    """

    provider: Provider
    request: Request
    limits: Limits
    policy: AttemptPolicy
    credentials: SecretStr | Callable[[], object] | None = None
    provider_options: Mapping[str, JSONValue] = field(default_factory=dict)
    can_stream: bool = True
    signal: Signal | None = None
    resume: ResumePoint | None = None
    first: Attempt = FIRST
    rules: RetryRules = NO_RETRIES
    keys: KeyRing | None = None
    recovery: Recovery = "raise"
    target: Callable[[str], CallPlan] | None = None
    idempotency_key: str | None = None
    observers: Sequence[StreamObserver] = ()
    callbacks: Sequence[Callbacks] = ()
    transforms: Sequence[EventTransform] = ()
    fresh_transforms: Callable[[], Sequence[EventTransform]] | None = None
    gate: Callable[[Request], Sequence[Admission]] | None = None
    on_busy: OnBusy = "wait"
    clock: Clock = CLOCK

    def merged_body(self, body: JSONObject) -> JSONObject:
        """Return the body with the caller's own fields for this provider merged in; see `merged_options`."""
        return merged_options(body, self.provider_options) if self.provider_options else body
