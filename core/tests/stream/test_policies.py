"""The policies by themselves: a history in, the next attempt out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
from pydantic import SecretStr

from core_llm import (
    Attempt,
    AttemptPolicy,
    AuthenticationError,
    BadRequestError,
    ConfigError,
    ContextLengthError,
    CoreLLMError,
    FailedAttempt,
    Fallback,
    InvalidSettingError,
    MissingAPIKeyError,
    OverloadedError,
    RateLimitError,
    Retries,
    StreamInterruptedError,
    TimeoutExceededError,
    UnsupportedError,
)
from core_llm._attempts import RetryBudget, RetryRules
from core_llm._retries import DEFAULT_RETRIES
from core_llm._stream.policies import ListPolicy, RoutedPolicy, StandardPolicy, refuses_streaming

BUSY = OverloadedError("busy", status_code=503)
DENIED = AuthenticationError("no", status_code=401)
SLOW = TimeoutExceededError("too slow", limit="first_event", seconds=1.0)
UNSTREAMED = BadRequestError("HTTP 400: streaming is not supported", status_code=400)
RULES = RetryRules(2, DEFAULT_RETRIES, RetryBudget(math.inf, 0.0))
FIRST = FailedAttempt(
    number=1,
    attempt=Attempt(),
    provider="a",
    model="m",
    error=BUSY,
    had_content=False,
    recovery=None,
    was_stream=True,
    can_refresh=False,
    can_go_plain=True,
    rules=RULES,
)


def policy(share: float = 1.0) -> StandardPolicy:
    """Return a policy whose dice always fall the same."""
    return StandardPolicy(lambda: share)


def failed(number: int, error: CoreLLMError = BUSY, max_retries: int = 2) -> FailedAttempt:
    """Return an attempt that failed."""
    return replace(FIRST, number=number, error=error, rules=replace(RULES, max_retries=max_retries))


def ruled(retries: Retries) -> FailedAttempt:
    """Return an attempt that failed under other figures."""
    return replace(FIRST, rules=replace(RULES, retries=DEFAULT_RETRIES.merged(retries)))


# ---- retries


def test_the_wait_doubles_up_to_a_bound() -> None:
    """Half a second, then twice as long each time, never more than eight."""
    history = [failed(number, max_retries=9) for number in range(1, 8)]
    waits = [policy().next_attempt(history[:count]) for count in range(1, 8)]
    assert [attempt.delay for attempt in waits if attempt] == [0.5, 1, 2, 4, 8, 8, 8]


def test_the_wait_is_a_random_share_of_that() -> None:
    """Full jitter, so that many clients do not come back together."""
    assert policy(share=0.25).next_attempt([FIRST]) == Attempt(delay=0.125)


def test_the_figures_are_the_callers() -> None:
    """Its own base and bound take the place of the usual ones."""
    history = [ruled(Retries(base_delay=3, max_delay=4))] * 2
    waits = [policy().next_attempt(history[:count]) for count in (1, 2)]
    assert [attempt.delay for attempt in waits if attempt] == [3, 4]


def test_retries_are_counted() -> None:
    """As many as allowed, and none if none are."""
    assert policy().next_attempt([failed(1, max_retries=1)]) is not None
    assert policy().next_attempt([failed(1, max_retries=1), failed(2, max_retries=1)]) is None
    assert policy().next_attempt([failed(1, max_retries=0)]) is None


@pytest.mark.parametrize(("seconds", "delay"), [(0.0, 0.0), (7.5, 7.5), (60.0, 60.0), (60.1, None), (86400.0, None)])
def test_the_providers_wish_goes_before_the_dice_up_to_a_minute(seconds: float, delay: float | None) -> None:
    """A longer wait is the caller's to decide on."""
    error = RateLimitError("slow down", status_code=429, retry_after=seconds)
    attempt = policy().next_attempt([failed(1, error)])
    assert (attempt.delay if attempt else None) == delay


def test_how_long_a_wish_may_be_is_the_callers() -> None:
    """Ten minutes are waited for where ten minutes are allowed."""
    error = RateLimitError("slow down", status_code=429, retry_after=600.0)
    patient = replace(ruled(Retries(max_retry_after=600)), error=error)
    assert policy().next_attempt([patient]) == Attempt(delay=600.0)


@pytest.mark.parametrize(
    "error",
    [
        ConfigError("no key"),
        BadRequestError("no such field", status_code=400),
        DENIED,
        TimeoutExceededError("too slow", limit="total", seconds=1.0),
        SLOW,
        OverloadedError("busy, and do not come back", status_code=503, is_retryable=False),
    ],
    ids=["set-up", "bad request", "denied", "total limit", "slow to begin", "said not to"],
)
def test_what_would_fail_again_is_final(error: CoreLLMError) -> None:
    """The error is raised."""
    assert policy().next_attempt([failed(1, error)]) is None


def test_the_statuses_are_the_callers() -> None:
    """Those that it names are tried again and no others; what the provider says not to retry stays final."""
    only = ruled(Retries(statuses=(404, 503)))
    missing = BadRequestError("not there yet", status_code=404)
    slow_down = RateLimitError("slow down", status_code=429)
    refused = OverloadedError("busy, and do not come back", status_code=503, is_retryable=False)
    found = [policy().next_attempt([replace(only, error=error)]) for error in (missing, BUSY, slow_down, refused)]
    assert [attempt is not None for attempt in found] == [True, True, False, False]


def test_a_denied_token_is_renewed_once_where_it_can_be() -> None:
    """It costs no retry."""
    denied = replace(failed(1, DENIED, max_retries=0), can_refresh=True)
    renewed = policy().next_attempt([denied])
    assert renewed == Attempt(mode="refresh")
    assert policy().next_attempt([denied, replace(denied, attempt=renewed)]) is None


def test_a_refusal_to_stream_leads_to_a_plain_request() -> None:
    """Where the wire has one, and the refused request was a stream."""
    refused = failed(1, UNSTREAMED, max_retries=0)
    assert policy().next_attempt([refused]) == Attempt(mode="plain")
    assert policy().next_attempt([replace(refused, can_go_plain=False)]) is None
    assert policy().next_attempt([replace(refused, was_stream=False)]) is None


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


@pytest.mark.parametrize("error", [DENIED, RateLimitError("slow down", status_code=429)], ids=["401", "429"])
def test_the_keys_take_turns(error: CoreLLMError) -> None:
    """A key that is refused or used up is followed by the next, at once and at no cost; then it is as with one."""
    keys = (SecretStr("second"), SecretStr("third"))
    history = [replace(failed(1, error), rules=replace(RULES, max_retries=0, keys=keys))]
    for key in keys:
        following = policy().next_attempt(history)
        assert following == Attempt(key=key)
        history.append(replace(history[0], attempt=following))
    assert policy().next_attempt(history) is None


# ---- after content


CUT = replace(FIRST, error=StreamInterruptedError("cut"), had_content=True)


def test_after_content_everything_is_final_unless_recovery_is_wanted() -> None:
    """Nothing is replayed in silence."""
    assert policy().next_attempt([CUT]) is None
    assert policy().next_attempt([replace(CUT, recovery="restart")]) == Attempt(delay=0.5, mode="restart")
    assert policy().next_attempt([replace(CUT, recovery="continue")]) == Attempt(delay=0.5, mode="continue")


def test_recoveries_are_bounded_as_retries_are() -> None:
    """Two by default, retries before content included."""
    broken = replace(CUT, recovery="restart")
    assert policy().next_attempt([FIRST, broken]) is not None
    assert policy().next_attempt([broken, broken, broken]) is None


def test_a_server_that_falls_silent_after_content_can_be_recovered_from() -> None:
    """It was not too slow to begin, so asking once more may help."""
    silent = TimeoutExceededError("silent", limit="between_events", seconds=1.0)
    assert policy().next_attempt([replace(CUT, error=silent, recovery="restart")]) is not None
    over = TimeoutExceededError("over", limit="total", seconds=1.0)
    assert policy().next_attempt([replace(CUT, error=over, recovery="restart")]) is None


# ---- the budget


def test_a_spent_budget_is_final_and_said() -> None:
    """So an outage is not multiplied; the error tells why it was not tried again."""
    budget = RetryBudget(1.0, 0.5)
    spent = replace(FIRST, error=OverloadedError("busy", status_code=503), rules=replace(RULES, budget=budget))
    assert policy().next_attempt([spent]) is not None
    assert policy().next_attempt([spent]) is None
    assert spent.error.__notes__ == ["not tried again: the client's budget of retries for a is spent"]


def test_successes_refill_the_budget_up_to_its_size() -> None:
    """A retry that helped costs nothing; a call that needed none gives a part of one back."""
    budget = RetryBudget(3.0, 0.5)
    assert [budget.take() for _ in range(4)] == [True, True, True, False]
    budget.give_back(was_retried=True)
    budget.give_back(was_retried=False)
    assert budget.left == 1.5
    for _ in range(9):
        budget.give_back(was_retried=True)
    assert budget.left == 3.0


# ---- fallback


def tried(model: str | None, error: CoreLLMError = BUSY) -> FailedAttempt:
    """Return a failed attempt at a model that allows no retry."""
    return replace(FIRST, attempt=Attempt(model=model), error=error, rules=replace(RULES, max_retries=0))


def test_the_models_of_a_list_take_over_in_turn() -> None:
    """Each once; after the last, the error is raised."""
    falling = ListPolicy(Fallback(models=("b:y", "c:z")), policy())
    assert falling.next_attempt([]) == Attempt()
    assert falling.next_attempt([tried(None)]) == Attempt(model="b:y")
    assert falling.next_attempt([tried(None), tried("b:y")]) == Attempt(model="c:z")
    assert falling.next_attempt([tried(None), tried("b:y"), tried("c:z")]) is None


def test_retries_come_before_the_next_model_and_begin_anew_there() -> None:
    """Each model has its own."""
    falling = ListPolicy(Fallback(models=("b:y",)), policy())
    history = [failed(1, max_retries=1)]
    for model, delay in ((None, 0.5), ("b:y", 0.0), (None, 0.5)):
        following = falling.next_attempt(history)
        assert following == Attempt(model=model, delay=delay)
        history.append(replace(history[0], attempt=following))
    assert falling.next_attempt(history) is None


@pytest.mark.parametrize(
    ("error", "falls"),
    [
        (BUSY, True),
        (DENIED, True),
        (SLOW, True),
        (MissingAPIKeyError("the vault is sealed"), True),
        (UnsupportedError("no pictures", feature="image_input"), True),
        (BadRequestError("no such field", status_code=400), False),
        (ContextLengthError("too long", status_code=400), False),
        (ConfigError("no host"), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_the_callers_own_doing_does_not_fall_back(error: CoreLLMError, *, falls: bool) -> None:
    """Another model would refuse it as well, and hide the mistake."""
    falling = ListPolicy(Fallback(models=("b:y",)), policy())
    assert (falling.next_attempt([tried(None, error)]) is not None) is falls


def test_the_errors_that_fall_back_can_be_named() -> None:
    """Those, with all that are kinds of them, and no others."""
    falling = ListPolicy(Fallback(models=("b:y",), on=(ContextLengthError, "RateLimitError")), policy())
    too_long = ContextLengthError("too long", status_code=400)
    slow_down = RateLimitError("slow down", status_code=429)
    found = [falling.next_attempt([tried(None, error)]) for error in (too_long, slow_down, BUSY)]
    assert [attempt is not None for attempt in found] == [True, True, False]


def test_after_content_another_model_takes_over_only_as_a_restart() -> None:
    """Its words would not fit those of the first."""
    falling = ListPolicy(Fallback(models=("b:y",)), policy())
    broken = replace(tried(None), had_content=True)
    assert falling.next_attempt([broken]) is None
    assert falling.next_attempt([replace(broken, recovery="continue")]) is None
    assert falling.next_attempt([replace(broken, recovery="restart")]) == Attempt(model="b:y", mode="restart")


# ---- routes in routes


class Remembering(ListPolicy):
    """Notes what it was told."""

    def __init__(self, *models: str) -> None:
        super().__init__(Fallback(models=models[1:]), policy(), first=models[0])
        self.seen: list[str | None] = []
        self.successes = 0

    def next_attempt(self, history: Sequence[FailedAttempt]) -> Attempt | None:
        """Note the last failure."""
        self.seen += [failed.attempt.model for failed in history[-1:]]
        return super().next_attempt(history)

    def succeeded(self, attempt: Attempt) -> None:  # noqa: ARG002  # the contract's signature
        """Count it."""
        self.successes += 1


def test_a_route_in_a_route_is_one_step_of_it() -> None:
    """The outer one goes on when the inner one has nothing left, and knows it by the name that it gave."""
    outer, inner = Remembering("in", "c:z"), Remembering("a:x", "b:y")
    routed = RoutedPolicy({"in": inner}.get, outer)
    history: list[FailedAttempt] = []
    models: list[str | None] = []
    while (following := routed.next_attempt(history)) is not None:
        models.append(following.model)
        history.append(tried(following.model))
    assert models == ["a:x", "b:y", "c:z"]
    assert (inner.seen, outer.seen) == (["a:x", "b:y"], ["in", "c:z"])


def test_every_route_on_the_way_learns_of_the_success() -> None:
    """The inner one and the outer one, once each."""
    outer, inner = Remembering("in"), Remembering("a:x")
    routes: dict[str, AttemptPolicy] = {"in": inner}
    routed = RoutedPolicy(routes.get, outer)
    first = routed.next_attempt([])
    assert first is not None
    routed.succeeded(first)
    assert (inner.successes, outer.successes) == (1, 1)


# ---- what contradicts itself


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"base_delay": 9, "max_delay": 8}, r"base_delay \(9 s\) is longer than max_delay \(8 s\)"),
        ({"base_delay": -1}, "greater than or equal to 0"),
        ({"max_delay": math.inf}, "finite"),
        ({"budget": -1}, "greater than or equal to 0"),
        ({"statuses": ()}, "empty"),
        ({"statuses": (200,)}, "from 400 to 599"),
        ({"max_retries": 3}, "no such field; there are base_delay, max_delay"),
    ],
)
def test_figures_that_contradict_themselves_fail_at_once(fields: dict[str, object], words: str) -> None:
    """Where they are written, not at the thousandth call."""
    with pytest.raises(InvalidSettingError, match=words):
        Retries(**fields)  # type: ignore[arg-type]  # the mistake in question


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"models": ("a:x", "a:x")}, "a:x more than once"),
        ({"models": ("",)}, "names none"),
        ({"models": ("a:x",), "on": ()}, "empty"),
        ({"models": ("a:x",), "on": ("SlowDown",)}, "SlowDown, which is no error"),
    ],
)
def test_a_fallback_that_makes_no_sense_fails_at_once(fields: dict[str, object], words: str) -> None:
    """Likewise."""
    with pytest.raises(InvalidSettingError, match=words):
        Fallback(**fields)  # type: ignore[arg-type]  # the mistake in question
