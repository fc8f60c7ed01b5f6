"""The walk of Chat Completions bodies, on small composed ones: usage figures and error objects of the providers."""

from __future__ import annotations

import json

import pytest
from pydantic import JsonValue

from core_llm_conformance.script import sse_event
from core_llm_conformance.walk import ExpectedError, ExpectedUsage, walk_chat_completions


def usage_of(usage: JsonValue) -> ExpectedUsage | None:
    """Walk a plain answer with this usage object."""
    body = {"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}], "usage": usage}
    return walk_chat_completions(json.dumps(body).encode()).usage


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}, ExpectedUsage(5, 2)),
        ({"prompt_tokens": 5, "completion_tokens": 0}, ExpectedUsage(5, 0)),
        ({"prompt_tokens": 5, "prompt_tokens_details": None}, ExpectedUsage(5)),
        (
            {"prompt_tokens": 5, "completion_tokens": 9, "total_tokens": 14,
             "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 1},
             "completion_tokens_details": {"reasoning_tokens": 8}},
            ExpectedUsage(5, 9, 4, 1, 8),
        ),
        ({"prompt_tokens": 5, "completion_tokens": 1, "cached_tokens": 3}, ExpectedUsage(5, 1, 3)),
        ({"prompt_tokens": 5, "completion_tokens": 1, "num_cached_tokens": 3}, ExpectedUsage(5, 1, 3)),
        (
            {"prompt_tokens": 5, "completion_tokens": 1, "prompt_cache_hit_tokens": 3, "prompt_cache_miss_tokens": 2},
            ExpectedUsage(5, 1, 3),
        ),
        (
            {"prompt_tokens": 5, "completion_tokens": 1, "cache_read_input_tokens": 3,
             "cache_creation_input_tokens": 2},
            ExpectedUsage(5, 1, 3, 2),
        ),
        ({"prompt_tokens": 5, "completion_tokens": 1, "reasoning_tokens": 1}, ExpectedUsage(5, 1, reasoning_tokens=1)),
    ],
    ids="plain zero partial details together mistral deepseek anthropic-like copilot".split(),
)  # fmt: skip
def test_figures_by_their_names(usage: JsonValue, expected: ExpectedUsage) -> None:
    """Every provider's name for a figure is read; what was not sent is unknown, what was sent as 0 is 0."""
    assert usage_of(usage) == expected


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (
            {"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 20,
             "completion_tokens_details": {"reasoning_tokens": 7}},
            ExpectedUsage(10, 10, reasoning_tokens=7),
        ),
        ({"prompt_tokens": 35, "completion_tokens": 12, "total_tokens": 109}, ExpectedUsage(35, 74)),
        (
            {"prompt_tokens": 11, "completion_tokens": 15, "total_tokens": 401,
             "prompt_tokens_details": {"audio_tokens": 375, "cached_tokens": 9}},
            ExpectedUsage(386, 15, 9),
        ),
    ],
    ids=["reasoning beside the output", "thoughts not named", "audio beside the input"],
)  # fmt: skip
def test_input_and_output_make_the_providers_total(usage: dict[str, JsonValue], expected: ExpectedUsage) -> None:
    """What a provider counts in its total alone goes to the side that it belongs to."""
    found = usage_of(usage)
    assert found == expected
    assert found is not None
    assert (found.input_tokens or 0) + (found.output_tokens or 0) == usage["total_tokens"]


def test_no_usage_is_none() -> None:
    """An answer that reports nothing, or null, has none."""
    assert usage_of(None) is None


def test_the_last_usage_of_a_stream_counts() -> None:
    """Figures that grow, come again, or come under Groq's own name are never added."""
    finish = sse_event({"choices": [{"delta": {}, "finish_reason": "stop"}]})
    growing = b"".join(
        sse_event({"choices": [], "usage": {"prompt_tokens": 4, "completion_tokens": n}}) for n in (1, 2)
    )
    assert walk_chat_completions(finish + growing + sse_event({"usage": None})).usage == ExpectedUsage(4, 2)
    groq = sse_event({"x_groq": {"usage": {"prompt_tokens": 7, "completion_tokens": 1}}, "choices": []})
    assert walk_chat_completions(finish + groq).usage == ExpectedUsage(7, 1)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            {"error": {"message": "bad key", "type": "invalid_request_error", "code": "invalid_api_key"}},
            ExpectedError("provider", "bad key", "invalid_request_error", "invalid_api_key", 401),
        ),
        (
            {"object": "error", "message": "no model", "type": "invalid_model", "code": "1500"},
            ExpectedError("provider", "no model", "invalid_model", "1500", 401),
        ),
        (
            {"code": "not found", "error": "was retired"},
            ExpectedError("provider", "was retired", None, "not found", 401),
        ),
        ({"detail": "Unauthorized"}, ExpectedError("provider", "Unauthorized", status=401)),
        (
            {"detail": [{"msg": "too short"}, {"msg": "too odd"}]},
            ExpectedError("provider", "too short; too odd", status=401),
        ),
        ({"error": {"code": 401, "message": "who?"}}, ExpectedError("provider", "who?", None, "401", 401)),
        ([], ExpectedError("provider", status=401)),
    ],
    ids="openai mistral xai fastapi fastapi-list llamacpp list".split(),
)
def test_error_answers(body: JsonValue, expected: ExpectedError) -> None:
    """Message, type and code are found wherever a provider puts them; the status is the response's."""
    answer = walk_chat_completions(json.dumps(body).encode(), status=401)
    assert (answer.error, answer.is_complete, answer.finish_reason) == (expected, False, None)


def test_an_error_page_that_is_not_json() -> None:
    """It is an error all the same."""
    answer = walk_chat_completions(b"<html>Bad gateway</html>", status=502)
    assert answer.error == ExpectedError("provider", status=502)


@pytest.mark.parametrize(
    ("event", "status"),
    [
        ({"error": {"message": "broke", "code": "tool_use_failed", "status_code": 400}}, 400),
        ({"object": "error", "message": "broke", "code": 503}, 503),
        ({"error": {"message": "broke", "code": 502}, "choices": [{"index": 0, "delta": {}}]}, 502),
        ({"error": "broke"}, None),
    ],
    ids="groq vllm openrouter text".split(),
)
def test_an_error_in_a_stream(event: JsonValue, status: int | None) -> None:
    """It ends the answer, keeps what came, and holds even after a finish reason."""
    before = sse_event({"choices": [{"delta": {"content": "So"}, "finish_reason": "stop"}]})
    answer = walk_chat_completions(before + sse_event(event, "error") + b"data: [DONE]\n\n")
    assert answer.error is not None
    assert (answer.error.message, answer.error.status) == ("broke", status)
    assert (answer.text, answer.is_complete, answer.finish_reason) == ("So", False, None)


def test_an_error_in_a_plain_answer_with_status_200() -> None:
    """The status lies, the body does not."""
    answer = walk_chat_completions(b'{"error": {"code": 502, "message": "upstream"}}')
    assert answer.error == ExpectedError("provider", "upstream", None, "502", 502)


@pytest.mark.parametrize(
    "body", [b"{}", b"{", b"[]", b'{"choices": []}', b"data: {\n\n"], ids="empty cut list no-choice event".split()
)
def test_what_is_not_of_the_wire_is_malformed(body: bytes) -> None:
    """JSON without an answer, or no JSON, is neither an answer nor the provider's error."""
    assert walk_chat_completions(body).error == ExpectedError("malformed")


def test_an_empty_body_is_an_answer_that_never_came() -> None:
    """Nothing is no marker, so it is not complete."""
    assert not walk_chat_completions(b"").is_complete
