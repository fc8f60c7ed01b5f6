"""The exchanges layer: every scenario that a plugin claims, played from its cassette. The checks are in `exchanges`."""

from __future__ import annotations

from core_llm_conformance.applicability import claimed
from core_llm_conformance.base import SuiteBase
from core_llm_conformance.each import each
from core_llm_conformance.scenario import Scenario
from core_llm_conformance.target import Target


class ExchangeTests(SuiteBase):
    """What comes of the recorded answers, whole."""

    @each("scenario", claimed)
    def test_every_claim_has_its_cassette(self, target: Target, scenario: Scenario) -> None:
        """What is declared supported is shown by a cassette."""
        assert target.cassette(scenario).interactions
