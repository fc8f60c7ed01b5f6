"""Scenarios that are no chats: the listing of models, embeddings, counts of tokens."""

from __future__ import annotations

from core_llm_conformance.scenario import Scenario

SCENARIOS = (
    Scenario(
        name="model_listing",
        summary="The provider lists its models.",
        kind="models",
        needs=("model_listing",),
        modes=("plain",),
        is_base=True,
    ),
    Scenario(
        name="embeddings",
        summary="Three texts become three vectors, in their order.",
        kind="embeddings",
        needs=("embeddings",),
        inputs=("The sky is blue.", "Bread is baked in an oven.", "Der Himmel ist blau."),
        modes=("plain",),
    ),
    Scenario(
        name="token_count",
        summary="The provider counts the tokens of a request before it is sent.",
        kind="token_count",
        needs=("token_counting",),
        prompt="How many tokens has this sentence?",
        modes=("plain",),
    ),
)
