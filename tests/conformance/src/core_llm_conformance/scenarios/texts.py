"""Scenarios whose answer is text."""

from __future__ import annotations

from core_llm_conformance.scenario import Scenario

SCENARIOS = (
    Scenario(
        name="text",
        summary="A short question is answered with text.",
        prompt="Say hello in one short sentence.",
        is_base=True,
    ),
)
