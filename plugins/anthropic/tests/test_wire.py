"""Plain answers, errors, counts and listings, and that what is opaque comes back as it was."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from core_llm import (
    AuthenticationError,
    BadRequestError,
    ContextLengthError,
    MalformedResponseError,
    Message,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    RateLimitError,
    Request,
    RequestTooLargeError,
    Response,
    ServerError,
    Settings,
    StatusError,
    ToolCallPart,
    ToolSpec,
)
from core_llm.wire import Exchange, JSONObject, JSONValue, ModelInfo, WireRequest, WireResponse
from plugin_anthropic._wire import Messages

WIRE = Messages("anthropic")
REQUEST = Request(model="claude-haiku-4-5", messages=(Message.user("Hi"),))
BLOCKS: list[JSONValue] = [
    {"type": "thinking", "thinking": "Hm.", "signature": "S+/=="},
    {"type": "redacted_thinking", "data": "D"},
    {
        "type": "server_tool_use",
        "id": "srvtoolu_1",
        "name": "web_search",
        "input": {"query": "x"},
        "caller": {"type": "direct"},
    },
    {
        "type": "web_search_tool_result",
        "tool_use_id": "srvtoolu_1",
        "content": [{"encrypted_content": "E", "url": "u"}],
    },
    {
        "type": "text",
        "text": "Blue.",
        "citations": [{"type": "web_search_result_location", "encrypted_index": "I", "url": "u"}],
    },
    {"type": "tool_use", "id": "toolu_1", "name": "now", "input": {"tz": "CET"}, "caller": {"type": "direct"}},
]


def message(content: Sequence[JSONValue], **fields: JSONValue) -> JSONObject:
    """Return a plain body."""
    head: JSONObject = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-haiku-4-5-20251001"}
    return {**head, "content": [*content], "stop_reason": "tool_use", "usage": {"input_tokens": 3}, **fields}


def run(exchange: Exchange[object], *answers: object) -> tuple[list[WireRequest], object]:
    """Return the requests of an exchange, and its value."""
    requests = [next(exchange)]
    for answer in answers:
        try:
            requests.append(exchange.send(WireResponse(200, {}, json.dumps(answer).encode())))
        except StopIteration as end:
            return requests, end.value
    raise AssertionError(f"the exchange wants more: {requests[-1]}")


def test_a_plain_answer() -> None:
    """Its blocks become the parts that a stream would have made of them."""
    response = WIRE.decode_response(message(BLOCKS, container={"id": "c"}, stop_details=None), REQUEST)
    assert [part.kind for part in response.parts] == [
        "reasoning",
        "reasoning",
        "provider",
        "provider",
        "text",
        "tool_call",
    ]
    assert (response.text, response.reasoning, response.finish_reason) == ("Blue.", "Hm.", "tool_calls")
    assert (response.id, response.model, response.is_complete) == ("msg_1", "claude-haiku-4-5-20251001", True)
    assert response.tool_calls[0].arguments == {"tz": "CET"}
    assert response.metadata == {"container": {"id": "c"}}


def test_a_refusal_without_words() -> None:
    """The provider stopped the answer; why is kept beside it."""
    details: JSONObject = {"type": "refusal", "category": "cyber", "explanation": "No."}
    response = WIRE.decode_response(message([], stop_reason="refusal", stop_details=details), REQUEST)
    assert (response.finish_reason, response.parts, response.metadata) == (
        "content_filter",
        (),
        {"stop_details": details},
    )


def test_everything_opaque_comes_back() -> None:
    """Answer → JSON → message → request: every block is as it came; another provider's endpoint gets what is open."""
    stored = WIRE.decode_response(message(BLOCKS), REQUEST).model_dump_json()
    said = Response.model_validate_json(stored).message
    request = Request(model="claude-haiku-4-5", messages=(Message.user("Hi"), said, Message.user("So?")))
    body = WIRE.encode_request(Request.model_validate_json(request.model_dump_json())).body
    assert isinstance(body, dict)
    assert isinstance(body["messages"], list)
    assert body["messages"][1] == {"role": "assistant", "content": BLOCKS}
    other = Messages("elsewhere").encode_request(request).body
    assert isinstance(other, dict)
    assert isinstance(other["messages"], list)
    assert other["messages"][1] == {
        "role": "assistant",
        "content": [BLOCKS[4], {"type": "tool_use", "id": "toolu_1", "name": "now", "input": {"tz": "CET"}}],
    }


def test_usage_of_thinking_and_cache() -> None:
    """What was read from the cache or written to it is input; thinking is a part of the output."""
    raw: JSONObject = {
        "input_tokens": 3,
        "cache_read_input_tokens": 20,
        "cache_creation_input_tokens": 100,
        "output_tokens": 50,
        "output_tokens_details": {"thinking_tokens": 40},
    }
    usage = WIRE.read_usage(raw)
    assert (usage.input_tokens, usage.output_tokens, usage.reasoning_tokens) == (123, 50, 40)
    assert (usage.cache_read_tokens, usage.cache_write_tokens) == (20, 100)
    assert WIRE.read_usage({"output_tokens": 5}).input_tokens is None


@pytest.mark.parametrize("body", [{"type": "message"}, {"content": "Hi"}, {}], ids=["no content", "text", "empty"])
def test_a_body_without_content_is_malformed(body: JSONObject) -> None:
    """It is no answer."""
    with pytest.raises(MalformedResponseError, match="without content"):
        WIRE.decode_response(body, REQUEST)


def test_an_error_inside_a_200() -> None:
    """A proxy may hide the status; the body says what it is."""
    error: JSONObject = {
        "type": "error",
        "error": {"type": "rate_limit_error", "message": "Slow down"},
        "request_id": "r",
    }
    with pytest.raises(RateLimitError, match="Slow down") as raised:
        WIRE.decode_response(error, REQUEST)
    assert raised.value.request_id == "r"


@pytest.mark.parametrize(
    ("status", "kind", "message", "expected"),
    [
        (400, "invalid_request_error", "max_tokens: Field required", BadRequestError),
        (400, "invalid_request_error", "prompt is too long: 208310 tokens > 200000 maximum", ContextLengthError),
        (
            400,
            "invalid_request_error",
            "input length and `max_tokens` exceed context limit: 190000 + 21333 > 200000",
            ContextLengthError,
        ),
        (401, "authentication_error", "invalid x-api-key", AuthenticationError),
        (402, "billing_error", "Pay first", PermissionDeniedError),
        (403, "permission_error", "Not yours", PermissionDeniedError),
        (404, "not_found_error", "model: claude-99", NotFoundError),
        (413, "request_too_large", "Request exceeds the maximum size", RequestTooLargeError),
        (429, "rate_limit_error", "Slow down", RateLimitError),
        (500, "api_error", "Internal server error", ServerError),
        (503, "api_error", "Unavailable", OverloadedError),
        (529, "overloaded_error", "Overloaded", OverloadedError),
    ],
)
def test_errors(status: int, kind: str, message: str, expected: type[StatusError]) -> None:
    """Each status has its class; the id of the request is taken from the header, else from the body."""
    body = json.dumps({"type": "error", "error": {"type": kind, "message": message}, "request_id": "in_body"}).encode()
    error = WIRE.decode_error(status, {"request-id": "in_header"}, body)
    assert type(error) is expected
    assert message in str(error)
    assert (error.code, error.request_id) == (kind, "in_header")
    assert WIRE.decode_error(status, {}, body).request_id == "in_body"


@pytest.mark.parametrize("body", [b"", b"<html><title>Bad Gateway</title>", b"[]"], ids=["empty", "HTML", "list"])
def test_errors_without_an_object(body: bytes) -> None:
    """What a proxy sends in place of the provider has a class all the same."""
    error = WIRE.decode_error(502, {}, body)
    assert (type(error), error.request_id) == (ServerError, None)


def test_tokens_are_counted() -> None:
    """The request goes without what the endpoint for counting does not take; the caller's own fields join."""
    request = Request(
        model="claude-haiku-4-5",
        messages=(Message.system("S"), Message.user("Hi")),
        tools=(ToolSpec(name="now"),),
        settings=Settings(temperature=1, max_tokens=9000, stop=("x",), reasoning_budget=2048),
        provider_options={
            "anthropic": {"tools": [{"type": "web_search_20250305", "name": "web_search"}], "speed": "fast"}
        },
    )
    [asked], tokens = run(WIRE.count_tokens(request), {"input_tokens": 14})
    assert (asked.method, asked.path, tokens) == ("POST", "/messages/count_tokens", 14)
    assert asked.headers == {"anthropic-version": "2023-06-01"}
    assert asked.body == {
        "model": "claude-haiku-4-5",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
        "thinking": {"type": "enabled", "budget_tokens": 2048},
        "system": [{"type": "text", "text": "S"}],
        "tools": [
            {"name": "now", "input_schema": {"type": "object", "properties": {}}},
            {"type": "web_search_20250305", "name": "web_search"},
        ],
    }


def test_models_are_listed_page_by_page() -> None:
    """Each page says where the next begins."""
    opus: JSONObject = {
        "type": "model",
        "id": "claude-opus-4-6",
        "display_name": "Claude Opus 4.6",
        "created_at": "2026-02-04T00:00:00Z",
        "max_input_tokens": 1_000_000,
        "max_tokens": 128_000,
    }
    haiku: JSONObject = {"type": "model", "id": "claude-haiku-4-5", "created_at": "1970-01-01T00:00:00Z"}
    pages = ({"data": [opus], "has_more": True, "last_id": "claude-opus-4-6"}, {"data": [haiku, {}], "has_more": False})
    asked, models = run(WIRE.list_models(), *pages)
    assert [(request.method, request.path, request.query) for request in asked] == [
        ("GET", "/models", {"limit": "1000"}),
        ("GET", "/models", {"limit": "1000", "after_id": "claude-opus-4-6"}),
    ]
    assert models == (
        ModelInfo(
            id="claude-opus-4-6",
            name="Claude Opus 4.6",
            created=1_770_163_200,
            context_length=1_000_000,
            max_output_tokens=128_000,
            raw=opus,
        ),
        ModelInfo(id="claude-haiku-4-5", raw=haiku),
    )


def test_a_listing_that_goes_in_circles_ends() -> None:
    """A server that gives the same page for ever is believed once."""
    page: JSONObject = {"data": [{"id": "a"}], "has_more": True, "last_id": "a"}
    asked, _ = run(WIRE.list_models(), page, page)
    assert len(asked) == 2


@pytest.mark.parametrize("answer", [{}, {"data": None}, []])
def test_odd_answers_are_malformed(answer: object) -> None:
    """Neither a listing nor a count."""
    for exchange in (WIRE.list_models(), WIRE.count_tokens(REQUEST)):
        with pytest.raises(MalformedResponseError):
            run(exchange, answer)


def test_an_unfinished_call_does_not_go_back() -> None:
    """A call that the token limit cut off is shown, and left out of the conversation."""
    body = message([{"type": "tool_use", "id": "toolu_1", "name": "now", "input": {}}], stop_reason="max_tokens")
    response = WIRE.decode_response(body, REQUEST)
    assert response.parts == (ToolCallPart(id="toolu_1", name="now", is_complete=False),)
    assert response.message.parts == ()
