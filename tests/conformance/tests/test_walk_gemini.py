"""The walk of Gemini bodies, on small composed ones."""

from __future__ import annotations

import json

import pytest
from pydantic import JsonValue

from core_llm_conformance.script import sse_event
from core_llm_conformance.walk import Expected, ExpectedError, ExpectedUsage, walk_gemini


def chunk(*parts: dict[str, JsonValue], finish: JsonValue = None, **top: JsonValue) -> dict[str, JsonValue]:
    """Compose one object of the wire with one candidate."""
    candidate: dict[str, JsonValue] = {"content": {"role": "model", "parts": list(parts)}}
    return {"candidates": [candidate | ({} if finish is None else {"finishReason": finish})], **top}


def plain(*parts: dict[str, JsonValue], finish: JsonValue = "STOP", **top: JsonValue) -> Expected:
    """Walk a plain body."""
    return walk_gemini(json.dumps(chunk(*parts, finish=finish, **top)).encode())


def stream(*chunks: JsonValue) -> Expected:
    """Walk a stream of these objects."""
    return walk_gemini(b"".join(map(sse_event, chunks)))


def test_a_plain_answer() -> None:
    """Text and thoughts are told apart; executed code is neither."""
    answer = plain(
        {"text": "why", "thought": True},
        {"executableCode": {"code": "1"}},
        {"text": "Hi"},
        responseId="r",
        modelVersion="g",
    )
    assert answer == Expected(
        text="Hi",
        reasoning="why",
        finish_reason="stop",
        raw_finish_reason="STOP",
        is_complete=True,
        id="r",
        model="g",
    )


def test_a_stream_and_an_array_say_the_same() -> None:
    """The endpoint sends an array where server-sent events were not asked for."""
    chunks: list[JsonValue] = [
        chunk({"text": "H"}, responseId="r"),
        chunk({"text": "i"}, finish="STOP"),
        {"usageMetadata": {}},
    ]
    assert stream(*chunks) == walk_gemini(json.dumps(chunks).encode()) == plain({"text": "Hi"}, responseId="r")


def test_a_call_makes_the_reason() -> None:
    """The wire has no reason of its own for it; arguments are an object, absent for none, and an id is rare."""
    answer = plain({"functionCall": {"name": "f", "args": {"a": 1}}}, {"functionCall": {"id": "x", "name": "g"}})
    assert [(call.id, call.name, call.arguments) for call in answer.tool_calls] == [
        (None, "f", {"a": 1}),
        ("x", "g", {}),
    ]
    assert (answer.finish_reason, answer.raw_finish_reason) == ("tool_calls", "STOP")


@pytest.mark.parametrize(
    ("raw", "named", "normalised"),
    [
        ("MAX_TOKENS", "MAX_TOKENS", "length"),
        ("SAFETY", "SAFETY", "content_filter"),
        ("MODEL_ARMOR", "MODEL_ARMOR", "content_filter"),
        ("UNEXPECTED_TOOL_CALL", "UNEXPECTED_TOOL_CALL", "error"),
        ("NEW", "NEW", "other"),
        (None, None, "other"),
    ],
)
def test_finish_reasons(raw: JsonValue, named: str | None, normalised: str) -> None:
    """Each word of the wire has one meaning here; none is other, for the model has not stopped then."""
    answer = plain({"text": "x"}, finish=raw)
    assert (answer.raw_finish_reason, answer.finish_reason) == (named, normalised)


def test_a_blocked_prompt_is_an_answer() -> None:
    """It has no candidates, and the reason of the block is the reason."""
    answer = stream({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}})
    assert (answer.finish_reason, answer.raw_finish_reason) == ("content_filter", "PROHIBITED_CONTENT")
    assert answer.is_complete is True


def test_a_candidate_without_content() -> None:
    """It is an empty answer with a reason."""
    assert stream({"candidates": [{"finishReason": "RECITATION"}]}).finish_reason == "content_filter"


def test_the_last_reason_counts_and_goes_on_counting() -> None:
    """Some models finish in the middle: what comes after it without a reason takes it back."""
    first, second = chunk({"text": "a"}, finish="STOP"), chunk({"text": "b"})
    assert stream(first, second).is_complete is False
    assert stream(first, second, chunk(finish="MAX_TOKENS")).finish_reason == "length"
    assert stream(first, chunk({"text": ""}, finish="STOP")).is_complete is True


def test_usage_is_the_last_of_each_count_and_inclusive() -> None:
    """A later chunk may leave out what an earlier one said; one without figures says nothing."""
    first: JsonValue = {"promptTokenCount": 1, "candidatesTokenCount": 9, "thoughtsTokenCount": 5}
    last: JsonValue = {"promptTokenCount": 80, "toolUsePromptTokenCount": 7, "thoughtsTokenCount": 6}
    counted = stream({"usageMetadata": first}, {"usageMetadata": last}, {"usageMetadata": {"trafficType": "ON_DEMAND"}})
    assert counted.usage == ExpectedUsage(87, 15, None, None, 6)
    cached = plain(usageMetadata={"promptTokenCount": 9, "cachedContentTokenCount": 4, "candidatesTokenCount": 2})
    assert cached.usage == ExpectedUsage(9, 2, 4, None, None)


def test_errors() -> None:
    """They have a word, which may be the code."""
    body = b'{"error": {"code": 404, "message": "no model", "status": "NOT_FOUND"}}'
    assert walk_gemini(body, status=404).error == ExpectedError("provider", "no model", "NOT_FOUND", "NOT_FOUND", 404)
    inside = walk_gemini(body)
    assert inside.error is not None
    assert inside.error.status == 404


def test_the_reason_of_an_error_is_its_code() -> None:
    """It says more than the status."""
    body = b'{"error": {"status": "INVALID_ARGUMENT", "details": [{"@type": "t"}, {"reason": "API_KEY_INVALID"}]}}'
    error = walk_gemini(body, status=400).error
    assert error is not None
    assert (error.code, error.type) == ("API_KEY_INVALID", "INVALID_ARGUMENT")


@pytest.mark.parametrize("body", [b'{"candidates": ', b"data: {\n\n"])
def test_what_is_no_answer_is_malformed(body: bytes) -> None:
    """Half an object, an event that is no JSON."""
    assert walk_gemini(body).error == ExpectedError("malformed")
