"""The report as JUnit XML, as CI servers read it: one test case a test, with what it plays as properties; no times."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from core_llm_conformance.report.model import Report, Result, SuiteReport

_NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_junit(report: Report) -> str:
    """Return the report as XML."""
    root = ET.Element("testsuites", name="core-llm conformance")
    for suite in report.suites:
        root.append(_suite(suite, report.level))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _suite(suite: SuiteReport, level: str) -> ET.Element:
    counted = {
        "tests": len(suite.results) + len(suite.not_applicable),
        "failures": sum(_is_counted_failure(result) for result in suite.results) + len(suite.problems),
        "skipped": len(suite.not_applicable) + sum(r.outcome in ("xfailed", "not_run") for r in suite.results),
    }
    made = ET.Element("testsuite", {"name": suite.name, **{key: str(number) for key, number in counted.items()}})
    facts = {"provider": suite.provider, "plugin": suite.plugin, "version": suite.version}
    _properties(made, {**facts, "model": suite.model, "level": level, "verdict": suite.verdict})
    for problem in suite.problems:
        case = ET.SubElement(made, "testcase", classname=suite.name, name="the class")
        ET.SubElement(case, "failure", message=_clean(problem))
    for result in suite.results:
        made.append(_case(result, suite))
    for row in suite.not_applicable:
        case = ET.SubElement(made, "testcase", classname=suite.name, name=row.test)
        ET.SubElement(case, "skipped", message=f"not applicable: {_clean(row.reason)}")
    return made


def _case(result: Result, suite: SuiteReport) -> ET.Element:
    made = ET.Element("testcase", classname=f"{suite.name}.{result.layer}", name=result.id)
    origins = {row.scenario: row.origin for row in suite.cassettes}
    facts = {"layer": result.layer, "level": result.level, "scenario": result.scenario, "mode": result.mode}
    _properties(made, {**facts, "origin": origins.get(result.scenario or "")})
    message = _clean(result.message or "")
    if _is_counted_failure(result):
        ET.SubElement(made, "failure", message=message.partition("\n")[0]).text = message
    elif result.outcome == "failed":
        ET.SubElement(made, "system-out").text = message
    elif result.outcome == "xfailed":
        ET.SubElement(made, "skipped", message=_clean(f"known to fail: {result.reason} ({result.url})"))
    elif result.outcome == "not_run":
        ET.SubElement(made, "skipped", message="not run")
    return made


def _is_counted_failure(result: Result) -> bool:
    """Whether a test counts against the plugin: a preview test does not."""
    return result.outcome == "failed" and result.level == "required"


def _properties(element: ET.Element, values: dict[str, str | None]) -> None:
    holder = ET.SubElement(element, "properties")
    for name, value in values.items():
        if value is not None:
            ET.SubElement(holder, "property", name=name, value=value)


def _clean(text: str) -> str:
    """Return a text without the characters that XML cannot hold, which a broken answer may well have."""
    return _NOT_XML.sub("�", text)
