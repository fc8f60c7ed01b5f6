"""A plain answer: read whole, decoded, and handed on as the events a stream would have made."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TypeVar

from pydantic_core import from_json

from core_llm._errors import CoreLLMError, MalformedResponseError, RedactedCause
from core_llm._events import (
    CitationAdded,
    FileDelta,
    PartEnd,
    PartStart,
    ReasoningDelta,
    RefusalDelta,
    StreamEvent,
    StreamStart,
    TextDelta,
    ToolCall,
    UsageUpdate,
)
from core_llm._messages import FilePart, Part, ReasoningPart, RefusalPart, TextPart, ToolCallPart
from core_llm._response import Response
from core_llm._stream.effects import INTERRUPTED, READ, Close, Effect, Failed, Interrupted, Outcome, Step
from core_llm._stream.plan import CallPlan
from core_llm._stream.state import CallState
from core_llm.wire.errors import decode_status_error

T = TypeVar("T")
Reading = Generator[Effect | list[StreamEvent], Outcome, T]
"""A stage that reads, and returns a value."""
MAX_PLAIN_BODY = 256 * 1024 * 1024
BODY_SHOWN = 500


def plain(call: CallState, first_chunk: bytes = b"") -> Step:
    """Read a plain answer and hand it on; `first_chunk` is what was read of it already."""
    body = yield from read_all(call, first_chunk)
    yield Close(is_reusable=isinstance(body, bytes))
    if not isinstance(body, bytes):
        return call.transport_error(body, "body")
    try:
        response = _decoded(call.plan, body)
    except CoreLLMError as raised:
        return raised
    except Exception as raised:  # noqa: BLE001  # whatever a wire raises is the body's fault, by contract
        return call.malformed(raised, body)
    is_stream, is_transformed = call.plan.request.is_stream, bool(call.plan.transforms) or call.seam is not None
    if call.pipeline is not None and call.pipeline.audience.hears_answers and not (is_stream or is_transformed):
        start = StreamStart(response.id, response.model, call.endpoint)
        call.pipeline.audience.answer([start, *events_of(response)])
    elif is_stream or is_transformed:
        events = call.handed(events_of(response), response.id, response.model, is_last=True)
        call.accumulator.begin(events)
        if is_stream:
            yield events
    if is_transformed:
        call.accumulator.begin(())
        response = response.model_copy(update={"parts": call.accumulator.snapshot().parts})
    yield from call.succeed(response, [], is_reusable=None)
    return None


def read_all(call: CallState, first_chunk: bytes = b"") -> Reading[bytes | Failed | Interrupted]:
    """Read a body to its end."""
    chunks = [first_chunk]
    failed = yield from read_into(chunks, call, MAX_PLAIN_BODY)
    return b"".join(chunks) if failed is None else failed


def read_into(chunks: list[bytes], call: CallState, bound: int) -> Reading[Failed | Interrupted | None]:
    """Add what is left of a body to `chunks`; return what went wrong before its end."""
    size = sum(map(len, chunks))
    while size <= bound:
        chunk = yield READ
        if call.control.is_interrupted():
            return INTERRUPTED
        if not isinstance(chunk, bytes):
            assert chunk is None or isinstance(chunk, Failed | Interrupted)  # noqa: S101  # Read's other outcomes
            return chunk
        chunks.append(chunk)
        size += len(chunk)
    return Failed("protocol", RedactedCause("BodyTooLarge", f"the body is longer than {bound} bytes"))


def events_of(response: Response) -> list[StreamEvent]:
    """Return the events between StreamStart and Finish that a stream of this response would have."""
    events: list[StreamEvent] = []
    for index, part in enumerate(response.parts):
        events.append(PartStart(index, part.kind))
        events += _deltas(index, part)
        events.append(PartEnd(index, part))
    if response.usage is not None:
        events.append(UsageUpdate(response.usage))
    return events


def _deltas(index: int, part: Part) -> Sequence[StreamEvent]:
    match part:
        case TextPart(text=text, logprobs=logprobs, citations=citations):
            deltas: list[StreamEvent] = [TextDelta(index, text, logprobs)] if text else []
            return [*deltas, *(CitationAdded(index, citation) for citation in citations)]
        case ReasoningPart(text=text):
            return [ReasoningDelta(index, text)] if text else []
        case RefusalPart(text=text):
            return [RefusalDelta(index, text)] if text else []
        case FilePart(media_type=media_type, data=bytes() as data):
            return [FileDelta(index, media_type, data)] if data else []
        case ToolCallPart(is_complete=True):
            return [ToolCall(index, part)]
        case _:
            return []


def _decoded(plan: CallPlan, body: bytes) -> Response:
    shown = body[:BODY_SHOWN].decode("utf-8", "replace")
    try:
        parsed = from_json(body)
    except ValueError:
        what = decode_status_error(200, {}, body).message.removeprefix("HTTP 200: ")
        msg = f"{plan.provider.endpoint} answered with status 200, but not with JSON: {what}"
        raise MalformedResponseError(msg, frame=shown) from None
    if not isinstance(parsed, dict):
        msg = f"{plan.provider.endpoint} answered with a JSON {type(parsed).__name__} where an object is due"
        raise MalformedResponseError(msg, frame=shown)
    response = plan.provider.wire(plan.request.model).decode_response(parsed, plan.request)
    update = {"provider": plan.provider.endpoint, "model": response.model or plan.request.model}
    return response.model_copy(update=update)
