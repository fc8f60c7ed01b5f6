"""Whole answers as events, and short ways to say what transforms make of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from core_llm import (
    Finish,
    PartEnd,
    PartStart,
    ReasoningDelta,
    ReasoningPart,
    Response,
    StreamEvent,
    StreamStart,
    TextDelta,
    TextPart,
    ToolCall,
    ToolCallDelta,
    ToolCallPart,
    check_events,
)
from core_llm import transforms as tf

START = StreamStart("r1", "m", "tiny")
CALL = ToolCallPart(id="c1", name="weather", arguments={"city": "Oslo"}, raw_arguments='{"city": "Oslo"}')


def text(*pieces: str, index: int = 0) -> list[StreamEvent]:
    """Return the events of a text part."""
    deltas = [TextDelta(index, piece) for piece in pieces]
    return [PartStart(index, "text"), *deltas, PartEnd(index, TextPart(text="".join(pieces)))]


def reasoning(*pieces: str, index: int = 0) -> list[StreamEvent]:
    """Return the events of a reasoning part."""
    deltas = [ReasoningDelta(index, piece) for piece in pieces]
    return [PartStart(index, "reasoning"), *deltas, PartEnd(index, ReasoningPart(text="".join(pieces)))]


def tool(index: int) -> list[StreamEvent]:
    """Return the events of a call of a tool."""
    deltas = [ToolCallDelta(index, "c1", "weather", '{"city":'), ToolCallDelta(index, "c1", "weather", ' "Oslo"}')]
    return [PartStart(index, "tool_call"), *deltas, ToolCall(index, CALL), PartEnd(index, CALL)]


def answer(*events: StreamEvent) -> list[StreamEvent]:
    """Return a whole answer of these events."""
    ended = {event.part_index: event.part for event in events if isinstance(event, PartEnd)}
    response = Response(parts=tuple(ended[index] for index in sorted(ended)), finish_reason="stop", is_complete=True)
    return [START, *events, Finish("stop", None, response)]


def through(transform: tf.Transform[StreamEvent], events: Iterable[StreamEvent]) -> list[StreamEvent]:
    """Return what a transform makes of a whole answer; the grammar is checked."""
    return list(check_events(transform(events)))


def texts(events: Iterable[StreamEvent]) -> list[str]:
    """Return the texts of the deltas."""
    return [event.text for event in events if isinstance(event, TextDelta)]


def loud(event: StreamEvent) -> StreamEvent:
    """Put text into capitals."""
    return replace(event, text=event.text.upper()) if isinstance(event, TextDelta) else event


class Hand:
    """A clock that stands still until it is moved."""

    now = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now
