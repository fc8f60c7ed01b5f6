"""Recovery: what it takes for a broken answer to go on, and how a call is made ready for it. No I/O.

Whether and when is for the policy to say; `possible_recovery` tells it what could be done.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from core_llm._attempts import AttemptMode
from core_llm._errors import CoreLLMError, ProviderError
from core_llm._events import PartEnd, StreamEvent, UsageUpdate
from core_llm._messages import Message, Part, TextPart
from core_llm._response import ResumePoint
from core_llm._stream.plan import CallPlan
from core_llm._stream.seam import Seam
from core_llm._stream.state import CallState
from core_llm.wire.base import Decoder


def possible_recovery(call: CallState, error: CoreLLMError) -> AttemptMode | None:
    """Return how the call could go on after `error`; where the caller wants what cannot be done, the error says why.

    Unless the answer can be resumed, its open parts are kept as far as they came, from here on.
    """
    wanted = call.plan.recovery
    if call.kept is not None:  # the attempt came to no answer, so what broke is still the one before
        call.unsettled, call.kept = call.kept, None
    if call.had_content and wanted == "resume" and resume_point(call) is not None:
        return "resume"
    settle(call)
    if not call.had_content or wanted == "raise":
        return None
    if wanted == "restart":
        return "restart"
    obstacle = "its provider keeps no answer to resume" if wanted == "resume" else _obstacle(call)
    if obstacle is None:
        return "continue"
    if isinstance(error, ProviderError) and error.is_retryable:
        error.add_note(f"recovery={wanted!r} was not possible: {obstacle}")
    return None


def settle(call: CallState) -> None:
    """Keep the parts of a broken answer as far as they came: the partial response has signatures, calls, usage."""
    decoder, call.unsettled = call.unsettled, None
    call.accumulator.begin(())  # whatever was handed on has been taken
    call.left_open = (call.raw or call.accumulator).open_parts()
    if decoder is None and (call.raw is None or not call.left_open):
        return
    try:
        ends = _ends_of(call, decoder)
        if call.raw is not None:
            call.raw.add(ends)
        if call.pipeline is not None:
            ends = call.pipeline.transformed(ends)
    except Exception:  # noqa: BLE001  # the answer is broken already; its deltas are kept in any case
        return
    call.accumulator.add(ends)
    call.late = [event for event in ends if not isinstance(event, PartEnd | UsageUpdate)]


def _ends_of(call: CallState, decoder: Decoder | None) -> list[StreamEvent]:
    """Return what the decoder has left to say; a local model has none, and what it said is in `raw`."""
    if decoder is None:
        return [] if call.raw is None else call.raw.open_ends()
    ends: list[StreamEvent] = [event for event in decoder.close() if isinstance(event, PartEnd | UsageUpdate)]
    return ends if call.seam is None else [*call.seam.joined(ends), *call.seam.closing()]


def resume_point(call: CallState) -> ResumePoint | None:
    """Return where the provider can take up the broken stream; None where it cannot."""
    decoder = call.unsettled
    known = None if decoder is None else decoder.id or (call.plan.resume and call.plan.resume.response_id)
    if decoder is None or not known or decoder.cursor is None:
        return None
    point = ResumePoint(response_id=known, cursor=decoder.cursor)
    wire = call.plan.provider.wire(call.plan.request.model)
    return None if wire.encode_resume(known, decoder.cursor) is None else point


def resumed(call: CallState) -> CallPlan:
    """Make the call ready to resume its answer: the same decoder goes on. Return the plan of that attempt."""
    point = resume_point(call)
    call.kept, call.unsettled = call.unsettled, None
    return replace(call.target, resume=point)


def continued(call: CallState) -> CallPlan:
    """Make the call ready to continue its answer from what it said. Return the plan of that attempt."""
    parts = _raw_parts(call)
    texts = [part for part in parts if isinstance(part, TextPart)]
    last = len(parts) - 1
    is_open = last in call.left_open
    call.seam = Seam(texts, is_open=is_open)
    call.is_watched = True
    if is_open:
        shown = call.accumulator.reopen(last)
        if call.raw is not None:
            call.raw.reopen(last)
        if call.pipeline is not None:
            call.pipeline.reopen(last, shown)
    request = call.target.request
    messages = (*request.messages, Message(role="assistant", parts=call.seam.prefix))
    return replace(call.target, request=request.model_copy(update={"messages": messages}), resume=None)


def _raw_parts(call: CallState) -> Sequence[Part]:
    """Return what the provider said, before any transform."""
    return (call.raw or call.accumulator).snapshot().parts


def _obstacle(call: CallState) -> str | None:
    """Return what keeps the answer from being continued; None if nothing does."""
    plan, parts = call.target, _raw_parts(call)
    name = f"{plan.provider.endpoint}:{plan.request.model}"
    if plan.provider.capabilities_for(plan.request.model).continuation != "supported":
        return f"{name} is not declared to go on from the beginning of an answer"
    if plan.request.output is not None:
        return "structured output cannot be continued, since its grammar begins anew"
    other = next((part for part in parts if not isinstance(part, TextPart)), None)
    if other is not None:
        return f"the answer has a part of kind {other.kind!r}, and only text can be continued"
    if not any(part.text.strip() for part in parts if isinstance(part, TextPart)):
        return "nothing was said yet but blanks"
    return None
