"""Going on after a failed attempt: the policy is asked, the consumer is told, and the call is made ready for the next.

Retries, recovery, fallback and routes all pass through here, and nothing else decides what a failure leads to.
"""

from __future__ import annotations

from collections.abc import Sequence

from core_llm._attempts import Attempt, FailedAttempt
from core_llm._errors import CoreLLMError, ProviderError, RedactedCause, StatusError
from core_llm._events import AttemptEvent, FellBack, Restarted, Resumed, Retrying
from core_llm._provider import LocalProvider
from core_llm._stream.effects import Sleep, Steps
from core_llm._stream.ledger import record_of
from core_llm._stream.plan import CallPlan
from core_llm._stream.recovery import continued, possible_recovery, resumed, settle
from core_llm._stream.state import CallState

MAX_ATTEMPTS = 100
"""Of one call: a policy that never ends is stopped here."""
Following = tuple[Attempt, CallPlan]
"""An attempt to make, and the plan of its target."""


def failed_attempt(call: CallState, number: int, error: CoreLLMError) -> FailedAttempt:
    """Return what a policy is told of the present attempt, which failed."""
    call.error = error
    plan = call.target
    is_local = isinstance(plan.provider, LocalProvider)
    return FailedAttempt(
        number=number,
        attempt=call.attempt,
        provider=plan.provider.endpoint,
        model=plan.request.model,
        error=error,
        had_content=call.had_content,
        recovery=possible_recovery(call, error),
        was_stream=call.is_stream,
        can_refresh=callable(plan.credentials),
        can_go_plain=not is_local and plan.provider.wire(plan.request.model).can_generate,
        rules=plan.rules,
    )


def next_attempt(call: CallState, history: list[FailedAttempt]) -> Following | None:
    """Return what the policy wants next; a target that cannot take the request joins the history, and it goes on."""
    while call.control.renew() and len(history) < MAX_ATTEMPTS:
        try:
            attempt = call.policy.next_attempt(history)
        except Exception as raised:  # noqa: BLE001  # a stranger's code must not hide what the call failed with
            history[-1].error.add_note(f"the policy of the call failed in its turn: {RedactedCause.of(raised)}")
            return None
        if attempt is None or not call.has_time_for(attempt.delay) or not _is_allowed(history[-1], attempt):
            return None
        if attempt.model is None or call.target.target is None:
            return attempt, call.target
        try:
            return attempt, call.target.target(attempt.model)
        except CoreLLMError as error:
            provider, _, model = attempt.model.partition(":")
            history.append(_never_sent(history[-1], attempt, error, provider=provider, model=model))
    return None


def go_on(call: CallState, following: Following, history: Sequence[FailedAttempt]) -> Steps:
    """Say that another attempt follows, wait for its time, and make the call ready for it.

    Raises:
        CoreLLMError: The call was stopped while it waited.
    """
    attempt, target = following
    last = history[-1]
    _note(call, attempt, history)
    if attempt.mode not in ("resume", "continue"):
        settle(call)
    events = _announced(attempt, target, last)
    for event in events:
        if call.pipeline is not None:
            call.pipeline.audience.retry(event)
    if events:
        call.accumulator.begin(events)
        yield list(events)
        call.control.arm("total", call.total, call.ends)
        yield Sleep(attempt.delay)
    if call.control.interruption is not None:
        raise call.failed(call.interruption())
    _make_ready(call, attempt, target)


def final_error(history: Sequence[FailedAttempt]) -> CoreLLMError:
    """Return the error to raise: the last, but for an answer that broke and could not be taken up again."""
    last = history[-1]
    if len(history) > 1 and last.attempt.mode in ("continue", "resume") and isinstance(last.error, StatusError):
        broke = next((failed for failed in reversed(history) if failed.attempt.mode != last.attempt.mode), last)
        if not last.error.is_retryable and isinstance(broke.error, ProviderError):
            broke.error.add_note(f"recovery={last.attempt.mode!r} was refused: {last.error.message}")
            broke.error.attempts = last.number
            return broke.error
    for failed in history[:-1]:
        if (failed.provider, failed.model) != (last.provider, last.model):
            name = type(failed.error).__name__
            last.error.add_note(f"before: {failed.provider}:{failed.model}: {name}: {failed.error.message}")
    return last.error


def _is_allowed(last: FailedAttempt, attempt: Attempt) -> bool:
    """Tell whether an attempt keeps to what the caller wants after content: nothing is replayed in silence."""
    if last.had_content:
        return attempt.mode == last.recovery
    return attempt.mode not in ("continue", "resume")  # there is nothing to go on with


def _never_sent(
    last: FailedAttempt, attempt: Attempt, error: CoreLLMError, *, provider: str, model: str
) -> FailedAttempt:
    return FailedAttempt(
        number=last.number + 1,
        attempt=attempt,
        provider=provider,
        model=model,
        error=error,
        had_content=last.had_content,
        recovery=last.recovery,
        was_stream=last.was_stream,
        can_refresh=False,
        can_go_plain=False,
        rules=last.rules,
    )


def _note(call: CallState, attempt: Attempt, history: Sequence[FailedAttempt]) -> None:
    """Enter the attempt that failed into the ledger."""
    sent = next(failed for failed in reversed(history) if failed.attempt is call.attempt)
    voided = ""
    if attempt.mode == "restart":
        partial = call.partial()
        voided = partial.text
        if isinstance(sent.error, ProviderError):
            sent.error.partial = partial
    usage = None if attempt.mode == "resume" else call.usage
    call.ledger.note(record_of(call.plan, call.attempt, usage, sent.error, voided))


def _announced(attempt: Attempt, target: CallPlan, last: FailedAttempt) -> list[AttemptEvent]:
    """Return the events that say what follows; new credentials and a plain request are nobody's business."""
    told = (last.number + 1, attempt.delay, last.error)
    events: list[AttemptEvent] = []
    match attempt.mode:
        case "restart":
            events.append(Restarted(*told, last.provider))
        case "continue" | "resume" as mode:
            return [Resumed(*told, last.provider, mode)]
        case "retry" if attempt.model is None:
            return [Retrying(*told, last.provider)]
        case "plain" | "refresh" if attempt.model is None:
            return []
        case _:
            pass
    if attempt.model is not None:
        events.append(FellBack(*told, target.provider.endpoint, target.request.model))
    return events


def _make_ready(call: CallState, attempt: Attempt, target: CallPlan) -> None:
    call.attempt = attempt
    if attempt.model is not None:
        call.aim(target)
    call.is_stream = call.is_stream and attempt.mode != "plain"  # who refused to stream is not asked again
    match attempt.mode:
        case "continue":
            call.plan = continued(call)
        case "resume":
            call.plan = resumed(call)
        case "restart":
            call.had_content = False
            call.plan = call.target
        case _:
            call.plan = call.target
    if attempt.model is not None or attempt.mode == "restart":
        call.renew_transforms()
    if attempt.model is not None or attempt.mode not in ("retry", "refresh"):
        call.renew_idempotency_key()
