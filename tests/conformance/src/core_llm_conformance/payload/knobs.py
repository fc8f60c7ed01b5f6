"""The portable knobs: values to try of each, and whether they reach the request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from core_llm import ConfigError, InvalidRequestError, LocalProvider, Settings, UnsupportedError
from core_llm_conformance.contract.samples import TOOL
from core_llm_conformance.contract.sending import FOLLOWING, PROMPT, Caught, Probe, Sent, differing, modes
from core_llm_conformance.each import Case
from core_llm_conformance.failure import fail
from core_llm_conformance.scenario import Mode
from core_llm_conformance.target import Target


@dataclass(frozen=True, slots=True)
class Knob:
    """One knob of Settings.

    Attributes:
        name: Its name.
        values: To try; each of them says something else. The last may be the smallest there is: it is a value too.
        beside: What a request must have for the knob to make sense.
        is_visible: Whether the value itself is in the request, and not only its translation.
        is_levels: Whether a wire may have one word for several values, and none for that which holds anyway.
    """

    name: str
    values: tuple[Any, ...]
    beside: Mapping[str, Any] = field(default_factory=dict)
    is_visible: bool = True
    is_levels: bool = False


KNOBS: Mapping[str, Knob] = {
    knob.name: knob
    for knob in (
        Knob("temperature", (0.25, 0.75, 0.0)),
        Knob("top_p", (0.35, 0.85)),
        Knob("top_k", (13, 37)),
        Knob("max_tokens", (123, 1234)),
        Knob("stop", (("HALT",), ("HALT", "CEASE"), "HALT.")),
        Knob("seed", (4711, 815, 0)),
        Knob("presence_penalty", (0.45, -0.55, 0.0)),
        Knob("frequency_penalty", (0.65, -0.95, 0.0)),
        Knob("logprobs", (True,)),
        Knob("top_logprobs", (3, 5), {"logprobs": True}),
        Knob("reasoning_effort", ("high", "low", "medium"), {"max_tokens": 32_000}, is_visible=False, is_levels=True),
        Knob("reasoning_budget", (2_048, 4_096), {"max_tokens": 16_000}),
        Knob("parallel_tool_calls", (False, True), {"tools": [TOOL]}, is_visible=False),
        Knob(
            "service_tier", ("auto", "default", "flex", "priority", "standard_only"), is_visible=False, is_levels=True
        ),
        Knob("cache_key", ("conformance-a", "conformance-b")),
        Knob("cache_ttl", ("5m", "1h", "24h"), is_visible=False, is_levels=True),
    )
}
"""Every knob that there is, by name."""
assert set(KNOBS) == set(Settings.model_fields)
REFUSALS = (UnsupportedError, InvalidRequestError, ConfigError)
"""What a wire may raise for a value that it has no words for."""
OF_ONE_FIELD = (
    {"logprobs", "top_logprobs"},
    {"reasoning_effort", "reasoning_budget"},
)
"""Knobs that may share a field."""


def beside(target: Target, knob: Knob) -> dict[str, Any]:
    """Return what a request must have for a knob to make sense, without what is declared unsupported itself."""
    declared = target.capabilities()
    return {
        name: value
        for name, value in knob.beside.items()
        if declared.support(name if name == "tools" else f"settings.{name}") != "unsupported"
    }


def declared_as(support: str) -> Any:  # noqa: ANN401  # a Source of `each`
    """Return the source of the knobs that are declared so for the model."""

    def source(target: Target) -> Iterator[Case]:
        if not isinstance(target.loaded, LocalProvider):
            declared = target.capabilities()
            yield from (
                Case(name, knob) for name, knob in KNOBS.items() if declared.support(f"settings.{name}") == support
            )

    return source


def check_setting_changes_the_request(target: Target, knob: Knob) -> None:
    """Raise unless a knob that is declared supported changes the request, by its value, in a field of its own.

    Raises:
        ConformanceFailure: It changes nothing, or two values change the same.
    """
    with Probe(target) as probe:
        given = beside(target, knob)
        for mode in modes(target):
            base = probe.sent(mode, **given)
            made = {repr(v): _with(probe, mode, given, knob, v) for v in knob.values}
            _check_changes(knob, base, made)


def _check_changes(knob: Knob, base: Sent, made: Mapping[str, Caught]) -> None:
    rule = f"the setting {knob.name} is declared supported, so each value of it changes the request"
    sent = {value: caught.sent for value, caught in made.items() if caught.sent is not None}
    refused = {value: caught.error for value, caught in made.items() if caught.sent is None}
    if not sent or (refused and not knob.is_levels):
        value, error = next(iter(refused.items()))
        raise fail(rule, f"with {knob.name}={value} nothing is sent: {error}", look_at="the wire, or its declaration")
    idle = {value: request for value, request in sent.items() if request.whole == base.whole}
    for value, request in idle.items():
        if not knob.is_levels or len(idle) == len(sent):
            raise fail(rule, f"{knob.name}={value} changes nothing", sent=request.shown, look_at=_where(value))
    _check_differ(rule, knob, sent)
    if knob.is_visible:
        _check_visible(rule, knob, base, made)


def _check_differ(rule: str, knob: Knob, sent: Mapping[str, Sent]) -> None:
    same = [(one, two) for one, two in combinations(sent, 2) if sent[one].whole == sent[two].whole]
    is_constant = len(same) == len(sent) * (len(sent) - 1) // 2
    if same and (not knob.is_levels or is_constant) and len(sent) > 1:
        one, two = same[0]
        found = f"{knob.name}={one} and {knob.name}={two} make the same request"
        raise fail(rule, found, sent=sent[one].shown, look_at="the wire's encode_request")


def _check_visible(rule: str, knob: Knob, base: Sent, made: Mapping[str, Caught]) -> None:
    for value, (shown, caught) in zip(knob.values, made.items(), strict=True):
        if caught.sent is None:
            continue
        changed = [*differing(base.json, caught.sent.json).values(), *caught.sent.query.values()]
        headers = differing(base.headers, caught.sent.headers)
        changed += [value for path, value in headers.items() if FOLLOWING.isdisjoint(path)]
        wanted = value if isinstance(value, tuple) else (value,)
        missing = [one for one in wanted if not any(_is(one, found) or _is_asked_for(knob, found) for found in changed)]
        if missing:
            found = f"{knob.name}={shown} is sent as {changed}"
            raise fail(
                rule, found, sent=caught.sent.shown, look_at="the value is to be sent as it is, a number as a number"
            )


def _is(wanted: object, found: object) -> bool:
    if isinstance(wanted, bool) or isinstance(found, bool):
        return wanted is found
    return wanted == found


def _is_asked_for(knob: Knob, found: object) -> bool:
    """Whether a flag is asked for by its name, in a list of what the answer shall include."""
    return knob.values == (True,) and isinstance(found, str) and knob.name in found


def _where(value: str) -> str:
    falsy = (
        "; is it tested for being true, where it should be tested for None?" if value in ("0", "0.0", "False") else ""
    )
    return f"the wire's encode_request{falsy}"


def check_settings_have_fields_of_their_own(target: Target) -> None:
    """Raise if two knobs write the same field of a request.

    Raises:
        ConformanceFailure: Two do.
    """
    rule = "two settings that mean something else are two fields of the request"
    fields: dict[str, frozenset[tuple[str, ...]]] = {}
    with Probe(target) as probe:
        for name, knob in KNOBS.items():
            if target.capabilities().support(f"settings.{name}") == "unsupported" or not knob.is_visible:
                continue
            given = beside(target, knob)
            caught = _with(probe, "stream", given, knob, knob.values[0])
            if caught.sent is not None:
                changed = differing(probe.sent("stream", **given).json, caught.sent.json)
                wanted = knob.values[0] if isinstance(knob.values[0], tuple) else (knob.values[0],)
                fields[name] = frozenset(
                    path for path, value in changed.items() if any(_is(one, value) for one in wanted)
                )
    for one, two in combinations(fields, 2):
        if fields[one] & fields[two] and {one, two} not in OF_ONE_FIELD:
            path = ".".join(min(fields[one] & fields[two]))
            raise fail(rule, f"{one} and {two} are both sent as {path}", look_at="the wire's table of settings")


def check_undeclared_setting_is_not_dropped(target: Target, knob: Knob) -> None:
    """Raise if a knob of which nothing is declared is left out of the request without a word.

    Raises:
        ConformanceFailure: It is.
    """
    with Probe(target) as probe:
        given = beside(target, knob)
        for mode in modes(target):
            base = probe.sent(mode, **given)
            made = {repr(value): _with(probe, mode, given, knob, value) for value in knob.values}
            _check_not_dropped(knob, base, made)


def _check_not_dropped(knob: Knob, base: Sent, made: Mapping[str, Caught]) -> None:
    rule = (
        f"nothing is declared of the setting {knob.name}, so it is sent, or the wire says that it has no field for it"
    )
    idle = {value: caught.sent for value, caught in made.items() if caught.sent and caught.sent.whole == base.whole}
    for value, caught in made.items():
        if caught.sent is None and not isinstance(caught.error, REFUSALS):
            raise fail(rule, f"{knob.name}={value} comes to {type(caught.error).__name__}: {caught.error}")
    for value, sent in idle.items():
        if not knob.is_levels or len(idle) == len(made):
            found = f"{knob.name}={value} is left out in silence"
            advice = "raise UnsupportedError in encode_request, or declare the setting unsupported"
            raise fail(rule, found, sent=sent.shown, look_at=advice)


def check_denied_setting_is_not_sent(target: Target, knob: Knob) -> None:
    """Raise if a knob that is declared unsupported changes the request when the caller wants it dropped.

    Raises:
        ConformanceFailure: It does.
    """
    rule = f"the setting {knob.name} is declared unsupported, so no value of it changes the request"
    with Probe(target) as probe:
        given = beside(target, knob)
        for mode in modes(target):
            base = probe.sent(mode, **given)
            for value in knob.values:
                caught = _with(probe, mode, {**given, "on_unsupported": "drop"}, knob, value)
                if caught.sent is None or caught.sent.whole != base.whole:
                    shown = caught.sent.shown if caught.sent else str(caught.error)
                    raise fail(rule, f"with on_unsupported='drop', {knob.name}={value!r} does", sent=shown)


def _with(probe: Probe, mode: Mode, given: Mapping[str, Any], knob: Knob, value: object) -> Caught:
    options: Any = {**given, knob.name: value}
    return probe.ask(mode, PROMPT, **options)
