"""The attempt policy by itself: a history in, the next attempt out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core_llm import (
    AuthenticationError,
    BadRequestError,
    ConfigError,
    CoreLLMError,
    OverloadedError,
    RateLimitError,
    TimeoutExceededError,
)
from core_llm._stream.attempts import Attempt, FailedAttempt, RetryPolicy, refuses_streaming

BUSY = OverloadedError("busy", status_code=503)
DENIED = AuthenticationError("no", status_code=401)
UNSTREAMED = BadRequestError("HTTP 400: streaming is not supported", status_code=400)
FIRST = FailedAttempt(Attempt(1), BUSY, had_content=False, was_stream=True, can_refresh=False, can_go_plain=True)


def policy(max_retries: int = 2, share: float = 1.0) -> RetryPolicy:
    """Return a policy whose dice always fall the same."""
    return RetryPolicy(max_retries, lambda: share)


def failed(number: int, error: CoreLLMError = BUSY) -> FailedAttempt:
    """Return an attempt that failed."""
    return replace(FIRST, attempt=Attempt(number), error=error)


def test_the_wait_doubles_up_to_a_bound() -> None:
    """Half a second, then twice as long each time, never more than eight."""
    history = [failed(number) for number in range(1, 8)]
    waits = [policy(9)(history[:count]) for count in range(1, 8)]
    assert [attempt.delay for attempt in waits if attempt] == [0.5, 1, 2, 4, 8, 8, 8]
    assert [attempt.number for attempt in waits if attempt] == [2, 3, 4, 5, 6, 7, 8]


def test_the_wait_is_a_random_share_of_that() -> None:
    """Full jitter, so that many clients do not come back together."""
    assert policy(share=0.25)([FIRST]) == Attempt(2, delay=0.125)


def test_retries_are_counted() -> None:
    """As many as allowed, and none if none are."""
    assert policy(1)([failed(1)]) is not None
    assert policy(1)([failed(1), failed(2)]) is None
    assert policy(0)([failed(1)]) is None


@pytest.mark.parametrize(("seconds", "delay"), [(0.0, 0.0), (7.5, 7.5), (60.0, 60.0), (60.1, None), (86400.0, None)])
def test_the_providers_wish_goes_before_the_dice_up_to_a_minute(seconds: float, delay: float | None) -> None:
    """A longer wait is the caller's to decide on."""
    error = RateLimitError("slow down", status_code=429, retry_after=seconds)
    attempt = policy()([failed(1, error)])
    assert (attempt.delay if attempt else None) == delay


@pytest.mark.parametrize(
    "error",
    [
        ConfigError("no key"),
        BadRequestError("no such field", status_code=400),
        DENIED,
        TimeoutExceededError("too slow", limit="total", seconds=1.0),
        OverloadedError("busy, and do not come back", status_code=503, is_retryable=False),
    ],
    ids=["set-up", "bad request", "denied", "total limit", "said not to"],
)
def test_what_would_fail_again_is_final(error: CoreLLMError) -> None:
    """The error is raised."""
    assert policy()([failed(1, error)]) is None


def test_after_content_everything_is_final() -> None:
    """Nothing is replayed in silence."""
    assert policy()([replace(FIRST, had_content=True)]) is None


def test_a_denied_token_is_renewed_once_where_it_can_be() -> None:
    """It costs no retry."""
    denied = replace(failed(1, DENIED), can_refresh=True)
    renewed = policy(0)([denied])
    assert renewed == Attempt(2, mode="refresh")
    assert policy(0)([denied, replace(denied, attempt=renewed)]) is None


def test_a_refusal_to_stream_leads_to_a_plain_request() -> None:
    """Where the wire has one, and the refused request was a stream."""
    refused = failed(1, UNSTREAMED)
    assert policy(0)([refused]) == Attempt(2, mode="plain")
    assert policy(0)([replace(refused, can_go_plain=False)]) is None
    assert policy(0)([replace(refused, was_stream=False)]) is None


@pytest.mark.parametrize(
    ("words", "is_refusal"),
    [
        ("Streaming is not supported for this model.", True),
        ("stream is not available with n > 1", True),
        ("This model does not support streaming", True),
        ("model doesn't support `stream`", True),
        ("Unsupported value: 'stream' does not support true with this model.", True),
        ("unsupported parameter: stream", True),
        ("stream_options is not supported", False),
        ("tools are not supported", False),
        ("upstream error", False),
    ],
)
def test_a_refusal_to_stream_is_told_by_its_words(words: str, *, is_refusal: bool) -> None:
    """By those that servers use, and no others."""
    assert refuses_streaming(BadRequestError(f"HTTP 400: {words}", status_code=400)) is is_refusal
    assert not refuses_streaming(OverloadedError(words, status_code=503))
