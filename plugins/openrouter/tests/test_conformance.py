"""OpenRouter passes the conformance suite."""

from __future__ import annotations

from core_llm_conformance import ProviderSuite
from core_llm_conformance.recording import check_composed

from .descriptions import described


class TestOpenRouter(ProviderSuite):
    """One model for most, another one where it does what the first does not."""

    provider = "openrouter"
    model = "openai/gpt-4.1-mini"
    models = {
        "continuation": "anthropic/claude-sonnet-4.5",
        "embeddings": "openai/text-embedding-3-small",
        "reasoning": "anthropic/claude-sonnet-4.5",
        "reasoning_replay": "anthropic/claude-sonnet-4.5",
        "audio_input": "google/gemini-2.5-flash",
        "video_input": "google/gemini-2.5-flash",
    }
    extras = {"citations": {"plugins": [{"id": "web"}]}}


def test_cassettes_are_what_the_descriptions_say() -> None:
    """They were composed, and nobody has touched them since."""
    check_composed(TestOpenRouter.make_target(), described(TestOpenRouter.make_target()))
