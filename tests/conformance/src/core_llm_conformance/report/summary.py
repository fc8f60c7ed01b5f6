"""The report as the few lines that end a run in the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from core_llm_conformance.report.gather import count
from core_llm_conformance.report.markdown import said
from core_llm_conformance.report.model import Report, SuiteReport

OLD_DAYS = 180
"""An older cassette is named: what it was recorded from has moved on."""


def summarise(report: Report, *, is_verbose: bool) -> Iterator[str]:
    """Yield the lines.

    Args:
        report: Of the run.
        is_verbose: Whether to list what is not applicable, too.
    """
    for suite in report.suites:
        yield f"{suite.name}: {said(suite, report.level)}"
        required = count(suite.results, "required")
        words = {"passed": "passed", "failed": "failed", "xfailed": "known to fail", "not_run": "not run"}
        counted = [f"{number} {words[outcome]}" for outcome, number in required.items() if number]
        if suite.not_applicable:
            counted.append(f"{len(suite.not_applicable)} not applicable")
        yield f"  tests: {', '.join(counted) or 'none'}"
        yield from _details(suite, report.volatile.age_days.get(suite.name, {}))
        if is_verbose:
            yield from (f"  not applicable: {row.test}: {row.reason}" for row in suite.not_applicable)


def _details(suite: SuiteReport, ages: dict[str, int]) -> Iterator[str]:
    for result in suite.results:
        if result.outcome == "xfailed":
            yield f"  known to fail: {result.id}: {result.reason} ({result.url})"
        elif result.outcome == "failed" and result.level == "preview":
            first = (result.message or "").partition("\n")[0]
            yield f"  warning: preview test {result.id} fails, and will count in the next minor version: {first}"
    old = sorted((days, scenario) for scenario, days in ages.items() if days > OLD_DAYS)
    if old:
        days, scenario = old[-1]
        yield f"  cassettes older than {OLD_DAYS} days: {len(old)}; the oldest is {scenario}, {days} days"
