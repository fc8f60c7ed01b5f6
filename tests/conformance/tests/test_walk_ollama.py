"""The walk of Ollama's chat bodies, on small composed ones."""

from __future__ import annotations

import json

import pytest
from pydantic import JsonValue

from core_llm_conformance.walk import Expected, ExpectedError, ExpectedUsage, walk_ollama


def line(message: dict[str, JsonValue], **top: JsonValue) -> bytes:
    """Compose one line."""
    return json.dumps({"model": "l", "message": message, "done": False, **top}).encode() + b"\n"


def last(done_reason: str = "stop", /, **top: JsonValue) -> bytes:
    """Compose the last line."""
    return line({"content": ""}, done=True, done_reason=done_reason, **top)


def test_lines_are_joined() -> None:
    """Content is text, thinking is reasoning; the wire has no id."""
    body = line({"content": "", "thinking": "why"}) + line({"content": "H"}) + line({"content": "i"}) + last()
    assert walk_ollama(body) == Expected(
        text="Hi", reasoning="why", finish_reason="stop", raw_finish_reason="stop", is_complete=True, model="l"
    )


def test_a_plain_answer() -> None:
    """It is one object that is done."""
    assert walk_ollama(line({"content": "Hi"}, done=True, done_reason="length")).finish_reason == "length"


def test_calls_come_whole() -> None:
    """Each entry is a call, equal ones too, with an id or without."""
    call: JsonValue = {"function": {"name": "f", "arguments": {"a": 1}}}
    other: JsonValue = {"id": "c2", "function": {"index": 1, "name": "g", "arguments": {}}}
    answer = walk_ollama(line({"tool_calls": [call, call]}) + line({"tool_calls": [other]}) + last())
    calls = [(call.id, call.name, call.arguments) for call in answer.tool_calls]
    assert calls == [(None, "f", {"a": 1}), (None, "f", {"a": 1}), ("c2", "g", {})]
    assert (answer.finish_reason, answer.raw_finish_reason) == ("tool_calls", "stop")


def test_an_unknown_reason_is_other() -> None:
    """It is kept."""
    answer = walk_ollama(last("custom"))
    assert (answer.finish_reason, answer.raw_finish_reason) == ("other", "custom")


@pytest.mark.parametrize(
    ("counts", "usage"),
    [
        ({"prompt_eval_count": 3, "eval_count": 4}, ExpectedUsage(3, 4)),
        ({"eval_count": 4}, ExpectedUsage(None, 4)),
        ({}, None),
    ],
)
def test_usage(counts: dict[str, JsonValue], usage: ExpectedUsage | None) -> None:
    """What was not counted is not known."""
    assert walk_ollama(last(**counts)).usage == usage


def test_without_the_last_line_nothing_is_complete() -> None:
    """A line that was cut off counts for nothing."""
    answer = walk_ollama(line({"content": "x"}) + last()[:-4])
    assert (answer.text, answer.is_complete, answer.error) == ("x", False, None)


def test_a_plain_body_may_be_set_out_in_lines() -> None:
    """It is one object for all that."""
    body = json.dumps(json.loads(last()), indent=2).encode()
    assert walk_ollama(body) == walk_ollama(last())


def test_errors() -> None:
    """They are a string, with a status or as a line."""
    assert walk_ollama(b'{"error": "no model"}', status=404).error == ExpectedError("provider", "no model", status=404)
    assert walk_ollama(line({"content": "x"}) + b'{"error": "crash"}\n').error == ExpectedError("provider", "crash")


@pytest.mark.parametrize("body", [b'{"mess', b"<html>\n{}"])
def test_what_is_no_answer_is_malformed(body: bytes) -> None:
    """Half an object, a line that is no JSON."""
    assert walk_ollama(body).error == ExpectedError("malformed")
