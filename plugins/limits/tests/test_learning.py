"""What providers' answers teach, by a clock that only the tests move."""

from __future__ import annotations

import pytest

from plugin_limits import RateLimits

from .helping import Clock, asked, request, turn


def told(clock: Clock, status: int, headers: dict[str, str]) -> RateLimits:
    """Return limits that know of nothing but one answer."""
    limits = RateLimits(clock=clock.time)
    first = turn(limits)
    assert first.ask() is None
    first.answered(status, headers)
    first.release(None)
    return limits


@pytest.mark.parametrize("status", [429, 503, 529])
def test_a_refusal_holds_back_all_calls_of_the_model(clock: Clock, status: int) -> None:
    """Until the time it says, and no other model."""
    limits = told(clock, status, {"retry-after": "20"})
    assert asked(limits, request(), request()) == [20.0, 20.0]
    assert turn(limits, "acme:other").ask() is None
    clock.now += 20
    assert asked(limits, request()) == [None]


def test_no_answer_holds_back_for_ever(clock: Clock) -> None:
    """An absurd wait is one of an hour."""
    assert asked(told(clock, 429, {"retry-after": "999999999"}), request()) == [3600.0]


def test_an_answer_that_is_none_of_a_limit_teaches_nothing(clock: Clock) -> None:
    """Nor do headers that nobody can read."""
    assert asked(told(clock, 500, {"retry-after": "20"}), request()) == [None]
    unreadable = {"x-ratelimit-remaining-requests": "some", "x-ratelimit-reset-requests": "soon"}
    assert asked(told(clock, 200, unreadable), request()) == [None]


@pytest.mark.parametrize(
    "headers",
    [
        {"x-ratelimit-remaining-requests": "1", "x-ratelimit-reset-requests": "30s"},
        {"x-ratelimit-remaining-requests-day": "1", "x-ratelimit-reset-requests-day": "30"},
        {"acme-ratelimit-requests-remaining": "1", "acme-ratelimit-requests-reset": "2027-01-15T08:00:30Z"},
        {"x-ratelimit-remaining": "1", "x-ratelimit-reset": "1800000030000"},
        {"ratelimit-remaining": "1", "ratelimit-reset": "30"},
    ],
)
def test_what_is_left_is_not_overdrawn(clock: Clock, headers: dict[str, str]) -> None:
    """One more may go, in whatever words it is said; the next waits for the reset."""
    limits = told(clock, 200, headers)
    assert asked(limits, request(), request()) == [None, 30.0]
    clock.now += 30
    assert asked(limits, request(), request()) == [None, None]


def test_tokens_that_are_left_are_for_what_fits(clock: Clock) -> None:
    """A small request passes where a great one does not."""
    limits = told(clock, 200, {"x-ratelimit-remaining-tokens": "50", "x-ratelimit-reset-tokens": "6m0s"})
    assert asked(limits, request(max_tokens=60), request(max_tokens=40), request(max_tokens=20)) == [360.0, None, 360.0]


def test_a_limit_that_fills_up_evenly_is_not_waited_for_in_full(clock: Clock) -> None:
    """With 60 in all and none left for a minute, one is free after a second."""
    figures = {"limit": "60", "remaining": "0", "reset": "60s"}
    limits = told(clock, 200, {f"x-ratelimit-{name}-requests": value for name, value in figures.items()})
    assert asked(limits, request()) == [1.0]
    clock.now += 1
    assert asked(limits, request(), request()) == [None, 1.0]


def test_nobody_waits_longer_than_to_the_reset(clock: Clock) -> None:
    """What was sent since is free by then, too, however slowly it fills up."""
    figures = {"limit": "60", "remaining": "10", "reset": "50s"}
    limits = told(clock, 200, {f"x-ratelimit-{name}-tokens": value for name, value in figures.items()})
    assert asked(limits, request(max_tokens=10), request(max_tokens=60)) == [None, 50.0]


@pytest.mark.parametrize(("remaining", "waits"), [("100", [None, 60.0]), ("0", [60.0, 60.0]), ("50", [60.0, 60.0])])
def test_a_request_greater_than_all_there_is_waits_for_all(
    clock: Clock, remaining: str, waits: list[float | None]
) -> None:
    """No longer than to the reset; where all is there, it is sent, and the provider decides."""
    figures = {"limit": "100", "remaining": remaining, "reset": "60s"}
    limits = told(clock, 200, {f"x-ratelimit-{name}-tokens": value for name, value in figures.items()})
    assert asked(limits, request(max_tokens=150), request(max_tokens=150)) == waits


def test_learning_can_be_turned_off() -> None:
    """Then nothing is asked of what has no limit."""
    assert RateLimits(learn=False).core_llm_admit_call("acme", "m", request()) is None
