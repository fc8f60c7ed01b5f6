"""What is counted, by a clock that only the tests move."""

from __future__ import annotations

import math
from typing import Literal

import pytest

from core_llm import BusyError, Message, Request, ToolCallPart, ToolResultPart, ToolSpec, Usage
from plugin_limits import Limit, RateLimits, estimate_tokens

from .helping import Clock, asked, request, turn

Strategy = Literal["moving-window", "fixed-window", "sliding-window-counter"]


def test_the_next_one_waits_until_the_first_is_out_of_the_window(clock: Clock) -> None:
    """The wait that is asked for is the time until something is free, and then it is."""
    limits = RateLimits({"acme:*": Limit(requests=2)}, clock=clock.time)
    assert asked(limits, request()) == [None]
    clock.now += 20
    assert asked(limits, request(), request()) == [None, 40.0]
    clock.now += 40.05
    assert asked(limits, request(), request()) == [None, pytest.approx(19.95)]


@pytest.mark.parametrize("strategy", ["moving-window", "fixed-window", "sliding-window-counter"])
def test_every_strategy_holds_the_limit_and_lets_go(clock: Clock, strategy: Strategy) -> None:
    """Three pass, the fourth does not however often it asks, and after two windows all is free again."""
    limits = RateLimits({"acme:*": Limit(requests=3, tokens=300)}, strategy=strategy, clock=clock.time)
    assert [wait is None for wait in asked(limits, *[request()] * 6)] == [True, True, True, False, False, False]
    clock.now += 121
    assert [wait is None for wait in asked(limits, *[request()] * 4)] == [True, True, True, False]


def test_a_counter_that_fades_is_not_asked_again_before_enough_has_faded(clock: Clock) -> None:
    """A sliding window frees one thing after the other; who wants many waits for many."""
    clock.now = 1_800_000_000.0  # a multiple of 60: the window begins
    limits = RateLimits({"acme:*": Limit(tokens=600)}, strategy="sliding-window-counter", clock=clock.time)
    assert asked(limits, request(max_tokens=599)) == [None]
    clock.now += 60
    [wait] = asked(limits, request(max_tokens=299))
    assert wait is not None
    assert wait == pytest.approx(29.9, abs=0.5)


def test_tokens_are_reserved_as_estimated_and_corrected_as_reported(clock: Clock) -> None:
    """What was not used is free at once, for what fits into it."""
    limits = RateLimits({"acme:*": Limit(tokens=100)}, clock=clock.time)
    first = turn(limits, sent=request(max_tokens=80))
    assert first.ask() is None
    assert asked(limits, request(max_tokens=50)) == [60.0]
    first.release(Usage(input_tokens=10, output_tokens=20))
    assert asked(limits, request(max_tokens=50), request(max_tokens=21)) == [None, 60.0]
    assert asked(limits, request(max_tokens=20)) == [None]


def test_what_was_used_beyond_the_estimate_is_taken_from_the_next(clock: Clock) -> None:
    """The limit holds over both, and what was used is forgotten when it would have been out of the window."""
    limits = RateLimits({"acme:*": Limit(tokens=100)}, clock=clock.time)
    first = turn(limits, sent=request(max_tokens=10))
    assert first.ask() is None
    first.release(Usage(input_tokens=10, output_tokens=70))
    assert asked(limits, request(max_tokens=21)) == [60.0]
    assert asked(limits, request(max_tokens=20)) == [None]
    clock.now += 61
    assert asked(limits, request(max_tokens=100)) == [None]


def test_what_was_used_late_counts_from_then_on(clock: Clock) -> None:
    """What was not reserved is no older than the report of it."""
    limits = RateLimits({"acme:*": Limit(tokens=100)}, clock=clock.time)
    first = turn(limits, sent=request(max_tokens=10))
    assert first.ask() is None
    clock.now += 50
    first.release(Usage(input_tokens=10, output_tokens=70))
    clock.now += 20
    assert asked(limits, request(max_tokens=31)) == [60.0]
    assert asked(limits, request(max_tokens=30)) == [None]


def test_what_is_refused_is_not_counted(clock: Clock) -> None:
    """However often somebody asks for what is not free, what is free stays so."""
    limits = RateLimits({"acme:*": Limit(tokens=100)}, strategy="fixed-window", clock=clock.time)
    great, small = request(max_tokens=20), request(max_tokens=10)
    assert asked(limits, request(max_tokens=90), great, great, small) == [None, 60.0, 60.0, None]


def test_a_credit_lasts_as_long_as_what_it_is_for(clock: Clock) -> None:
    """What was reserved and not used is no credit any more once it is out of the window."""
    limits = RateLimits({"acme:*": Limit(tokens=100)}, clock=clock.time)
    first = turn(limits, sent=request(max_tokens=100))
    assert first.ask() is None
    first.release(Usage(input_tokens=0, output_tokens=0))
    clock.now += 61
    assert asked(limits, request(max_tokens=100), request(max_tokens=1)) == [None, 60.0]


@pytest.mark.parametrize(
    ("status", "usage", "is_free"),
    [
        (429, None, True),
        (200, None, False),
        (None, None, False),
        (200, Usage(input_tokens=1), False),
        (200, Usage(input_tokens=1, output_tokens=1), True),
    ],
)
def test_what_is_not_known_counts_as_estimated(
    clock: Clock,
    status: int | None,
    usage: Usage | None,
    is_free: bool,  # noqa: FBT001
) -> None:
    """Only a refusal, or a report that is whole, gives an estimate back."""
    limits = RateLimits({"acme:*": Limit(tokens=100)}, clock=clock.time)
    first = turn(limits, sent=request(max_tokens=100))
    assert first.ask() is None
    if status is not None:
        first.answered(status, {})
    first.release(usage)
    assert (asked(limits, request(max_tokens=50)) == [None]) is is_free


def test_a_request_greater_than_the_limit_is_sent_alone(clock: Clock) -> None:
    """It waits for all to be free, and the next ones make up for it."""
    limits = RateLimits({"acme:*": Limit(tokens=100)}, clock=clock.time)
    assert asked(limits, request(max_tokens=1), request(max_tokens=150)) == [None, 60.0]
    clock.now += 60.05
    assert asked(limits, request(max_tokens=150)) == [None]
    clock.now += 59.99
    assert asked(limits, request(max_tokens=50)) != [None]


def test_many_tokens_are_counted_in_portions_that_lose_none(clock: Clock) -> None:
    """A moving window keeps few entries however many tokens there are, and small requests are not rounded up."""
    limits = RateLimits({"acme:*": Limit(tokens=10_000_000)}, clock=clock.time)
    assert asked(limits, *[request(max_tokens=100)] * 5000, request(max_tokens=9_500_000)) == [None] * 5001
    assert asked(limits, request(max_tokens=1)) != [None]


def test_models_share_the_limit_of_a_pattern_or_have_one_each(clock: Clock) -> None:
    """Every pattern that means a model holds for it; what is no call of a model is not limited."""
    shared, each = Limit(requests=3), Limit(requests=1, each_model=True)
    limits = RateLimits({"acme:*": shared, "acme:small-*": each}, clock=clock.time, learn=False)
    models = ["small-1", "small-1", "small-2", "large", "large"]
    assert [turn(limits, f"acme:{model}").ask() is None for model in models] == [True, False, True, True, False]
    assert limits.core_llm_admit_call("other", "large", request()) is None
    assert limits.core_llm_admit_call("acme", "", request()) is None


def test_one_after_the_other(clock: Clock) -> None:
    """Who came first is let through first; the next is called when it has left, however it did."""
    limits = RateLimits({"acme:*": Limit(requests=1)}, clock=clock.time)
    turns = [turn(limits) for _ in range(4)]
    called: list[int] = []
    assert [each.ask() for each in turns] == [None, 60.0, math.inf, math.inf]
    for number, each in enumerate(turns):
        each.wake_with(lambda number=number: called.append(number))  # type: ignore[misc]
    called.clear()
    turns[2].release(None)
    assert called == []
    turns[1].release(None)
    assert called == [3]
    clock.now += 60.05
    assert [turn(limits).ask(), turns[3].ask()] == [math.inf, None]


def test_what_is_given_back_wakes_the_first(clock: Clock) -> None:
    """Tokens that were not used are free before the time that the first one was told."""
    limits = RateLimits({"acme:*": Limit(tokens=100)}, clock=clock.time)
    one, other = turn(limits, sent=request(max_tokens=100)), turn(limits, sent=request(max_tokens=10))
    called: list[str] = []
    assert [one.ask(), other.ask()] == [None, 60.0]
    other.wake_with(lambda: called.append("woken"))
    one.release(Usage(input_tokens=5, output_tokens=5))
    assert called == ["woken"]
    assert other.ask() is None


def test_who_leaves_before_it_was_sent_gives_back_what_it_had(clock: Clock) -> None:
    """A request that is held back by the limit of tokens and then aborted was none."""
    limits = RateLimits({"acme:*": Limit(requests=2, tokens=100)}, clock=clock.time)
    assert asked(limits, request(max_tokens=100), request(max_tokens=100)) == [None, 60.0]
    assert asked(limits, request()) == [None]


def test_failing_at_once_says_when_it_would_go_on(clock: Clock) -> None:
    """The error is the core's, is not tried again, and leaves nobody in the line."""
    limits = RateLimits({"acme:*": Limit(requests=1)}, on_limit="raise", clock=clock.time)
    assert turn(limits).ask() is None
    clock.now += 45
    refused = turn(limits)
    with pytest.raises(BusyError, match=r"acme:m: your limits of rate are reached.*in 15 s") as raised:
        refused.ask()
    refused.release(None)
    assert (raised.value.retry_after, raised.value.is_retryable) == (15.0, False)
    clock.now += 15.05
    assert turn(limits).ask() is None


def test_an_estimate_counts_texts_calls_results_and_tools() -> None:
    """A token for four characters, rounded up, and what the answer may have."""
    call = ToolCallPart(id="1", name="look", raw_arguments='{"at": "sky"}', arguments={"at": "sky"}, is_complete=True)
    result = ToolResultPart(tool_call_id="1", content="Blue, as ever.")
    messages = (Message.user("Why?"), Message.assistant(call), Message(role="tool", parts=(result,)))
    assert estimate_tokens(Request(model="m", messages=messages)) == 9  # 4 + 4 + 13 + 14 = 35 characters
    told = ToolSpec(name="look", description="Look up.", parameters={})
    assert estimate_tokens(Request(model="m", messages=messages, tools=(told,))) == 13  # 4 + 8 + 2 more
    assert estimate_tokens(request("four", max_tokens=7)) == 8


def test_an_estimate_may_be_your_own(clock: Clock) -> None:
    """It is asked for each attempt."""
    limits = RateLimits({"acme:*": Limit(tokens=100)}, estimate=lambda _: 60, clock=clock.time)
    assert asked(limits, request(), request()) == [None, 60.0]
