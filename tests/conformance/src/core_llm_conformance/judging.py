"""What pytest's outcome of a test of the suite counts as, and how a failure of one is shown.

A test counts as passed only if it ran and passed. Skipped, or expected to fail by a mark that is not the suite's, it
failed; expected to fail by the policy and passing, too. A failed preview test is told, and does not fail the run.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import pytest

from core_llm._redaction import redact  # noqa: PLC2701  # what a test raised may hold what a server echoed
from core_llm_conformance.collecting import NOT_FOUND, TEST, SuiteTest, Unfound
from core_llm_conformance.failure import ConformanceFailure, NotApplicableError, fail
from core_llm_conformance.rendering import first_line, render_finding
from core_llm_conformance.report.model import Outcome
from core_llm_conformance.sockets import closed_sockets

if TYPE_CHECKING:
    from _pytest._io import TerminalWriter

JUDGED: Final = "core_llm_judged"
"""The attribute of a pytest report with what it counts as; plain JSON, so that it crosses pytest-xdist."""


class Told:
    """A failure as pytest prints it: the finding instead of a traceback, and its first line in the summary."""

    def __init__(self, item: pytest.Item, text: str, summary: str, lasting: str) -> None:
        self.text = text
        self.lasting = lasting  # for the report: the same wherever the test runs
        self.message = summary
        self.path = str(item.path)
        self.lineno = item.location[1] or 0
        self.reprcrash = self  # where pytest looks for the message of its summary

    def toterminal(self, writer: TerminalWriter) -> None:
        """Print it."""
        rule, *rest = self.text.splitlines()
        writer.line(rule, red=True, bold=True)
        for line in rest:
            writer.line(line, bold=line.lstrip().startswith(">"))

    def __str__(self) -> str:
        """Return it as it is printed."""
        return self.text


@contextmanager
def guarded(item: pytest.Item) -> Iterator[None]:
    """Run a test of the suite: nothing leaves the process, and what it is repeated over was found."""
    for value in getattr(getattr(item, "callspec", None), "params", {}).values():
        if isinstance(value, Unfound):
            raise _unfound(value.error) from None
    with closed_sockets():
        yield


def judge(item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport) -> None:
    """Say on pytest's report what the test counts as, and change the report where pytest takes it for another."""
    test = item.stash[TEST]
    error = call.excinfo.value if call.excinfo else None
    outcome: Outcome | None = "passed" if report.when == "call" else None
    told = None
    if isinstance(error, NotApplicableError):
        report.outcome, report.longrepr = "skipped", (str(item.path), 0, f"not applicable: {error}")
        _say(report, item, "not_applicable", str(error))
        return
    if report.outcome == "skipped" and (test.xfail is None or not hasattr(report, "wasxfail")):
        told = _render(item, _not_run(report))
    elif report.outcome == "skipped":
        outcome = "xfailed"
    elif report.outcome == "failed":
        told = _told(item, error, report, test)
    if told is not None:
        outcome, report.outcome = "failed", "failed"
        report.longrepr = told  # type: ignore[assignment]  # pytest asks only for toterminal()
        if hasattr(report, "wasxfail"):
            del report.wasxfail
    if told is not None and test.result.level == "preview":
        report.outcome = "passed"
    if outcome is not None:
        _say(report, item, outcome, told.lasting if told else None)


def _say(report: pytest.TestReport, item: pytest.Item, outcome: str, message: str | None) -> None:
    judged = {"suite": item.stash[TEST].suite.nodeid, "test": item.name, "outcome": outcome, "message": message}
    setattr(report, JUDGED, judged)


def _told(item: pytest.Item, error: BaseException | None, report: pytest.TestReport, test: SuiteTest) -> Told:
    if isinstance(error, ConformanceFailure):
        return _render(item, error)
    if error is None and test.xfail is not None:  # pytest's strict xfail
        found = f"though it is marked xfail: {test.xfail.reason} ({test.xfail.url})"
        look_at = "the class's xfail; take the entry out, or name only the parameters that do fail"
        return _render(item, fail("a test that is known to fail fails", f"it passed, {found}", look_at=look_at))
    text, raised = f"{report.longreprtext}\nagain: {_again(item)}", redact(f"{type(error).__name__}: {error}")
    return Told(item, redact(text), raised.partition("\n")[0], raised)


def _render(item: pytest.Item, failure: ConformanceFailure) -> Told:
    finding = failure.finding
    return Told(item, render_finding(finding, again=_again(item)), first_line(finding), render_finding(finding))


def _not_run(report: pytest.TestReport) -> ConformanceFailure:
    reason = getattr(report, "wasxfail", None)
    if reason is None and isinstance(report.longrepr, tuple):
        reason = report.longrepr[2]
    verb = "expected to fail" if hasattr(report, "wasxfail") else "skipped"
    return fail(
        "a test of the suite runs, or is known to fail by the class's own xfail",
        f"it was {verb}: {str(reason).removeprefix('Skipped: ') or 'no reason given'}",
        look_at="marks on the class and the module, fixtures and hooks in conftest.py; if it is known to fail, say so: "
        "xfail = {'<test>': Xfail(reason, url)}",
    )


def _unfound(error: Exception) -> ConformanceFailure:
    cause = str(error) if isinstance(error, ConformanceFailure) else f"{type(error).__name__}: {error}"
    return fail(
        "what a test is repeated over can be found out from the plugin",
        cause,
        look_at=f"the tests that fail without [{NOT_FOUND}]: they say what is wrong with the plugin",
    )


def _again(item: pytest.Item) -> str:
    verb = item.config.getoption("core_llm_verb")
    name = f"'{item.name}'" if "[" in item.name else item.name
    if verb:
        return f"{verb} -k {name}"
    path = os.path.relpath(item.path, item.config.invocation_params.dir)  # a node's own is relative to the root
    return f"pytest '{path}::{item.nodeid.partition('::')[2]}'"
