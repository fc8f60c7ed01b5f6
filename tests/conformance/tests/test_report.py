"""The report of a run: what it says, in each of its forms, and when a committed one is out of date."""

from __future__ import annotations

import datetime as dt
import xml.etree.ElementTree as ET

import pytest

from core_llm_conformance.report.badge import as_badge
from core_llm_conformance.report.files import FORMS, Form, as_json, difference
from core_llm_conformance.report.gather import report_of, with_outcomes
from core_llm_conformance.report.junit import as_junit
from core_llm_conformance.report.markdown import as_markdown
from core_llm_conformance.report.model import (
    Capability,
    CassetteOrigin,
    NotApplicable,
    Outcome,
    Report,
    Result,
    ScenarioState,
    SuiteReport,
    Verdict,
)
from core_llm_conformance.report.summary import summarise

TODAY = dt.date(2026, 11, 21)
RESULTS = (
    Result(id="test_is_typed", layer="contract"),
    Result(id="test_scenario[tools-stream]", layer="exchanges", scenario="tools", mode="stream"),
    Result(id="test_stall[text-stream]", layer="faults", scenario="text", reason="slow", url="https://a.example/1"),
    Result(id="test_new", layer="payload", level="preview"),
    Result(id="test_setting_changes_the_request[seed]", layer="payload"),
)
SUITE = SuiteReport(
    name="TestAcme",
    provider="acme",
    model="acme-1",
    plugin="plugin-acme",
    version="1.2.0",
    layers=("contract", "exchanges", "faults", "payload"),
    verdict="partial",
    results=RESULTS,
    not_applicable=(NotApplicable(test="test_options_are_used", reason="it has no options"),),
    capabilities=(
        Capability(feature="tools", model="acme-1", declared="supported", shown_by=("tools",)),
        Capability(feature="audio_input", model="acme-1", declared="supported", untested="no | account"),
        Capability(feature="settings.seed", model="acme-1", declared="supported"),
    ),
    scenarios=(ScenarioState(name="tools", summary="Calls a tool.", level="required", state="shown"),),
    cassettes=(
        CassetteOrigin(
            scenario="tools",
            origin="recorded",
            source="acme.example",
            model="acme-1",
            date=dt.date(2026, 3, 1),
            plugin="plugin-acme 1.1.0",
            modes=("stream", "plain"),
        ),
    ),
)
PASSED: dict[str, tuple[Outcome, str | None]] = {result.id: ("passed", None) for result in RESULTS}
KNOWN: dict[str, tuple[Outcome, str | None]] = {"test_stall[text-stream]": ("xfailed", None)}
BROKEN: dict[str, tuple[Outcome, str | None]] = {
    "test_scenario[tools-stream]": ("failed", "rule: a call is whole\n  found     \x00half of it")
}


def report(outcomes: dict[str, tuple[Outcome, str | None]], today: dt.date = TODAY) -> Report:
    """Return the report of a run in which the tests came to this, and all others passed."""
    return report_of([with_outcomes(SUITE, {**PASSED, **outcomes}, {})], today)


@pytest.mark.parametrize(
    ("outcomes", "verdict"),
    [
        ({}, "conforms"),
        (KNOWN, "conforms_but"),
        ({"test_new": ("failed", "rule: new")}, "conforms"),
        ({"test_is_typed": ("not_run", None)}, "partial"),
        ({**KNOWN, **BROKEN}, "fails"),
    ],
)
def test_the_verdict_follows_the_required_tests(
    outcomes: dict[str, tuple[Outcome, str | None]], verdict: Verdict
) -> None:
    """A known failure is an exception, a failed preview is none, and what did not run is not shown."""
    assert report(outcomes).verdict == verdict


def test_a_part_of_the_suite_shows_no_conformance() -> None:
    """A class of some of the layers only is never said to conform."""
    suite = SUITE.model_copy(update={"layers": ("contract",)})
    assert with_outcomes(suite, PASSED, {}).verdict == "partial"


def test_the_page_says_what_was_tested() -> None:
    """Who, which version, what passed, what is declared and what shows it, where cassettes come from, what is known."""
    page = as_markdown(report(KNOWN))
    assert "acme (plugin-acme 1.2.0) conforms to 1.0, but for what is known to fail.\n" in page
    for row in (
        "| payload | 1 | 0 | 0 | 0 | 1 of 1 |",
        "| `tools` | `acme-1` | supported | `tools` |",
        "| `audio_input` | `acme-1` | supported | untested: no \\| account |",
        "| `settings.seed` | `acme-1` | supported | `test_setting_changes_the_request` |",
        "| `tools` | recorded | acme.example | `acme-1` | plugin-acme 1.1.0 | 2026-03-01 |",
        "| `test_stall[text-stream]` | slow | https://a.example/1 |",
        "| `test_options_are_used` | it has no options |",
    ):
        assert f"\n{row}\n" in page


def test_what_failed_shows_nothing() -> None:
    """A scenario whose test failed no longer proves a capability, and the page has the finding."""
    page = as_markdown(report(BROKEN))
    assert "| `tools` | `acme-1` | supported | **failing: tools** |" in page
    assert "| `tools` | Calls a tool. | **failing** |" in page
    assert "`test_scenario[tools-stream]`\n\n~~~text\nrule: a call is whole\n" in page


def test_a_test_may_find_itself_not_applicable() -> None:
    """What a test finds out while it runs is listed beside what was known before."""
    suite = with_outcomes(SUITE, PASSED, {"test_is_typed": "it is a script"})
    assert NotApplicable(test="test_is_typed", reason="it is a script") in suite.not_applicable
    assert "test_is_typed" not in [result.id for result in suite.results]


def test_json_is_read_back_as_it_was() -> None:
    """The schema has a version, and reading ignores what a later one adds."""
    written = as_json(report(BROKEN))
    assert written.startswith('{\n  "schema_version": 1,\n  "level": "1.0",\n  "verdict": "fails",\n')
    assert Report.model_validate_json(written.replace("{\n", '{\n  "later": 1,\n', 1)) == report(BROKEN)


def test_junit_counts_what_counts() -> None:
    """Failures are those of required tests; each case says what it plays and where that comes from."""
    [suite] = ET.fromstring(as_junit(report({**BROKEN, **KNOWN, "test_new": ("failed", "rule: new")})))  # noqa: S314  # ours
    assert {name: suite.get(name) for name in ("tests", "failures", "skipped")} == {
        "tests": "6",
        "failures": "1",
        "skipped": "2",
    }
    case = suite.find("testcase[@name='test_scenario[tools-stream]']")
    assert case is not None
    properties = {p.get("name"): p.get("value") for p in case.iter("property")}
    assert properties == {
        "layer": "exchanges",
        "level": "required",
        "scenario": "tools",
        "mode": "stream",
        "origin": "recorded",
    }
    assert case.findtext("failure") == "rule: a call is whole\n  found     \ufffdhalf of it"


def test_the_badge_says_the_verdict() -> None:
    """It is a whole SVG without anybody's server in it."""
    badge = as_badge(report({}))
    assert ET.fromstring(badge).findtext("{*}title") == "core-llm: conforms to 1.0"  # noqa: S314  # ours
    assert badge.count("http") == 1, "the namespace"


@pytest.mark.parametrize("form", ["markdown", "json"])
def test_time_alone_makes_no_report_out_of_date(form: Form) -> None:
    """A year later the same run says the same, but for the ages, which are not compared."""
    _, make = FORMS[form]
    committed, later = make(report({})), make(report({}, TODAY.replace(year=2027)))
    assert committed != later
    assert difference(form, committed, later) == []


def test_another_outcome_makes_a_report_out_of_date() -> None:
    """The difference is told as a diff."""
    changed = difference("markdown", as_markdown(report({})), as_markdown(report(KNOWN)))
    assert "-acme (plugin-acme 1.2.0) conforms to 1.0." in changed
    assert "+acme (plugin-acme 1.2.0) conforms to 1.0, but for what is known to fail." in changed


def test_a_committed_report_that_is_none_is_out_of_date() -> None:
    """Whatever stands in the file, the answer is a difference and no traceback."""
    assert difference("json", "no JSON", as_json(report({})))[3] == "-no JSON"


def test_the_terminal_gets_a_few_lines() -> None:
    """Verdict, counts, what is known to fail, previews, and the age of old cassettes."""
    told = list(summarise(report({**KNOWN, "test_new": ("failed", "rule: new\n  found     no")}), is_verbose=True))
    assert told == [
        "TestAcme: acme (plugin-acme 1.2.0) conforms to 1.0, but for what is known to fail",
        "  tests: 3 passed, 1 known to fail, 1 not applicable",
        "  known to fail: test_stall[text-stream]: slow (https://a.example/1)",
        "  warning: preview test test_new fails, and will count in the next minor version: rule: new",
        "  cassettes older than 180 days: 1; the oldest is tools, 265 days",
        "  not applicable: test_options_are_used: it has no options",
    ]
