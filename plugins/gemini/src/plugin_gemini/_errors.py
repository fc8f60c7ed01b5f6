"""Google's error objects (`google.rpc.Status`) to the tree's errors: the reason, the wait, and what a bare 400 means.

Source: https://cloud.google.com/apis/design/errors (checked 2026-11), and recordings of both services.
"""

from __future__ import annotations

import re

from core_llm import AuthenticationError, ContextLengthError, RateLimitError, StatusError
from core_llm.wire import JSONObject, JSONValue, as_object, as_objects, as_text

BAD_KEY_REASONS = frozenset(("API_KEY_INVALID", "API_KEY_EXPIRED"))
"""A key that is not valid comes as status 400, told from other bad requests by its reason alone."""
_TOO_LONG = re.compile(r"token count.* exceeds the maximum|exceeds the maximum number of tokens", re.IGNORECASE)
_DELAY = re.compile(r"(\d+(?:\.\d+)?)s")


def told_in_full(error: StatusError, body: JSONValue) -> StatusError:
    """Return `error`, which was made of the same body, with what only Google's details say.

    Args:
        error: As the core reads it.
        body: An object with `error` in it, or a list of such, as an address without ``alt=sse`` sends it.
    """
    status = _status_object(body)
    details = as_objects(status.get("details"))
    reason = next((found for detail in details if (found := as_text(detail.get("reason")))), "")
    kind = _kind(error, reason)
    if kind is not type(error):
        error = kind(
            error.message,
            status_code=error.status_code,
            headers=error.headers,
            body=error.body,
            request_id=error.request_id,
            phase=error.phase,
        )
    error.code = reason or as_text(status.get("status")) or error.code
    error.retry_after = next((wait for detail in details if (wait := _delay(detail)) is not None), None)
    if isinstance(error, RateLimitError) and _is_for_the_day(details):
        error.is_retryable = False
    return error


def _status_object(body: JSONValue) -> JSONObject:
    if isinstance(body, list):
        body = next(iter(as_objects(body)), {})
    return as_object(as_object(body).get("error"))


def _kind(error: StatusError, reason: str) -> type[StatusError]:
    if reason in BAD_KEY_REASONS:
        return AuthenticationError
    if error.status_code == 400 and _TOO_LONG.search(error.message):  # noqa: PLR2004  # HTTP
        return ContextLengthError
    return type(error)


def _delay(detail: JSONObject) -> float | None:
    """Return the seconds that a RetryInfo asks to wait, written as a duration such as ``34.4s``."""
    found = _DELAY.fullmatch(as_text(detail.get("retryDelay")))
    return float(found[1]) if found else None


def _is_for_the_day(details: list[JSONObject]) -> bool:
    """Tell whether a quota is used up that counts days: to wait as long as is asked would not help."""
    quotas = [as_text(item.get("quotaId")) for detail in details for item in as_objects(detail.get("violations"))]
    return any("PerDay" in quota for quota in quotas)
