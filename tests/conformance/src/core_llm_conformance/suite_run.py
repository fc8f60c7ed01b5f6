"""One run of pytest over suite classes: what was collected, what came of it, and what is told and written in the end.

Under pytest-xdist the workers collect and judge, and what they know goes to the process that began the run as JSON.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from core_llm_conformance.base import SuiteBase, layers_of
from core_llm_conformance.collecting import TEST, CollectedSuite, SuiteClass
from core_llm_conformance.judging import JUDGED
from core_llm_conformance.report.declared import describe
from core_llm_conformance.report.files import write_all
from core_llm_conformance.report.gather import report_of, with_outcomes
from core_llm_conformance.report.model import Outcome, Report, SuiteReport
from core_llm_conformance.report.summary import summarise

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

WORKER_KEY: Final = "core_llm_conformance"
_SELECTS: Final = ("-k", "-m", "--deselect", "--lf", "--last-failed", "--sw", "--stepwise", "--core-llm-")
_WHOLE: Final = ("--core-llm-report", "--core-llm-verb", "--core-llm-provider")
_NAMED: Final = 5
"""Tests that did not run, named in the message."""


class SuiteRun:
    """What one process knows of a run."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._collected: list[CollectedSuite] = []
        self._suites: dict[str, SuiteReport] = {}
        self._outcomes: dict[str, dict[str, tuple[Outcome, str | None]]] = {}
        self._passed_over: dict[str, dict[str, str]] = {}
        self.report: Report | None = None
        self.hidden: list[str] = []

    def collect(self, parent: pytest.Collector, name: str, cls: type[SuiteBase]) -> SuiteClass:
        """Return the collector of a suite class."""
        collector = SuiteClass.of(parent, name, cls)
        self._collected.append(collector.suite)
        return collector

    def left_out(self, items: list[pytest.Item]) -> list[pytest.Item]:
        """Return the tests that the suite's own options leave out."""
        option = self._config.getoption
        layer, scenario, provider = (option(f"core_llm_{name}") for name in ("layer", "scenario", "provider"))
        return [
            item
            for item in items
            if (test := item.stash.get(TEST, None)) is not None
            and (
                (layer and test.result.layer not in layer)
                or (scenario and test.result.scenario not in scenario)
                or (provider and test.suite.target.name != provider)
            )
        ]

    def record(self, report: pytest.TestReport) -> None:
        """Take down what a test came to."""
        judged = getattr(report, JUDGED, None)
        if judged is None:
            return
        suite, name = judged["suite"], judged["test"]
        if judged["outcome"] == "not_applicable":
            self._passed_over.setdefault(suite, {})[name] = judged["message"]
            return
        outcomes = self._outcomes.setdefault(suite, {})
        if outcomes.get(name, ("", None))[0] != "failed":
            outcomes[name] = judged["outcome"], judged["message"]

    def described(self) -> dict[str, str]:
        """Return the suites that were collected here, as JSON by their nodes, for another process."""
        return {nodeid: suite.model_dump_json() for nodeid, suite in self._own().items()}

    def add(self, described: dict[str, str]) -> None:
        """Take in the suites that another process collected."""
        for nodeid, suite in described.items():
            self._suites.setdefault(nodeid, SuiteReport.model_validate_json(suite))

    def finish(self, session: pytest.Session) -> None:
        """Make the report, and let the run fail for a test that was kept from running."""
        if self._config.getoption("collectonly"):
            return
        suites = {**self._suites, **self._own()}
        whole = {nodeid: self._with_outcomes(nodeid, suite) for nodeid, suite in suites.items()}
        if session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED) and not self._is_selection():
            self.hidden = [line for nodeid, suite in whole.items() for line in _not_run(nodeid, suite)]
        report = report_of(whole.values(), dt.datetime.now(dt.UTC).date())
        if self.hidden or (report.verdict == "fails" and session.exitstatus == pytest.ExitCode.OK):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        self.report = report
        if folder := self._config.getoption("core_llm_report"):
            write_all(report, self._config.invocation_params.dir / folder)

    def tell(self, reporter: TerminalReporter) -> None:
        """Print what it came to."""
        if self.report is None or not self.report.suites:
            return
        reporter.section("core-llm conformance")
        for line in self.hidden:
            reporter.line(line, red=True, bold=True)
        for line in summarise(self.report, is_verbose=self._config.get_verbosity() > 0):
            reporter.line(line)
        if folder := self._config.getoption("core_llm_report"):
            reporter.line(f"report: {Path(folder)}")

    def _own(self) -> dict[str, SuiteReport]:
        return {
            suite.nodeid: describe(suite, tuple(layer.name for layer in layers_of(suite.cls)))
            for suite in self._collected
            if suite.is_collected and self._is_asked_for(suite)
        }

    def _is_asked_for(self, suite: CollectedSuite) -> bool:
        provider = self._config.getoption("core_llm_provider")
        return not provider or suite.problems != [] or suite.target.name == provider

    def _with_outcomes(self, nodeid: str, suite: SuiteReport) -> SuiteReport:
        return with_outcomes(suite, self._outcomes.get(nodeid, {}), self._passed_over.get(nodeid, {}))

    def _is_selection(self) -> bool:
        """Whether the command line asked for some of the tests; what addopts leaves out, nobody asked for now."""
        return any(
            "::" in argument or (argument.startswith(_SELECTS) and not argument.startswith(_WHOLE))
            for argument in map(str, self._config.invocation_params.args)
        )


def _not_run(nodeid: str, suite: SuiteReport) -> list[str]:
    names = [result.id for result in suite.results if result.outcome == "not_run"]
    if not names:
        return []
    more = f", and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    told = (
        f"{nodeid}: {len(names)} tests were kept from running: {', '.join(names[:_NAMED])}{more}. "
        "Nothing on the command line left them out: see the hooks in conftest.py, addopts and markers. "
        "If one is known to fail, say so in the class: xfail = {'<test>': Xfail(reason, url)}"
    )
    return [told]
