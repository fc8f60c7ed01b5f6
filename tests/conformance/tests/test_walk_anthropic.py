"""The walk of Anthropic Messages bodies, on small composed ones."""

from __future__ import annotations

import json

import pytest
from pydantic import JsonValue

from core_llm_conformance.script import sse_event
from core_llm_conformance.walk import Expected, ExpectedCall, ExpectedError, ExpectedUsage, walk_anthropic

STOP = sse_event({"type": "message_stop"})


def plain(*blocks: dict[str, JsonValue], stop_reason: str = "end_turn", **top: JsonValue) -> Expected:
    """Walk a plain body with these content blocks."""
    body = {"type": "message", "content": list(blocks), "stop_reason": stop_reason, **top}
    return walk_anthropic(json.dumps(body).encode())


def start(index: int, **block: JsonValue) -> bytes:
    """Compose the beginning of a block."""
    return sse_event({"type": "content_block_start", "index": index, "content_block": block})


def delta(index: int, **delta: JsonValue) -> bytes:
    """Compose a delta of a block."""
    return sse_event({"type": "content_block_delta", "index": index, "delta": delta})


def end(stop_reason: str = "end_turn", **usage: JsonValue) -> bytes:
    """Compose the message's delta, which has the reason."""
    return sse_event({"type": "message_delta", "delta": {"stop_reason": stop_reason}, "usage": usage})


def message_start(**usage: JsonValue) -> bytes:
    """Compose the first event."""
    return sse_event({"type": "message_start", "message": {"id": "msg_1", "model": "c", "usage": usage}})


def test_a_plain_answer() -> None:
    """Text blocks are joined; what a server's tools did is no text."""
    answer = plain(
        {"type": "text", "text": "Hi "},
        {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
        {"type": "text", "text": "there"},
        id="msg_1",
        model="c",
    )
    assert answer == Expected(
        text="Hi there", finish_reason="stop", raw_finish_reason="end_turn", is_complete=True, id="msg_1", model="c"
    )


def test_a_stream_says_the_same() -> None:
    """Deltas are joined; pings and what follows the end add nothing."""
    body = [
        message_start(),
        start(0, type="text", text=""),
        sse_event({"type": "ping"}),
        delta(0, type="text_delta", text="Hi "),
        delta(0, type="text_delta", text="there"),
        end(),
        STOP,
        b"event: data\ndata: [DONE]\n\n",
    ]
    text: dict[str, JsonValue] = {"type": "text", "text": "Hi there"}
    assert walk_anthropic(b"".join(body)) == plain(text, id="msg_1", model="c")


def test_thinking_is_reasoning() -> None:
    """Its text counts; redacted thinking has none."""
    answer = plain(
        {"type": "thinking", "thinking": "why", "signature": "s"}, {"type": "redacted_thinking", "data": "x"}
    )
    assert (answer.reasoning, answer.text) == ("why", "")


@pytest.mark.parametrize(
    ("block_input", "fragments", "arguments"),
    [({}, ['{"a"', ": 1}"], {"a": 1}), ({}, [""], {}), ({"a": 1}, [], {"a": 1}), ({"a": 1}, [""], {"a": 1})],
    ids=["in fragments", "none", "at the start", "at the start, empty fragment"],
)
def test_a_streamed_call(block_input: JsonValue, fragments: list[str], arguments: dict[str, JsonValue]) -> None:
    """Arguments are streamed, or absent, or whole where the block begins."""
    pieces = [delta(0, type="input_json_delta", partial_json=fragment) for fragment in fragments]
    head = start(0, type="tool_use", id="t1", name="f", input=block_input)
    answer = walk_anthropic(head + b"".join(pieces) + end("tool_use") + STOP)
    [call] = answer.tool_calls
    assert (call.id, call.name, call.arguments, call.is_complete) == ("t1", "f", arguments, True)
    assert answer.finish_reason == "tool_calls"


def test_a_call_that_the_token_limit_cut_is_incomplete() -> None:
    """Nothing, or half a JSON object, is never taken for arguments then."""
    head = start(0, type="tool_use", id="t1", name="f", input={})
    for fragment in ("", '{"a": '):
        answer = walk_anthropic(
            head + delta(0, type="input_json_delta", partial_json=fragment) + end("max_tokens") + STOP
        )
        assert answer.tool_calls == (ExpectedCall("t1", "f", None, fragment, is_complete=False),)
        assert answer.finish_reason == "length"


@pytest.mark.parametrize(
    ("raw", "normalised"),
    [
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("refusal", "content_filter"),
        ("pause_turn", "other"),
        ("new", "other"),
    ],
)
def test_finish_reasons(raw: str, normalised: str) -> None:
    """Each word of the wire has one meaning here; a new one is kept and called other."""
    answer = plain({"type": "text", "text": "x"}, stop_reason=raw)
    assert (answer.raw_finish_reason, answer.finish_reason) == (raw, normalised)


def test_the_answer_ends_with_its_last_block() -> None:
    """A call at the end makes the reason tool_calls, whatever the wire says; one that was answered does not."""
    call: dict[str, JsonValue] = {"type": "tool_use", "id": "t1", "name": "f", "input": {}}
    assert plain(call).finish_reason == "tool_calls"
    assert plain(call, {"type": "text", "text": "x"}).finish_reason == "stop"


def test_the_reason_makes_it_complete() -> None:
    """What is cut before it is not, and what follows it is only the end of the message."""
    text = start(0, type="text", text="x")
    cut, whole = walk_anthropic(text), walk_anthropic(text + end())
    assert (cut.is_complete, cut.finish_reason, cut.text) == (False, None, "x")
    assert whole == walk_anthropic(text + end() + STOP)
    assert whole.is_complete


def test_usage_is_replaced_and_inclusive() -> None:
    """The last count of each kind holds, null says nothing, and the input includes what the cache had a part in."""
    body = message_start(input_tokens=3, cache_read_input_tokens=None, output_tokens=1)
    body += end(cache_read_input_tokens=10, cache_creation_input_tokens=5, output_tokens=7)
    assert walk_anthropic(body + STOP).usage == ExpectedUsage(18, 7, 10, 5, None)


def test_an_error_in_the_stream() -> None:
    """It is the provider's, and ends the answer."""
    error: JsonValue = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    answer = walk_anthropic(message_start() + sse_event(error) + STOP)
    assert answer.error == ExpectedError("provider", "Overloaded", "overloaded_error")
    assert answer.is_complete is False


def test_an_error_status() -> None:
    """The body says why."""
    body = b'{"type": "error", "error": {"type": "not_found_error", "message": "model: x"}}'
    assert walk_anthropic(body, status=404).error == ExpectedError("provider", "model: x", "not_found_error", None, 404)


@pytest.mark.parametrize("body", [b'{"content": [', b'{"type": "message"}', b"data: {\n\n"])
def test_what_is_no_answer_is_malformed(body: bytes) -> None:
    """Half an object, an object without content, an event that is no JSON."""
    assert walk_anthropic(body).error == ExpectedError("malformed")
