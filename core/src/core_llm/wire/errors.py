"""From a provider's error, as an HTTP status or as an object inside a 200, to one of the tree's classes.

The tables hold what is common to all wires: HTTP's own status codes and the words that error objects use. What only one
provider says belongs into its plugin's `decode_error`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from pydantic_core import from_json, to_json

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
from core_llm._json import JSONObject, JSONValue

STATUS_ERRORS: dict[int, type[StatusError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    402: PermissionDeniedError,
    403: PermissionDeniedError,
    404: NotFoundError,
    408: ServerError,
    409: ServerError,
    410: NotFoundError,
    413: RequestTooLargeError,
    422: BadRequestError,
    425: ServerError,
    429: RateLimitError,
    503: OverloadedError,
    529: OverloadedError,
}
"""Status → class. 408, 409 and 425 mean "again, later", so they share ServerError's being retryable."""

WORD_STATUS: tuple[tuple[str, int], ...] = (
    ("overloaded", 529),
    ("unavailable", 503),
    ("rate_limit", 429),
    ("ratelimit", 429),
    ("too_many_requests", 429),
    ("resource_exhausted", 429),
    ("quota", 429),
    ("authentication", 401),
    ("unauthenticated", 401),
    ("unauthorized", 401),
    ("invalid_api_key", 401),
    ("permission", 403),
    ("forbidden", 403),
    ("billing", 402),
    ("not_found", 404),
    ("too_large", 413),
    ("timeout", 504),
    ("invalid", 400),
    ("bad_request", 400),
    ("bad request", 400),
    ("content_filter", 400),
    ("context_length", 400),
    ("failed_generation", 400),
    ("tool_use_failed", 400),
)
"""What an error object inside a 200 calls itself (part of its type or code, lower case) → the status it stands for."""

CONTEXT_LENGTH = re.compile(
    r"context[_ ](?:length|window|size|limit)|maximum context|exceed_context_size|prompt is too long"
    r"|too many (?:input )?tokens|input (?:is )?too long|max_prompt_tokens|reduce the length",
    re.IGNORECASE,
)
CONTENT_FILTER = re.compile(
    r"content_filter|content[ _]management policy|responsible ?ai|content_policy", re.IGNORECASE
)

NO_RETRY_CODES = frozenset(("insufficient_quota", "billing_hard_limit_reached", "billing_not_active"))
"""Codes that come with a status for "again, later" (OpenAI's 429) and mean that the account must be paid first."""

BODY_SHOWN = 2000
"""Characters of an error body that the exception keeps."""
MAX_NESTING = 4
"""How deep an error object inside an error object is followed."""


def decode_status_error(status: int, headers: Mapping[str, str], body: bytes) -> StatusError:
    """Return the error for an answer whose status is 400 or above, whatever its body is: JSON, HTML, text, nothing."""
    text = body[: BODY_SHOWN * 4].decode("utf-8", "replace")[:BODY_SHOWN]
    try:
        parsed: JSONValue = from_json(body) if body.strip()[:1] in (b"{", b"[") else None
    except ValueError:
        parsed = None
    message, code = _message_and_code(parsed)
    if not message:
        message = _summary(text)
    return make_status_error(status, message, code=code, headers=headers, body=text)


def error_from_object(error: JSONValue, *, headers: Mapping[str, str] | None = None) -> StatusError:
    """Return the error for an error object that came with status 200, plain or in a stream.

    The status it stands for is taken from a number in it, or from the words in its type and code; failing that it is
    the server's own failure (500).

    Args:
        error: The whole frame or body that holds the error, or the error object itself.
        headers: Of the response, if known.
    """
    message, code = _message_and_code(error)
    status = _status_in(error)
    if status is None:
        words = " ".join(_words_in(error)).lower()
        status = next((number for word, number in WORD_STATUS if word in words), 500)
    body = error if isinstance(error, str) else to_json(error).decode()
    body = body[:BODY_SHOWN]
    return make_status_error(status, message or body, code=code, headers=headers, body=body)


def make_status_error(
    status: int,
    message: str,
    *,
    code: str | None = None,
    headers: Mapping[str, str] | None = None,
    body: str = "",
) -> StatusError:
    """Return the error of the class that status, code and message call for."""
    cls = STATUS_ERRORS.get(status) or (BadRequestError if status < 500 else ServerError)  # noqa: PLR2004  # HTTP
    if cls in (BadRequestError, RequestTooLargeError):
        words = f"{code or ''} {message}"
        if CONTEXT_LENGTH.search(words):
            cls = ContextLengthError
        elif CONTENT_FILTER.search(words) or CONTENT_FILTER.search(body):
            cls = ContentFilterError
    lowered = {name.lower(): value for name, value in (headers or {}).items()}
    should_retry = "false" if code in NO_RETRY_CODES else lowered.get("x-should-retry")
    return cls(
        f"HTTP {status}: {message}" if message else f"HTTP {status} without a message",
        status_code=status,
        headers=lowered,
        body=body,
        code=code,
        is_retryable=None if should_retry is None else should_retry.strip().lower() == "true",
        request_id=request_id(lowered),
        phase="headers" if headers is not None else "body",
    )


def request_id(headers: Mapping[str, str]) -> str | None:
    """Return the provider's id of the request, from whichever header has it (names in lower case)."""
    names = ("x-request-id", "request-id", "apim-request-id", "x-ms-request-id", "x-generation-id", "cf-ray")
    return next((headers[name] for name in names if headers.get(name)), None)


def _message_and_code(value: JSONValue, depth: int = 0) -> tuple[str, str | None]:
    """Find the message and the code in the shapes that error objects have; the outermost that has one wins."""
    if isinstance(value, list):
        value = next((item for item in value if isinstance(item, dict)), None)
    if isinstance(value, str):
        return value, None
    if not isinstance(value, dict) or depth > MAX_NESTING:
        return "", None
    inner = next((value[name] for name in ("error", "errors", "detail", "response") if value.get(name)), None)
    message, code = _message_and_code(inner, depth + 1) if inner is not None else ("", None)
    own = next((value[name] for name in ("message", "msg", "error_message", "title") if value.get(name)), None)
    if not message and own is not None:
        message = own if isinstance(own, str) else _message_and_code(own, depth + 1)[0] or str(own)
    if code is None:
        found = next((value[name] for name in ("code", "type", "status") if _is_code(value.get(name))), None)
        code = None if found is None else str(found)
    return message, code


def _is_code(value: JSONValue) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool) and value not in ("", "error")


def _status_in(value: JSONValue, depth: int = 0) -> int | None:
    if isinstance(value, list):
        value = next((item for item in value if isinstance(item, dict)), None)
    if not isinstance(value, dict) or depth > MAX_NESTING:
        return None
    for name in ("code", "status", "status_code", "http_status"):
        number = value.get(name)
        if isinstance(number, str) and number.isdigit():
            number = int(number)
        if isinstance(number, int) and 400 <= number < 600:  # noqa: PLR2004  # HTTP's error statuses
            return number
    for name in ("error", "response", "detail"):
        found = _status_in(value.get(name), depth + 1)
        if found is not None:
            return found
    return None


def _words_in(value: JSONValue, depth: int = 0) -> list[str]:
    if not isinstance(value, dict) or depth > MAX_NESTING:
        return []
    words = [found for name in ("type", "code", "status") if isinstance(found := value.get(name), str)]
    nested: JSONObject = {name: value.get(name) for name in ("error", "response")}
    return words + [word for item in nested.values() for word in _words_in(item, depth + 1)]


def _summary(text: str) -> str:
    """Return one line that says what a body without an error object is."""
    stripped = text.strip()
    if not stripped:
        return "the body is empty"
    if stripped[:1] == "<":
        title = re.search(r"<(?:title|h1)[^>]*>([^<]+)", stripped, re.IGNORECASE)
        page = f"an HTML page: {title[1].strip()}" if title else "an HTML page"
        return f"{page}; is a proxy or a wrong base URL in the way?"
    return stripped.splitlines()[0][:300]
