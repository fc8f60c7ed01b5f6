"""The grammar of events: each rule with events that keep it and events that break it."""

from __future__ import annotations

import pytest

from core_llm import (
    Citation,
    CitationAdded,
    FellBack,
    FileDelta,
    Finish,
    PartEnd,
    PartStart,
    RawEvent,
    ReasoningDelta,
    Response,
    Restarted,
    Retrying,
    StreamEvent,
    StreamGrammarError,
    StreamInterruptedError,
    StreamStart,
    TextDelta,
    TextPart,
    ToolCall,
    ToolCallDelta,
    ToolCallPart,
    Usage,
    UsageUpdate,
    check_events,
)

BROKE = StreamInterruptedError("it broke")
START = StreamStart("r1", "m", "tiny")
TEXT = [PartStart(0, "text"), TextDelta(0, "Hel"), TextDelta(0, "lo"), PartEnd(0, TextPart(text="Hello"))]
CALL = ToolCallPart(id="c1", name="weather", arguments={"city": "Oslo"}, raw_arguments='{"city": "Oslo"}')
CUT_CALL = ToolCallPart(id="c1", name="weather", raw_arguments='{"ci', is_complete=False)
TOOL = [
    PartStart(0, "tool_call"),
    ToolCallDelta(0, "c1", "weather", '{"city": "Oslo"}'),
    ToolCall(0, CALL),
    PartEnd(0, CALL),
]
RETRYING = Retrying(2, 0.0, BROKE, "tiny")


def finish(*parts: TextPart | ToolCallPart) -> Finish:
    """Return the end of an answer with these parts."""
    return Finish("stop", None, Response(parts=parts, finish_reason="stop", is_complete=True))


def check(*events: StreamEvent) -> tuple[int, str] | None:
    """Return the number of the event that broke a rule, and the rule; None if all keep them."""
    try:
        assert list(check_events(events)) == list(events)
    except StreamGrammarError as error:
        assert f"event {error.event_number}: " in error.message  # noqa: PT017  # some raise, some do not
        assert f"(rule {error.rule})" in error.message  # noqa: PT017  # as above
        return error.event_number, error.rule
    return None


@pytest.mark.parametrize(
    "events",
    [
        [START, finish()],
        [START, *TEXT, finish(TextPart(text="Hello"))],
        [START, *TOOL, finish(CALL)],
        [START, PartStart(0, "tool_call"), PartEnd(0, CUT_CALL), finish(CUT_CALL)],
        [START, UsageUpdate(Usage()), RawEvent("ping", None), finish()],
        [RETRYING, START, UsageUpdate(Usage()), RETRYING, FellBack(3, 0.0, BROKE, "other", "m"), START, finish()],
        [START, *TEXT, Restarted(2, 0.0, BROKE, "tiny"), START, *TOOL, finish(CALL)],
        [
            START,
            PartStart(0, "text"),
            PartStart(1, "reasoning"),
            TextDelta(0, "a"),
            CitationAdded(0, Citation(url="https://x.test")),
            ReasoningDelta(1, "b"),
        ],
    ],
    ids=["nothing", "text", "call", "cut call", "no parts", "retries", "restart", "interleaved"],
)
def test_what_keeps_the_rules_is_passed_on(events: list[StreamEvent]) -> None:
    """Every event, unchanged; an answer that is not over only lacks its end."""
    broken = check(*events)
    assert broken is None or (broken == (len(events), "finished") and not isinstance(events[-1], Finish))


@pytest.mark.parametrize(
    ("events", "broken"),
    [
        ([*TEXT], (0, "start")),
        ([UsageUpdate(Usage()), START], (0, "start")),
        ([START, START], (1, "start")),
        ([RETRYING, finish()], (1, "start")),
        ([START, *TEXT, RETRYING], (5, "retry")),
        ([START, PartStart(0, "text"), FellBack(2, 0.0, BROKE, "other", "m")], (2, "retry")),
        ([START, finish(), UsageUpdate(Usage())], (2, "one_finish")),
        ([START, finish(), finish()], (2, "one_finish")),
        ([START, TextDelta(0, "a")], (1, "open_part")),
        ([START, *TEXT, TextDelta(0, "a")], (5, "open_part")),
        ([START, PartStart(0, "text"), ReasoningDelta(0, "a")], (2, "open_part")),
        ([START, PartStart(0, "text"), ToolCall(0, CALL)], (2, "open_part")),
        ([START, PartEnd(0, TextPart(text=""))], (1, "open_part")),
        ([START, *TEXT, TEXT[-1]], (5, "open_part")),
        ([START, PartStart(0, "text"), PartEnd(0, CUT_CALL)], (2, "open_part")),
        ([START, PartStart(1, "text")], (1, "part_index")),
        ([START, *TEXT, PartStart(0, "text")], (5, "part_index")),
        ([START, *TEXT[:2], TEXT[3]], (3, "deltas_add_up")),
        ([START, PartStart(0, "text"), TextDelta(0, "")], (2, "no_empty_delta")),
        ([START, PartStart(0, "file"), FileDelta(0, "image/png", b"")], (2, "no_empty_delta")),
        ([START, PartStart(0, "tool_call"), ToolCall(0, CUT_CALL)], (2, "tool_call")),
        ([START, *TOOL[:3], ToolCall(0, CALL)], (4, "tool_call")),
        ([START, *TOOL[:2], TOOL[3]], (3, "tool_call")),
        ([START, *TOOL[:3], PartEnd(0, CALL.model_copy(update={"id": "c2"}))], (4, "tool_call")),
        ([START, *TEXT[:3], finish()], (4, "all_closed")),
        ([START, *TEXT, finish()], (5, "response")),
        ([START, *TEXT, finish(TextPart(text="Hell"))], (5, "response")),
        ([START, *TEXT], (5, "finished")),
        ([], (0, "finished")),
    ],
)
def test_what_breaks_a_rule_is_named(events: list[StreamEvent], broken: tuple[int, str]) -> None:
    """By the number of the event and the rule."""
    assert check(*events) == broken


def test_events_before_the_offending_one_are_passed_on() -> None:
    """The check is made as they come."""
    checked = check_events([START, TextDelta(0, "a")])
    assert next(checked) is START
    with pytest.raises(
        StreamGrammarError, match=r"event 1: text_delta for part 0, which is not open \(rule open_part\)"
    ):
        next(checked)
