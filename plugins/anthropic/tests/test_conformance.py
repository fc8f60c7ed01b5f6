"""Anthropic passes the conformance suite."""

from __future__ import annotations

from core_llm_conformance import ProviderSuite
from core_llm_conformance.recording import check_composed

from .descriptions import described


class TestAnthropic(ProviderSuite):
    """A model that takes every knob of the wire but effort."""

    provider = "anthropic"
    model = "claude-sonnet-4-5"
    extras = {"citations": {"tools": [{"type": "web_search_20250305", "name": "web_search"}]}}


def test_cassettes_are_what_the_descriptions_say() -> None:
    """They were composed, and nobody has touched them since."""
    target = TestAnthropic.make_target()
    check_composed(target, described(target))
