"""The walk of Chat Completions bodies, on small composed ones: text, reasoning, refusals, calls, ends."""

from __future__ import annotations

import json

import pytest
from pydantic import JsonValue

from core_llm_conformance.script import sse_event
from core_llm_conformance.walk import Expected, ExpectedCall, walk_chat_completions
from core_llm_conformance.walk.sse import walk_sse

DONE = b"data: [DONE]\n\n"


def plain(message: dict[str, JsonValue], finish_reason: str | None = "stop", **top: JsonValue) -> Expected:
    """Walk a plain body with one choice."""
    choice: JsonValue = {"index": 0, "message": message, "finish_reason": finish_reason}
    return walk_chat_completions(json.dumps({"choices": [choice], **top}).encode())


def chunk(delta: dict[str, JsonValue], finish_reason: str | None = None, **top: JsonValue) -> bytes:
    """Compose one chunk of a stream."""
    return sse_event({"choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}], **top})


def call_delta(**fragment: JsonValue) -> bytes:
    """Compose one chunk with one fragment of a tool call."""
    return chunk({"tool_calls": [fragment]})


def test_a_plain_answer() -> None:
    """Text, reason, id and model are where the wire puts them."""
    answer = plain({"content": "Hi"}, id="c1", model="m")
    assert answer == Expected(
        text="Hi", finish_reason="stop", raw_finish_reason="stop", is_complete=True, id="c1", model="m"
    )


def test_a_stream_says_the_same() -> None:
    """Deltas are joined; chunks without choices, with empty deltas and with null content add nothing."""
    body = [
        chunk({"role": "assistant", "content": ""}, id="c1", model="m"),
        chunk({"content": "H"}),
        sse_event({"choices": []}),
        chunk({"content": None}),
        chunk({"content": "i"}, usage=None),
        chunk({}, "stop"),
        DONE,
    ]
    assert walk_chat_completions(b"".join(body)) == plain({"content": "Hi"}, id="c1", model="m")


def test_only_the_first_choice_is_the_answer() -> None:
    """Other choices, interleaved or beside it, are left out."""
    other = sse_event({"choices": [{"index": 1, "delta": {"content": "B"}, "finish_reason": "length"}]})
    assert walk_chat_completions(chunk({"content": "A"}) + other + chunk({}, "stop")).text == "A"
    assert walk_chat_completions(other).is_complete is False


@pytest.mark.parametrize(
    ("message", "reasoning"),
    [
        ({"reasoning_content": "why"}, "why"),
        ({"reasoning": "why"}, "why"),
        ({"reasoning": "why", "reasoning_details": [{"type": "reasoning.text", "text": "why"}]}, "why"),
        ({"reasoning": None, "reasoning_details": [{"summary": "wh"}, {"data": "=="}, {"text": "y"}]}, "why"),
        ({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "why"}]}]}, "why"),
        ({"reasoning": {"odd": 1}, "reasoning_content": None}, ""),
    ],
    ids=["reasoning_content", "reasoning", "said twice", "details alone", "thinking content", "odd"],
)
def test_reasoning_by_its_names(message: dict[str, JsonValue], reasoning: str) -> None:
    """Every name is read, and what is said under two names counts once."""
    assert plain(message).reasoning == reasoning


def test_content_in_pieces_is_text_and_reasoning() -> None:
    """A list of thinking and text pieces is split into both."""
    thinking: JsonValue = {"type": "thinking", "thinking": [{"type": "text", "text": "2+2"}], "closed": True}
    answer = plain({"content": [thinking, {"type": "text", "text": "4"}]})
    assert (answer.text, answer.reasoning) == ("4", "2+2")


def test_speech_is_told_by_its_transcript() -> None:
    """An answer in sound has no content; what was said is its text."""
    assert plain({"content": None, "audio": {"id": "a", "data": "UklG", "transcript": "Hello"}}).text == "Hello"


def test_a_refusal_is_a_content_filter() -> None:
    """The wire says stop; the refusal says why."""
    answer = plain({"content": None, "refusal": "No."})
    assert (answer.refusal, answer.finish_reason, answer.raw_finish_reason) == ("No.", "content_filter", "stop")


@pytest.mark.parametrize(
    ("raw", "normalised"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("tool_calls", "tool_calls"),
        ("tool_call", "tool_calls"),
        ("content_filter", "content_filter"),
        ("insufficient_system_resource", "error"),
        ("something_new", "other"),
        (None, "stop"),
    ],
)
def test_finish_reasons(raw: str | None, normalised: str) -> None:
    """Each word of the wire has one meaning here; a new one is kept and called other."""
    answer = plain({"content": "x"}, raw)
    assert (answer.raw_finish_reason, answer.finish_reason) == (raw, normalised)


def test_finish_details_stand_in_for_the_reason() -> None:
    """An early vision model said the reason in an object of its own."""
    choice: JsonValue = {"index": 0, "message": {"content": "x"}, "finish_details": {"type": "max_tokens"}}
    answer = walk_chat_completions(json.dumps({"choices": [choice]}).encode())
    assert (answer.raw_finish_reason, answer.finish_reason) == ("max_tokens", "length")


def test_done_alone_completes_and_the_reason_is_inferred() -> None:
    """Without a reason, calls make it tool_calls, and anything else stop."""
    call = call_delta(index=0, id="a", function={"name": "f", "arguments": "{}"})
    inferred = walk_chat_completions(call + DONE)
    assert (inferred.is_complete, inferred.finish_reason, inferred.raw_finish_reason) == (True, "tool_calls", None)
    assert walk_chat_completions(chunk({"content": "x"}) + DONE).finish_reason == "stop"


def test_a_stream_without_its_marker_is_not_complete() -> None:
    """What came is there, and nothing says how it ended; an event that was cut off counts for nothing."""
    cut = walk_chat_completions(chunk({"content": "Hel"}) + chunk({"content": "lo"}, "stop").rstrip()[:-1])
    assert cut == Expected(text="Hel")


def test_a_last_event_that_only_lacks_its_blank_line_counts() -> None:
    """Data that closes itself cannot have been cut."""
    assert walk_chat_completions(chunk({"content": "Hi"}, "stop").rstrip()).finish_reason == "stop"
    assert walk_chat_completions(chunk({"content": "Hi"}) + b"data: [DONE]").is_complete


def test_calls_in_fragments() -> None:
    """A head and its fragments, by index, interleaved with another call's."""
    body = [
        call_delta(index=0, id="a", type="function", function={"name": "f", "arguments": ""}),
        call_delta(index=1, id="b", type="function", function={"name": "g", "arguments": '{"y"'}),
        call_delta(index=0, function={"arguments": '{"x": 1}'}),
        call_delta(index=1, function={"arguments": ": 2}"}),
        chunk({}, "tool_calls"),
    ]
    assert walk_chat_completions(b"".join(body)).tool_calls == (
        ExpectedCall("a", "f", {"x": 1}, '{"x": 1}', is_complete=True),
        ExpectedCall("b", "g", {"y": 2}, '{"y": 2}', is_complete=True),
    )


@pytest.mark.parametrize(
    ("fragments", "calls"),
    [
        (
            [{"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}},
             {"index": 0, "id": "b", "function": {"name": "g", "arguments": "{}"}}],
            [("a", "f"), ("b", "g")],
        ),
        (
            [{"id": "a", "function": {"name": "f", "arguments": "{}"}}, {"id": "b", "function": {"name": "g"}}],
            [("a", "f"), ("b", "g")],
        ),
        (
            [{"function": {"name": "f", "arguments": "{"}}, {"function": {"arguments": "}"}},
             {"function": {"name": "g", "arguments": "{}"}}],
            [(None, "f"), (None, "g")],
        ),
        (
            [{"index": 0, "id": "a", "function": {"name": "f", "arguments": ""}},
             {"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}}],
            [("a", "f")],
        ),
        (
            [{"index": 0, "id": "", "function": {"name": "f"}}, {"index": 1, "function": {"name": "g"}}],
            [(None, "f"), (None, "g")],
        ),
        ([{"index": 0, "function": {"name": "f"}}, {"index": 0, "id": "a"}], [("a", "f")]),
    ],
    ids=["same index, other ids", "no index", "neither", "head repeated", "no ids", "late id"],
)  # fmt: skip
def test_calls_by_id_then_index_then_order(
    fragments: list[dict[str, JsonValue]], calls: list[tuple[str | None, str]]
) -> None:
    """However a server marks its calls, each is one call, and complete."""
    body = b"".join(call_delta(**fragment) for fragment in fragments) + chunk({}, "tool_calls")
    answer = walk_chat_completions(body)
    assert [(call.id, call.name) for call in answer.tool_calls] == calls
    assert all(call.is_complete and call.arguments == {} for call in answer.tool_calls)


@pytest.mark.parametrize(
    ("arguments", "finish_reason", "parsed"),
    [
        ('{"a": 1}', "tool_calls", {"a": 1}),
        ({"a": 1}, "tool_calls", {"a": 1}),
        ("", "tool_calls", {}),
        (None, "stop", {}),
        ("", "length", None),
        ('{"a": ', "length", None),
        ('{"a": ', "tool_calls", None),
        ("[1]", "tool_calls", None),
    ],
)
def test_when_a_call_is_complete(arguments: JsonValue, finish_reason: str, parsed: dict[str, JsonValue] | None) -> None:
    """A JSON object is; nothing is, unless the answer was cut off; the rest is not."""
    call: JsonValue = {"id": "a", "type": "function", "function": {"name": "f", "arguments": arguments}}
    (found,) = plain({"tool_calls": [call]}, finish_reason).tool_calls
    assert (found.arguments, found.is_complete) == (parsed, parsed is not None)


def test_calls_make_a_stop_tool_calls_but_not_a_length() -> None:
    """A forced call ends with stop on the wire; a limit stays a limit."""
    call: JsonValue = {"id": "a", "function": {"name": "f", "arguments": "{}"}}
    assert plain({"tool_calls": [call]}, "stop").finish_reason == "tool_calls"
    assert plain({"tool_calls": [call]}, "length").finish_reason == "length"


def test_the_function_call_of_old() -> None:
    """Before tools there was one function call, without an id."""
    answer = plain({"content": None, "function_call": {"name": "f", "arguments": '{"x": 1}'}}, "function_call")
    assert answer.complete_calls == (ExpectedCall(None, "f", {"x": 1}, '{"x": 1}', is_complete=True),)
    assert answer.finish_reason == "tool_calls"
    streamed = chunk({"function_call": {"name": "f", "arguments": '{"x"'}}) + chunk(
        {"function_call": {"arguments": ":1}"}}
    )
    assert walk_chat_completions(streamed + DONE).complete_calls[0].arguments == {"x": 1}


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
def test_events_are_cut_by_hand(end: bytes) -> None:
    """BOM, comments, several data lines, fields without a space, names and every line end."""
    lines = [
        b"",
        b"",
        b": hi",
        b"",
        b"event: error",
        b"data:1",
        b"data:  2",
        b"id: 7",
        b"",
        b"data",
        b"",
        b" data: x",
        b"",
        b"data: 3",
    ]
    assert list(walk_sse(b"\xef\xbb\xbf" + end.join(lines))) == [("error", b"1\n 2"), ("", b"")]
