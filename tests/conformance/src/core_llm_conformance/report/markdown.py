"""The report as a page, to be committed beside the plugin's README."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from core_llm_conformance.report.gather import count
from core_llm_conformance.report.model import Capability, Outcome, Report, State, SuiteReport, Verdict

VOLATILE_MARK: Final = "<!-- changes with time; not compared -->"
"""Ends the lines of the page that a comparison leaves out."""

VERDICTS: Final[dict[Verdict, str]] = {
    "conforms": "conforms to {level}",
    "conforms_but": "conforms to {level}, but for what is known to fail",
    "partial": "is not shown to conform to {level}: not all of the suite ran",
    "fails": "does not conform to {level}",
}
_STATES: Final[dict[State, str]] = {
    "shown": "shown",
    "failing": "**failing**",
    "missing": "**missing**",
    "untested": "untested",
    "not_applicable": "not applicable",
}


def as_markdown(report: Report) -> str:
    """Return the report as a page."""
    suites = report.suites
    lines = ["# Conformance", ""]
    if not suites:
        lines += ["No suite class was run.", ""]
    for suite in suites:
        lines += _suite(suite, report)
    return "\n".join(lines).rstrip("\n") + "\n"


def said(suite: SuiteReport, level: str) -> str:
    """Return the verdict on a plugin as words: ``acme (plugin-acme 1.2.0) conforms to 1.0``."""
    package = f" ({suite.plugin} {suite.version})" if suite.plugin else ""
    return f"{suite.provider}{package} {VERDICTS[suite.verdict].format(level=level)}"


def _suite(suite: SuiteReport, report: Report) -> Iterator[str]:
    yield from (f"## {suite.name}", "", f"{_cell(said(suite, report.level))}.", "")
    yield from _tests(suite)
    yield from _problems(suite)
    yield from _failures(suite)
    yield from _known_to_fail(suite)
    yield from _table(
        "Capabilities",
        ("feature", "model", "declared", "shown by"),
        ((f"`{row.feature}`", f"`{row.model}`", row.declared, _shown(row)) for row in suite.capabilities),
    )
    yield from _table(
        "Scenarios",
        ("scenario", "what it shows", "state", "why"),
        ((f"`{row.name}`", row.summary, _STATES[row.state], row.reason or "") for row in suite.scenarios),
    )
    yield from _table(
        "Cassettes",
        ("scenario", "origin", "source", "model", "made with", "date"),
        (
            (f"`{row.scenario}`", row.origin, row.source, f"`{row.model}`", row.plugin, str(row.date))
            for row in suite.cassettes
        ),
    )
    yield from _ages(suite, report)
    yield from _table(
        "Not applicable", ("test", "why"), ((f"`{row.test}`", row.reason) for row in suite.not_applicable)
    )


def _tests(suite: SuiteReport) -> Iterator[str]:
    rows = []
    for layer in suite.layers:
        results = [result for result in suite.results if result.layer == layer]
        required, preview = count(results, "required"), count(results, "preview")
        rows.append((layer, *(str(number) for number in required.values()), _previewed(preview)))
    yield from _table("Tests", ("layer", "passed", "failed", "known to fail", "not run", "preview passed"), rows)


def _previewed(preview: Mapping[Outcome, int]) -> str:
    total = sum(preview.values())
    return f"{preview['passed']} of {total}" if total else ""


def _problems(suite: SuiteReport) -> Iterator[str]:
    if suite.problems:
        yield from ("### Problems of the class", "", *(f"- {_cell(problem)}" for problem in suite.problems), "")


def _failures(suite: SuiteReport) -> Iterator[str]:
    failed = [result for result in suite.results if result.outcome == "failed"]
    if not failed:
        return
    yield from ("### Failures", "")
    for result in failed:
        yield from (f"`{result.id}`" + (" (preview)" if result.level == "preview" else ""), "")
        yield from ("~~~text", *(result.message or "").replace("~~~", "~ ~ ~").splitlines(), "~~~", "")


def _known_to_fail(suite: SuiteReport) -> Iterator[str]:
    rows = [(f"`{r.id}`", r.reason or "", r.url or "") for r in suite.results if r.outcome == "xfailed"]
    yield from _table("Known to fail", ("test", "why", "followed up at"), rows)


def _ages(suite: SuiteReport, report: Report) -> Iterator[str]:
    ages = report.volatile.age_days.get(suite.name, {})
    if ages:
        oldest = max(ages, key=lambda scenario: ages[scenario])
        run = f"core-llm {report.volatile.core}, core-llm-conformance {report.volatile.suite}"
        yield f"On {report.volatile.date}, with {run}: the oldest is `{oldest}`, {ages[oldest]} days. {VOLATILE_MARK}"
        yield ""


def _shown(row: Capability) -> str:
    shown = ", ".join(f"`{name}`" for name in row.shown_by or dict.fromkeys(row.tests))
    failing = f"**failing: {', '.join(row.failing)}**" if row.failing else ""
    untested = f"untested: {row.untested}" if row.untested and not shown else ""
    return "; ".join(part for part in (shown, failing, untested) if part)


def _table(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield a titled table; nothing, if it has no rows."""
    lines = [f"| {' | '.join(map(_cell, row))} |" for row in rows]
    if lines:
        yield from (f"### {title}", "", f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *lines, "")


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
