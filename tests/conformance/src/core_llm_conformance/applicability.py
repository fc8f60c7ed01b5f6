"""Which scenarios a plugin has to show, may show, or must refuse, by what it declares of the model that they ask.

- Declared ``supported``: the cassette must be there, unless ``untested`` gives a reason why it is not.
- Declared ``unsupported``: what a request asks for must raise before anything is sent (the contract layer), and a
  cassette that shows it is a contradiction.
- ``unknown``: shown if its cassette is there. For the scenarios that every provider has a word on (`Scenario.is_base`)
  silence is no excuse: they must be shown, or declared to be unsupported or untested.
"""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from itertools import islice

from core_llm import LocalProvider
from core_llm_conformance.each import Case
from core_llm_conformance.scenario import Mode, Scenario, Shown
from core_llm_conformance.scenarios import ALL
from core_llm_conformance.target import Target


def must_show(target: Target, scenario: Scenario) -> bool:
    """Whether a scenario's cassette has to be there."""
    if is_evaded(target, scenario):
        return True  # test_every_claim_has_its_cassette says what is wrong
    if not (may_show(target, scenario) and modes_of(target, scenario)):
        return False
    declared = target.capabilities(scenario)
    if any(need in declared.untested for need in scenario.needs):
        return False
    return scenario.is_base or (
        bool(scenario.needs) and all(declared.support(n) == "supported" for n in scenario.needs)
    )


def may_show(target: Target, scenario: Scenario) -> bool:
    """Whether a scenario's cassette is played if it is there: nothing that it needs is declared unsupported."""
    return not denied(target, scenario)


def denied(target: Target, scenario: Scenario) -> tuple[str, ...]:
    """Return what a scenario needs and the plugin declares unsupported."""
    declared = target.capabilities(scenario)
    return tuple(need for need in scenario.needs if declared.support(need) == "unsupported")


def is_evaded(target: Target, scenario: Scenario) -> bool:
    """Whether another model is named for a scenario that is declared not to do it, while the suite's own is not."""
    own = target.loaded.capabilities_for(target.model)
    return bool(denied(target, scenario)) and all(own.support(need) != "unsupported" for need in scenario.needs)


def modes_of(target: Target, scenario: Scenario) -> tuple[Mode, ...]:
    """Return the forms of answer that a scenario's cassette must have, as the wire has them."""
    if isinstance(target.loaded, LocalProvider):
        return ()  # it sends nothing, so there is nothing to record
    wire = target.loaded.wire_type(target.model_of(scenario))
    can_stream = wire.can_stream and target.capabilities(scenario).streaming != "unsupported"
    has = {"stream": can_stream, "plain": wire.can_generate or scenario.kind in ("models", "embeddings", "token_count")}
    modes = tuple(mode for mode in scenario.modes if has[mode])
    if scenario.kind == "error" and scenario.modes == ("plain",) and not modes:
        return ("stream",)  # an error status is the same either way
    return modes


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
        for mode in modes_of(target, scenario):
            if interactions := cassette.of(mode):
                value = Shown(scenario, mode, interactions)
                yield Case(value.test_id, value)


def chats(target: Target) -> Iterator[Case]:
    """Yield what `shown` yields of chats, streamed and plain, that come to an answer."""
    for case in shown(target):
        assert isinstance(case.value, Shown)
        if case.value.scenario.kind == "chat":
            yield case


def streams(target: Target) -> Iterator[Case]:
    """Yield what `chats` yields, streamed only: what the fault layer works on."""
    for case in chats(target):
        assert isinstance(case.value, Shown)
        if case.value.mode == "stream":
            yield case


def typical_streams(target: Target) -> Iterator[Case]:
    """Yield the first of `streams` for each kind of content: what depends on the wire alone is tried on those."""
    kinds: set[tuple[bool, ...]] = set()
    for case in streams(target):
        assert isinstance(case.value, Shown)
        expected = case.value.interactions[-1].head.expected
        if expected is not None:
            parts = (expected.text, expected.reasoning, expected.refusal, expected.tool_calls)
            kind = tuple(map(bool, parts))
            if kind not in kinds:
                kinds.add(kind)
                yield case


def first_stream(target: Target) -> Iterator[Case]:
    """Yield the first of `streams`: what depends on nothing that is said is tried once."""
    yield from islice(streams(target), 1)


def errors(target: Target) -> Iterator[Case]:
    """Yield what `shown` yields of errors."""
    for case in shown(target):
        assert isinstance(case.value, Shown)
        if case.value.scenario.kind == "error":
            yield case


def error_statuses(target: Target) -> Iterator[Case]:
    """Yield what `errors` yields that is told by its status."""
    for case in errors(target):
        assert isinstance(case.value, Shown)
        if case.value.scenario.status != HTTPStatus.OK:
            yield case


def requests(target: Target) -> Iterator[Case]:
    """Yield what `shown` yields that is no error: chats, and calls that are none."""
    for case in shown(target):
        assert isinstance(case.value, Shown)
        if case.value.scenario.kind != "error":
            yield case


def both_modes(target: Target) -> Iterator[Case]:
    """Yield the chats that are shown streamed and plain, as a pair of `Shown` in this order."""
    by_scenario: dict[str, dict[Mode, Shown]] = {}
    for case in chats(target):
        assert isinstance(case.value, Shown)
        by_scenario.setdefault(case.value.scenario.name, {})[case.value.mode] = case.value
    for name, modes in by_scenario.items():
        if "stream" in modes and "plain" in modes:
            yield Case(name, (modes["stream"], modes["plain"]))
