"""What a report says of a plugin before any test has run: its distribution, what it declares, its cassettes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, get_args

from core_llm import Settings
from core_llm._capabilities import FEATURES, Support  # noqa: PLC2701  # the list of all that can be declared
from core_llm._installed import PROVIDERS, installed  # noqa: PLC2701  # which distribution has the provider
from core_llm_conformance.applicability import may_show, modes_of, must_show
from core_llm_conformance.cassette import Cassette
from core_llm_conformance.failure import ConformanceFailure
from core_llm_conformance.report.model import Capability, CassetteOrigin, ScenarioState, State, SuiteReport
from core_llm_conformance.scenario import Scenario
from core_llm_conformance.scenarios import ALL

if TYPE_CHECKING:
    from core_llm_conformance.collecting import CollectedSuite
    from core_llm_conformance.target import Target


def describe(suite: CollectedSuite, layers: tuple[str, ...]) -> SuiteReport:
    """Return the report of a suite class as if none of its tests had run.

    Where the plugin cannot be loaded, its tables are empty: the tests say why.
    """
    target = None if suite.problems else suite.target
    report = SuiteReport(
        name=suite.cls.__name__,
        provider=target.name if target else str(getattr(suite.cls, "provider", "")),
        model=str(getattr(suite.cls, "model", "")),
        plugin=None,
        version=None,
        layers=layers,
        verdict="partial",
        problems=tuple(suite.problems),
        results=tuple(suite.expected.values()),
        not_applicable=tuple(suite.not_applicable),
    )
    if target is None:
        return report
    plugin, version = _distribution(target)
    report = report.model_copy(update={"plugin": plugin, "version": version, "cassettes": tuple(_origins(target))})
    with suppress(Exception):  # a plugin that cannot be loaded, or whose declaration is none
        tables = {
            "capabilities": tuple(_capabilities(target)),
            "scenarios": tuple(_state(target, scenario) for scenario in ALL),
        }
        report = report.model_copy(update=tables)
    return report


def _distribution(target: Target) -> tuple[str | None, str | None]:
    if isinstance(target.provider, str):
        for entry in installed(PROVIDERS):
            if entry.name == target.provider:
                return entry.distribution, entry.version
    return None, None


def _origins(target: Target) -> Iterator[CassetteOrigin]:
    for scenario in ALL:
        with suppress(ConformanceFailure):  # missing or broken: the tests say so
            cassette = Cassette.read(target.cassettes / f"{scenario.name}.yaml")
            head = cassette.head
            modes = tuple(mode for mode in scenario.modes if cassette.of(mode))
            given = head.model_dump(include={"origin", "source", "model", "date", "plugin"})
            yield CassetteOrigin(scenario=scenario.name, modes=modes, **given)


def _capabilities(target: Target) -> Iterator[Capability]:
    """Yield a row for each feature and knob that is declared or shown, for each model it is asked of."""
    declared = target.capabilities()
    asked = {scenario.name: _asked(target, scenario) for scenario in ALL}
    knobs = {f"settings.{name}" for name in declared.settings}
    knobs |= {name for names in asked.values() for name in names if "." in name}
    for feature in (*sorted(FEATURES), *sorted(knobs)):
        asking = [scenario for scenario in ALL if feature in asked[scenario.name]]
        models = dict.fromkeys([target.model, *map(target.model_of, asking)])
        for model in models:
            there = [s.name for s in asking if target.model_of(s) == model and target.has_cassette(s)]
            of_model = target.loaded.capabilities_for(model)
            support = of_model.support(feature)
            if model != target.model and not there and support == declared.support(feature):
                continue
            if "." not in feature or support != "unknown" or there:
                yield Capability(
                    feature=feature,
                    model=model,
                    declared=support,
                    shown_by=tuple(there) if support != "unsupported" else (),
                    untested=of_model.untested.get(feature) if support == "supported" else None,
                )


def _asked(target: Target, scenario: Scenario) -> set[str]:
    """Return the features that a scenario shows: what it needs and sends, and the plainest the stream."""
    if scenario.kind == "error":
        return set()
    options = scenario.options_for(target.capabilities(scenario))
    settings = options.get("settings", Settings())
    knobs = {*settings.model_fields_set, *(options.keys() & Settings.model_fields.keys())}
    streams = {"streaming"} if scenario is ALL[0] and "stream" in modes_of(target, scenario) else set()
    return {*scenario.needs, *(f"settings.{name}" for name in knobs), *streams}


def _state(target: Target, scenario: Scenario) -> ScenarioState:
    state, reason = _state_and_reason(target, scenario)
    return ScenarioState(name=scenario.name, summary=scenario.summary, level=scenario.level, state=state, reason=reason)


def _state_and_reason(target: Target, scenario: Scenario) -> tuple[State, str | None]:
    declared = target.capabilities(scenario)
    needs = {support: [n for n in scenario.needs if declared.support(n) == support] for support in get_args(Support)}
    if not may_show(target, scenario):
        return "not_applicable", f"declared unsupported: {', '.join(needs['unsupported'])}"
    if target.has_cassette(scenario):
        return "shown", None
    untested = [f"{need}: {declared.untested[need]}" for need in scenario.needs if need in declared.untested]
    if untested:
        return "untested", "; ".join(untested)
    if must_show(target, scenario):
        return "missing", "there is no cassette"
    return "not_applicable", f"not declared: {', '.join(needs['unknown'])}" if needs["unknown"] else "optional"
