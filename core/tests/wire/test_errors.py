"""From what providers send when they fail to one of the tree's classes."""

from __future__ import annotations

import pytest
from pydantic_core import to_json

from core_llm._errors import (
    AuthenticationError,
    BadRequestError,
    ContentFilterError,
    ContextLengthError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    RateLimitError,
    RequestTooLargeError,
    ServerError,
    StatusError,
)
from core_llm._json import JSONValue
from core_llm.wire.errors import (
    BODY_SHOWN,
    decode_status_error,
    error_from_object,
    make_status_error,
)


@pytest.mark.parametrize(
    ("status", "kind", "is_retryable"),
    [
        (400, BadRequestError, False),
        (401, AuthenticationError, False),
        (402, PermissionDeniedError, False),
        (403, PermissionDeniedError, False),
        (404, NotFoundError, False),
        (408, ServerError, True),
        (409, ServerError, True),
        (410, NotFoundError, False),
        (413, RequestTooLargeError, False),
        (418, BadRequestError, False),
        (422, BadRequestError, False),
        (425, ServerError, True),
        (429, RateLimitError, True),
        (500, ServerError, True),
        (502, ServerError, True),
        (503, OverloadedError, True),
        (504, ServerError, True),
        (529, OverloadedError, True),
        (599, ServerError, True),
    ],
)
def test_each_status_has_its_class(status: int, kind: type[StatusError], *, is_retryable: bool) -> None:
    """The status says the class, and whether the same request may succeed later."""
    error = decode_status_error(status, {}, b'{"error": {"message": "no"}}')
    assert type(error) is kind
    assert (error.status_code, error.message, error.is_retryable) == (status, f"HTTP {status}: no", is_retryable)


@pytest.mark.parametrize(
    ("body", "message", "code"),
    [
        ({"error": {"message": "no", "type": "invalid_request_error", "code": "bad_key"}}, "no", "bad_key"),
        ({"error": {"message": "no", "type": "invalid_request_error", "code": None}}, "no", "invalid_request_error"),
        ({"error": {"message": "no", "code": 400}}, "no", "400"),
        ({"error": "no", "code": "Invalid argument"}, "no", "Invalid argument"),
        ({"object": "error", "message": "no", "type": "t", "code": "3051"}, "no", "3051"),
        ({"type": "error", "error": {"type": "overloaded_error", "message": "no"}}, "no", "overloaded_error"),
        ({"detail": "no"}, "no", None),
        ({"detail": [{"loc": ["body", "model"], "msg": "no", "type": "missing"}]}, "no", "missing"),
        ([{"error": {"message": "no", "status": "INVALID_ARGUMENT"}}], "no", "INVALID_ARGUMENT"),
        ({"errors": [{"message": "no"}]}, "no", None),
        ({"error": {"message": {"detail": "no"}}}, "no", None),
    ],
)
def test_the_message_in_every_shape(body: JSONValue, message: str, code: str | None) -> None:
    """The provider's own words are found wherever its error objects have them."""
    error = decode_status_error(400, {}, to_json(body))
    assert (error.message, error.code) == (f"HTTP 400: {message}", code)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "the body is empty"),
        (b"  \n", "the body is empty"),
        (
            b"<html><head><title>502 Bad Gateway</title></head></html>",
            "an HTML page: 502 Bad Gateway; is a proxy or a wrong base URL in the way?",
        ),
        (b"<!doctype html><p>?</p>", "an HTML page; is a proxy or a wrong base URL in the way?"),
        (b"upstream connect error\nreset", "upstream connect error"),
        (b'{"error": {"mess', '{"error": {"mess'),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"{}", "{}"),
        (b"[]", "[]"),
    ],
)
def test_bodies_without_an_error_object(body: bytes, said: str) -> None:
    """Whatever a proxy or a broken server sends, the message says what it was."""
    error = decode_status_error(502, {}, body)
    assert (type(error), error.message) == (ServerError, f"HTTP 502: {said}")


@pytest.mark.parametrize(
    "said",
    [
        "This model's maximum context length is 4096 tokens.",
        "prompt is too long: 210000 tokens > 200000 maximum",
        "input length and `max_tokens` exceed context limit: 190000 + 21333 > 200000",
        "the request exceeds the available context size",
        "input is too long for requested model",
        "Please reduce the length of the messages.",
    ],
)
@pytest.mark.parametrize("status", [400, 413])
def test_too_long_an_input_is_its_own_error(said: str, status: int) -> None:
    """Servers say it with several statuses and many words."""
    assert type(decode_status_error(status, {}, to_json({"error": {"message": said}}))) is ContextLengthError


def test_a_code_alone_may_say_that_the_input_is_too_long() -> None:
    """OpenAI's code is enough."""
    body = to_json({"error": {"message": "no", "code": "context_length_exceeded"}})
    assert type(decode_status_error(400, {}, body)) is ContextLengthError


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "no", "code": "content_filter"}},
        {"error": {"message": "The prompt triggered Azure OpenAI's content management policy."}},
        {"error": {"message": "no", "innererror": {"code": "ResponsibleAIPolicyViolation"}}},
    ],
)
def test_a_refused_input_is_its_own_error(body: JSONValue) -> None:
    """A safety system that refuses the input is told by code, by words, or by an inner error."""
    assert type(decode_status_error(400, {}, to_json(body))) is ContentFilterError


def test_only_bad_requests_are_looked_into() -> None:
    """A rate limit that speaks of the context window is still a rate limit."""
    body = to_json({"error": {"message": "tokens per minute; see your context window"}})
    assert type(decode_status_error(429, {}, body)) is RateLimitError


@pytest.mark.parametrize(
    ("error", "kind", "status"),
    [
        ({"error": {"message": "no", "code": 429}}, RateLimitError, 429),
        ({"error": {"message": "no", "code": "403"}}, PermissionDeniedError, 403),
        ({"error": {"message": "no", "status_code": 400, "code": "tool_use_failed"}}, BadRequestError, 400),
        ({"object": "error", "message": "no", "type": "BadRequestError", "code": 400}, BadRequestError, 400),
        ({"error": {"message": "no", "type": "overloaded_error"}}, OverloadedError, 529),
        ({"error": {"message": "no", "type": "rate_limit_exceeded"}}, RateLimitError, 429),
        ({"error": {"message": "no", "type": "authentication_error"}}, AuthenticationError, 401),
        ({"error": {"message": "no", "type": "invalid_request_error"}}, BadRequestError, 400),
        ({"error": {"message": "no", "status": "RESOURCE_EXHAUSTED"}}, RateLimitError, 429),
        ({"error": {"message": "no", "type": "server_error"}}, ServerError, 500),
        ({"error": {"message": "no", "code": True}}, ServerError, 500),
        ({"error": "no"}, ServerError, 500),
        ("no", ServerError, 500),
    ],
)
def test_an_error_object_inside_a_200_stands_for_a_status(
    error: JSONValue, kind: type[StatusError], status: int
) -> None:
    """A number in the object says the status, or the words in its type; failing both the server itself failed."""
    found = error_from_object(error)
    assert (type(found), found.status_code, found.phase) == (kind, status, "body")
    assert found.message == f"HTTP {status}: no"


@pytest.mark.parametrize(("error", "shown"), [({}, "{}"), (None, "null"), ({"error": {"message": None}}, None)])
def test_an_error_object_that_says_nothing_is_shown_itself(error: JSONValue, shown: str | None) -> None:
    """Without a message the object is the message, as JSON."""
    text = shown or '{"error":{"message":null}}'
    found = error_from_object(error)
    assert (found.message, found.body) == (f"HTTP 500: {text}", text)


def test_nesting_has_a_bound() -> None:
    """An object of objects without end is no reason to recur without end."""
    nested: JSONValue = {"message": "deep", "code": 400}
    for _ in range(50):
        nested = {"error": nested}
    assert error_from_object(nested).status_code == 500


@pytest.mark.parametrize("code", ["insufficient_quota", "billing_hard_limit_reached"])
def test_an_empty_account_is_not_worth_a_retry(code: str) -> None:
    """OpenAI says it with the status of a rate limit; waiting does not help."""
    error = decode_status_error(429, {"x-should-retry": "true"}, to_json({"error": {"message": "no", "code": code}}))
    assert (type(error), error.is_retryable) == (RateLimitError, False)


@pytest.mark.parametrize(("said", "is_retryable"), [("true", True), ("false", False), (" TRUE ", True)])
def test_the_server_may_say_whether_to_retry(said: str, *, is_retryable: bool) -> None:
    """Its header goes before the class's default."""
    assert make_status_error(400, "no", headers={"X-Should-Retry": said}).is_retryable is is_retryable


def test_headers_are_read_whatever_their_case() -> None:
    """The request id is found, harmless headers are kept, and others are not."""
    error = decode_status_error(500, {"X-Request-ID": "r1", "Set-Cookie": "secret", "X-RateLimit-Reset": "5"}, b"")
    assert error.request_id == "r1"
    assert error.headers == {"x-request-id": "r1", "x-ratelimit-reset": "5"}


def test_a_key_in_the_body_is_not_in_the_error() -> None:
    """A server that echoes the key does not bring it into message or body."""
    key = "sk-proj-" + "a1B2" * 10
    error = decode_status_error(401, {}, to_json({"error": {"message": f"Incorrect API key provided: {key}."}}))
    assert key not in f"{error} {error.message} {error.body} {error.to_dict()}"


def test_a_long_body_is_kept_in_part() -> None:
    """The error keeps the start of the body, and the message that is in the whole of it."""
    error = decode_status_error(400, {}, to_json({"pad": "x" * 9000, "error": {"message": "no"}}))
    assert (len(error.body), error.message) == (BODY_SHOWN, "HTTP 400: no")
