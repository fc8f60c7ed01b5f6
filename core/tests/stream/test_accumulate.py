"""Growing a response from events, exactly as far as they were taken."""

from __future__ import annotations

import sys
import threading

import pytest

from core_llm import (
    Citation,
    CitationAdded,
    FileDelta,
    FilePart,
    PartEnd,
    PartStart,
    RawEvent,
    ReasoningDelta,
    ReasoningPart,
    RefusalDelta,
    RefusalPart,
    Restarted,
    StreamEvent,
    StreamInterruptedError,
    StreamStart,
    TextDelta,
    TextPart,
    ToolCall,
    ToolCallDelta,
    ToolCallPart,
    Usage,
    UsageUpdate,
)
from core_llm._stream.accumulate import Accumulator

START = StreamStart("r1", "m", "tiny")
HELLO: list[StreamEvent] = [START, PartStart(0, "text"), TextDelta(0, "Hel"), TextDelta(0, "lo")]


def test_only_what_was_taken_counts() -> None:
    """A batch may have been handed over in part."""
    accumulator = Accumulator()
    accumulator.begin(HELLO)
    texts = []
    for count in range(len(HELLO) + 1):
        accumulator.advance(count)
        texts.append(accumulator.snapshot().text)
    assert texts == ["", "", "", "Hel", "Hello"]


def test_advancing_to_where_it_is_changes_nothing() -> None:
    """Reading the response twice does not double it."""
    accumulator = Accumulator()
    accumulator.begin(HELLO)
    for count in (3, 3, 2, 4, 4):
        accumulator.advance(count)
    assert accumulator.snapshot().text == "Hello"


def test_beginning_a_batch_takes_all_of_the_one_before() -> None:
    """The consumer asks for the next batch only when it has had the last."""
    accumulator = Accumulator()
    accumulator.begin(HELLO)
    accumulator.begin([TextDelta(0, "!")])
    assert accumulator.snapshot().text == "Hello"


def test_parts_in_the_making_are_kept_with_what_they_have() -> None:
    """Interleaved parts of every kind, none of them closed."""
    accumulator = Accumulator("tiny")
    citation = Citation(url="https://x.test")
    accumulator.add(
        [
            START,
            PartStart(0, "reasoning"),
            PartStart(1, "text"),
            ReasoningDelta(0, "hm"),
            TextDelta(1, "a"),
            CitationAdded(1, citation),
            PartStart(2, "refusal"),
            RefusalDelta(2, "no"),
            PartStart(3, "file"),
            FileDelta(3, "image/png", b"\x89P"),
            FileDelta(3, "image/png", b"NG"),
            PartStart(4, "tool_call"),
            ToolCallDelta(4, "c1", "weather", ""),
            ToolCallDelta(4, "c1", "weather", '{"ci'),
            RawEvent("ping", None),
        ]
    )
    assert accumulator.snapshot().parts == (
        ReasoningPart(text="hm"),
        TextPart(text="a", citations=(citation,)),
        RefusalPart(text="no"),
        FilePart(media_type="image/png", data=b"\x89PNG"),
        ToolCallPart(id="c1", name="weather", raw_arguments='{"ci', is_complete=False),
    )


def test_the_end_of_a_part_goes_over_its_pieces() -> None:
    """It knows what deltas do not say: state, log probabilities, parsed arguments."""
    whole = TextPart(text="Hello", provider_state={"tiny": {"signature": "s"}})
    accumulator = Accumulator()
    accumulator.add([*HELLO, PartEnd(0, whole)])
    assert accumulator.snapshot().parts == (whole,)


def test_a_call_is_whole_as_soon_as_it_is_said_to_be() -> None:
    """Between the ToolCall and its part's end too."""
    call = ToolCallPart(id="c1", name="weather", arguments={}, raw_arguments="{}")
    accumulator = Accumulator()
    accumulator.add([START, PartStart(0, "tool_call"), ToolCallDelta(0, "c1", "weather", "{}"), ToolCall(0, call)])
    assert accumulator.snapshot().tool_calls == (call,)


@pytest.mark.parametrize(
    ("delta", "part"),
    [
        (TextDelta(0, "x"), TextPart(text="x")),
        (ReasoningDelta(0, "x"), ReasoningPart(text="x")),
        (RefusalDelta(0, "x"), RefusalPart(text="x")),
    ],
)
def test_a_delta_without_its_start_makes_a_part_of_its_kind(delta: TextDelta, part: TextPart) -> None:
    """A transform may have dropped the start."""
    accumulator = Accumulator()
    accumulator.add([delta])
    assert accumulator.snapshot().parts == (part,)


def test_the_latest_count_and_the_start_are_noted() -> None:
    """Usage replaces usage; id, model and provider come from the start."""
    accumulator = Accumulator()
    accumulator.add([START, UsageUpdate(Usage(input_tokens=1)), UsageUpdate(Usage(input_tokens=2))])
    response = accumulator.snapshot()
    assert (response.id, response.model, response.provider) == ("r1", "m", "tiny")
    assert response.usage == Usage(input_tokens=2)


def test_a_restart_voids_what_was_before() -> None:
    """Parts and count begin anew."""
    accumulator = Accumulator()
    restarted = Restarted(2, 0.0, StreamInterruptedError("it broke"), "tiny")
    accumulator.add(
        [*HELLO, UsageUpdate(Usage(input_tokens=1)), restarted, START, PartStart(0, "text"), TextDelta(0, "Bye")]
    )
    assert (accumulator.snapshot().text, accumulator.snapshot().usage) == ("Bye", None)


def test_reading_while_it_grows_loses_nothing() -> None:
    """Each snapshot joins what there is; later pieces still follow."""
    accumulator = Accumulator()
    accumulator.add([START, PartStart(0, "text")])
    for number in range(200):
        accumulator.add([TextDelta(0, f"{number} ")])
        assert accumulator.snapshot().text.endswith(f"{number} ")
    assert accumulator.snapshot().text == "".join(f"{number} " for number in range(200))


def test_another_thread_may_read_while_it_grows() -> None:
    """A user interface may show the response from a thread of its own: nothing is lost, and nothing is doubled."""
    accumulator = Accumulator()
    accumulator.begin([START, PartStart(0, "text")])
    is_over = threading.Event()
    seen: list[str] = []

    def watch() -> None:
        while not is_over.is_set():
            accumulator.advance(3)
            seen.append(accumulator.snapshot().text)

    watchers = [threading.Thread(target=watch) for _ in range(2)]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for watcher in watchers:
            watcher.start()
        for _ in range(3000):
            accumulator.begin([TextDelta(0, "a"), TextDelta(0, "b"), TextDelta(0, "c")])
    finally:
        is_over.set()
        for watcher in watchers:
            watcher.join()
        sys.setswitchinterval(before)
    accumulator.begin(())
    whole = "abc" * 3000
    assert accumulator.snapshot().text == whole
    assert [text for text in seen if not whole.startswith(text)] == []
