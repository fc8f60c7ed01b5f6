"""How pytest collects a suite class: the policy is asked, the cases are found, and what is expected is written down.

The tests that follow run against one target, which is made once a class.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import pytest

from core_llm_conformance.base import SuiteBase, Xfail
from core_llm_conformance.each import Case, Each, each_of
from core_llm_conformance.levels import level_of
from core_llm_conformance.policy import Case as PolicyCase
from core_llm_conformance.policy import changed_cases, problems_of, tests_of, unknown_xfails, xfails_of
from core_llm_conformance.report.model import NotApplicable, Result
from core_llm_conformance.scenario import Scenario, Shown
from core_llm_conformance.scenarios import BY_NAME
from core_llm_conformance.sockets import closed_sockets
from core_llm_conformance.target import Target

NOT_APPLICABLE: Final = "not-applicable"
NOT_FOUND: Final = "not-found"
_OF_SCENARIOS: Final = ("exchanges", "faults")
TEST = pytest.StashKey["SuiteTest"]()
"""On an item: which test of the suite it is."""


@dataclass(frozen=True, slots=True)
class Unfound:
    """Stands for the cases of a test where looking for them failed; the test fails with the reason."""

    error: Exception


@dataclass(frozen=True, slots=True)
class SuiteTest:
    """One collected test of the suite."""

    suite: CollectedSuite
    result: Result
    xfail: Xfail | None


@dataclass(eq=False)
class CollectedSuite:
    """A suite class: what was collected of it, and what its plugin is."""

    cls: type[SuiteBase]
    nodeid: str
    is_collected: bool = False
    """False where the class was met, and somebody asked for the tests of another."""
    problems: list[str] = field(default_factory=list)
    expected: dict[str, Result] = field(default_factory=dict)
    not_applicable: list[NotApplicable] = field(default_factory=list)
    _found: dict[Callable[..., object], list[Case]] = field(default_factory=dict)

    @cached_property
    def target(self) -> Target:
        """The plugin under test."""
        return self.cls.make_target()

    def cases(self, each: Each) -> list[Case]:
        """Return what a test is repeated over. Tests share what they are repeated over; it is found once."""
        if each.source not in self._found:
            try:
                with closed_sockets():
                    found = list(each.source(self.target))
            except Exception as error:  # noqa: BLE001  # whatever a plugin does wrong, the tests that need it say so
                found = [Case(NOT_FOUND, Unfound(error))]
            self._found[each.source] = found or [Case(NOT_APPLICABLE, None)]
        return self._found[each.source]


class SuiteClass(pytest.Class):
    """A suite class among pytest's collectors."""

    suite: CollectedSuite

    @classmethod
    def of(cls, parent: pytest.Collector, name: str, obj: type[SuiteBase]) -> SuiteClass:
        """Return the collector of a suite class."""
        made: SuiteClass = cls.from_parent(parent, name=name, obj=obj)
        made.suite = CollectedSuite(obj, made.nodeid)
        return made

    def collect(self) -> Sequence[pytest.Item | pytest.Collector]:
        """Return the tests that apply to the plugin.

        Raises:
            CollectError: The class does what the policy forbids.
        """
        suite = self.suite
        suite.is_collected = True
        suite.problems = problems_of(suite.cls)
        nodes = [] if suite.problems else list(super().collect())
        items = [node for node in nodes if isinstance(node, pytest.Function) and _base_name(node) in self._tests]
        if not suite.problems:
            suite.problems = [*self._changed(items), *self._unknown(items)]
        if suite.problems:
            raise self.CollectError(self._told())
        kept = [node for node in nodes if not (node in items and _case_id(node) == NOT_APPLICABLE)]
        for item in items:
            if item in kept:
                self._expect(item)
            else:
                name = _base_name(item)
                each = each_of(self._tests[name][1])
                suite.not_applicable.append(NotApplicable(test=name, reason=each.otherwise if each else ""))
        return kept

    @cached_property
    def _tests(self) -> dict[str, tuple[str, Callable[..., object]]]:
        return dict(tests_of(self.suite.cls))

    @cached_property
    def _xfails(self) -> dict[str, Xfail]:
        return xfails_of(self.suite.cls)

    def _changed(self, items: Sequence[pytest.Function]) -> list[str]:
        arguments = {
            name: each.argument if (each := each_of(test)) else None for name, (_, test) in self._tests.items()
        }
        cases = [PolicyCase(_base_name(item), frozenset(_parameters(item))) for item in items]
        return changed_cases(self.suite.cls, arguments, cases)

    def _unknown(self, items: Sequence[pytest.Function]) -> list[str]:
        unsure = {_base_name(item) for item in items if _case_id(item) == NOT_FOUND}
        ids = {item.name for item in items if _case_id(item) != NOT_APPLICABLE}
        ids |= {name for name in self._xfails if name.partition("[")[0] in unsure}
        return unknown_xfails(self.suite.cls, ids)

    def _told(self) -> str:
        head = f"{self.suite.cls.__name__} cannot be counted as a run of the conformance suite:"
        return "\n".join([head, *(f"  - {problem}" for problem in self.suite.problems)])

    def _expect(self, item: pytest.Function) -> None:
        """Write down what is to run, and mark what is known to fail."""
        suite = self.suite
        name = _base_name(item)
        layer, test = self._tests[name]
        xfail = self._xfails.get(item.name) or self._xfails.get(name)
        result = _result(item, layer, test, xfail)
        suite.expected[item.name] = result
        item.stash[TEST] = SuiteTest(suite, result, xfail)
        item.user_properties += [(f"core_llm.{key}", str(value)) for key, value in _properties(result).items()]
        if xfail is not None:
            item.add_marker(pytest.mark.xfail(strict=True, reason=f"{xfail.reason} ({xfail.url})"))


def repeat(metafunc: pytest.Metafunc) -> None:
    """Hand a test of a suite class the target, and repeat it over the cases that apply to its plugin."""
    collector = metafunc.definition.getparent(SuiteClass)
    if collector is None:
        return
    suite = collector.suite
    if "target" in metafunc.fixturenames:  # as a parameter, no fixture of that name comes between
        metafunc.parametrize("target", [suite.target], ids=[pytest.HIDDEN_PARAM])
    name = metafunc.definition.name
    _, test = tests_of(suite.cls).get(name, ("", metafunc.function))
    each = each_of(test)
    if each is not None and each.argument in metafunc.fixturenames:  # an override that is known to fail may do without
        cases = suite.cases(each)
        metafunc.parametrize(each.argument, [case.value for case in cases], ids=[case.id for case in cases])


def _result(item: pytest.Function, layer: str, test: object, xfail: Xfail | None) -> Result:
    level, scenario, mode = level_of(test), None, None
    if layer in _OF_SCENARIOS:
        scenario = BY_NAME.get(_case_id(item))  # a test may be repeated over names
    for value in _parameters(item).values():
        match value:
            case Shown():
                scenario, mode = value.scenario, value.mode
            case Scenario():
                scenario = value
            case (Shown() as first, *_):  # the same scenario in both modes
                scenario = first.scenario
            case _:
                pass
    return Result(
        id=item.name,
        layer=layer,
        scenario=scenario.name if scenario else None,
        mode=mode,
        level="preview" if scenario and scenario.level == "preview" else level,
        reason=xfail.reason if xfail else None,
        url=xfail.url if xfail else None,
    )


def _properties(result: Result) -> dict[str, object]:
    """Return what pytest's own JUnit file shall say of a test."""
    return result.model_dump(include={"layer", "scenario", "mode", "level"}, exclude_none=True)


def _base_name(item: pytest.Item | pytest.Collector) -> str:
    return getattr(item, "originalname", None) or item.name


def _parameters(item: pytest.Item | pytest.Collector) -> dict[str, object]:
    callspec = getattr(item, "callspec", None)
    return callspec.params if callspec is not None else {}


def _case_id(item: pytest.Item | pytest.Collector) -> str:
    return item.name.partition("[")[2].removesuffix("]")
