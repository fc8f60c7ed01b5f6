"""What a caller wants of the model besides words: which tool, which form of output. Each choice is another request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

from core_llm import LocalProvider
from core_llm_conformance.contract.samples import OTHER_TOOL, SCHEMA, TOOL
from core_llm_conformance.contract.sending import Caught, Probe, Sent, modes
from core_llm_conformance.each import Case
from core_llm_conformance.failure import fail
from core_llm_conformance.payload.knobs import REFUSALS
from core_llm_conformance.scenario import Mode
from core_llm_conformance.target import Target

TOOLS = [TOOL, OTHER_TOOL]
OTHER_SCHEMA = SCHEMA.model_copy(
    update={"json_schema": {**SCHEMA.json_schema, "properties": {"city": {"type": "integer"}}}}
)
CHOICES: Mapping[str, tuple[dict[str, Any], dict[str, dict[str, Any]]]] = {
    "tool_choice": (
        {"tools": TOOLS},
        {name: {"tool_choice": name} for name in ("auto", "none", "required", TOOL.name, OTHER_TOOL.name)},
    ),
    "json_output": ({}, {"json": {"output": "json"}}),
    "structured_output": ({}, {"a schema": {"output": SCHEMA}, "another schema": {"output": OTHER_SCHEMA}}),
}
"""Feature → what a request has anyway, and the choices: each makes another request than all others."""
SAME = {"no choice", "auto"}
"""What a model does anyway need not be said."""


def choices(target: Target) -> Iterator[Case]:
    """Yield the features with choices that are not declared unsupported, nor need what is."""
    if isinstance(target.loaded, LocalProvider):
        return
    declared = target.capabilities()
    for feature, (given, _) in CHOICES.items():
        if declared.support(feature) != "unsupported" and not (given and declared.tools == "unsupported"):
            yield Case(feature, feature)


def check_choice_changes_the_request(target: Target, feature: str) -> None:
    """Raise unless each choice makes a request of its own, or is refused where it is not declared supported.

    Raises:
        ConformanceFailure: One is left out in silence, or made into another.
    """
    with Probe(target) as probe:
        for mode in modes(target):
            _check(target, feature, probe, mode)


def _check(target: Target, feature: str, probe: Probe, mode: Mode) -> None:
    rule = f"every choice of {feature} makes a request of its own"
    given, chosen = CHOICES[feature]
    made: dict[str, Caught] = {name: probe.ask(mode, **{**given, **options}) for name, options in chosen.items()}
    sent: dict[str, Sent] = {"no choice": probe.sent(mode, **given)}
    for name, caught in made.items():
        if caught.sent is not None:
            sent[name] = caught.sent
        elif not isinstance(caught.error, REFUSALS) or target.capabilities().support(feature) == "supported":
            raise fail(rule, f"{name} is not sent: {caught.error}", look_at="the wire, or its declaration")
    for one, other in combinations(sent, 2):
        if sent[one].whole == sent[other].whole and {one, other} != SAME:
            found = f"{one} and {other} are sent alike"
            raise fail(rule, found, sent=sent[other].shown, look_at="the wire's encode_request")
