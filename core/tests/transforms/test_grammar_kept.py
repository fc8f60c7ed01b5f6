"""The grammar of events after any transforms of any answer: deltas add up to parts, and parts to the response."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from core_llm import (
    Finish,
    Part,
    PartEnd,
    PartStart,
    ReasoningDelta,
    RefusalDelta,
    RefusalPart,
    Restarted,
    StreamEvent,
    StreamInterruptedError,
    TextDelta,
    ToolCallDelta,
    Usage,
    UsageUpdate,
)
from core_llm import transforms as tf

from .answers import Hand, answer, loud, reasoning, text, texts, through, tool

WORDS = st.text(alphabet="ab .!?\n\u3002", min_size=1, max_size=6)


@st.composite
def answers(draw: st.DrawFn) -> list[StreamEvent]:
    """Draw an answer of several parts, some of them at the same time, perhaps after one that broke."""
    kinds = draw(st.lists(st.sampled_from(["text", "reasoning", "refusal", "tool_call"]), max_size=4))
    waiting: list[list[StreamEvent]] = []
    for index, kind in enumerate(kinds):
        pieces = draw(st.lists(WORDS, max_size=5))
        waiting.append(_part(index, kind, pieces))
    events: list[StreamEvent] = []
    begun = 0
    while begun < len(waiting) or any(waiting):
        ready = [part for part in waiting[:begun] if part] + ([waiting[begun]] if begun < len(waiting) else [])
        part = draw(st.sampled_from(ready))
        begun += begun < len(waiting) and part is waiting[begun]
        events.append(part.pop(0))
        if draw(st.booleans()):
            events.append(UsageUpdate(Usage(output_tokens=len(events))))
    whole = answer(*events)
    if draw(st.booleans()):
        broken = whole[: draw(st.integers(1, len(whole) - 1))]
        return [*broken, Restarted(2, 0.0, StreamInterruptedError("it broke"), "tiny"), *whole]
    return whole


def _part(index: int, kind: str, pieces: Sequence[str]) -> list[StreamEvent]:
    said = "".join(pieces)
    match kind:
        case "text":
            return text(*pieces, index=index)
        case "reasoning":
            return reasoning(*pieces, index=index)
        case "refusal":
            deltas = [RefusalDelta(index, piece) for piece in pieces]
            return [PartStart(index, "refusal"), *deltas, PartEnd(index, RefusalPart(text=said))]
        case _:
            return tool(index)


TRANSFORMS = [
    tf.map(loud),
    tf.map(lambda event: replace(event, text=event.text[1:]) if isinstance(event, TextDelta) else event),
    tf.filter(lambda event: not isinstance(event, ReasoningDelta | ToolCallDelta)),
    tf.filter(lambda event: len(getattr(event, "text", "")) % 2 == 0),
    tf.parts("text", "tool_call"),
    tf.parts("reasoning", "refusal"),
    tf.sentences(),
    tf.sentences(max_chars=3),
    tf.debounce(1.0, clock=Hand()),
    tf.debounce(1.0, max_chars=4, clock=Hand()),
]


@settings(max_examples=400, deadline=None)
@given(answers(), st.lists(st.sampled_from(TRANSFORMS), min_size=1, max_size=4))
def test_the_grammar_holds_after_every_transform(
    events: list[StreamEvent], transforms: list[tf.Transform[StreamEvent]]
) -> None:
    """Whatever the answer, and whatever is done to it: deltas add up to parts, and parts to the response."""
    assert isinstance(through(tf.pipe(*transforms), events)[-1], Finish)


@settings(max_examples=200, deadline=None)
@given(answers(), st.sampled_from([tf.sentences(), tf.sentences(max_chars=2), tf.debounce(1.0, clock=Hand())]))
def test_what_only_gathers_changes_nothing(events: list[StreamEvent], transform: tf.Transform[StreamEvent]) -> None:
    """The response is the same, and every part's text."""
    found = through(transform, events)
    assert found[-1] == events[-1]
    assert _said(found) == _said(events)


def _said(events: Iterable[StreamEvent]) -> list[Part]:
    return [event.part for event in events if isinstance(event, PartEnd)][-10:]


@settings(max_examples=200, deadline=None)
@given(st.lists(WORDS, max_size=8), st.integers(1, 5))
def test_sentences_do_not_depend_on_where_deltas_are_cut(pieces: list[str], size: int) -> None:
    """The same text has the same sentences."""
    said = "".join(pieces)
    recut = [said[begin : begin + size] for begin in range(0, len(said), size)]
    assert texts(tf.sentences()(answer(*text(*pieces)))) == texts(tf.sentences()(answer(*text(*recut))))
