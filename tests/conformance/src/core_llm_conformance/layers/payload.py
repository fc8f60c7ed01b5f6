"""The payload layer."""

from __future__ import annotations

from core_llm_conformance.base import SuiteBase


class PayloadTests(SuiteBase):
    """Tests of the payload layer."""
