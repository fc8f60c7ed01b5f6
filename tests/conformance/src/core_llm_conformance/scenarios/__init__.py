"""Every scenario of the suite, a module for each kind. None names a provider or a wire."""

from __future__ import annotations

from core_llm_conformance.scenario import Scenario
from core_llm_conformance.scenarios import errors, files, knobs, others, outputs, reasoning, reports, texts, tools

ALL: tuple[Scenario, ...] = (
    *texts.SCENARIOS,
    *tools.SCENARIOS,
    *reasoning.SCENARIOS,
    *outputs.SCENARIOS,
    *files.SCENARIOS,
    *reports.SCENARIOS,
    *knobs.SCENARIOS,
    *others.SCENARIOS,
    *errors.SCENARIOS,
)
"""In the order in which the report has them."""
BY_NAME = {scenario.name: scenario for scenario in ALL}
