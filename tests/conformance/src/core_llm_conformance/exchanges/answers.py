"""Answers: what comes of one, held against the cassette's head, the walk of its wire, and what the scenario expects."""

from __future__ import annotations

from dataclasses import replace
from math import isfinite

from core_llm import Embeddings, Response
from core_llm_conformance.cassette import Interaction
from core_llm_conformance.compare import differences
from core_llm_conformance.conversation import Played, play
from core_llm_conformance.exchanges.evidence import check_citations, check_evidence, check_handed_on
from core_llm_conformance.exchanges.known_wires import walk_of
from core_llm_conformance.failure import ConformanceFailure, fail
from core_llm_conformance.scenario import Scenario, Shown
from core_llm_conformance.target import Target
from core_llm_conformance.telling import told_value
from core_llm_conformance.walk.expected import Expected

LOOK_AT = {
    "text": "the field of a frame that text is read from; whether the first, the last or an odd frame is passed over",
    "reasoning": "the field of a frame that reasoning is read from",
    "refusal": "where the wire says that the model declined, and in which words",
    "tool_calls": "how fragments of calls are told apart and joined; when a call counts as complete",
    "finish_reason": "the table of finish reasons; an answer that ends with calls of tools ends with tool_calls",
    "raw_finish_reason": "the wire's own word is kept as it came",
    "usage": "the table of usage fields; input includes what was cached, output includes reasoning, unknown is None",
    "is_complete": "the wire's terminal marker",
    "id": "the frame that has the answer's id, often the first alone",
    "model": "the frame that has the model's name, often the first alone",
}


def check_scenario(target: Target, shown: Shown) -> None:
    """Play a scenario and check all that comes of it.

    Raises:
        ConformanceFailure: It says what differs from which oracle.
    """
    played = play(target, shown)
    if shown.scenario.kind != "chat":
        played.check()
        check_value(shown, played)
        return
    played.check()
    for interaction, turn in zip(shown.interactions, played.turns, strict=True):
        assert turn.response is not None
        check_answer(target, shown.scenario, interaction, turn.response)
        check_handed_on(target, shown.scenario, interaction, turn.events)
    check_expectations(shown.scenario, played.response)


def check_answer(target: Target, scenario: Scenario, interaction: Interaction, response: Response) -> None:
    """Check one response against what its body holds, by the head, by the walk where the wire is known, by its leaves.

    Raises:
        ConformanceFailure: It differs.
    """
    expected = interaction.head.expected
    assert expected is not None  # test_every_claim_has_its_cassette says so
    _check_against(expected, "the cassette's head", scenario, interaction, response)
    walk = walk_of(interaction)
    if walk is not None:
        known = _as_far_as_known(walk, response)
        _check_against(known, "a plain reading of the body", scenario, interaction, response)
    check_evidence(target, scenario, interaction, response)
    check_citations(interaction, scenario, response)
    if response.provider != target.name:
        raise fail("a response says which provider it is of", repr(response.provider), scenario=scenario.name)
    if not response.model:
        raise fail("a response says which model it is of", repr(response.model), scenario=scenario.name)


def _as_far_as_known(walk: Expected, response: Response) -> Expected:
    """Return what a walk found, and for what it has no word, what the response says: a quirk is the head's to judge.

    Services that copy a wire have finish reasons of their own, and their own field for reasoning.
    """
    reason = response.finish_reason if walk.finish_reason == "other" else walk.finish_reason
    return replace(walk, finish_reason=reason, reasoning=walk.reasoning or response.reasoning)


def _check_against(
    expected: Expected, oracle: str, scenario: Scenario, interaction: Interaction, response: Response
) -> None:
    for name, (wanted, got) in differences(expected, response).items():
        raise fail(
            f"{name} of a whole answer is what {oracle} says",
            f"{name} is {got!r}, not {wanted!r} (turn {interaction.head.turn})",
            scenario=scenario.name,
            received=interaction.body.decode("utf-8", "replace"),
            look_at=LOOK_AT.get(name, "the wire's decoder"),
        )


def check_expectations(scenario: Scenario, response: Response) -> None:
    """Check that a response is what its scenario is about.

    Raises:
        ConformanceFailure: It is not; says which expectation.
    """
    for expect in scenario.expects:
        try:
            expect(response)
        except ConformanceFailure as failure:
            found = failure.finding
            raise fail(found.rule, found.found, scenario=scenario.name, look_at=found.look_at) from None


def check_value(shown: Shown, played: Played) -> None:
    """Check what a call returned that is no chat: it is what the head says, and makes sense.

    Raises:
        ConformanceFailure: It is not, or does not.
    """
    name, value = shown.scenario.name, played.value
    assert value is not None
    wanted = next((i.head.value for i in shown.interactions if i.head.value is not None), None)
    if wanted != told_value(value):
        raise fail(
            "what a call returns is what the cassette's head says",
            f"{told_value(value)!r}, not {wanted!r}",
            scenario=name,
        )
    if isinstance(value, Embeddings):
        _check_embeddings(shown.scenario, value)
    elif isinstance(value, int):
        if value <= 0 or isinstance(value, bool):
            raise fail("a count of tokens is a number above 0", repr(value), scenario=name)
    elif not value or len({model.id for model in value}) < len(value) or not all(model.id for model in value):
        raise fail("a listing names models, each once", repr([model.id for model in value]), scenario=name)


def _check_embeddings(scenario: Scenario, value: Embeddings) -> None:
    lengths = {len(vector) for vector in value.vectors}
    if len(value.vectors) != len(scenario.inputs) or len(lengths) != 1 or 0 in lengths:
        found = f"{len(value.vectors)} vectors of lengths {sorted(lengths)} for {len(scenario.inputs)} texts"
        raise fail("every text has a vector, all of one length", found, scenario=scenario.name)
    if not all(isfinite(number) for vector in value.vectors for number in vector):
        raise fail("vectors are of finite numbers", "one is not", scenario=scenario.name)
    if len(set(value.vectors)) < len(value.vectors):
        raise fail("different texts have different vectors", "two are the same", scenario=scenario.name)
