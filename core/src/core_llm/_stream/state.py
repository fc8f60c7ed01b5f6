"""CallState: what the stages of one call share (plan, control, accumulator), its deadlines, how its errors are made."""

from __future__ import annotations

import math

from core_llm._errors import (
    AbortedError,
    CoreLLMError,
    Limit,
    MalformedResponseError,
    Phase,
    ProviderError,
    RedactedCause,
    StreamInterruptedError,
    TransportError,
)
from core_llm._events import Finish, RawEvent, StreamEvent, StreamStart, UsageUpdate
from core_llm._response import Response
from core_llm._stream import faults
from core_llm._stream.accumulate import Accumulator
from core_llm._stream.control import Aborted, Control, LimitExceeded
from core_llm._stream.effects import Close, Failed, Interrupted, Steps
from core_llm._stream.observe import Pipeline
from core_llm._stream.plan import CallPlan
from core_llm._stream.tokens import TokenMeter
from core_llm.wire.base import Decoder

DRAIN_SECONDS = 0.25
"""How long a finished answer's connection may take to come to its end before it is closed instead of kept."""
MARKER_GRACE_SECONDS = 5.0
"""How long to wait for what may follow the terminal marker (usage) from a server that then says nothing."""
CONNECT_SLACK_SECONDS = 0.25
FRAME_SHOWN = 500
_NOT_CONTENT = (UsageUpdate, RawEvent)


class CallState:
    """One call while it runs.

    Attributes:
        is_watched: Whether every batch has to go through `handed`, not only those before the first content.
        response: The whole response, once the call has succeeded.
        decoder: Of the current attempt's stream.
        had_content: Whether the consumer was given content; from then on nothing may be retried in silence.
        secret: The credentials as resolved for the current attempt.
        waited_for_head: Seconds that the current attempt waited for the head of its answer.
    """

    def __init__(self, plan: CallPlan, control: Control) -> None:
        self.plan = plan
        self.control = control
        self.accumulator = Accumulator(plan.provider.endpoint)
        self.pipeline = Pipeline.of(plan)
        self.meter = TokenMeter.of(plan.signal)
        self.is_watched = self.pipeline is not None or self.meter is not None
        self.response: Response | None = None
        self.decoder: Decoder | None = None
        self.had_content = False
        self.secret: object = None
        self.waited_for_head = 0.0
        self._has_started = False
        self._is_over = False
        limits = plan.limits
        self.connect = limits.connect or math.inf
        self.first = limits.first_event or math.inf
        self.between = limits.between_events or math.inf
        self.total = limits.total or math.inf
        self.ends = math.inf

    def begin(self) -> None:
        """Let the total limit count from now, and the signal stop the call: it begins."""
        self.ends = self.plan.clock.monotonic() + self.total
        self.control.begin(self.total, self.ends)
        if self.meter is not None:
            self.meter.begin()
        if self.plan.signal is not None:
            self.control.follow(self.plan.signal)

    @property
    def is_exhausted(self) -> bool:
        """Whether the stream wanted more tokens than its signal has left; what came beyond was not handed on."""
        return self.meter is not None and self.meter.is_exhausted

    @property
    def endpoint(self) -> str:
        """The provider's name, as errors and events give it."""
        return self.plan.provider.endpoint

    def begin_attempt(self) -> None:
        """Forget the attempt before."""
        self._has_started = False
        if self.meter is not None:
            self.meter.begin_attempt()
        if not self.had_content:
            self.accumulator.restart()

    def partial(self) -> Response:
        """Return what the consumer has taken so far; the whole response at the end."""
        return self.response or self.accumulator.snapshot()

    def arm(self, limit: Limit, seconds: float, waited: float = 0.0) -> float:
        """Set the deadline of what is waited for next; return the time."""
        now = self.plan.clock.monotonic()
        self.control.arm(limit, seconds, now + seconds - waited)
        return now

    def connect_limit(self) -> float:
        """Return how long connecting may take: its own limit, or little more than what is left of the whole call's.

        The watchdog strikes at the end of the call; the HTTP library's own limit is for where that does not wake it.
        """
        return min(self.connect, max(0.0, self.ends - self.plan.clock.monotonic()) + CONNECT_SLACK_SECONDS)

    def has_time_for(self, delay: float) -> bool:
        """Whether the call's total limit leaves room for a pause of that many seconds."""
        return self.plan.clock.monotonic() + delay < self.ends

    def read_limit(self) -> float:
        """Return how long bytes may be waited for where only the HTTP library itself can give up."""
        return min(max(self.first, self.between), self.total)

    def handed(self, events: list[StreamEvent], id_: str | None, model: str | None) -> list[StreamEvent]:
        """Return the events as the consumer gets them: begun with a StreamStart, observed, transformed, counted."""
        if self.meter is not None:
            events = list(self.meter.taken(events))
        if not self.had_content:
            if not self._has_started:
                self._has_started = True
                events.insert(0, StreamStart(id_, model or self.plan.request.model, self.endpoint))
            self.had_content = any(
                not isinstance(event, _NOT_CONTENT) for event in events if not isinstance(event, StreamStart)
            )
        return events if self.pipeline is None else self.pipeline.events(events)

    def succeed(self, response: Response, events: list[StreamEvent], *, is_reusable: bool | None) -> Steps:
        """Hand on the last events and the Finish, then give the connection back; None says that it was given back."""
        self.response = response
        self._is_over = True
        self.control.disarm()
        if self.meter is not None:
            self.meter.settle(response.usage)
        finish = Finish(response.finish_reason or "other", response.usage, response)
        if self.pipeline is not None:
            self.pipeline.finish(finish)
        yield [*events, finish]
        if is_reusable is not None:
            self.control.arm("drain", DRAIN_SECONDS, self.plan.clock.monotonic() + DRAIN_SECONDS)
            yield Close(is_reusable)

    def transport_error(self, outcome: Failed | Interrupted, phase: Phase) -> CoreLLMError:
        """Return the error for an effect that failed or was interrupted in `phase`."""
        if isinstance(outcome, Interrupted) or self.control.interruption is not None:
            error = self.interruption()
        else:
            error = faults.transport_error(self.plan, outcome, phase, had_content=self.had_content)
        if isinstance(error, ProviderError) and error.phase is None:
            error.phase = "connect" if isinstance(outcome, Failed) and outcome.limit == "connect" else phase
        return error

    def interruption(self) -> CoreLLMError:
        """Return the error that says why the call was stopped."""
        match self.control.interruption:
            case LimitExceeded(limit=limit, seconds=seconds) if limit != "drain":
                return faults.timeout_error(self.endpoint, limit, seconds)
            case Aborted(reason=reason, kind=kind):
                because = f": {reason}" if reason else ""
                return AbortedError(f"the call was stopped{because}", reason=reason, kind=kind)
            case _:
                return AbortedError("the call was stopped")

    def cut_error(self) -> CoreLLMError:
        """Return the error for a stream that ended before its terminal marker."""
        came = "after part of the answer" if self.had_content else "without any content"
        msg = (
            f"{self.endpoint} ended the stream before its terminal marker, {came}; "
            "the answer is not whole: send the request again, or use .partial"
        )
        return StreamInterruptedError(msg, phase="body")

    def malformed(self, raised: Exception, frame: bytes) -> CoreLLMError:
        """Return the error for a frame or body that the wire's decoder could not take."""
        error = MalformedResponseError(
            f"{self.endpoint} sent something its wire format does not allow ({type(raised).__name__}: {raised}); "
            "see .frame, and report it to the plugin's author",
            frame=frame[:FRAME_SHOWN].decode("utf-8", "replace"),
        )
        error.__cause__ = RedactedCause.of(raised)
        return error

    def annotate(self, error: CoreLLMError, attempts: int | None = None) -> None:
        """Say in the error whose it is, and after how many attempts."""
        if isinstance(error, ProviderError):
            error.provider = error.provider or self.endpoint
            error.model = error.model or self.plan.request.model or None
            error.attempts = attempts or error.attempts

    def failed(self, error: CoreLLMError) -> CoreLLMError:
        """Give the error the partial response, tell the observers, and return it to be raised."""
        self.accumulator.begin(())  # whatever was handed on has been taken
        partial = self.partial()
        if isinstance(error, TransportError | AbortedError) or (isinstance(error, ProviderError) and partial.parts):
            error.partial = partial
        self._tell(error, partial)
        return error

    def given_up(self) -> None:
        """Tell the observers that the consumer left, or was cancelled, before the call was over."""
        if not self._is_over:
            partial = self.partial()
            self._tell(AbortedError("the stream was left before its end", partial=partial), partial)

    def _tell(self, error: CoreLLMError, partial: Response) -> None:
        self._is_over = True
        if self.pipeline is not None:
            self.pipeline.error(error, partial)
