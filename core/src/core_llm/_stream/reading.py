"""A streamed answer: read, frame, decode, hand on, until the decoder is done or the bytes end. The hot path."""

from __future__ import annotations

from core_llm._errors import CoreLLMError, Limit
from core_llm._events import PartStart, StreamEvent, UsageUpdate
from core_llm._stream.effects import INTERRUPTED, READ, Close, Failed, Interrupted, Outcome, Step
from core_llm._stream.plain import plain
from core_llm._stream.state import MARKER_GRACE_SECONDS, CallState
from core_llm.wire.base import Decoder
from core_llm.wire.frames import Frame, Framing
from core_llm.wire.framing import framer_for

NOT_EVENTS = (b"{", b"[", b"<")
"""How a body begins that is no stream of server-sent events, whatever was asked for: plain JSON, an HTML page."""
NO_PROGRESS = frozenset({UsageUpdate, PartStart})
"""Events that bring nothing: a server that sends only such is as stuck as a silent one. Comments, pings and empty
deltas make no events at all."""


class Intake:
    """Frames and decodes what is read of one answer.

    Attributes:
        error: What the last `take` ended with; the events that it returned came before.
    """

    __slots__ = ("_call", "_decoder", "_framer", "error")

    def __init__(self, call: CallState, decoder: Decoder, framing: Framing) -> None:
        self._call = call
        self._decoder = decoder
        self._framer = framer_for(framing)
        self.error: CoreLLMError | None = None

    def take(self, chunk: bytes | None) -> list[StreamEvent]:
        """Return the events of the next bytes, or, for None, of the end."""
        decoder = self._decoder
        decode = decoder.feed
        events: list[StreamEvent] = []
        frame: Frame | None = None
        try:
            for frame in self._framer.close() if chunk is None else self._framer.feed(chunk):
                if frame.data:
                    events += decode(frame)
                    if decoder.is_done:
                        break
        except CoreLLMError as raised:
            self.error = raised
        except Exception as raised:  # noqa: BLE001  # whatever a decoder raises is the frame's fault, by contract
            self.error = self._call.malformed(raised, b"" if frame is None else frame.data)
        return events


def streamed(call: CallState, framing: Framing) -> Step:
    """Read a streamed answer to its terminal marker, and hand on its events."""
    request, control, monotonic = call.plan.request, call.control, call.plan.clock.monotonic
    decoder = call.kept or call.plan.provider.wire(request.model).decoder(request)
    call.decoder, call.kept = decoder, None
    intake = Intake(call, decoder, framing)
    take, begin = intake.take, call.accumulator.begin
    limit: Limit = "first_event"
    seconds, waited, is_armed, has_ended = call.first, call.waited_for_head, False, False
    chunk: Outcome = b""
    may_be_plain = framing == "sse"
    while intake.error is None and not decoder.is_done and type(chunk) is bytes:
        now = monotonic()
        deadline = now + seconds - waited
        if is_armed and control.scheduled <= deadline:
            control.deadline = deadline
        else:
            call.arm(limit, seconds, waited)
            is_armed = True
        chunk = yield READ
        if control.interruption is not None:
            chunk = INTERRUPTED
        if may_be_plain and type(chunk) is bytes:
            if chunk.lstrip()[:1] in NOT_EVENTS:
                return (yield from plain(call, chunk))
            may_be_plain = not chunk.strip()
        events = take(chunk) if type(chunk) is bytes or chunk is None else []
        if (events and type(events[-1]) not in NO_PROGRESS) or _is_progress(events, has_ended < decoder.is_complete):
            waited = 0.0
            if limit != "between_events" or decoder.is_complete:
                limit, is_armed, has_ended = "between_events", False, decoder.is_complete
                seconds = min(call.between, MARKER_GRACE_SECONDS) if has_ended else call.between
        else:
            waited += monotonic() - now
        if not events:
            continue
        if call.is_watched or not call.had_content:
            events = call.handed(call.within_limit(events), decoder.id, decoder.model)
            intake.error = call.exhaustion() or intake.error
        begin(events)
        yield events
    return (yield from _ended(call, decoder, intake.error, chunk))


def _is_progress(events: list[StreamEvent], is_end: bool) -> bool:  # noqa: FBT001  # the hot path's
    """Whether anything came: the terminal marker, or an event that brings something."""
    return is_end or any(type(event) not in NO_PROGRESS for event in events)


def _ended(call: CallState, decoder: Decoder, error: CoreLLMError | None, last: Outcome) -> Step:
    """Finish an answer whose terminal marker came; otherwise keep what there is, and return the error."""
    was_read = not isinstance(last, Failed | Interrupted)
    if call.exhaustion() is not None:  # what was decoded beyond its limit of tokens belongs to no response
        yield Close(is_reusable=False)
        return error
    if decoder.is_complete:
        return (yield from _finish(call, decoder, is_reusable=was_read))
    if error is None:
        error = call.transport_error(last, "body") if isinstance(last, Failed | Interrupted) else call.cut_error()
    call.unsettled = decoder
    yield Close(is_reusable=last is None)
    return error


def _finish(call: CallState, decoder: Decoder, *, is_reusable: bool) -> Step:
    try:
        events = list(decoder.close())
    except Exception as raised:  # noqa: BLE001  # as for its frames
        yield Close(is_reusable=False)
        return raised if isinstance(raised, CoreLLMError) else call.malformed(raised, b"")
    events = call.handed(events, decoder.id, decoder.model, is_last=True)
    call.accumulator.add(events)
    response = call.accumulator.snapshot(
        finish_reason=decoder.finish_reason or "other",
        raw_finish_reason=decoder.raw_finish_reason,
        is_complete=True,
        metadata=decoder.metadata,
    )
    update = {"usage": decoder.usage, "id": decoder.id, "model": decoder.model or call.plan.request.model}
    yield from call.succeed(response.model_copy(update=update), events, is_reusable=is_reusable)
    return None
