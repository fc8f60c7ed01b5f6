"""CallState: what the stages of one call share (plan, control, accumulator), its deadlines, how its errors are made."""

from __future__ import annotations

import math

from core_llm._attempts import is_retry
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
from core_llm._events import Finish, PartStart, RawEvent, StreamEvent, StreamStart, UsageUpdate
from core_llm._logging import logger
from core_llm._provider import LocalProvider
from core_llm._response import Response, Usage
from core_llm._stream import faults
from core_llm._stream.accumulate import Accumulator
from core_llm._stream.audience import Audience
from core_llm._stream.control import Aborted, Control, LimitExceeded
from core_llm._stream.effects import Close, Failed, Head, Interrupted, Steps
from core_llm._stream.held import Held
from core_llm._stream.ledger import Ledger, record_of
from core_llm._stream.observe import Pipeline
from core_llm._stream.plan import CallPlan
from core_llm._stream.seam import Seam
from core_llm._stream.tokens import TokenMeter
from core_llm.wire.base import Decoder

DRAIN_SECONDS = 0.25
"""How long a finished answer's connection may take to come to its end before it is closed instead of kept."""
MARKER_GRACE_SECONDS = 5.0
"""How long to wait for what may follow the terminal marker (usage) from a server that then says nothing."""
CONNECT_SLACK_SECONDS = 0.25
FRAME_SHOWN = 500
_NOT_CONTENT = (UsageUpdate, RawEvent, PartStart)


class CallState:
    """One call while it runs.

    Attributes:
        plan: That of the present attempt; `target` is it without what an attempt adds in order to go on.
        policy: Decides on the attempts of the whole call.
        attempt: The present one; `error` is what it failed with.
        ledger: What became of those before.
        is_watched: Whether every batch has to go through `handed`, not only those before the first content.
        seam: Joins a continued answer to what came before.
        raw: What the provider said, kept where transforms change it and it may have to be given back, or where no
            decoder knows of it.
        kept: The decoder that goes on in the next attempt.
        unsettled: That of a stream that broke, whose open parts are not closed yet; `left_open` says which they were.
        late: What transforms held back of a stream that broke, for the consumer to have before anything else.
        response: The whole response, once the call has succeeded.
        decoder: Of the current attempt's stream.
        had_content: Whether the consumer was given content; from then on nothing may be retried in silence.
        held: What the present attempt holds of the limits in number or rate.
        secret: The credentials as resolved for the current attempt.
        waited_for_head: Seconds that the current attempt waited for the head of its answer.
    """

    def __init__(self, plan: CallPlan, control: Control) -> None:
        self.plan = plan
        self.control = control
        self.target = plan
        self.policy = plan.policy
        self.attempt = plan.first
        self.ledger = Ledger()
        self.accumulator = Accumulator(plan.provider.endpoint)
        self.pipeline = Pipeline.of(plan)
        self.error: CoreLLMError | None = None
        self.seam: Seam | None = None
        self.raw: Accumulator | None = None
        self.kept: Decoder | None = None
        self.unsettled: Decoder | None = None
        self.left_open: frozenset[int] = frozenset()
        self.late: list[StreamEvent] = []
        self.meter = TokenMeter.of(plan.signal)
        self.is_watched = self._needs_events()
        self.response: Response | None = None
        self.decoder: Decoder | None = None
        self.had_content = False
        self.secret: object = None
        self.waited_for_head = 0.0
        self.held: list[Held] = []
        self._has_started = False
        self._starts: list[StreamEvent] = []
        self._is_over = False
        self.total = plan.limits.total or math.inf
        self.ends = math.inf
        self.aim(plan)

    def aim(self, target: CallPlan) -> None:
        """Let the next attempts be at this target; the total limit stays that of the call."""
        self.plan = self.target = target
        limits = target.limits
        self.admission = limits.admission or math.inf
        self.connect = limits.connect or math.inf
        self.first = limits.first_event or math.inf
        self.between = limits.between_events or math.inf
        self.is_stream = target.request.is_stream and target.can_stream
        self.secret = None

    def begin(self) -> None:
        """Let the total limit count from now, and the signal stop the call: it begins."""
        self.ends = self.plan.clock.monotonic() + self.total
        self.control.begin(self.total, self.ends)
        if self.meter is not None:
            self.meter.begin()
        if self.plan.signal is not None:
            self.control.follow(self.plan.signal)

    def exhaustion(self) -> CoreLLMError | None:
        """Return the error of a stream that wanted more tokens than its signal had left; the rest is dropped."""
        return self.interruption() if self.meter is not None and self.meter.is_exhausted else None

    def within_limit(self, events: list[StreamEvent]) -> list[StreamEvent]:
        """Return the events of a stream that a signal's limit of tokens lets pass; see `exhaustion`."""
        return events if self.meter is None else list(self.meter.taken(events))

    @property
    def endpoint(self) -> str:
        """The provider's name, as errors and events give it."""
        return self.plan.provider.endpoint

    def start(self) -> None:
        """Tell the observers that the call begins."""
        self.renew_idempotency_key()
        if self.pipeline is not None:
            self.pipeline.audience.start(self.plan.request)

    def renew_idempotency_key(self) -> None:
        """Let what is sent next be another request than what was sent before."""
        if self.plan.provider.idempotency_header is not None:
            self.plan.idempotency_key = self.plan.clock.token()

    def renew_transforms(self) -> None:
        """Let an answer that begins anew be changed by transforms that know of no other."""
        target = self.target
        transforms = target.transforms if target.fresh_transforms is None else target.fresh_transforms()
        if self.pipeline is not None:
            self.pipeline.begin_anew(transforms)
        elif transforms:
            self.pipeline = Pipeline(Audience((), ()), transforms)

    def begin_attempt(self) -> None:
        """Forget the attempt before, but for what the consumer was given."""
        if self.meter is not None:
            self.meter.begin_attempt()
        self.error = None
        if self.had_content:
            if self.kept is None:  # what an answer has cost that was cut is in the ledger now
                self.decoder = None
                self.accumulator.forget_usage()
            return
        self._has_started = False
        self._starts = []
        self.accumulator.restart()
        self.decoder = self.seam = None
        self.is_watched = self._needs_events()
        if self.pipeline is not None:
            is_needed = self.plan.recovery == "continue" or isinstance(self.plan.provider, LocalProvider)
            self.raw = Accumulator() if is_needed and self.pipeline.has_transforms else None

    def _needs_events(self) -> bool:
        """Whether every event has to be looked at, since somebody is told, changes or counts them."""
        return self.meter is not None or (self.pipeline is not None and self.pipeline.needs_events)

    def partial(self) -> Response:
        """Return what the consumer has taken so far; the whole response at the end."""
        if self.response is not None:
            return self.response
        present = record_of(self.plan, self.attempt, self.usage, self.error)
        return self.ledger.whole(self.accumulator.snapshot(), present)

    def take_late(self) -> list[StreamEvent]:
        """Return what transforms held back of a stream that broke, once; the response has it already."""
        late, self.late = self.late, []
        return late

    def handed_late(self, late: list[StreamEvent]) -> list[StreamEvent]:
        """Return it as the consumer gets it, after showing it to the audience."""
        if self.pipeline is not None:
            self.pipeline.audience.events(late)
        return late

    def answered(self, head: Head) -> None:
        """Tell those who let the attempt through of the head of its answer."""
        for each in self.held:
            each.answered(head)

    def leave(self, usage: Usage | None) -> None:
        """Give back what the attempt holds of the limits in number or rate."""
        while self.held:
            self.held.pop().leave(usage)

    @property
    def usage(self) -> Usage | None:
        """What the provider reported of the present attempt."""
        return self.accumulator.usage if self.decoder is None else self.decoder.usage

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

    def handed(
        self, events: list[StreamEvent], id_: str | None, model: str | None, *, is_last: bool = False
    ) -> list[StreamEvent]:
        """Return the events as the consumer gets them: joined to what came, begun, observed, transformed."""
        if self.seam is not None:
            events = [*self.seam.joined(events), *(self.seam.closing() if is_last else ())]
        if self.raw is not None:
            self.raw.add(events)
        if not self.had_content:
            events = self._begun(events, is_last=is_last)
            if not self._has_started:
                self._has_started = True
                events.insert(0, StreamStart(id_, model or self.plan.request.model, self.endpoint))
        return events if self.pipeline is None else self.pipeline.events(events)

    def _begun(self, events: list[StreamEvent], *, is_last: bool) -> list[StreamEvent]:
        """Return the events of an answer without content so far; starts of parts wait, for it may be tried again."""
        events = [*self._starts, *events]
        self.had_content = any(not isinstance(event, _NOT_CONTENT) for event in events)
        if self.had_content or is_last:
            self._starts = []
            return events
        self._starts = [event for event in events if isinstance(event, PartStart)]
        return [event for event in events if not isinstance(event, PartStart)]

    def succeed(self, response: Response, events: list[StreamEvent], *, is_reusable: bool | None) -> Steps:
        """Hand on the last events and the Finish, then give the connection back; None says that it was given back."""
        self._is_over = True
        self.control.disarm()
        if self.meter is not None:
            self.meter.settle(response.usage)
        self.plan.rules.budget.give_back(was_retried=not self.ledger.is_empty and is_retry(self.attempt))
        if self.plan.keys is not None:
            self.plan.keys.prefer(self.secret)
        try:
            self.policy.succeeded(self.attempt)
        except Exception as error:  # noqa: BLE001  # a stranger's code must not harm an answer that is whole
            logger.warning("the policy of a call raised %s: %s", type(error).__name__, error)
        self.leave(response.usage)  # the provider is done, whatever the consumer does from here on
        response = self.ledger.whole(response, record_of(self.plan, self.attempt, response.usage))
        self.response = response
        finish = Finish(response.finish_reason or "other", response.usage, response)
        if self.pipeline is not None:
            self.pipeline.audience.finish(finish)
        yield [*events, finish]
        if is_reusable is not None:
            self.control.arm("drain", DRAIN_SECONDS, self.plan.clock.monotonic() + DRAIN_SECONDS)
            yield Close(is_reusable)

    def transport_error(self, outcome: Failed | Interrupted, phase: Phase) -> CoreLLMError:
        """Return the error for an effect that failed or was interrupted in `phase`."""
        if isinstance(outcome, Interrupted) or self.control.interruption is not None:
            error = self.interruption()
        elif outcome.limit is not None and not self.has_time_for(0.0):
            # The HTTP library's own timeout came first, where the watchdog cannot reach the socket.
            error = faults.timeout_error(self.endpoint, "total", self.total)
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
            self.pipeline.audience.error(error, partial)
