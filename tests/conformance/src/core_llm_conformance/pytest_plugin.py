"""The pytest plugin: the hooks by which a suite class is collected, guarded, judged and reported.

It is loaded in every run of pytest where the suite is installed, so it imports nothing until a suite class is met; what
the hooks do is in `suite_run`, `collecting` and `judging`.
"""

from __future__ import annotations

import sys
from collections.abc import Generator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

    from core_llm_conformance.base import SuiteBase
    from core_llm_conformance.suite_run import SuiteRun

_RUN = pytest.StashKey["SuiteRun"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the suite's options."""
    group = parser.getgroup("core-llm conformance")
    add = group.addoption
    add("--core-llm-report", metavar="DIR", help="write the conformance report into DIR: Markdown, JSON, JUnit, badge")
    add("--core-llm-provider", metavar="NAME", help="run only the suite classes of one provider")
    add("--core-llm-layer", metavar="LAYER", action="append", help="run only one layer of the suite; repeatable")
    add("--core-llm-scenario", metavar="NAME", action="append", help="run only one scenario's tests; repeatable")
    add("--core-llm-verb", metavar="COMMAND", help="the command to be named where a test is to be run again")


class _Recorder:
    """Takes down what the tests of the suite come to; under pytest-xdist, in the process that began the run."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if hasattr(report, "core_llm_judged"):
            _run(self._config).record(report)


def pytest_configure(config: pytest.Config) -> None:
    """Listen to reports, of which pytest does not say whose run they are; refuse scenarios that are none."""
    if wanted := config.getoption("core_llm_scenario"):
        from core_llm_conformance.policy import near  # noqa: PLC0415
        from core_llm_conformance.scenarios import BY_NAME  # noqa: PLC0415

        for name in wanted:
            if name not in BY_NAME:
                raise pytest.UsageError(f"no scenario {name}{near(name, BY_NAME)}; there are {', '.join(BY_NAME)}")
    config.pluginmanager.register(_Recorder(config), "core_llm_conformance_recorder")


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(
    collector: pytest.Module | pytest.Class, name: str, obj: object
) -> pytest.Collector | list[pytest.Collector] | None:
    """Collect a suite class, whatever its name; those that the suite itself has say nothing of any plugin."""
    cls = _suite_class(obj)
    if cls is None or vars(cls).get("__test__") is False:
        return None
    from core_llm_conformance.base import is_own  # noqa: PLC0415

    return [] if is_own(cls) else _run(collector.config).collect(collector, name, cls)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Repeat a test of a suite class over the cases that apply to its plugin."""
    if _suite_class(metafunc.cls) is not None:
        from core_llm_conformance.collecting import repeat  # noqa: PLC0415

        repeat(metafunc)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what the suite's options leave out."""
    run = config.stash.get(_RUN, None)
    left_out = run.left_out(items) if run else []
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Run a test of the suite with the sockets closed."""
    if not _is_of_suite(pyfuncitem):
        return (yield)
    from core_llm_conformance.judging import guarded  # noqa: PLC0415

    with guarded(pyfuncitem):
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Judge a test of the suite."""
    report = yield
    if _is_of_suite(item):
        from core_llm_conformance.judging import judge  # noqa: PLC0415

        judge(item, call, report)
    return report


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, tuple[str, dict[str, bool]]] | None:
    """Tell a failed preview test from one that passed."""
    judged = getattr(report, "core_llm_judged", None)
    if judged and judged["outcome"] == "failed" and report.outcome == "passed":
        return "preview failed", "w", ("PREVIEW FAILED", {"yellow": True})
    return None


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Make the report; a worker of pytest-xdist hands on what it knows."""
    run = session.config.stash.get(_RUN, None)
    if run is None:
        return
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["core_llm_conformance"] = run.described()
    else:
        run.finish(session)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object) -> None:
    """Take in what a worker of pytest-xdist knew."""
    described = getattr(node, "workeroutput", {}).get("core_llm_conformance")
    if described:
        _run(node.config).add(described)  # type: ignore[attr-defined]  # of xdist, which need not be there


def pytest_terminal_summary(terminalreporter: TerminalReporter, config: pytest.Config) -> None:
    """Say what it came to."""
    run = config.stash.get(_RUN, None)
    if run is not None:
        run.tell(terminalreporter)


def _run(config: pytest.Config) -> SuiteRun:
    if _RUN not in config.stash:
        from core_llm_conformance.suite_run import SuiteRun  # noqa: PLC0415

        config.stash[_RUN] = SuiteRun(config)
    return config.stash[_RUN]


def _suite_class(obj: object) -> type[SuiteBase] | None:
    """Return `obj` if it is a suite class; there is none where nobody has imported what it is made of."""
    base = sys.modules.get("core_llm_conformance.base")
    if base is None or not isinstance(obj, type) or not issubclass(obj, base.SuiteBase):
        return None
    return obj


def _is_of_suite(item: pytest.Item) -> bool:
    """Whether an item is a test that the suite wrote."""
    if _RUN not in item.config.stash:
        return False
    from core_llm_conformance.collecting import TEST  # noqa: PLC0415

    return TEST in item.stash
