"""The twins' answers as descriptions, of which their cassettes are composed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from types import ModuleType

from pydantic import JsonValue

from core_llm import Provider
from core_llm_conformance.applicability import may_show
from core_llm_conformance.documented.usual import ERRORS, MODELS, VECTORS
from core_llm_conformance.recording.descriptions import Description, Reply, Turn
from core_llm_conformance.scenario import Scenario
from core_llm_conformance.scenarios import ALL
from core_llm_conformance.target import Target

FIRST_ERROR = 400
DATE = dt.date(2026, 11, 21)


def descriptions(target: Target, bodies: ModuleType) -> Iterator[Description]:
    """Yield a description of every scenario that a twin may show."""
    assert isinstance(target.provider, type) and issubclass(target.provider, Provider)  # noqa: PT018  # one thing
    source = f"the reference of {target.name}, which is made up"
    for scenario in ALL:
        if may_show(target, scenario):
            yield Description(scenario.name, source, DATE, _turns(scenario, bodies), target.model_of(scenario))


def _turns(scenario: Scenario, bodies: ModuleType) -> list[Turn]:
    match scenario.kind:
        case "models":
            ids = [f"{bodies.MODEL.partition('-')[0]}-{name}" for name in MODELS]
            return [Turn(plain=[_json(bodies, page) for page in bodies.models()], expected={"ids": [*ids]})]
        case "embeddings":
            vectors: list[JsonValue] = [list(vector) for vector in VECTORS]
            return [Turn(plain=_json(bodies, bodies.embeddings()), expected={"vectors": vectors, "input_tokens": 21})]
        case "token_count":
            return [Turn(plain=_json(bodies, bodies.token_count()), expected={"tokens": 9})]
        case "error":
            return [_failing(scenario.name, bodies)]
        case _:
            return [_answering(scenario.name, number, bodies) for number in range(scenario.turns)]


def _answering(name: str, number: int, bodies: ModuleType) -> Turn:
    said = bodies.ANSWERS[name][number]
    stream = Reply(bodies.streamed(said), headers=bodies.STREAM_TYPE)
    expected = said.expected(raw=bodies.REASONS[said.finish], answer_id=bodies.ID, model=bodies.MODEL)
    return Turn(stream=stream, plain=_json(bodies, bodies.plain(said)), expected=expected)


def _failing(name: str, bodies: ModuleType) -> Turn:
    failed = ERRORS[name]
    status = failed.status if failed.status >= FIRST_ERROR else 200
    stream = Reply(bodies.failing_stream(failed), headers=bodies.STREAM_TYPE)
    plain = Reply(bodies.error(failed), status, bodies.JSON_TYPE)
    begun = {"answer_id": bodies.ID, "model": bodies.MODEL} if failed.after else {}
    return Turn(stream=stream, plain=plain, expected=failed.expected(type_=failed.type, code=failed.type, **begun))


def _json(bodies: ModuleType, body: bytes) -> Reply:
    return Reply(body, headers=bodies.JSON_TYPE)
