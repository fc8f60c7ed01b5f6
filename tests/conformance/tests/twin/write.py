"""Write the twins' cassettes anew.

Each answer is played to the provider, and what it sends then is the request that is written beside it.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from types import ModuleType

import yaml
from pydantic import JsonValue

from core_llm import Provider
from core_llm_conformance.applicability import may_show, modes_of
from core_llm_conformance.conversation import play
from core_llm_conformance.replay import Replay, ReplayAnswer
from core_llm_conformance.scenario import Mode, Scenario, Shown
from core_llm_conformance.scenarios import ALL
from core_llm_conformance.target import Target
from core_llm_conformance.walk.expected import Expected

from .said import ANSWERS, ERRORS, MODELS, VECTORS

TEXTS = ("text", "reasoning", "message")
DATE = "2026-11-21"


def write(provider: type[Provider], bodies: ModuleType, folder: Path) -> list[str]:
    """Write all cassettes of a twin and return their names."""
    target = Target(provider, bodies.MODEL, cassettes=folder)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for scenario in ALL:
        if not may_show(target, scenario):
            continue
        entries = [entry for mode in modes_of(target, scenario) for entry in _entries(target, scenario, mode, bodies)]
        head = {
            "suite": "1.0",
            "scenario": scenario.name,
            "origin": "documented",
            "source": f"the reference of {provider.name}, which is made up",
            "model": target.model_of(scenario),
            "date": DATE,
            "plugin": f"plugin-{provider.name} 0.1.0",
            "interactions": [head for head, _ in entries],
        }
        content = {"core_llm_conformance": head, "interactions": [played for _, played in entries], "version": 1}
        text = yaml.safe_dump(content, allow_unicode=True, sort_keys=False, width=1_000)
        (folder / f"{scenario.name}.yaml").write_text(text, encoding="utf-8")
        written.append(scenario.name)
    return written


def _entries(target: Target, scenario: Scenario, mode: Mode, bodies: ModuleType) -> list[tuple[JsonValue, JsonValue]]:
    answers = _answers(scenario, mode, bodies)
    replay = Replay(*(answer for answer, _, _ in answers))
    play(target, Shown(scenario, mode, ()), replay)
    entries: list[tuple[JsonValue, JsonValue]] = []
    for turn, ((answer, expected, value), request) in enumerate(zip(answers, replay.requests, strict=True)):
        head: dict[str, JsonValue] = {"mode": mode, "turn": turn}
        if expected is not None:
            head["expected"] = _shortened(asdict(expected))
        if value is not None:
            head["value"] = value
        asked: JsonValue = {
            "method": request.method,
            "uri": request.url,
            "body": request.body.decode(),
            "headers": {"content-type": ["application/json"]},
        }
        answered: JsonValue = {
            "status": {"code": answer.status, "message": "OK" if answer.status == 200 else "Error"},
            "headers": {name: [value] for name, value in answer.headers.items()},
            "body": {"string": answer.body.decode()},
        }
        entries.append((head, {"request": asked, "response": answered}))
    return entries


def _answers(
    scenario: Scenario, mode: Mode, bodies: ModuleType
) -> list[tuple[ReplayAnswer, Expected | None, JsonValue]]:
    is_stream = mode == "stream"
    good = bodies.STREAM_TYPE if is_stream else bodies.JSON_TYPE
    match scenario.kind:
        case "models":
            ids: JsonValue = [f"{bodies.MODEL.partition('-')[0]}-{name}" for name in MODELS]
            return [(ReplayAnswer(bodies.models(), headers=good), None, {"ids": ids})]
        case "embeddings":
            value: JsonValue = {"vectors": [list(vector) for vector in VECTORS], "input_tokens": 21}
            return [(ReplayAnswer(bodies.embeddings(), headers=good), None, value)]
        case "token_count":
            return [(ReplayAnswer(bodies.token_count(), headers=good), None, {"tokens": 9})]
        case "error":
            failed = ERRORS[scenario.name]
            if failed.status >= 400:
                answer = ReplayAnswer(bodies.error(failed), failed.status, bodies.JSON_TYPE)
            else:
                body = bodies.failing_stream(failed) if is_stream else bodies.error(failed)
                answer = ReplayAnswer(body, 200, good)
            begun = {"answer_id": bodies.ID, "model": bodies.MODEL} if failed.after else {}
            return [(answer, failed.expected(**begun), None)]
        case _:
            turns = []
            for said in ANSWERS[scenario.name]:
                body = bodies.streamed(said) if is_stream else bodies.plain(said)
                raw = bodies.REASONS[said.finish]
                expected = said.expected(raw=raw, answer_id=bodies.ID, model=bodies.MODEL)
                turns.append((ReplayAnswer(body, 200, good), bodies.adjusted(expected, is_stream=is_stream), None))
            return turns


def _shortened(value: JsonValue) -> JsonValue:
    """Return what is expected without what is expected by default."""
    if isinstance(value, dict):
        is_default = {name: item in (None, (), []) or (item == "" and name in TEXTS) for name, item in value.items()}
        return {name: _shortened(item) for name, item in value.items() if not is_default[name]}
    return [_shortened(item) for item in value] if isinstance(value, list | tuple) else value
