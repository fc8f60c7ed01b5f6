"""Drives a sans-I/O generator (list models, count tokens, …) by the engine's effects, with its limits and retries."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

from core_llm._attempts import FailedAttempt, is_retry
from core_llm._errors import CoreLLMError
from core_llm._events import StreamEvent
from core_llm._provider import OutgoingRequest
from core_llm._stream import outgoing
from core_llm._stream.admitting import admitted
from core_llm._stream.effects import Close, Effect, Failed, Head, Interrupted, Outcome, Send, Sleep
from core_llm._stream.engine import error_status, resolve_credentials
from core_llm._stream.going_on import failed_attempt, next_attempt
from core_llm._stream.plain import read_all
from core_llm._stream.state import CallState
from core_llm.wire.base import Exchange, WireRequest, WireResponse

T = TypeVar("T")
ExchangeSteps = Generator[Effect | list[StreamEvent], Outcome, T]


def run_exchange(call: CallState, exchange: Exchange[T]) -> ExchangeSteps[T]:
    """Run the exchange to its value.

    Raises:
        CoreLLMError: A request failed for good, or the exchange raised.
    """
    call.begin()
    try:
        error = yield from resolve_credentials(call)
        if error is not None:
            raise error  # noqa: TRY301  # the handler below belongs to it as to any other
        wired = next(exchange)
        while True:
            response = yield from _answered(call, wired)
            wired = exchange.send(response)
    except StopIteration as end:
        value: T = end.value
        return value
    except CoreLLMError as raised:
        call.annotate(raised)
        raise
    except Exception as raised:  # noqa: BLE001  # whatever a wire raises is the body's fault, by contract
        error = call.malformed(raised, b"")
        call.annotate(error)
    finally:
        exchange.close()
    raise error


def _answered(call: CallState, wired: WireRequest) -> ExchangeSteps[WireResponse]:
    """Send one request, again where the policy says so, and return its answer."""
    history: list[FailedAttempt] = []
    call.renew_idempotency_key()
    while True:
        answer = yield from _once(call, outgoing.signed(call.plan, wired, call.secret))
        if isinstance(answer, WireResponse):
            call.plan.rules.budget.give_back(was_retried=bool(history) and is_retry(call.attempt))
            return answer
        call.annotate(answer, len(history) + 1)
        history.append(failed_attempt(call, len(history) + 1, answer))
        following = next_attempt(call, history)
        if following is None:
            raise answer
        call.attempt = attempt = following[0]
        if attempt.delay:
            call.control.arm("total", call.total, call.ends)
            yield Sleep(attempt.delay)
        if attempt.key is not None:
            call.secret = attempt.key
        elif attempt.mode == "refresh" and (error := (yield from resolve_credentials(call))) is not None:
            raise error


def _once(call: CallState, request: OutgoingRequest) -> ExchangeSteps[WireResponse | CoreLLMError]:
    try:
        if call.plan.gate is not None and (error := (yield from admitted(call))) is not None:
            return error
        return (yield from _sent(call, request))
    finally:
        call.leave(None)


def _sent(call: CallState, request: OutgoingRequest) -> ExchangeSteps[WireResponse | CoreLLMError]:
    call.arm("first_event", call.first)
    head = yield Send(request, call.connect_limit(), call.read_limit())
    if isinstance(head, Failed | Interrupted):
        return call.transport_error(head, "headers")
    assert isinstance(head, Head)  # noqa: S101  # the last of Send's outcomes
    call.answered(head)
    if not 200 <= head.status < 300:  # noqa: PLR2004  # HTTP
        failed = yield from error_status(call, head)
        assert failed is not None  # noqa: S101  # an error status is always an error
        return failed
    body = yield from read_all(call)
    yield Close(is_reusable=isinstance(body, bytes))
    return (
        WireResponse(head.status, head.headers, body) if isinstance(body, bytes) else call.transport_error(body, "body")
    )
