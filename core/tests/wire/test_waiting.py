"""How long a provider asks to wait, in every form in which it may say so."""

from __future__ import annotations

import pytest

from core_llm.wire.waiting import rate_limit_reset_seconds, retry_after_seconds, seconds_until

NOW = 1830297589.0
"""Fri, 31 Dec 2027 23:59:49 GMT."""


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9.0),
        ({"retry-after": "Fri, 31 Dec 2027 23:59:59 GMT"}, 10.0),
        ({"retry-after": "Fri, 31 Dec 1999 23:59:59 GMT"}, 0.0),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
def test_how_long_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    """A server asks for a wait in milliseconds, in seconds, or until a date; what cannot be read is no wish."""
    assert retry_after_seconds(headers, NOW) == seconds


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("20", 20.0),
        ("1.5", 1.5),
        ("6m0s", 360.0),
        ("1h2m3.5s", 3723.5),
        ("120ms", 0.12),
        ("8.64s", 8.64),
        ("1d", 86400.0),
        ("1830297599", 10.0),
        ("1830297599000", 10.0),
        ("1830297000", 0.0),
        ("2027-12-31T23:59:59Z", 10.0),
        ("2028-01-01T00:59:59+01:00", 10.0),
        ("Fri, 31 Dec 2027 23:59:59 GMT", 10.0),
        ("2027-12-31T23:59:59", None),
        ("soon", None),
        ("", None),
        ("-3", None),
    ],
)
def test_every_form_of_a_wait(value: str, seconds: float | None) -> None:
    """Seconds, a duration, a time since 1970, a date; a time without its zone says nothing."""
    assert seconds_until(value, NOW) == seconds


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        (
            {
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-requests": "8.64s",
                "x-ratelimit-remaining-tokens": "1200",
                "x-ratelimit-reset-tokens": "6m0s",
            },
            8.64,
        ),
        (
            {
                "anthropic-ratelimit-requests-remaining": "0",
                "anthropic-ratelimit-requests-reset": "2027-12-31T23:59:54Z",
                "anthropic-ratelimit-tokens-remaining": "0",
                "anthropic-ratelimit-tokens-reset": "2027-12-31T23:59:59Z",
            },
            10.0,
        ),
        ({"ratelimit-reset": "7"}, 7.0),
        ({"x-ratelimit-reset": "1830297599000", "x-ratelimit-limit": "20"}, 10.0),
        ({"x-rate-limit-reset": "3"}, 3.0),
        ({"ratelimit-reset": "7", "ratelimit-remaining": "4"}, None),
        ({"ratelimit-reset": "7", "ratelimit-remaining": "?"}, None),
        ({"ratelimit-limit": "100"}, None),
    ],
    ids=["requests used up", "both used up", "seconds", "epoch", "with a hyphen", "not used up", "odd", "no reset"],
)
def test_limits_that_are_used_up_say_when_they_are_reset(headers: dict[str, str], seconds: float | None) -> None:
    """Under whatever name a vendor says it; a limit of which something is left asks for nothing."""
    assert rate_limit_reset_seconds(headers, NOW) == seconds
