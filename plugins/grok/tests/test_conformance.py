"""Grok passes the conformance suite, on both of its wires."""

from __future__ import annotations

from core_llm_conformance import ProviderSuite
from core_llm_conformance.recording import check_composed

from .descriptions import described_chat, described_responses


class TestChat(ProviderSuite):
    """Over Chat Completions."""

    provider = "grok"
    model = "grok-4-fast-non-reasoning"
    models = {"reasoning": "grok-3-mini", "reasoning_replay": "grok-3-mini"}
    config = {"options": {"wire": "chat"}}
    cassettes = "cassettes/chat"


class TestResponses(ProviderSuite):
    """Over Responses."""

    provider = "grok"
    model = "grok-4-fast-non-reasoning"
    models = {"reasoning": "grok-4-fast-reasoning", "reasoning_replay": "grok-4-fast-reasoning"}
    config = {"options": {"wire": "responses"}}
    cassettes = "cassettes/responses"
    extras = {"citations": {"tools": [{"type": "web_search"}]}}


def test_cassettes_are_what_the_descriptions_say() -> None:
    """They were composed, and nobody has touched them since."""
    check_composed(TestChat.make_target(), described_chat(TestChat.make_target()))
    check_composed(TestResponses.make_target(), described_responses(TestResponses.make_target()))
