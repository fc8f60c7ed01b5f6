"""The faults layer."""

from __future__ import annotations

from core_llm_conformance.base import SuiteBase


class FaultTests(SuiteBase):
    """Tests of the faults layer."""
