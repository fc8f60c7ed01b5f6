"""Finding what must go back to a provider, on small composed answers and requests."""

from __future__ import annotations

import json

import pytest
from pydantic import JsonValue

from core_llm_conformance.corpus import Recording
from core_llm_conformance.opaque import kept_in_request, kept_of_answer, opaque_texts
from core_llm_conformance.script import sse_event
from core_llm_conformance.wires import Case, case_of

URLS = {
    "anthropic": "https://api.anthropic.com/v1/messages",
    "gemini": "https://generativelanguage.googleapis.com/v1beta/models/g:streamGenerateContent",
    "responses": "https://api.openai.com/v1/responses",
    "chat": "https://openrouter.ai/api/v1/chat/completions",
}


def answer(wire: str, *objects: JsonValue) -> Case:
    """Compose an answer: one object is a plain one, several are a stream."""
    body = b"".join(map(sse_event, objects)) if len(objects) > 1 else json.dumps(objects[0]).encode()
    exchange = Recording(
        file="f",
        family="f",
        interaction_index=0,
        method="POST",
        url=URLS[wire],
        request_headers={},
        request_body=b"",
        status=200,
        headers={},
        body=body,
        is_streaming=len(objects) > 1,
        format="",
        provenance="",
        tags=frozenset(),
        models=(),
    )
    case = case_of(exchange)
    assert case is not None
    return case


def test_anthropic() -> None:
    """Everything but text goes back whole, and the citations of text; a stream's blocks are put together."""
    thinking: JsonValue = {"type": "thinking", "thinking": "why", "signature": "c2ln"}
    call: dict[str, JsonValue] = {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}}
    said: JsonValue = {"type": "text", "text": "Hi", "citations": [{"encrypted_index": "x"}]}
    plain = answer("anthropic", {"type": "message", "content": [thinking, call, said]})
    stream = answer(
        "anthropic",
        {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"thinking": "why"}},
        {"type": "content_block_delta", "index": 0, "delta": {"signature": "c2ln"}},
        {"type": "content_block_start", "index": 1, "content_block": {**call, "input": {}}},
        {"type": "content_block_delta", "index": 1, "delta": {"partial_json": '{"a": 1}'}},
        {"type": "content_block_start", "index": 2, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 2, "delta": {"citation": {"encrypted_index": "x"}}},
        {"type": "message_stop"},
    )
    request: JsonValue = {"messages": [{"role": "user"}, {"role": "assistant", "content": [thinking, call, said]}]}
    expected: list[JsonValue] = [thinking, call, {"citations": [{"encrypted_index": "x"}]}]
    assert kept_of_answer(plain) == kept_of_answer(stream) == kept_in_request(plain, request) == expected
    assert list(opaque_texts(expected)) == ["c2ln", "x"]


def test_gemini() -> None:
    """Calls and what is no text go back whole; of text, which is cut anywhere, the signatures."""
    call: JsonValue = {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "s1"}
    parts: list[JsonValue] = [call, {"text": "Hi"}, {"text": "", "thoughtSignature": "s2"}, {}]
    case = answer("gemini", {"candidates": [{"content": {"parts": parts}}]}, {"candidates": []})
    request: JsonValue = {"contents": [{"role": "user", "parts": [{"text": "x"}]}, {"role": "model", "parts": parts}]}
    assert kept_of_answer(case) == kept_in_request(case, request) == [call, {"thoughtSignature": "s2"}]


def test_reasoning_that_nothing_follows_is_not_expected_back() -> None:
    """What it led to was cut off, and the provider refuses it alone."""
    reasoning: JsonValue = {"type": "reasoning", "id": "rs", "summary": [], "encrypted_content": "x"}
    assert kept_of_answer(answer("responses", {"output": [reasoning]})) == []


def test_an_image_is_not_opaque() -> None:
    """Its bytes are for whoever looks at it."""
    assert list(opaque_texts([{"inlineData": {"data": "aW1n"}}, {"data": "ZW5j"}])) == ["ZW5j"]


def test_responses() -> None:
    """Reasoning with its content goes back, as it is last, and so do the ids of calls."""
    late: dict[str, JsonValue] = {"id": "rs", "summary": [], "encrypted_content": "new"}
    items: list[JsonValue] = [
        {"type": "reasoning", "status": None, **late},
        {"type": "function_call", "id": "fc", "call_id": "c", "name": "f", "arguments": "{}"},
    ]
    case = answer(
        "responses",
        {"type": "response.output_item.done", "item": {"type": "reasoning", **late, "encrypted_content": "old"}},
        {"type": "response.completed", "response": {"output": items}},
    )
    assert kept_of_answer(case) == kept_in_request(case, {"input": items}) == [late, {"call_id": "c", "name": "f"}]


@pytest.mark.parametrize("is_stream", [False, True])
def test_chat_completions(is_stream: bool) -> None:  # noqa: FBT001  # a parameter of pytest's
    """Details of reasoning go back, a stream's put together, and what Google keeps in a call."""
    whole: JsonValue = {"type": "reasoning.text", "index": 0, "text": "why", "signature": "s", "format": None}
    call: JsonValue = {"id": "c", "extra_content": {"google": {"thought_signature": "t"}}}
    message: JsonValue = {"role": "assistant", "reasoning_details": [whole], "tool_calls": [call]}
    if is_stream:
        pieces: list[dict[str, JsonValue]] = [{"text": "wh", "format": None}, {"text": "y"}, {"signature": "s"}]
        deltas: list[JsonValue] = [
            {"reasoning_details": [{"type": "reasoning.text", "index": 0, **piece}]} for piece in pieces
        ]
        deltas.append({"tool_calls": [call]})
        chunks: list[JsonValue] = [{"choices": [{"delta": delta}]} for delta in deltas]
        case = answer("chat", *chunks)
    else:
        case = answer("chat", {"choices": [{"message": message}]})
    expected = [whole, {"google": {"thought_signature": "t"}}]
    assert kept_of_answer(case) == kept_in_request(case, {"messages": [message]}) == expected
