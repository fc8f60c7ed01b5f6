"""Calls that are no chat: listing models, counting tokens, embedding; each as a client makes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from core_llm import Client, LocalProvider, UnsupportedError
from core_llm_conformance.contract.sending import PROMPT, Probe
from core_llm_conformance.contract.sources import kind_of
from core_llm_conformance.failure import fail
from core_llm_conformance.target import Target

Call = Callable[[Client, Target], object]
CALLS: Mapping[str, Call] = {
    "model_listing": lambda client, target: client.models(target.name),
    "token_counting": lambda client, target: client.count_tokens(target.model_id("token_count"), PROMPT),
    "embeddings": lambda client, target: client.embed(target.model_id("embeddings"), [PROMPT]),
}
"""Feature → the call that needs it."""
ASKED = {"model_listing": "", "token_counting": "token_count", "embeddings": "embeddings"}
"""Feature → the scenario whose model is asked."""


def check_claimed_calls_are_there(target: Target) -> None:
    """Raise if a call that is no chat is declared supported, and raises UnsupportedError all the same.

    Raises:
        ConformanceFailure: One does.
    """
    for feature, call in CALLS.items():
        if target.capabilities(ASKED[feature]).support(feature) != "supported":
            continue
        with Probe(target) as probe:
            caught = probe.call(lambda client, call=call: call(client, target))  # type: ignore[misc]  # bound at once
        is_local = isinstance(target.loaded, LocalProvider)
        if isinstance(caught.error, UnsupportedError) or (caught.sent is None and not is_local):
            raise fail(
                "what is declared supported can be called",
                f"{feature} is declared supported, and nothing is sent: {caught.error}",
                look_at=f"capabilities of {kind_of(target).__name__}, or its wire's method",
            )
