"""What the tests of the suite count as, and what a run does with that: previews, crashes, what is not applicable."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

import core_llm_conformance.suite_run  # noqa: F401  # imported once: pytester forgets what an inner run imports
from core_llm_conformance.report.model import Report

pytest_plugins = ["pytester"]

HEAD = """
import socket
from contextlib import suppress

from core_llm import Provider
from core_llm.wire import ChatCompletions
from core_llm_conformance.base import SuiteBase
from core_llm_conformance.each import Case, each
from core_llm_conformance.failure import NotApplicableError, fail
from core_llm_conformance.levels import preview
from core_llm_conformance.scenarios import BY_NAME
from core_llm_conformance.target import KEY


class Acme(Provider):
    name = "acme"
    base_url = "https://api.acme.example/v1"
    wire_format = ChatCompletions


def texts(target):
    return [Case("text", BY_NAME["text"])]


def nothing(target):
    return []


def crash(target):
    raise ValueError("the plugin's module is broken")


class SmallSuite(SuiteBase, layer="exchanges"):
    def test_target(self, target):
        assert target.name == "acme"
"""
CLASS = """

class TestAcme(SmallSuite):
    provider = Acme
    model = "acme-1"
"""
ALONE = ["-p", "no:cacheprovider", "-p", "no:hypothesispytest", "--core-llm-report=out"]


def run(pytester: pytest.Pytester, tests: str, *arguments: str) -> pytest.RunResult:
    """Run a suite with these tests besides one that passes."""
    return pytester.runpytest_inprocess(pytester.makepyfile(HEAD + tests + CLASS), *ALONE, *arguments)


def report(pytester: pytest.Pytester) -> Report:
    """Return the report that the run wrote."""
    return Report.model_validate_json((pytester.path / "out/conformance.json").read_bytes())


def test_a_failed_preview_warns(pytester: pytest.Pytester) -> None:
    """What this minor version brought is told and reported, and fails no run."""
    result = run(pytester, "    @preview\n    def test_new(self):\n        raise fail('a new rule', 'broken')\n")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["  warning: preview test test_new fails*: rule: a new rule"])
    assert [(r.id, r.outcome, r.level) for r in report(pytester).suites[0].results] == [
        ("test_target", "passed", "required"),
        ("test_new", "failed", "preview"),
    ]


def test_what_is_not_applicable_is_reported(pytester: pytest.Pytester) -> None:
    """Whether it is known beforehand or found out by the test, it is no test that ran, and the report says why."""
    run(
        pytester,
        "    @each('x', nothing, otherwise='it has no options')\n    def test_options(self, x): pass\n"
        "    def test_found_out(self):\n        raise NotApplicableError('it has no README')\n",
    ).assert_outcomes(passed=1, skipped=1)
    [suite] = report(pytester).suites
    assert [(row.test, row.reason) for row in suite.not_applicable] == [
        ("test_options", "it has no options"),
        ("test_found_out", "it has no README"),
    ]
    assert [row.id for row in suite.results] == ["test_target"]


def test_a_broken_plugin_fails_what_needs_it(pytester: pytest.Pytester) -> None:
    """What a test is repeated over may not be found out; the other tests run all the same."""
    result = run(pytester, "    @each('x', crash)\n    def test_cases(self, x): pass\n")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["  found     ValueError: the plugin's module is broken"])
    result.stdout.fnmatch_lines(["FAILED *::test_cases[[]not-found]*"])  # a CI shows what was found too


def test_a_finding_has_no_traceback(pytester: pytest.Pytester) -> None:
    """The reader sees the rule and what to do, and not the suite's own code."""
    result = run(pytester, "    def test_rule(self):\n        raise fail('a rule', 'broken', look_at='there')\n")
    result.stdout.fnmatch_lines(
        [
            "rule: a rule",
            "  found     broken",
            "  look at   there",
            "  again     pytest 'test_a_finding_has_no_traceback.py::TestAcme::test_rule'",
        ]
    )
    assert "failure.py" not in result.stdout.str()
    result.stdout.fnmatch_lines(["FAILED *::test_rule - a rule: broken"])


def test_a_crash_shows_no_secret(pytester: pytest.Pytester) -> None:
    """What is no finding has its traceback, without the key; the report has its message only."""
    result = run(pytester, "    def test_crash(self):\n        raise RuntimeError(f'no such key: {KEY}')\n")
    assert "sk-conformance-0123456789abcdef" not in result.stdout.str()
    [_, crash] = report(pytester).suites[0].results
    assert crash.message == "RuntimeError: no such key: [redacted]"


def test_a_test_reaches_nobody(pytester: pytest.Pytester) -> None:
    """Sockets are closed while a test runs; that the plugin swallows the error does not help."""
    tests = (
        "    def test_call(self):\n        with suppress(OSError):\n            socket.getaddrinfo('a.example', 80)\n"
    )
    result = run(pytester, tests)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["rule: a test of the suite opens no connection", "  found     * looked up a.example"])


def test_other_tests_of_the_run_are_left_alone(pytester: pytest.Pytester) -> None:
    """The policy is for the suite: an author's own tests may be skipped and may use sockets."""
    pytester.makepyfile(
        test_own="import pytest, socket\n@pytest.mark.skip\ndef test_later(): pass\n"
        "def test_server():\n    with socket.create_server(('127.0.0.1', 0)) as s:\n"
        "        socket.create_connection(s.getsockname()).close()\n"
    )
    result = pytester.runpytest_inprocess("test_own.py", *ALONE)
    result.assert_outcomes(passed=1, skipped=1)
    assert not (pytester.path / "out").exists()


def test_one_layer_or_scenario_may_be_asked_for(pytester: pytest.Pytester) -> None:
    """The suite's own options choose among its tests, and leave the others out."""
    tests = "    @each('scenario', texts)\n    def test_text(self, scenario): pass\n"
    run(pytester, tests, "--core-llm-scenario=text").assert_outcomes(passed=1, deselected=1)
    run(pytester, tests, "--core-llm-layer=faults").assert_outcomes(deselected=2)
    run(pytester, tests, "--core-llm-provider=acne").assert_outcomes(deselected=2)


def test_pytest_s_own_junit_says_what_a_test_plays(pytester: pytest.Pytester) -> None:
    """Whoever has a JUnit file already gets the suite's properties in it."""
    tests = "    @each('scenario', texts)\n    def test_text(self, scenario): pass\n"
    run(pytester, tests, "--junitxml=junit.xml", "-o", "junit_family=xunit1")
    case = ET.parse(pytester.path / "junit.xml").find(".//testcase[@name='test_text[text]']")  # noqa: S314  # pytest's
    assert case is not None
    assert {p.get("name"): p.get("value") for p in case.iter("property")} == {
        "core_llm.layer": "exchanges",
        "core_llm.scenario": "text",
        "core_llm.level": "required",
    }


def test_a_worker_hands_on_what_it_collected(pytester: pytest.Pytester) -> None:
    """A process that runs a share of the tests writes no report; it gives the other one JSON."""
    pytester.makeconftest(
        "import json, pathlib\n"
        "def pytest_configure(config): config.workeroutput = {}\n"
        "def pytest_unconfigure(config):\n"
        "    pathlib.Path('handed.json').write_text(json.dumps(config.workeroutput))\n"
    )
    run(pytester, "")
    assert not (pytester.path / "out").exists()
    handed = json.loads(Path(pytester.path / "handed.json").read_text(encoding="utf-8"))["core_llm_conformance"]
    [(node, suite)] = handed.items()
    assert node == "test_a_worker_hands_on_what_it_collected.py::TestAcme"
    assert json.loads(suite)["results"][0]["id"] == "test_target"
