"""The walk of OpenAI Responses bodies, on small composed ones."""

from __future__ import annotations

import json

import pytest
from pydantic import JsonValue

from core_llm_conformance.script import sse_event
from core_llm_conformance.walk import Expected, ExpectedError, ExpectedUsage, walk_responses

REASONING: JsonValue = {"type": "reasoning", "summary": [{"text": "a"}, {"text": "b"}], "content": [{"text": "c"}]}


def said(*content: JsonValue) -> dict[str, JsonValue]:
    """Compose a message item."""
    return {"type": "message", "content": list(content)}


def plain(*items: JsonValue, status: str = "completed", **top: JsonValue) -> Expected:
    """Walk a plain body."""
    body = {"id": "resp_1", "model": "m", "status": status, "output": list(items), "error": None, **top}
    return walk_responses(json.dumps(body).encode())


def event(kind: str, **fields: JsonValue) -> bytes:
    """Compose one event."""
    return sse_event({"type": f"response.{kind}", **fields})


def ended(kind: str = "completed", *items: JsonValue, **top: JsonValue) -> bytes:
    """Compose a terminal event."""
    return event(kind, response={"id": "resp_1", "model": "m", "status": kind, "output": list(items), **top})


def test_a_plain_answer() -> None:
    """Messages are text; a reasoning item's summary and content are reasoning; what a built-in tool did is neither."""
    answer = plain(REASONING, {"type": "web_search_call"}, said({"text": "Hi "}), said({"text": "there"}))
    assert answer == Expected(
        text="Hi there",
        reasoning="abc",
        finish_reason="stop",
        raw_finish_reason="completed",
        is_complete=True,
        id="resp_1",
        model="m",
    )


def test_a_stream_says_the_same() -> None:
    """The items as they are at the end count, not their deltas too; nothing after the marker does."""
    body = [
        event("created", response={"id": "resp_1", "model": "m"}),
        event("output_item.added", output_index=0, item={"type": "message", "content": []}),
        event("output_text.delta", output_index=0, delta="Hi"),
        event("output_text.done", output_index=0, text="Hi"),
        ended("completed", said({"text": "Hi"})),
        b"data: [DONE]\n\n",
    ]
    assert walk_responses(b"".join(body)) == plain(said({"text": "Hi"}))


def test_items_may_be_in_their_events_alone() -> None:
    """The last event of the ChatGPT backend has none."""
    body = event("output_item.done", output_index=0, item=said({"text": "Hi"})) + ended()
    assert walk_responses(body) == plain(said({"text": "Hi"}))


def test_a_cut_stream_has_its_deltas() -> None:
    """Text, reasoning, a refusal and the arguments of a call, as far as they came."""
    body = event("output_item.added", output_index=0, item={"type": "reasoning"})
    body += event("reasoning_summary_text.delta", output_index=0, delta="why")
    body += event("output_item.added", output_index=1, item={"type": "message"})
    body += event("output_text.delta", output_index=1, delta="Hi")
    body += event("refusal.delta", output_index=1, delta="No")
    body += event("output_item.added", output_index=2, item={"type": "function_call", "call_id": "c", "name": "f"})
    body += event("function_call_arguments.delta", output_index=2, delta='{"a":')
    answer = walk_responses(body)
    assert (answer.reasoning, answer.text, answer.refusal, answer.is_complete) == ("why", "Hi", "No", False)
    assert [(call.id, call.arguments_text, call.is_complete) for call in answer.tool_calls] == [("c", '{"a":', False)]


def test_arguments_may_come_at_their_end_alone() -> None:
    """The event that ends them holds them whole."""
    body = event("output_item.added", output_index=0, item={"type": "function_call", "call_id": "c", "name": "f"})
    body += event("function_call_arguments.done", output_index=0, arguments='{"a":1}')
    assert walk_responses(body).tool_calls[0].arguments == {"a": 1}


def test_a_call() -> None:
    """It makes the reason; its id is the call's, not the item's. One that was cut off is incomplete."""
    item: dict[str, JsonValue] = {"type": "function_call", "id": "fc", "call_id": "c", "name": "f", "arguments": "{}"}
    answer = plain(item)
    assert [(call.id, call.arguments) for call in answer.tool_calls] == [("c", {})]
    assert answer.finish_reason == "tool_calls"
    cut = plain(item | {"arguments": "", "status": "incomplete"}, status="incomplete")
    assert cut.tool_calls[0].is_complete is False


def test_a_refusal_is_a_content_filter() -> None:
    """The status says completed; the refusal says why."""
    answer = plain(said({"type": "refusal", "refusal": "No."}))
    assert (answer.refusal, answer.text, answer.finish_reason) == ("No.", "", "content_filter")


@pytest.mark.parametrize(
    ("reason", "normalised"), [("max_output_tokens", "length"), ("content_filter", "content_filter"), ("new", "other")]
)
def test_incomplete_answers(reason: str, normalised: str) -> None:
    """They are answers, with the reason that is given."""
    answer = walk_responses(ended("incomplete", incomplete_details={"reason": reason}))
    assert (answer.finish_reason, answer.raw_finish_reason, answer.is_complete) == (normalised, reason, True)


def test_a_cancelled_answer_is_other() -> None:
    """It is whole as far as it goes."""
    assert plain(status="cancelled").finish_reason == "other"


def test_usage() -> None:
    """Cache and reasoning are inside the totals already."""
    counted = plain(
        usage={
            "input_tokens": 9,
            "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2},
            "output_tokens": 8,
            "output_tokens_details": {"reasoning_tokens": 3},
        }
    )
    assert counted.usage == ExpectedUsage(9, 8, 4, 2, 3)


def test_errors_in_a_stream() -> None:
    """An error event or a failed response, whichever comes first, in both of the error event's forms."""
    failed = ended("failed", error={"code": "server_error", "message": "two"})
    nested: JsonValue = {"type": "error", "error": {"type": "t", "code": "c", "message": "one"}}
    flat: JsonValue = {"type": "error", "code": "c", "message": "one"}
    assert walk_responses(failed).error == ExpectedError("provider", "two", None, "server_error")
    assert walk_responses(sse_event(nested) + failed).error == ExpectedError("provider", "one", "t", "c")
    assert walk_responses(sse_event(flat)).error == ExpectedError("provider", "one", "error", "c")


@pytest.mark.parametrize("body", [b'{"output": ', b'{"id": "x"}', b"data: {\n\n"])
def test_what_is_no_answer_is_malformed(body: bytes) -> None:
    """Half an object, an object without output, an event that is no JSON."""
    assert walk_responses(body).error == ExpectedError("malformed")


def test_an_error_status() -> None:
    """The body says why."""
    answer = walk_responses(b'{"error": {"message": "no", "type": "t", "code": "c"}}', status=400)
    assert answer.error == ExpectedError("provider", "no", "t", "c", 400)
