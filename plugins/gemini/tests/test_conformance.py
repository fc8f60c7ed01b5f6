"""Gemini and Vertex pass the conformance suite."""

from __future__ import annotations

from core_llm.wire import JSONObject
from core_llm_conformance import ProviderSuite
from core_llm_conformance.recording import check_composed

from .descriptions import described_gemini, described_vertex

SEARCH: dict[str, JSONObject] = {"citations": {"tools": [{"googleSearch": {}}]}}


class TestGemini(ProviderSuite):
    """The Gemini API, with a model that signs its calls."""

    provider = "gemini"
    model = "gemini-3.5-flash"
    models = {"embeddings": "gemini-embedding-001"}
    cassettes = "cassettes/gemini"
    extras = SEARCH


class TestVertex(ProviderSuite):
    """Vertex AI, with a model of the generation before."""

    provider = "vertex"
    model = "gemini-2.5-flash"
    models = {"embeddings": "text-embedding-005"}
    config = {"options": {"project": "my-project"}}
    cassettes = "cassettes/vertex"
    extras = SEARCH


def test_cassettes_are_what_the_descriptions_say() -> None:
    """They were composed, and nobody has touched them since."""
    check_composed(TestGemini.make_target(), described_gemini(TestGemini.make_target()))
    check_composed(TestVertex.make_target(), described_vertex(TestVertex.make_target()))
