"""The engine: one call as a state machine without I/O. It yields effects and batches of events, and receives outcomes.

    credentials → encode → Send → head → frames → events … → terminal marker → Finish
                              ↘ error status   ↘ cut, malformed, error frame
                                └──────── policy: another attempt, or raise with the partial response

The same generator is driven by the sync and the async runner, so both give equal results for the same bytes. A batch of
events is a list; everything else it yields is an `Effect`. An empty first batch says that the answer has begun. Stages
are in `reading` (streams), `plain` (plain bodies) and `inprocess` (local models); what they share is `CallState`. What
follows a failed attempt is in `going_on`.
"""

from __future__ import annotations

from core_llm._attempts import FailedAttempt
from core_llm._errors import CoreLLMError, RateLimitError
from core_llm._provider import LocalProvider
from core_llm._stream import faults, outgoing
from core_llm._stream.admitting import admitted
from core_llm._stream.effects import Call, Close, Failed, Head, Interrupted, Returned, Send, Step, Steps
from core_llm._stream.going_on import failed_attempt, final_error, go_on, next_attempt
from core_llm._stream.inprocess import inprocess
from core_llm._stream.plain import plain, read_into
from core_llm._stream.reading import streamed
from core_llm._stream.recovery import settle
from core_llm._stream.state import CallState
from core_llm.wire.waiting import rate_limit_reset_seconds, retry_after_seconds

MAX_ERROR_BODY = 256 * 1024
ERROR_BODY_SECONDS = 5.0
"""How long the body of an error is waited for: its status says the most."""


def run(call: CallState) -> Steps:
    """Run the call, attempt by attempt.

    Raises:
        CoreLLMError: The call failed for good; its `partial` has what arrived.
    """
    history: list[FailedAttempt] = []
    call.start()
    while True:
        call.begin_attempt()
        try:
            error = yield from _attempt(call)
        except CoreLLMError as raised:
            yield Close(is_reusable=False)
            settle(call)
            if late := call.take_late():
                yield call.handed_late(late)
            call.annotate(raised, len(history) + 1)
            raise call.failed(raised) from raised.__cause__
        finally:
            call.leave(call.usage)
        if error is None:
            return
        call.annotate(error, len(history) + 1)
        history.append(failed_attempt(call, len(history) + 1, error))
        following = next_attempt(call, history)
        if following is None:
            settle(call)
        is_void = following is not None and following[0].mode == "restart"
        if (late := call.take_late()) and not is_void:
            yield call.handed_late(late)
        if following is None:
            raise call.failed(final_error(history))
        yield from go_on(call, following, history)


def _attempt(call: CallState) -> Step:
    plan, attempt = call.plan, call.attempt
    if plan.gate is not None and (error := (yield from admitted(call))) is not None:
        return error
    if isinstance(plan.provider, LocalProvider):
        return (yield from inprocess(call, plan.provider))
    if attempt.key is not None:
        call.secret = attempt.key
    elif call.secret is None or attempt.mode == "refresh":
        error = yield from resolve_credentials(call)
        if error is not None:
            return error
    try:
        request, framing = outgoing.build(plan, call.secret, is_stream=call.is_stream)
    except CoreLLMError as raised:
        return raised
    sent_at = call.arm("first_event", call.first)
    head = yield Send(request, call.connect_limit(), call.read_limit())
    call.waited_for_head = plan.clock.monotonic() - sent_at
    if isinstance(head, Failed | Interrupted):
        return call.transport_error(head, "headers")
    assert isinstance(head, Head)  # noqa: S101  # the last of Send's outcomes
    call.answered(head)
    if not 200 <= head.status < 300:  # noqa: PLR2004  # HTTP
        return (yield from error_status(call, head))
    if framing == "none":
        return (yield from plain(call))
    yield []
    return (yield from streamed(call, framing))


def error_status(call: CallState, head: Head) -> Step:
    """Read the body of an error, as far as it is worth it, and return the error."""
    call.control.arm("drain", ERROR_BODY_SECONDS, call.plan.clock.monotonic() + ERROR_BODY_SECONDS)
    body: list[bytes] = []
    outcome = yield from read_into(body, call, MAX_ERROR_BODY)
    yield Close(is_reusable=outcome is None)
    if call.control.is_aborted():
        return call.interruption()
    content = b"".join(body)
    if head.status < 400:  # noqa: PLR2004  # a redirect, or a status that has no place in an answer
        return faults.redirect_error(head.status, head.headers)
    wire = call.plan.provider.wire(call.plan.request.model)
    try:
        error = wire.decode_error(head.status, head.headers, content)
    except Exception as raised:  # noqa: BLE001  # a plugin's fault must not hide the provider's error
        error = faults.undecodable_status_error(head.status, head.headers, content, raised)
    now = call.plan.clock.now()
    if error.retry_after is None:
        error.retry_after = retry_after_seconds(head.headers, now)
    if error.retry_after is None and isinstance(error, RateLimitError):
        error.retry_after = rate_limit_reset_seconds(head.headers, now)
    return error


def resolve_credentials(call: CallState) -> Step:
    """Find the key or token to sign with; a callable that gives one is called."""
    credentials = call.plan.credentials
    if not callable(credentials):
        call.secret = credentials
        return None
    call.arm("first_event", call.first)
    outcome = yield Call(credentials)
    if isinstance(outcome, Returned):
        try:
            call.secret = outgoing.as_secret(outcome.value, call.plan.provider)
        except CoreLLMError as raised:
            return raised
        return None
    assert isinstance(outcome, Failed | Interrupted)  # noqa: S101  # the other outcomes of Call
    return faults.credentials_error(outcome, call.endpoint) if isinstance(outcome, Failed) else call.interruption()
