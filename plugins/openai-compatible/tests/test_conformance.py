"""The plugin for compatible servers passes the conformance suite, with the answers of llama.cpp's server."""

from __future__ import annotations

from core_llm_conformance import ProviderSuite
from core_llm_conformance.recording import check_composed

from .descriptions import described


class TestOpenAICompatible(ProviderSuite):
    """A server at any address; most of its cassettes were recorded from a real one."""

    provider = "openai-compatible"
    model = "small"
    config = {
        "base_url": "http://127.0.0.1:8080/v1",
        "options": {"continuation": True, "reasoning_field": "reasoning_content"},
    }


def test_documented_cassettes_are_what_the_descriptions_say() -> None:
    """They were composed, and nobody has touched them since."""
    check_composed(TestOpenAICompatible.make_target(), described(TestOpenAICompatible.make_target()))
