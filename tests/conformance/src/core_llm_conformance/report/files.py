"""Writing a report in its forms, and holding a committed one against a run."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Literal

from core_llm_conformance.report.badge import as_badge
from core_llm_conformance.report.junit import as_junit
from core_llm_conformance.report.markdown import VOLATILE_MARK, as_markdown
from core_llm_conformance.report.model import Report

Form = Literal["markdown", "json", "junit", "badge"]


def as_json(report: Report) -> str:
    """Return the report as JSON; what is None is left out."""
    return report.model_dump_json(indent=2, exclude_none=True) + "\n"


FORMS: Final[Mapping[Form, tuple[str, Callable[[Report], str]]]] = {
    "markdown": ("CONFORMANCE.md", as_markdown),
    "json": ("conformance.json", as_json),
    "junit": ("conformance.xml", as_junit),
    "badge": ("conformance.svg", as_badge),
}
"""Form → its usual file name, and what makes it."""


def write_all(report: Report, folder: Path) -> None:
    """Write all forms into a folder, which is made where it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in FORMS.values():
        folder.joinpath(name).write_text(make(report), encoding="utf-8")


def read_json(path: Path) -> Report:
    """Return a report that was written as JSON.

    Raises:
        ValueError: It is no report, or of another schema.
        OSError: It cannot be read.
    """
    return Report.model_validate_json(path.read_bytes())


def difference(form: Form, committed: str, current: str) -> list[str]:
    """Return how a committed report differs from a run, as lines of a diff; what changes with time is left out."""
    before, now = _lasting(form, committed), _lasting(form, current)
    return list(difflib.unified_diff(before, now, "committed", "this run", lineterm=""))


def _lasting(form: Form, text: str) -> list[str]:
    """Return the lines that only change when the plugin does."""
    if form == "json":
        try:
            text = Report.model_validate_json(text).model_dump_json(indent=2, exclude_none=True, exclude={"volatile"})
        except ValueError:
            return text.splitlines()
    return [line for line in text.splitlines() if not line.endswith(VOLATILE_MARK)]
