"""What the engine asks of the world, and what it gets back: a closed set of effects, and values for every outcome.

A runner performs an effect and sends its outcome into the engine. Failures are values too, so that an error is raised
where no foreign exception, with a request and its key headers, stands in its context.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Literal

from core_llm._errors import CoreLLMError, Limit, RedactedCause
from core_llm._events import StreamEvent
from core_llm._json import JSONObject
from core_llm._provider import LocalProvider, OutgoingRequest
from core_llm._request import Request
from core_llm._response import FinishReason, Usage


@dataclass(slots=True)
class LocalCall:
    """A call of a model in this process, in place of an HTTP request."""

    provider: LocalProvider
    request: Request


@dataclass(slots=True)
class Send:
    """Send a request and wait for the head of its answer. Outcome: Head, Failed or Interrupted."""

    request: OutgoingRequest | LocalCall
    connect_limit: float
    read_limit: float = math.inf
    """For bytes to come, where only the HTTP library itself can give up."""


@dataclass(slots=True)
class Read:
    """Read the next bytes of the body, however many there are. Outcome: bytes, None at the end, Failed or Interrupted.

    A connection that was cut from outside reads as ended or failed, so the engine asks `Control.interruption` first.
    """


@dataclass(slots=True)
class PullLocal:
    """Take what the local model's thread has made. Outcome: list of events, LocalEnd, Failed or Interrupted."""


@dataclass(slots=True)
class Close:
    """Give the connection back (after the answer was read to its end) or close it. Outcome: None."""

    is_reusable: bool


@dataclass(slots=True)
class Sleep:
    """Wait. Outcome: None or Interrupted."""

    seconds: float


@dataclass(slots=True)
class Wait:
    """Wait to be woken, but no longer than so many seconds. Outcome: None or Interrupted."""

    wake_with: Callable[[Callable[[], None]], None]
    """Told what wakes, which any thread may call, also at once."""
    seconds: float


@dataclass(slots=True)
class Call:
    """Call a function that may block or be async (credentials, hooks). Outcome: Returned, Failed or Interrupted."""

    function: Callable[[], object]


Effect = Send | Read | PullLocal | Close | Sleep | Wait | Call


@dataclass(slots=True)
class Head:
    """The head of an answer; header names in lower case."""

    status: int
    headers: dict[str, str]


@dataclass(slots=True)
class Returned:
    """What a Call returned."""

    value: object


@dataclass(slots=True)
class LocalEnd:
    """A local model's thread has returned. Without a finish reason it was interrupted."""

    finish_reason: FinishReason | None
    raw_finish_reason: str | None = None
    usage: Usage | None = None
    id: str | None = None
    model: str | None = None
    metadata: JSONObject | None = None


@dataclass(slots=True)
class Failed:
    """An effect failed.

    Attributes:
        kind: ``connect``: no connection; ``network``: it broke; ``protocol``: what came is not HTTP; ``config``: the
            address is unusable; ``error``: `error` says it.
        cause: The foreign exception's stand-in.
        error: An error of this package, where one was raised.
        limit: The limit that an HTTP library's own timeout stands for.
    """

    kind: Literal["connect", "network", "protocol", "config", "timeout", "error"]
    cause: RedactedCause | None = None
    error: CoreLLMError | None = None
    limit: Limit | None = None


@dataclass(slots=True)
class Interrupted:
    """A limit was exceeded, or the caller stopped the call; `Control.interruption` says which."""


Outcome = Head | Failed | Interrupted | Returned | LocalEnd | bytes | list[StreamEvent] | None

READ = Read()
PULL_LOCAL = PullLocal()
INTERRUPTED = Interrupted()

Steps = Generator[Effect | list[StreamEvent], Outcome, None]
"""A stage of a call: yields effects and batches of events, receives the effects' outcomes."""
Step = Generator[Effect | list[StreamEvent], Outcome, CoreLLMError | None]
"""A stage that returns the error it ended with, or None."""
