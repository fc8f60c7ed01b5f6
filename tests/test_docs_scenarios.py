"""The page of the suite's scenarios says what the suite asks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from core_llm_conformance.scenario import Scenario
from core_llm_conformance.scenarios import ALL
from core_llm_conformance.scenarios.errors import DERIVED, DerivedError
from core_llm_conformance.scenarios.knobs import TOGETHER

PAGE = Path(__file__).resolve().parents[1] / "docs/reference/scenarios.md"
BODIES = {"html": "a page of HTML", "empty": "nothing"}


def rows(first: str) -> Iterator[tuple[str, ...]]:
    """Yield the rows of all tables whose first column has this head."""
    is_wanted = False
    for line in PAGE.read_text("utf-8").splitlines():
        cells = tuple(cell.strip() for cell in line.strip("|").split("|"))
        if not line.startswith("|"):
            is_wanted = False
        elif cells[0] == first:
            is_wanted = True
        elif is_wanted and not set(line) <= set("|-"):
            yield cells


def told(scenario: Scenario) -> tuple[str, ...]:
    """Return what the page has to say of a scenario."""
    needs = ", ".join(f"`{need}`" for need in scenario.needs) or "nothing"
    must = "yes" if scenario.is_base else "if supported" if scenario.needs else "no"
    return f"`{scenario.name}`", scenario.summary, needs, must


def told_derived(error: DerivedError) -> tuple[str, ...]:
    """Return what the page has to say of a derived answer."""
    headers = "".join(f", `{name}: {value}`" for name, value in error.headers.items())
    body = BODIES.get(error.body, f"of `{error.of}`") + headers
    again = "yes" if error.is_retryable else "no"
    return f"`{error.id}`", str(error.status), body, f"`{error.error.__name__}`", again


def test_every_scenario_is_told() -> None:
    """In the order of the report, each with what it needs and whether it must be shown."""
    assert list(rows("scenario")) == [told(scenario) for scenario in ALL]


def test_every_derived_answer_is_told() -> None:
    """With the error that must come of it."""
    assert list(rows("answer")) == [told_derived(error) for error in DERIVED]


def test_the_settings_are_told() -> None:
    """All that one request may have."""
    assert list(rows("knob")) == [(f"`{name}`", f"`{value}`") for name, value in TOGETHER.items()]
