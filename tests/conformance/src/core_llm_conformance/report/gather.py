"""Bringing together what the tests came to: outcomes by test, and from them the verdict and the tables."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from core_llm_conformance.report.model import (
    Capability,
    NotApplicable,
    Outcome,
    Report,
    Result,
    SuiteReport,
    Verdict,
    Volatile,
)
from core_llm_conformance.scenario import Level

_WORST_FIRST: Final[tuple[Verdict, ...]] = ("fails", "partial", "conforms_but", "conforms")
LAYERS: Final = ("contract", "exchanges", "faults", "payload")
"""Of a whole suite."""
_OF_FEATURES: Final = ("contract", "payload")
"""Layers whose tests are repeated over features and knobs."""


def with_outcomes(
    suite: SuiteReport, outcomes: Mapping[str, tuple[Outcome, str | None]], passed_over: Mapping[str, str]
) -> SuiteReport:
    """Return a suite's report with what its tests came to.

    Args:
        suite: As `declared.describe` has it.
        outcomes: Test → outcome and, of a failed one, why.
        passed_over: Test → why it found out, while it ran, that it is not applicable.
    """
    results = tuple(
        result.model_copy(update={"outcome": outcome, "message": message})
        for result in suite.results
        if result.id not in passed_over
        for outcome, message in [outcomes.get(result.id, ("not_run", None))]
    )
    more = tuple(NotApplicable(test=test, reason=reason) for test, reason in sorted(passed_over.items()))
    held = suite.model_copy(update={"results": results, "not_applicable": (*suite.not_applicable, *more)})
    return _judged(held)


def report_of(suites: Iterable[SuiteReport], today: dt.date) -> Report:
    """Return the report of a run."""
    ordered = tuple(sorted(suites, key=lambda suite: (suite.provider, suite.name)))
    age = {s.name: {c.scenario: (today - c.date).days for c in s.cassettes} for s in ordered}
    volatile = Volatile(date=today, core=_version("core-llm"), suite=_version("core-llm-conformance"), age_days=age)
    return Report(verdict=verdict_of(ordered), suites=ordered, volatile=volatile)


def verdict_of(suites: Iterable[SuiteReport]) -> Verdict:
    """Return the worst verdict of several suites."""
    verdicts = {suite.verdict for suite in suites}
    return next((verdict for verdict in _WORST_FIRST if verdict in verdicts), "partial")


def count(results: Sequence[Result], level: Level) -> dict[Outcome, int]:
    """Return how many tests of a level came to what."""
    counted: dict[Outcome, int] = {"passed": 0, "failed": 0, "xfailed": 0, "not_run": 0}
    for result in results:
        if result.level == level:
            counted[result.outcome] += 1
    return counted


def _judged(suite: SuiteReport) -> SuiteReport:
    """Return a suite's report with its verdict, and with what failed taken out of what is shown."""
    bad = {result.scenario for result in suite.results if result.scenario and result.outcome in ("failed", "xfailed")}
    capabilities = tuple(_proved(row, suite, bad) for row in suite.capabilities)
    scenarios = tuple(
        row.model_copy(update={"state": "failing"}) if row.state == "shown" and row.name in bad else row
        for row in suite.scenarios
    )
    update = {"verdict": _verdict(suite), "capabilities": capabilities, "scenarios": scenarios}
    return suite.model_copy(update=update)


def _proved(row: Capability, suite: SuiteReport, bad: Collection[str]) -> Capability:
    """Return the row of a feature with what shows it and what ought to."""
    ends = (f"[{row.feature}]", f"[{row.feature.removeprefix('settings.')}]")
    is_usual = row.model == suite.model  # those tests ask no other
    of_it = [r for r in suite.results if is_usual and r.layer in _OF_FEATURES and r.id.endswith(ends)]
    failing = [name for name in row.shown_by if name in bad]
    failing += [_name(result) for result in of_it if result.outcome in ("failed", "xfailed")]
    update = {
        "shown_by": tuple(name for name in row.shown_by if name not in bad),
        "tests": tuple(_name(result) for result in of_it if result.outcome == "passed"),
        "failing": tuple(failing),
    }
    return row.model_copy(update=update)


def _name(result: Result) -> str:
    return result.id.partition("[")[0]


def _verdict(suite: SuiteReport) -> Verdict:
    required = count(suite.results, "required")
    if suite.problems or required["failed"]:
        return "fails"
    if required["not_run"] or not suite.results or set(LAYERS) - set(suite.layers):
        return "partial"
    return "conforms_but" if required["xfailed"] else "conforms"


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:  # it runs from its sources
        return "unknown"
