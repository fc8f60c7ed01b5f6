"""The seam of a continued answer: no character is lost or doubled, and the events are those of one answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core_llm import (
    Citation,
    CitationAdded,
    PartEnd,
    PartStart,
    ReasoningDelta,
    ReasoningPart,
    StreamEvent,
    TextDelta,
    TextPart,
    ToolCall,
    ToolCallPart,
    UsageUpdate,
)
from core_llm._response import Usage
from core_llm._stream.seam import Seam

TEXTS = st.text(alphabet="ab \n\tü🌍", max_size=40)


def texts(events: list[StreamEvent]) -> str:
    """Return what the deltas say."""
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def said(text: str, cuts: list[int]) -> list[StreamEvent]:
    """Return the events of an answer that says `text` in pieces."""
    ends = sorted({min(cut, len(text)) for cut in cuts} | {len(text)})
    pieces = [text[begin:end] for begin, end in zip([0, *ends], ends, strict=False) if text[begin:end]]
    deltas: list[StreamEvent] = [TextDelta(0, piece) for piece in pieces]
    return [PartStart(0, "text"), *deltas, PartEnd(0, TextPart(text=text))] if text else []


@given(text=TEXTS, cut=st.integers(0, 40), cuts=st.lists(st.integers(0, 40), max_size=6))
def test_the_halves_make_the_whole(text: str, cut: int, cuts: list[int]) -> None:
    """Wherever the answer broke, and however the rest arrives, the consumer has the text once."""
    before = text[:cut]
    if not before.strip():
        return
    seam = Seam([TextPart(text=before)], is_open=True)
    [prefix] = seam.prefix
    assert prefix.text == before.rstrip()
    rest = seam.joined(said(text.removeprefix(prefix.text), cuts)) + seam.closing()
    assert before + texts(rest) == text
    ends = [event.part for event in rest if isinstance(event, PartEnd)]
    assert ends == [TextPart(text=text)]


@pytest.mark.parametrize(
    ("before", "rest", "whole"),
    [
        ("The sky is", " blue", "The sky is blue"),
        ("The sky is ", " blue", "The sky is blue"),
        ("The sky is ", "blue", "The sky is blue"),
        ("One.\n\n", "\n\nTwo.", "One.\n\nTwo."),
        ("One.\n\n", "\nTwo.", "One.\n\nTwo."),
        ("One. ", "\nTwo.", "One. \nTwo."),
        ("One.\n", "\n\nTwo.", "One.\n\nTwo."),
    ],
)
def test_blanks_at_the_seam_are_not_doubled(before: str, rest: str, whole: str) -> None:
    """What the consumer has had already is taken out of what the model says again, as far as it is the same."""
    joined = Seam([TextPart(text=before)], is_open=True).joined(said(rest, []))
    assert before + texts(joined) == whole


def test_the_open_part_goes_on_under_its_number() -> None:
    """Its start is not told again, and its end has the whole of it, sources included."""
    source = Citation(url="https://example.com/sky")
    other = Citation(url="https://example.com/light")
    seam = Seam([TextPart(text="One. "), TextPart(text="Two", citations=(source,))], is_open=True)
    whole = TextPart(text=" three", citations=(other,))
    events: list[StreamEvent] = [
        PartStart(0, "text"),
        TextDelta(0, " three"),
        CitationAdded(0, other),
        PartEnd(0, whole),
    ]
    assert seam.joined(events) == [
        TextDelta(1, " three"),
        CitationAdded(1, other),
        PartEnd(1, TextPart(text="Two three", citations=(source, other))),
    ]


def test_a_part_that_had_ended_is_followed_by_another() -> None:
    """The consumer has its end already."""
    seam = Seam([TextPart(text="One.")], is_open=False)
    assert seam.joined(said(" Two.", [])) + seam.closing() == [
        PartStart(1, "text"),
        TextDelta(1, " Two."),
        PartEnd(1, TextPart(text=" Two.")),
    ]


def test_something_else_than_text_ends_the_open_part_first() -> None:
    """A call of a tool, or reasoning, gets the next number; text that follows is a part of its own."""
    call = ToolCallPart(id="c1", name="look", arguments={}, raw_arguments="{}")
    seam = Seam([TextPart(text="Let me see. ")], is_open=True)
    assert seam.joined([PartStart(0, "tool_call"), ToolCall(0, call), PartEnd(0, call)]) == [
        PartEnd(0, TextPart(text="Let me see. ")),
        PartStart(1, "tool_call"),
        ToolCall(1, call),
        PartEnd(1, call),
    ]
    thought = ReasoningPart(text="hm")
    seam = Seam([TextPart(text="So ")], is_open=True)
    events: list[StreamEvent] = [PartStart(0, "reasoning"), ReasoningDelta(0, "hm"), PartEnd(0, thought)]
    more: list[StreamEvent] = [PartStart(1, "text"), TextDelta(1, " be it"), PartEnd(1, TextPart(text=" be it"))]
    assert seam.joined([*events, *more])[4:] == [
        PartStart(2, "text"),
        TextDelta(2, "be it"),
        PartEnd(2, TextPart(text="be it")),
    ]


def test_nothing_more_to_say_ends_the_open_part() -> None:
    """What is no part of an answer passes through."""
    seam = Seam([TextPart(text="Done.")], is_open=True)
    count = UsageUpdate(Usage(output_tokens=0))
    assert seam.joined([count]) + seam.closing() == [count, PartEnd(0, TextPart(text="Done."))]
    assert seam.closing() == []


def test_what_is_given_back_ends_in_no_blank() -> None:
    """Some providers refuse that; texts that are nothing but blanks are left out at the end."""
    parts = [TextPart(text="One. ", citations=(Citation(url="https://example.com"),)), TextPart(text="\n \n")]
    assert Seam(parts, is_open=False).prefix == (TextPart(text="One."),)
