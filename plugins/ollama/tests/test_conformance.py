"""Ollama passes the conformance suite."""

from __future__ import annotations

from core_llm_conformance import ProviderSuite
from core_llm_conformance.recording import check_composed

from .descriptions import described


class TestOllama(ProviderSuite):
    """A model that thinks and calls tools, one that sees, and one that embeds."""

    provider = "ollama"
    model = "qwen3"
    models = {"image_input": "gemma3", "embeddings": "nomic-embed-text"}


def test_cassettes_are_what_the_descriptions_say() -> None:
    """They were composed, and nobody has touched them since."""
    target = TestOllama.make_target()
    check_composed(target, described(target))
