"""The contract layer."""

from __future__ import annotations

from core_llm_conformance.base import SuiteBase


class ContractTests(SuiteBase):
    """Tests of the contract layer."""
