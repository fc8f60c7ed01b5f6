"""Limits of time as values: what they may be, what is said of what they may not, and how they are merged."""

from __future__ import annotations

import math

import pytest

from core_llm import Client, Config, InvalidSettingError, Limits, ProviderConfig

SECONDS = "a number of seconds above 0, at most 2592000 (30 days), or inf for no limit"
NAMES = ("admission", "connect", "first_event", "between_events", "total")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [0, -1, -0.0, math.nan, -math.inf, 2592001, 1e300, True, "soon", [1]])
def test_what_is_no_time_is_refused_where_it_is_made(name: str, value: object) -> None:
    """Each limit, by this package's own error, which names it and says what it takes."""
    with pytest.raises(InvalidSettingError) as raised:
        Limits(**{name: value})  # type: ignore[arg-type]
    assert raised.value.message == f"Limits: {name} must be {SECONDS}; got {value!r}"
    assert raised.value.__context__ is None


@pytest.mark.parametrize("value", [0.001, 1, 2592000, math.inf, None])
def test_a_time_may_be_anything_else(value: float | None) -> None:
    """Down to a moment, up to thirty days, or none at all."""
    assert Limits(total=value).total == value


def test_an_unknown_limit_is_refused() -> None:
    """With those that there are."""
    with pytest.raises(
        InvalidSettingError, match="Limits: read cannot be; they take admission, connect, first_event, b"
    ):
        Limits(read=3)  # type: ignore[call-arg]


@pytest.mark.parametrize("name", ["admission", "connect", "first_event", "between_events"])
def test_a_limit_beyond_the_total_beside_it_is_refused(name: str) -> None:
    """It could never strike, so it is not what was meant."""
    with pytest.raises(InvalidSettingError) as raised:
        Limits(**{name: 60, "total": 30})
    assert raised.value.message == (
        f"Limits: {name}=60 can never be reached, since total=30 ends the call before; raise total, or leave {name} out"
    )


def test_a_limit_may_be_as_long_as_the_total_or_off() -> None:
    """Neither contradicts it."""
    assert Limits(first_event=30, total=30).first_event == 30
    assert Limits(first_event=math.inf, total=30).total == 30
    assert Limits(first_event=60, total=math.inf).first_event == 60


def test_a_total_may_shorten_what_a_layer_below_has_set() -> None:
    """The defaults are long, so a short total of a call is no contradiction to them."""
    merged = Limits(first_event=300, between_events=120).merged(Limits(total=5))
    assert (merged.first_event, merged.total) == (300, 5)


def test_limits_inside_a_larger_value_are_refused_alike() -> None:
    """Wherever a caller builds them."""
    with pytest.raises(InvalidSettingError, match="Limits: total must be"):
        ProviderConfig(limits={"total": -1})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"CORE_LLM_LIMITS__TOTAL": "0"}, f"limits.total must be {SECONDS}; got '0'"),
        ({"CORE_LLM_LIMITS__CONNECT": "nan"}, f"limits.connect must be {SECONDS}; got 'nan'"),
        ({"CORE_LLM_PROVIDERS__X__LIMITS__TOTAL": "1e9"}, f"providers.x.limits.total must be {SECONDS}; got '1e9'"),
    ],
)
def test_a_wrong_limit_of_the_environment_names_its_variable(environ: dict[str, str], message: str) -> None:
    """So that it can be found."""
    with pytest.raises(InvalidSettingError) as raised:
        Config.load(environ={"HOME": "/nonexistent", **environ})
    assert raised.value.message == f"{message} (environment {next(iter(environ))})"


def test_a_layer_that_contradicts_itself_is_refused() -> None:
    """The error names the layer; two layers do not contradict each other, the nearer one wins."""
    with pytest.raises(InvalidSettingError, match=r"first_event=60 can never be reached.*before \(argument\); raise"):
        Config.load(environ={}, arguments={"limits": {"first_event": 60, "total": 30}})
    with pytest.raises(InvalidSettingError, match=r"connect=60 can never be reached.*before \(argument\); raise"):
        Config.load(environ={}, arguments={"providers": {"x": {"limits": {"connect": 60, "total": 30}}}})
    shortened = Config.load(environ={"CORE_LLM_LIMITS__TOTAL": "30"}, arguments={"limits": {"first_event": 60}})
    assert (shortened.values.limits.first_event, shortened.values.limits.total) == (60, 30)


def test_limits_of_the_environment_may_be_off() -> None:
    """`inf` is a number there."""
    assert Config.load(environ={"CORE_LLM_LIMITS__TOTAL": "inf"}).values.limits.total == math.inf


@pytest.mark.parametrize("limits", [{"total": 3}, 30, "a minute"])
def test_a_client_takes_limits_only(limits: Limits) -> None:
    """The error shows how they are written."""
    with pytest.raises(InvalidSettingError, match=r"limits must be a Limits, such as Limits\(total=30\), not "):
        Client(limits=limits)


def test_limits_survive_being_stored() -> None:
    """Infinity too, which JSON has no word for."""
    limits = Limits(connect=1.5, total=math.inf)
    assert Limits.from_json(limits.to_json()) == limits
