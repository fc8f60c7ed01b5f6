"""Which scenarios a plugin has to show, may show, or must refuse, by what it declares."""

from __future__ import annotations

from collections.abc import Iterator

from core_llm_conformance.each import Case
from core_llm_conformance.scenario import Scenario, Shown
from core_llm_conformance.scenarios import ALL
from core_llm_conformance.target import Target


def must_show(target: Target, scenario: Scenario) -> bool:
    """Whether a scenario's cassette has to be there: all that it needs is declared supported, nothing untested."""
    if scenario.is_base:
        return True
    declared = target.capabilities(scenario)
    return bool(scenario.needs) and all(
        declared.support(need) == "supported" and need not in declared.untested for need in scenario.needs
    )


def may_show(target: Target, scenario: Scenario) -> bool:
    """Whether a scenario's cassette is played if it is there: nothing that it needs is declared unsupported."""
    declared = target.capabilities(scenario)
    return all(declared.support(need) != "unsupported" for need in scenario.needs)


def claimed(target: Target) -> Iterator[Case]:
    """Yield the scenarios to play: those that must be shown, and those that may be and have a cassette."""
    for scenario in ALL:
        if must_show(target, scenario) or (may_show(target, scenario) and target.has_cassette(scenario)):
            yield Case(scenario.name, scenario)


def shown(target: Target) -> Iterator[Case]:
    """Yield every scenario of `claimed` that has a cassette, once for each mode in it, as `Shown`."""
    for case in claimed(target):
        scenario = case.value
        assert isinstance(scenario, Scenario)
        if not target.has_cassette(scenario):
            continue  # test_every_claim_has_its_cassette says so
        cassette = target.cassette(scenario)
        for mode in scenario.modes:
            if interactions := cassette.of(mode):
                value = Shown(scenario, mode, interactions)
                yield Case(value.test_id, value)


def streams(target: Target) -> Iterator[Case]:
    """Yield what `shown` yields, streamed answers of chats only: what the fault layer works on."""
    for case in shown(target):
        assert isinstance(case.value, Shown)
        if case.value.mode == "stream" and case.value.scenario.kind == "chat":
            yield case
