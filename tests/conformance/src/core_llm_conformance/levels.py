"""The suite's own version, and the two levels that a test or a scenario can have.

What is new enters as ``preview``: in that minor version a failure is shown and reported, and does not fail the run. In
the next one it is ``required``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from core_llm_conformance.scenario import Level

P = ParamSpec("P")
R = TypeVar("R")

SUITE_VERSION = "1.0.0"
"""A minor version brings tests and scenarios; a major one changes what an older one asked."""
SUITE_LEVEL = SUITE_VERSION.rpartition(".")[0]
"""What a plugin conforms to: the version without its last number, which stands for mends of the suite itself."""

_ATTRIBUTE = "_core_llm_preview"


def preview(test: Callable[P, R]) -> Callable[P, R]:
    """Mark a test of the suite as one that this minor version brought: a failure of it only warns."""
    setattr(test, _ATTRIBUTE, True)
    return test


def level_of(test: object) -> Level:
    """Return the level of a test of the suite."""
    return "preview" if getattr(test, _ATTRIBUTE, False) else "required"
