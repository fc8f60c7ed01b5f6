"""Admitting: an attempt waits for its turn where calls are limited in number or rate. Others have no gate.

The deadlines hold while it waits, and an abort wakes it. What it holds is released however the attempt ends.
"""

from __future__ import annotations

from collections.abc import Generator
from math import inf

from core_llm._errors import BusyError, CoreLLMError, PluginError, ProviderError, RedactedCause
from core_llm._events import StreamEvent
from core_llm._stream.effects import Call, Effect, Failed, Interrupted, Outcome, Returned, Step, Wait
from core_llm._stream.held import Held
from core_llm._stream.state import CallState

MIN_WAIT_SECONDS = 0.001
Asking = Generator[Effect | list[StreamEvent], Outcome, float | CoreLLMError | None]


def admitted(call: CallState) -> Step:
    """Wait until everybody lets the attempt through; return what keeps it out."""
    assert call.plan.gate is not None  # noqa: S101  # who calls this has looked
    if call.control.is_interrupted():  # nothing will be sent, so no rate is to be used up
        return _stopped(call)
    try:
        admissions = call.plan.gate(call.plan.request)
    except CoreLLMError as raised:
        return raised
    call.arm("admission", call.admission)
    for admission in admissions:
        held = Held(admission)
        call.held.append(held)
        while True:
            answer = yield from _asked(call, held)
            if answer is None:
                break
            if isinstance(answer, CoreLLMError):
                return answer
            if call.plan.on_busy == "raise":
                return _busy(call, answer)
            if isinstance((yield Wait(held.wake_with, max(answer, MIN_WAIT_SECONDS))), Interrupted):
                return _stopped(call)
    call.control.deadline = inf
    return None


def _asked(call: CallState, held: Held) -> Asking:
    """Ask one admission, in a thread where it may block."""
    if held.may_block:
        outcome = yield Call(held.ask)
        if isinstance(outcome, Interrupted):
            return _stopped(call)
        if isinstance(outcome, Failed):
            return outcome.error or _failure(outcome.cause or "it failed")
        answer = outcome.value if isinstance(outcome, Returned) else None
    else:
        try:
            answer = held.ask()
        except CoreLLMError as raised:
            return raised
        except Exception as raised:  # noqa: BLE001  # a stranger's code
            return _failure(RedactedCause.of(raised))
    if answer is None or isinstance(answer, int | float):
        return answer
    return _failure(f"ask returned a {type(answer).__name__}, neither seconds nor None")


def _stopped(call: CallState) -> CoreLLMError:
    error = call.interruption()
    if isinstance(error, ProviderError):
        error.phase = "prepare"
    return error


def _failure(cause: RedactedCause | str) -> CoreLLMError:
    """Return the error of a limit that cannot be asked: without its leave nothing goes out."""
    error = PluginError(f"what admits calls failed: {cause}")
    error.__cause__ = cause if isinstance(cause, RedactedCause) else None
    return error


def _busy(call: CallState, seconds: float) -> CoreLLMError:
    when = f" (in {seconds:.3g} s it may be)" if seconds < inf else ""
    msg = (
        f"{call.endpoint}: it is not this call's turn{when}, since your own limits in number or rate are reached, and "
        "on_busy is 'raise'; wait with on_busy='wait', or raise the limits"
    )
    return BusyError(msg, phase="prepare", retry_after=seconds if seconds < inf else None)
