"""Azure passes the conformance suite, on both of its wires."""

from __future__ import annotations

from core_llm_conformance import ProviderSuite
from core_llm_conformance.recording import check_composed

from .descriptions import described_chat, described_responses

ADDRESS = "https://acme.openai.azure.com"


class TestChat(ProviderSuite):
    """Over Chat Completions; models are deployments, named after what is deployed."""

    provider = "azure"
    model = "gpt-4.1-mini"
    models = {"embeddings": "text-embedding-3-small", "reasoning": "gpt-5-mini", "reasoning_replay": "gpt-5-mini"}
    config = {"base_url": ADDRESS}
    cassettes = "cassettes/chat"


class TestResponses(ProviderSuite):
    """Over Responses, likewise."""

    provider = "azure"
    model = "gpt-4.1-mini"
    models = {"embeddings": "text-embedding-3-small", "reasoning": "gpt-5-mini", "reasoning_replay": "gpt-5-mini"}
    config = {"base_url": ADDRESS, "options": {"wire": "responses"}}
    cassettes = "cassettes/responses"
    extras = {
        "reasoning": {"reasoning": {"summary": "auto"}},
        "reasoning_replay": {"reasoning": {"summary": "auto"}},
    }


def test_cassettes_are_what_the_descriptions_say() -> None:
    """They were composed, and nobody has touched them since."""
    check_composed(TestChat.make_target(), described_chat(TestChat.make_target()))
    check_composed(TestResponses.make_target(), described_responses(TestResponses.make_target()))
