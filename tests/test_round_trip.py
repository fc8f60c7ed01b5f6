"""What only its provider understands (signatures, encrypted reasoning, ids) survives storage and goes back to it alone.

For every real answer that holds such a thing: Response → JSON → Message → the next request of the conversation.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest
from pydantic import JsonValue

from core_llm import Message, Provider, Request, Response, ToolResultPart
from core_llm_conformance.corpus import find_corpus, missing_reason
from core_llm_conformance.opaque import kept_in_request, kept_of_answer, opaque_texts
from core_llm_conformance.replay import ReplayAnswer
from core_llm_conformance.through import through_client
from core_llm_conformance.wires import SPEAKERS, Case, cases

ROOT = Path(__file__).resolve().parents[1]
CORPUS = find_corpus(ROOT)
if CORPUS is None:
    pytest.skip(missing_reason(ROOT), allow_module_level=True)

ANSWERS = [case for case in cases(CORPUS) if case.recording.status == 200 and case.expected().is_complete]
KEEPING = [case for case in ANSWERS if kept_of_answer(case)]
OPAQUE = [case for case in ANSWERS if any(opaque_texts(kept_of_answer(case)))]
each_keeping = pytest.mark.parametrize("case", KEEPING, ids=lambda case: case.test_id)
each_opaque = pytest.mark.parametrize("case", OPAQUE, ids=lambda case: case.test_id)


@cache
def answered(test_id: str) -> Response:
    """Return the answer of a recording, stored and read again."""
    [case] = [case for case in KEEPING if case.test_id == test_id]
    provider, is_stream = case.speaker.load(), case.recording.is_streaming
    response = through_client(ReplayAnswer.of(case.recording), provider, is_stream=is_stream)
    assert isinstance(response, Response)
    return Response.model_validate_json(response.model_dump_json())


def continued(response: Response, provider: Provider) -> JsonValue:
    """Return the body of the request that goes on after an answer, its calls all answered."""
    model = response.model or "m"
    results = [ToolResultPart(tool_call_id=call.id, name=call.name, content="done") for call in response.tool_calls]
    turns = [
        Message.user("Hi"),
        response.message,
        *([Message.tool(*results)] if results else []),
        Message.user("Go on"),
    ]
    body = provider.wire(model).encode_request(Request(model=model, messages=tuple(turns))).body
    assert not isinstance(body, bytes)
    return body


@each_keeping
def test_it_goes_back_to_its_provider(case: Case) -> None:
    """JSON-equal and in its order, opaque strings byte for byte."""
    body = continued(answered(case.test_id), case.speaker.load())
    assert kept_in_request(case, body) == kept_of_answer(case)


@each_opaque
def test_it_goes_to_no_other(case: Case) -> None:
    """Another provider is sent nothing that it could not read."""
    response = answered(case.test_id)
    for other in {speaker.provider: speaker for speaker in SPEAKERS.values()}.values():
        provider = other.load()
        if provider.name != response.provider:
            sent = json.dumps(continued(response, provider))
            assert [text for text in opaque_texts(kept_of_answer(case)) if json.dumps(text) in sent] == []


@pytest.mark.parametrize("wire", ["anthropic", "gemini", "responses", "chat"])
def test_each_wire_has_such_answers(wire: str) -> None:
    """None passes for want of recordings."""
    assert sum(case.wire.name == wire for case in OPAQUE) > 3
