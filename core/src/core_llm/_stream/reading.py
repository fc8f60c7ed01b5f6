"""A streamed answer: read, frame, decode, hand on, until the decoder is done or the bytes end. The hot path."""

from __future__ import annotations

from core_llm._errors import CoreLLMError, Limit
from core_llm._events import PartEnd, StreamEvent
from core_llm._stream.effects import INTERRUPTED, READ, Close, Failed, Interrupted, Step
from core_llm._stream.plain import plain
from core_llm._stream.state import MARKER_GRACE_SECONDS, CallState
from core_llm.wire.base import Decoder
from core_llm.wire.frames import Frame, Framing
from core_llm.wire.framing import framer_for

NOT_EVENTS = (b"{", b"[", b"<")
"""How a body begins that is no stream of server-sent events, whatever was asked for: plain JSON, an HTML page."""


def streamed(call: CallState, framing: Framing) -> Step:
    """Read a streamed answer to its terminal marker, and hand on its events."""
    request = call.plan.request
    decoder = call.plan.provider.wire(request.model).decoder(request)
    framer = framer_for(framing)
    feed, decode, begin, monotonic = framer.feed, decoder.feed, call.accumulator.begin, call.plan.clock.monotonic
    control = call.control
    error: CoreLLMError | None = None
    limit: Limit = "first_event"
    seconds, waited, is_armed = call.first, call.waited_for_head, False
    chunk: object = b""
    may_be_plain = framing == "sse"
    while error is None and not decoder.is_done and type(chunk) is bytes:
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
        events: list[StreamEvent] = []
        frame = None
        try:
            frames: list[Frame] = feed(chunk) if type(chunk) is bytes else framer.close() if chunk is None else []
            for frame in frames:
                if frame.data:
                    events += decode(frame)
                    if decoder.is_done:
                        break  # type: ignore[unreachable]  # decoding changes it
        except CoreLLMError as raised:
            error = raised
        except Exception as raised:  # noqa: BLE001  # whatever a decoder raises is the frame's fault, by contract
            error = call.malformed(raised, b"" if frame is None else frame.data)
        if events:
            if not call.had_content or call.pipeline is not None:
                events = call.handed(events, decoder.id, decoder.model)
            waited = 0.0
            if limit != "between_events" or decoder.is_complete:
                limit, is_armed = "between_events", False
                seconds = min(call.between, MARKER_GRACE_SECONDS) if decoder.is_complete else call.between
            begin(events)
            yield events
        else:
            waited += monotonic() - now
    if error is None and not decoder.is_complete:
        error = call.transport_error(chunk, "body") if isinstance(chunk, Failed | Interrupted) else call.cut_error()
    if error is not None and not decoder.is_complete:
        _keep_open_parts(call, decoder)
        yield Close(is_reusable=chunk is None)
        return error
    return (yield from _finish(call, decoder, is_reusable=not isinstance(chunk, Failed | Interrupted)))


def _finish(call: CallState, decoder: Decoder, *, is_reusable: bool) -> Step:
    try:
        events = list(decoder.close())
    except Exception as raised:  # noqa: BLE001  # as for its frames
        yield Close(is_reusable=False)
        return raised if isinstance(raised, CoreLLMError) else call.malformed(raised, b"")
    events = call.handed(events, decoder.id, decoder.model)
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


def _keep_open_parts(call: CallState, decoder: Decoder) -> None:
    """Give the accumulator the parts as far as they came, so that the partial response keeps signatures and calls."""
    try:
        events = decoder.close()
    except Exception:  # noqa: BLE001  # the answer is broken already; its deltas are kept in any case
        return
    call.accumulator.add([event for event in events if isinstance(event, PartEnd)])
