"""The table that says which exchange speaks which wire, and who has to understand it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from core_llm_conformance.corpus import Recording
from core_llm_conformance.wires import ANTHROPIC, CHAT, GEMINI, OLLAMA, case_of, reason_not_replayed, wire_of

EXCHANGE = Recording(
    file="family/file.yaml",
    family="family",
    interaction_index=0,
    method="POST",
    url="https://api.openai.com/v1/chat/completions",
    request_headers={},
    request_body=b"",
    status=200,
    headers={"content-type": "text/event-stream"},
    body=b"",
    is_streaming=True,
    format="vcr-yaml",
    provenance="recorded",
    tags=frozenset(),
    models=(),
)


def at(url: str, **changes: object) -> Recording:
    """Return the exchange at another address."""
    return replace(EXCHANGE, url=url, **changes)  # type: ignore[arg-type]  # each test knows its fields


@pytest.mark.parametrize(
    ("url", "wire", "provider"),
    [
        ("https://api.openai.com/v1/chat/completions", CHAT, "openai"),
        ("https://api.groq.com/openai/v1/chat/completions", CHAT, ""),
        ("https://x.services.ai.azure.com/anthropic/v1/messages?beta=true", ANTHROPIC, "anthropic"),
        ("https://generativelanguage.googleapis.com/v1beta/models/g:streamGenerateContent", GEMINI, "gemini"),
        ("https://us-central1-aiplatform.googleapis.com/v1/models/g:generateContent", GEMINI, "vertex"),
        ("http://localhost:11434/api/chat", OLLAMA, "ollama"),
    ],
)
def test_path_and_host_tell(url: str, wire: object, provider: str) -> None:
    """The path says how it is spoken, the host by whom."""
    case = case_of(at(url))
    assert case is not None
    assert (case.wire, case.speaker.provider) == (wire, provider)


@pytest.mark.parametrize(
    ("method", "url"),
    [
        ("GET", "https://api.openai.com/v1/responses"),
        ("POST", "https://api.openai.com/v1/embeddings"),
        ("POST", "http://localhost:11434/api/generate"),
        ("POST", "https://oauth2.googleapis.com/token"),
    ],
)
def test_other_exchanges_have_a_reason(method: str, url: str) -> None:
    """What is no chat is of no wire, and is said to be so."""
    exchange = at(url, method=method)
    assert wire_of(exchange) is None
    assert reason_not_replayed(exchange)


def test_what_nobody_has_thought_of_has_none() -> None:
    """So that it is noticed."""
    assert reason_not_replayed(at("https://api.example.test/v9/dream")) is None


def test_an_array_of_gemini_becomes_events() -> None:
    """We always ask for events, so that is how the answer would have come."""
    body = b'[{"candidates": []},\r\n{"usageMetadata": {}}]'
    url = "https://generativelanguage.googleapis.com/v1beta/models/g:streamGenerateContent"
    case = case_of(at(url, body=body, is_streaming=False, headers={"content-type": "application/json"}))
    assert case is not None
    assert case.recording.is_streaming
    events = case.recording.body.split(b"\n\n")
    assert [json.loads(event.removeprefix(b"data: ")) for event in events if event] == json.loads(body)


def test_a_truncated_body_is_walked_as_such() -> None:
    """A case says what the beginning of its body holds."""
    body = b'{"message": {"content": "x"}}\n{"done": true}\n'
    case = case_of(at("http://localhost:11434/api/chat", body=body))
    assert case is not None
    assert case.expected().is_complete
    assert not case.expected(body[: case.wire.ends(body)[0]]).is_complete
