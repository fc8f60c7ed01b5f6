"""How long a provider asks to wait, from the headers of its answer: in every form that is in use. Pure.

Sources, checked 2026-11: RFC 9110 (``retry-after``), the IETF draft on rate limit headers, and the documentation of the
vendors, whose names for the same differ. No vendor is named: a header with ``ratelimit`` and ``reset`` in its name says
when a limit is reset, and the one with ``remaining`` in its place, what is left until then.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime

_RESET = re.compile(r"rate-?limit.*reset")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?")
_UNITS = (86_400.0, 3_600.0, 60.0, 1.0, 0.001)
_EPOCH_FROM = 1e9
"""A number of seconds from here on is a time since 1970, not a wait: that would be 31 years."""
_MILLISECONDS_FROM = 1e11
"""A time since 1970 from here on is in milliseconds: in seconds it would be in the year 5138."""


def retry_after_seconds(headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds that a response asks to wait: `retry-after-ms`, or `retry-after` as seconds or as a date.

    Args:
        headers: Names in lower case.
        now: Seconds since 1970, for the date form.
    """
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = headers.get(name, "").strip()
        if _NUMBER.fullmatch(value):
            return float(value) * unit
        if value and unit == 1.0:
            return _until_date(value, now)
    return None


def rate_limit_reset_seconds(headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds until the limits of rate that a response says are used up are all reset.

    A limit of which something is left does not count; one of which nothing says what is left does.

    Args:
        headers: Names in lower case.
        now: Seconds since 1970, for the forms that are a time.
    """
    waits = [
        wait
        for name, value in headers.items()
        if _RESET.search(name)
        and _is_used_up(headers.get(name.replace("reset", "remaining")))
        and (wait := seconds_until(value, now)) is not None
    ]
    return max(waits, default=None)


def seconds_until(value: str, now: float) -> float | None:
    """Return the seconds that a value means, never less than 0; None if it is in no known form.

    Forms: seconds (``20``, ``1.5``), a duration (``6m0s``, ``120ms``), a time since 1970 in seconds or milliseconds, a
    time of RFC 3339 (``2026-11-21T14:00:00Z``) or of HTTP (``Sat, 21 Nov 2026 14:00:00 GMT``).
    """
    value = value.strip()
    if _NUMBER.fullmatch(value):
        number = float(value)
        if number < _EPOCH_FROM:
            return number
        return max(0.0, (number / 1000 if number >= _MILLISECONDS_FROM else number) - now)
    if value and (found := _DURATION.fullmatch(value)):
        return sum(float(count) * unit for count, unit in zip(found.groups(), _UNITS, strict=True) if count)
    return _until_time(value, now) if "T" in value and value[:1].isdigit() else _until_date(value, now)


def _is_used_up(remaining: str | None) -> bool:
    try:
        return remaining is None or float(remaining) <= 0
    except ValueError:
        return False


def _until_time(value: str, now: float) -> float | None:
    try:
        moment = datetime.fromisoformat(value)
        return None if moment.tzinfo is None else max(0.0, moment.timestamp() - now)
    except (ValueError, OverflowError):
        return None


def _until_date(value: str, now: float) -> float | None:
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except (ValueError, OverflowError):
        return None
