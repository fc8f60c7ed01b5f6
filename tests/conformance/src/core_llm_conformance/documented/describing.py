"""Describing every scenario that a plugin may show, by what is said in it and how its provider puts that."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence

from pydantic import JsonValue

from core_llm_conformance.applicability import may_show
from core_llm_conformance.documented.bodies import Bodies
from core_llm_conformance.documented.said import Failed, Said
from core_llm_conformance.documented.usual import ANSWERS, COUNTED, ERRORS, VECTORS
from core_llm_conformance.recording.descriptions import Description, Turn
from core_llm_conformance.scenario import Scenario
from core_llm_conformance.scenarios import ALL
from core_llm_conformance.target import Target


def describe(
    target: Target,
    bodies: type[Bodies],
    *,
    source: str,
    date: dt.date,
    answers: Mapping[str, Sequence[Said]] = ANSWERS,
    errors: Mapping[str, Failed] = ERRORS,
    sources: Mapping[str, str] | None = None,
    without: Sequence[str] = (),
    opaque: Sequence[str] = (),
) -> Iterator[Description]:
    """Yield a description of every scenario that a plugin may show and that there is something to say in.

    Args:
        target: The plugin.
        bodies: How its provider puts answers.
        source: The page of its reference.
        date: When that was read.
        answers: Scenario → what is said in each turn.
        errors: Scenario → what fails.
        sources: Scenario → another page.
        without: Scenarios that its provider has no answer to: an error that it never sends, what another model does.
        opaque: Names of fields whose values chance makes and that are no secrets.
    """
    for scenario in ALL:
        is_said = scenario.kind not in ("chat", "error") or scenario.name in answers or scenario.name in errors
        if not is_said or scenario.name in without or not may_show(target, scenario):
            continue
        model = target.model_of(scenario)
        made = bodies(model, scenario, target.options(scenario))
        page = (sources or {}).get(scenario.name, source)
        turns = _turns(scenario, made, answers, errors)
        if not turns[0].replies("plain") and not turns[0].replies("stream"):
            continue
        yield Description(scenario.name, page, date, turns, model, opaque)


def _turns(
    scenario: Scenario, bodies: Bodies, answers: Mapping[str, Sequence[Said]], errors: Mapping[str, Failed]
) -> list[Turn]:
    match scenario.kind:
        case "models":
            return [Turn(plain=bodies.models(), expected={"ids": [*bodies.listed]})]
        case "embeddings":
            vectors: list[JsonValue] = [list(vector) for vector in VECTORS]
            tokens = bodies.embedded_tokens()
            told = {} if tokens is None else {"input_tokens": tokens}
            return [Turn(plain=bodies.embeddings(VECTORS), expected={"vectors": vectors, **told})]
        case "token_count":
            return [Turn(plain=bodies.token_count(COUNTED), expected={"tokens": COUNTED})]
        case "error":
            failed = errors[scenario.name]
            expected = bodies.expected_error(failed)
            return [Turn(stream=bodies.broken_off(failed), plain=bodies.error(failed), expected=expected)]
        case _:
            return [bodies.turn(said, number) for number, said in enumerate(answers[scenario.name])]
