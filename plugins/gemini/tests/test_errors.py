"""Google's error objects: their class, reason and wait, as a status, in a list, and inside a 200."""

from __future__ import annotations

import json

import pytest

from core_llm import (
    AuthenticationError,
    BadRequestError,
    ContentFilterError,
    ContextLengthError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    StatusError,
)
from core_llm.wire import JSONObject, JSONValue
from plugin_gemini import Gemini

from .answers import chunk, decoded, plain

TYPE = "type.googleapis.com/google.rpc."


def error(code: int, status: str, message: str = "made up", *details: JSONObject) -> JSONObject:
    """Return an error object as the API sends it."""
    return {"error": {"code": code, "message": message, "status": status, "details": list(details)}}


def reason(word: str) -> JSONObject:
    """Return the detail that gives the reason."""
    return {"@type": f"{TYPE}ErrorInfo", "reason": word, "domain": "googleapis.com"}


def refused(status: int, body: JSONValue) -> StatusError:
    """Return the error that an answer with an error status becomes."""
    return Gemini().wire("m").decode_error(status, {"content-type": "application/json"}, json.dumps(body).encode())


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (400, error(400, "INVALID_ARGUMENT"), BadRequestError, "INVALID_ARGUMENT"),
        (400, error(400, "INVALID_ARGUMENT", "", reason("API_KEY_INVALID")), AuthenticationError, "API_KEY_INVALID"),
        (401, error(401, "UNAUTHENTICATED"), AuthenticationError, "UNAUTHENTICATED"),
        (
            403,
            error(403, "PERMISSION_DENIED", "", reason("SERVICE_DISABLED")),
            PermissionDeniedError,
            "SERVICE_DISABLED",
        ),
        (404, error(404, "NOT_FOUND"), NotFoundError, "NOT_FOUND"),
        (429, error(429, "RESOURCE_EXHAUSTED"), RateLimitError, "RESOURCE_EXHAUSTED"),
        (500, error(500, "INTERNAL"), ServerError, "INTERNAL"),
        (503, error(503, "UNAVAILABLE"), OverloadedError, "UNAVAILABLE"),
        (504, error(504, "DEADLINE_EXCEEDED"), ServerError, "DEADLINE_EXCEEDED"),
    ],
)
def test_statuses(status: int, body: JSONObject, kind: type[StatusError], code: str) -> None:
    """Each has its class, and its code says most: the reason where there is one, else the status as a word."""
    made = refused(status, body)
    assert (type(made), made.status_code, made.code) == (kind, status, code)


def test_too_long_and_too_bad() -> None:
    """A bare 400 may mean that the input is too long, or that it was refused."""
    too_long = "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)."
    assert type(refused(400, error(400, "INVALID_ARGUMENT", too_long))) is ContextLengthError
    refusal = "The prompt violates the Responsible AI practices."
    assert type(refused(400, error(400, "INVALID_ARGUMENT", refusal))) is ContentFilterError


def test_the_wait_is_in_the_details() -> None:
    """There is no header for it."""
    made = refused(429, error(429, "RESOURCE_EXHAUSTED", "", {"@type": f"{TYPE}RetryInfo", "retryDelay": "34.4s"}))
    assert (made.retry_after, made.is_retryable) == (34.4, True)


def test_a_quota_of_the_day_is_not_waited_for() -> None:
    """The wait that comes with it is that of the minute."""
    quota: JSONObject = {"@type": f"{TYPE}QuotaFailure", "violations": [{"quotaId": "RequestsPerDayPerProject"}]}
    made = refused(429, error(429, "RESOURCE_EXHAUSTED", "", quota, {"retryDelay": "soon"}))
    assert (made.retry_after, made.is_retryable) == (None, False)


def test_an_error_may_come_in_a_list() -> None:
    """An address that was not asked for server-sent events answers with a list."""
    made = refused(429, [error(429, "RESOURCE_EXHAUSTED", "slow down", {"retryDelay": "2s"})])
    assert (type(made), made.message, made.retry_after) == (RateLimitError, "HTTP 429: slow down", 2.0)


@pytest.mark.parametrize(
    "body", [b"", b"<html><title>502</title>", b"null", b"[]", b'{"error": "no"}', b'{"error": {}}']
)
def test_bodies_of_other_shapes(body: bytes) -> None:
    """What is not Google's is read as any other."""
    made = Gemini().wire("m").decode_error(502, {}, body)
    assert (type(made), made.status_code) == (ServerError, 502)


def test_an_error_inside_a_200() -> None:
    """In a stream, after content and after a reason for the end, and as a plain body."""
    failed = error(503, "UNAVAILABLE", "overloaded", {"retryDelay": "1s"})
    with pytest.raises(OverloadedError, match="overloaded") as caught:
        decoded(chunk({"text": "a"}, finish="STOP"), failed)
    assert (caught.value.retry_after, caught.value.code) == (1.0, "UNAVAILABLE")
    with pytest.raises(OverloadedError, match="overloaded"):
        plain(failed)
