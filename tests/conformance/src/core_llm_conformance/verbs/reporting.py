"""``core-llm conformance report``: one form of the report, printed, written, or held against what is committed."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from core_llm_conformance.report.files import FORMS, Form, difference, read_json
from core_llm_conformance.report.gather import verdict_of
from core_llm_conformance.report.model import Report
from core_llm_conformance.verbs.asked import Asked
from core_llm_conformance.verbs.running import FAILED, PASSED, run_suite


def make_report(asked: Asked, form: Form, output: Path | None, source: Path | None, *, is_check: bool) -> int:
    """Print, write or check the report, and return the command's exit code.

    Args:
        asked: Which plugin.
        form: The form.
        output: The file to write or to check; without one, print, or check the file of the usual name.
        source: A report in JSON, to be taken instead of a run.
        is_check: Whether to compare instead of to write.

    Raises:
        click.ClickException: There is no report of this plugin, or none to compare with.
    """
    report = _only(_read(source) if source else _run(asked), asked.provider)
    usual, make = FORMS[form]
    text = make(report)
    code = FAILED if report.verdict == "fails" else PASSED
    if is_check:
        return _check(form, output or Path(usual), text) or code
    if output is None:
        click.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8")
    return code


def _run(asked: Asked) -> Report:
    with tempfile.TemporaryDirectory(prefix="core-llm-report-") as folder:
        run_suite(asked, ["-q", f"--core-llm-report={folder}"], is_quiet=True)
        path = Path(folder) / FORMS["json"][0]
        if not path.is_file():
            raise click.ClickException(
                f"the suite did not run; see what is wrong with: core-llm conformance run {asked.provider}"
            )
        return _read(path)


def _read(path: Path) -> Report:
    try:
        return read_json(path)
    except ValueError:
        raise click.ClickException(f"{path} is no report in JSON") from None


def _only(report: Report, provider: str) -> Report:
    """Return a report without the suites of other providers."""
    suites = tuple(suite for suite in report.suites if suite.provider == provider)
    if not suites:
        raise click.ClickException(f"the report has nothing about {provider}")
    return report.model_copy(update={"suites": suites, "verdict": verdict_of(suites)})


def _check(form: Form, path: Path, current: str) -> int:
    if not path.is_file():
        raise click.ClickException(f"there is no {path} to check; write it with --output {path}")
    changed = difference(form, path.read_text(encoding="utf-8"), current)
    for line in changed:
        click.echo(line)
    if changed:
        click.echo(f"{path} is out of date; write it anew with --output {path}", err=True)
    return FAILED if changed else PASSED
