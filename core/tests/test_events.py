"""Events as JSON: what ``--json`` and queues write."""

from __future__ import annotations

import json
from typing import get_args

import pytest

from core_llm._errors import OverloadedError, StreamInterruptedError
from core_llm._events import (
    ApprovalNeeded,
    CitationAdded,
    FellBack,
    FileDelta,
    Finish,
    PartEnd,
    PartStart,
    RawEvent,
    ReasoningDelta,
    RefusalDelta,
    Restarted,
    Resumed,
    Retrying,
    StreamError,
    StreamEvent,
    StreamStart,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolResult,
    ToolStart,
    TurnEnd,
    TurnStart,
    UsageUpdate,
    event_to_dict,
)
from core_llm._json import JSONObject
from core_llm._messages import Citation, TextPart, TokenLogprob, ToolCallPart, ToolResultPart
from core_llm._response import Response, Usage

CALL = ToolCallPart(id="1", name="weather", arguments={"city": "Oslo"})
ERROR = OverloadedError("HTTP 529: later", status_code=529, retry_after=2.0)
EVERY_EVENT: list[StreamEvent] = [
    StreamStart("r-1", None, "acme"),
    PartStart(0, "text"),
    TextDelta(0, "Os", (TokenLogprob(token="Os", logprob=-0.5),)),
    ReasoningDelta(0, "hm"),
    RefusalDelta(0, "no"),
    ToolCallDelta(0, "1", "weather", '{"ci'),
    ToolCall(0, CALL),
    CitationAdded(0, Citation(url="https://a.example")),
    FileDelta(0, "image/png", b"\xfb\xff"),
    PartEnd(0, TextPart(text="Oslo")),
    UsageUpdate(Usage(input_tokens=1)),
    RawEvent("ping", {"a": [1, None]}),
    Retrying(2, 0.5, ERROR, "acme"),
    FellBack(2, 0.0, ERROR, "other", "small"),
    Restarted(2, 0.0, ERROR, "acme"),
    Resumed(2, 0.0, ERROR, "acme"),
    TurnStart(0),
    ToolStart(0, CALL),
    ToolResult(0, CALL, ToolResultPart(tool_call_id="1", content="4°")),
    ApprovalNeeded(1, (ToolCallPart(id="c", name="f", arguments={}),)),
    TurnEnd(0),
    StreamError(StreamInterruptedError("cut", partial=Response())),
    Finish("stop", None, Response(parts=(TextPart(text="Oslo"),), finish_reason="stop", is_complete=True)),
]


def test_the_list_above_has_every_event() -> None:
    """An event that is added to the union has to be added here."""
    assert {type(event) for event in EVERY_EVENT} == set(get_args(StreamEvent))


@pytest.mark.parametrize("event", EVERY_EVENT, ids=lambda event: event.type)
def test_every_event_can_be_written_as_json(event: StreamEvent) -> None:
    """The type comes first, and nothing in it is not JSON."""
    written = json.dumps(event_to_dict(event), allow_nan=False)
    assert next(iter(json.loads(written).items())) == ("type", event.type)


def test_types_tell_events_apart() -> None:
    """No two events have one type."""
    assert len({event.type for event in EVERY_EVENT}) == len(EVERY_EVENT)


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (TextDelta(1, "Os"), {"type": "text_delta", "part_index": 1, "text": "Os", "logprobs": []}),
        (
            Retrying(2, 0.5, ERROR, "acme"),
            {
                "type": "retrying",
                "attempt": 2,
                "delay": 0.5,
                "error": {
                    "error": "OverloadedError",
                    "message": "HTTP 529: later",
                    "provider": None,
                    "model": None,
                    "phase": None,
                    "is_retryable": True,
                    "retry_after": 2.0,
                    "request_id": None,
                    "partial": None,
                    "attempts": 1,
                    "status_code": 529,
                    "body": "",
                    "code": None,
                },
                "provider": "acme",
            },
        ),
    ],
    ids=["text_delta", "retrying"],
)
def test_events_are_written_field_by_field(event: StreamEvent, expected: JSONObject) -> None:
    """Values become their JSON, errors their plain attributes."""
    assert event_to_dict(event) == expected


def test_parts_are_written_whole() -> None:
    """A consumer of JSON can build the part again."""
    written = event_to_dict(PartEnd(0, CALL))["part"]
    assert ToolCallPart.from_json(json.dumps(written)) == CALL


def test_events_are_slotted() -> None:
    """There is one a token: none of them carries a dict."""
    assert [type(event).__name__ for event in EVERY_EVENT if hasattr(event, "__dict__")] == []
