"""CallPlan: all that the engine needs to know of one call, put together by the client before anything is sent."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import SecretStr

from core_llm._config_model import Limits
from core_llm._json import JSONObject, JSONValue
from core_llm._provider import Provider
from core_llm._request import Request
from core_llm._response import ResumePoint
from core_llm._signals import Signal
from core_llm._stream.attempts import AttemptPolicy
from core_llm.hookspecs import EventTransform, StreamObserver
from core_llm.wire.merging import merged_options


@dataclass(slots=True, frozen=True)
class Clock:
    """The engine's sources of time and chance; tests give their own."""

    monotonic: Callable[[], float] = time.monotonic
    now: Callable[[], float] = time.time
    random: Callable[[], float] = random.random  # noqa: S311  # spreads retries, guards nothing


CLOCK = Clock()


@dataclass(slots=True)
class CallPlan:
    """One call.

    Attributes:
        request: Rewritten and checked; its `is_stream` says which form is wanted first.
        credentials: The key, or a callable that gives one, or None where the server wants none.
        limits: Every field set.
        signal: Stops the call.
        resume: Where the stream of an answer is taken up again, in place of a new answer.
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
    observers: Sequence[StreamObserver] = ()
    transforms: Sequence[EventTransform] = ()
    clock: Clock = CLOCK

    def merged_body(self, body: JSONObject) -> JSONObject:
        """Return the body with the caller's own fields for this provider merged in; see `merged_options`."""
        return merged_options(body, self.provider_options) if self.provider_options else body
