"""Transforms as pure functions on events: what each does, and that they compose."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest

from core_llm import (
    Citation,
    CitationAdded,
    CoreLLMError,
    Finish,
    InvalidSettingError,
    PartEnd,
    PartStart,
    ReasoningDelta,
    ReasoningPart,
    Restarted,
    StreamEvent,
    StreamGrammarError,
    StreamInterruptedError,
    TextDelta,
    TextPart,
    TokenLogprob,
    ToolCall,
    ToolCallDelta,
    Usage,
    UsageUpdate,
)
from core_llm import transforms as tf
from core_llm._messages import PartKind

from .answers import CALL, START, Hand, answer, loud, reasoning, text, texts, through, tool

GUARD = 20.0
"""Seconds after which what takes time without bound fails the test."""

# ---- map, filter, parts


def test_map_changes_deltas_and_what_ends_them() -> None:
    """The part's end and the response say what the deltas said."""
    events = through(tf.map(loud), answer(*text("Hel", "lo")))
    assert texts(events) == ["HEL", "LO"]
    assert events[-2] == PartEnd(0, TextPart(text="HELLO"))
    assert isinstance(events[-1], Finish)
    assert events[-1].response.text == "HELLO"


def test_map_may_change_a_call_of_a_tool() -> None:
    """Its end is the changed call, and so is that of the response."""
    other = CALL.model_copy(update={"arguments": {"city": "[city]"}, "raw_arguments": '{"city": "[city]"}'})
    events = through(
        tf.map(lambda event: replace(event, call=other) if isinstance(event, ToolCall) else event), answer(*tool(0))
    )
    assert isinstance(events[-1], Finish)
    assert events[-1].response.tool_calls == (other,)


def test_what_map_leaves_empty_is_left_out() -> None:
    """A delta is never empty."""
    events = through(
        tf.map(lambda e: replace(e, text="") if isinstance(e, TextDelta) else e), answer(*text("Hel", "lo"))
    )
    assert [event.type for event in events] == ["stream_start", "part_start", "part_end", "finish"]


@pytest.mark.parametrize("wrong", [TextDelta(1, "other"), ReasoningDelta(0, "other"), None])
def test_map_cannot_make_another_event_of_one(wrong: StreamEvent) -> None:
    """Of another type or part: it says which event, and what to return."""
    with pytest.raises(StreamGrammarError, match=r"event 2: map returned a .* for a TextDelta; return an event of the"):
        list(tf.map(lambda _: wrong)(answer(*text("Hello"))))


def test_what_a_function_raises_comes_out_as_it_is() -> None:
    """And again, if it is asked again; a function of the caller's is the caller's."""

    def fail(_: StreamEvent) -> StreamEvent:
        raise LookupError("no such word")

    transformed = tf.map(fail)(answer(*text("Hello")))
    for _ in range(2):
        with pytest.raises(LookupError, match="no such word"):
            list(transformed)


def test_filter_leaves_events_out() -> None:
    """Only those that it is asked about: the frame stays."""
    asked: list[str] = []

    def wanted(event: StreamEvent) -> bool:
        asked.append(event.type)
        return not isinstance(event, TextDelta | UsageUpdate)

    usage = UsageUpdate(Usage(input_tokens=1))
    events = through(tf.filter(wanted), answer(usage, *text("Hello"), *tool(1)))
    assert "usage_update" not in [event.type for event in events]
    assert asked == ["usage_update", "text_delta", "tool_call_delta", "tool_call_delta"]
    assert isinstance(events[-1], Finish)
    assert events[-1].response.parts == (TextPart(text=""), CALL)


def test_parts_leaves_whole_parts_out_and_numbers_the_rest() -> None:
    """With their deltas, and out of the response."""
    events = through(tf.parts("text"), answer(*reasoning("hm"), *text("Hel", "lo", index=1), *tool(2)))
    assert [getattr(event, "part_index", None) for event in events] == [None, 0, 0, 0, 0, None]
    assert isinstance(events[-1], Finish)
    assert events[-1].response.parts == (TextPart(text="Hello"),)


@pytest.mark.parametrize("kinds", [(), ("texts",), ("text", "thought")])
def test_parts_wants_kinds_that_there_are(kinds: tuple[PartKind, ...]) -> None:
    """It names them."""
    with pytest.raises(InvalidSettingError, match=r"parts takes kinds of parts \(text, .*tool_call"):
        tf.parts(*kinds)


# ---- sentences


@pytest.mark.parametrize(
    ("said", "sentences"),
    [
        ("One. Two! Three?", ["One. ", "Two! ", "Three?"]),
        ("It is 3.14 or example.com. Right", ["It is 3.14 or example.com. ", "Right"]),
        ('He said "Go." (Now!) And left.', ['He said "Go." ', "(Now!) ", "And left."]),
        ("Wait... what", ["Wait... ", "what"]),
        ("a line\nanother\n\n  third", ["a line\n", "another\n\n  ", "third"]),
        ("\u4f60\u597d\u3002\u518d\u89c1\uff01", ["\u4f60\u597d\u3002", "\u518d\u89c1\uff01"]),
        ("no end", ["no end"]),
        ("", []),
    ],
)
def test_sentences_come_whole(said: str, sentences: list[str]) -> None:
    """With the blanks behind them, wherever the deltas were cut."""
    for size in (1, 2, 3, 100):
        pieces = [said[begin : begin + size] for begin in range(0, len(said), size)]
        assert texts(through(tf.sentences(), answer(*text(*pieces)))) == sentences


def test_a_sentence_that_is_too_long_comes_in_pieces() -> None:
    """So that what is held is bounded."""
    events = through(tf.sentences(max_chars=6), answer(*text("abc", "def", "ghi", ". j")))
    assert texts(events) == ["abcdef", "ghi. ", "j"]


def test_a_row_of_dots_takes_no_time() -> None:
    """As in a table of contents: it ends no sentence, and is not searched for one from each of its dots."""
    begun = time.monotonic()
    events = through(tf.sentences(), answer(*text(*["...."] * 801, " Two")))
    assert texts(events) == ["." * 3204 + " ", "Two"]
    assert time.monotonic() - begun < GUARD


def test_each_part_has_its_own_sentences() -> None:
    """Reasoning and refusals too, while parts interleave."""
    events: list[StreamEvent] = [
        *(START, PartStart(0, "text"), PartStart(1, "reasoning"), TextDelta(0, "He"), ReasoningDelta(1, "Hm. ")),
        *(TextDelta(0, "llo. "), ReasoningDelta(1, "So"), TextDelta(0, "You")),
        PartEnd(1, ReasoningPart(text="Hm. So")),
        PartEnd(0, TextPart(text="Hello. You")),
    ]
    found = list(tf.sentences()(events))
    assert [event.text for event in found if isinstance(event, TextDelta | ReasoningDelta)] == [
        *("Hm. ", "Hello. ", "So", "You"),
    ]


def test_a_citation_comes_after_the_text_that_it_is_for() -> None:
    """What is held of its part comes first."""
    citation = CitationAdded(0, Citation(url="https://example.com"))
    part = TextPart(text="Oslo is", citations=(citation.citation,))
    events: list[StreamEvent] = [START, PartStart(0, "text"), TextDelta(0, "Oslo is"), citation, PartEnd(0, part)]
    assert [event.type for event in tf.sentences()(events)][2:4] == ["text_delta", "citation_added"]


def test_logprobs_are_kept() -> None:
    """All, in their order."""
    odds = [TokenLogprob(token=token, logprob=-0.5) for token in ("Hi", ". ", "You")]
    deltas = [TextDelta(0, odd.token, (odd,)) for odd in odds]
    events = list(tf.sentences()([START, PartStart(0, "text"), *deltas, PartEnd(0, TextPart(text="Hi. You"))]))
    assert [odd for event in events if isinstance(event, TextDelta) for odd in event.logprobs] == odds


# ---- debounce


def test_deltas_of_some_time_come_as_one() -> None:
    """When an event arrives after that time, or their part ends."""
    hand = Hand()

    def slowly() -> Iterable[StreamEvent]:
        for number, event in enumerate(answer(*text("a", "b", "c", "d", "e"))):
            hand.now = number * 0.4
            yield event

    assert texts(through(tf.debounce(1.0, clock=hand), slowly())) == ["abcd", "e"]


def test_a_call_of_a_tool_is_debounced_too() -> None:
    """Its pieces are one, with its id and name."""
    events = through(tf.debounce(1.0, clock=Hand()), answer(*tool(0)))
    assert events[2] == ToolCallDelta(0, "c1", "weather", '{"city": "Oslo"}')


def test_a_burst_is_not_held_for_long() -> None:
    """However short its time: what is held is bounded."""
    events = through(tf.debounce(1.0, max_chars=4, clock=Hand()), answer(*text("ab", "cd", "ef")))
    assert texts(events) == ["abcd", "ef"]


# ---- text, and what may go wrong


def test_text_hands_texts_on() -> None:
    """And nothing else."""
    assert list(tf.text()(answer(*reasoning("hm"), *text("Hel", "lo", index=1)))) == ["Hel", "lo"]


def test_text_cannot_say_that_an_answer_starts_anew() -> None:
    """So it raises what that was for, as a stream's own texts do."""
    broken = StreamInterruptedError("it broke")
    events = [START, PartStart(0, "text"), TextDelta(0, "Hel"), Restarted(2, 0.0, broken, "tiny"), *answer(*text("Hi"))]
    found: list[str] = []
    with pytest.raises(StreamInterruptedError) as raised:
        found.extend(tf.text()(events))
    assert raised.value.__notes__[0].startswith("the answer starts anew, which texts alone cannot say")


def test_what_is_held_comes_before_an_error() -> None:
    """Nothing that arrived is lost."""

    def broken() -> Iterable[StreamEvent]:
        yield from (START, PartStart(0, "text"), TextDelta(0, "Hel"))
        raise StreamInterruptedError("it broke")

    found: list[StreamEvent] = []
    with pytest.raises(StreamInterruptedError):
        found.extend(tf.sentences()(broken()))
    assert texts(found) == ["Hel"]


def test_what_is_void_is_not_handed_on() -> None:
    """An answer that starts anew leaves nothing held of what came before."""
    restarted = Restarted(2, 0.0, StreamInterruptedError("it broke"), "tiny")
    events = [START, PartStart(0, "text"), TextDelta(0, "Hel"), restarted, *answer(*text("Hi"))]
    for transform in (tf.sentences(), tf.debounce(1.0, clock=Hand()), tf.map(loud) | tf.parts("text") | tf.sentences()):
        found = through(transform, events)
        assert [text.lower() for text in texts(found)] == ["hi"]


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: tf.debounce(0), "debounce takes seconds above 0"),
        (lambda: tf.debounce(50_000), "debounce takes seconds above 0, and below 3600"),
        (lambda: tf.debounce("1"), "debounce takes seconds above 0, and below 3600, not '1'"),  # type: ignore[arg-type]
        (lambda: tf.debounce(1, max_chars=0), "max_chars must be a whole number of 1 or more, not 0"),
        (lambda: tf.sentences(max_chars=1.5), "max_chars must be a whole number"),  # type: ignore[arg-type]
        (lambda: tf.tee([], 0), "count must be a whole number"),
        (lambda: tf.tee([], max_lag=-1), "max_lag must be a whole number"),
        (lambda: tf.tee([], on_lag="drop"), "on_lag must be raise or block, not 'drop'"),  # type: ignore[call-overload]
    ],
)
def test_absurd_figures_are_refused_where_they_are_given(make: Callable[[], object], problem: str) -> None:
    """With what is taken."""
    with pytest.raises(InvalidSettingError, match=re.escape(problem)):
        make()


# ---- composing


def test_transforms_compose() -> None:
    """By calls, by bars, from the stream on, and as a pipe."""
    events = answer(*text("one. ", "two. ", "three"))
    both = tf.map(loud) | tf.sentences()
    expected = ["ONE. ", "TWO. ", "THREE"]
    assert texts(both(events)) == expected
    assert texts(tf.sentences()(tf.map(loud)(events))) == expected
    assert texts(events | tf.map(loud) | tf.sentences()) == expected
    assert texts(tf.pipe(tf.map(loud), tf.sentences())(events)) == expected
    assert list(events | both | tf.text()) == expected


def test_a_transform_can_be_used_again() -> None:
    """It remembers nothing of the stream before."""
    transform = tf.parts("text") | tf.sentences()
    for _ in range(2):
        assert texts(through(transform, answer(*reasoning("hm"), *text("Hello", index=1)))) == ["Hello"]


def test_only_transforms_join_transforms() -> None:
    """Not functions: `map` is for those."""
    with pytest.raises(TypeError):
        tf.sentences() | loud  # type: ignore[operator]  # that is the test


def test_errors_of_this_package_are_handed_on_as_they_are() -> None:
    """The very object, with its partial response."""
    broken = StreamInterruptedError("it broke")

    def source() -> Iterable[StreamEvent]:
        yield START
        raise broken

    with pytest.raises(CoreLLMError) as raised:
        list(tf.map(loud)(source()))
    assert raised.value is broken
