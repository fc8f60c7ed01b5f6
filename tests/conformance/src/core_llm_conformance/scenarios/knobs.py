"""The scenario of settings: one request with every knob that is declared and fits with the others.

What single knobs become is for the payload layer, which needs no cassette for each.
"""

from __future__ import annotations

from types import MappingProxyType

from core_llm import CallOptions, Capabilities, Settings
from core_llm_conformance.scenario import Scenario
from core_llm_conformance.scenarios.expectations import ends_with, has_text

TOGETHER: MappingProxyType[str, int | float | list[str]] = MappingProxyType(
    {
        "temperature": 0.5,
        "seed": 7,
        "presence_penalty": 0.1,
        "frequency_penalty": 0.1,
        "max_tokens": 400,
        "stop": ["###"],
    }
)
"""Knob → a harmless value. Left out is what providers refuse beside these (`top_p`, reasoning), or what has a price."""


def all_that_fit(declared: Capabilities) -> CallOptions:
    """Return the knobs of `TOGETHER` that are neither declared unsupported nor untested."""
    taken = {
        name: value
        for name, value in TOGETHER.items()
        if declared.support(f"settings.{name}") != "unsupported" and f"settings.{name}" not in declared.untested
    }
    return {"settings": Settings.model_validate(taken)}


SCENARIOS = (
    Scenario(
        name="settings",
        summary="Every knob that is declared and fits with the others is taken, in one request.",
        prompt="Name a colour.",
        options=all_that_fit,
        expects=(has_text(), ends_with("stop")),
        is_base=True,
    ),
)
