"""Bodies of known wires say what they are told to say, by the reading of another who knows nothing of them."""

from __future__ import annotations

import datetime as dt

import pytest

from core_llm import CallOptions
from core_llm_conformance.documented import (
    Bodies,
    Called,
    ChatBodies,
    ContentsBodies,
    Failed,
    FullChatBodies,
    FullResponsesBodies,
    MessagesBodies,
    ResponsesBodies,
    Said,
    describe,
)
from core_llm_conformance.documented.usual import ANSWERS
from core_llm_conformance.scenarios import BY_NAME
from core_llm_conformance.walk import walk_anthropic, walk_chat_completions, walk_gemini, walk_responses
from core_llm_conformance.wires import Walk

from .twin.acme import AcmeWire
from .twin.changed import speaking

WALKS: dict[type[Bodies], Walk] = {
    ChatBodies: walk_chat_completions,
    FullChatBodies: walk_chat_completions,
    ResponsesBodies: walk_responses,
    FullResponsesBodies: walk_responses,
    MessagesBodies: walk_anthropic,
    ContentsBodies: walk_gemini,
}
each_wire = pytest.mark.parametrize("kind", list(WALKS), ids=lambda kind: kind.__name__)


def bodies(kind: type[Bodies], scenario: str = "text") -> Bodies:
    """Return the bodies of a scenario."""
    return kind("some-1", BY_NAME[scenario], CallOptions())


@each_wire
@pytest.mark.parametrize("scenario", ["text", "unicode", "max_tokens", "parallel_tool_calls", "tool_without_arguments"])
def test_both_forms_say_what_is_told(kind: type[Bodies], scenario: str) -> None:
    """Text, calls, the reason of the end and the counts, whether streamed or plain."""
    [said] = ANSWERS[scenario]
    made = bodies(kind, scenario)
    for reply in (made.streamed(said, 0), made.plain(said, 0)):
        found = WALKS[kind](reply.body, status=reply.status)
        assert found.text == said.text
        assert [(call.name, call.arguments) for call in found.tool_calls] == [(c.name, c.parsed) for c in said.calls]
        assert (found.finish_reason, found.is_complete) == (said.finish, True)
        assert found.usage is not None
        assert (found.usage.input_tokens, found.usage.output_tokens) == said.counts


@each_wire
def test_errors_say_what_is_told(kind: type[Bodies]) -> None:
    """At the front door, and in mid-stream after what had come."""
    made = bodies(kind)
    refused = made.error(Failed(400, "That is too hot.", "invalid_request_error", "400"))
    error = WALKS[kind](refused.body, status=refused.status).error
    assert error is not None
    assert (refused.status, error.message) == (400, "That is too hot.")
    word = "INTERNAL" if kind is ContentsBodies else "server_error"
    broken = made.broken_off(Failed(200, "Something broke.", word, "500", after="Hello, it"))
    found = WALKS[kind](broken.body, status=broken.status)
    assert (found.text, found.is_complete) == ("Hello, it", False)
    assert found.error is not None
    assert found.error.message == "Something broke."


def test_a_call_streams_in_pieces() -> None:
    """Its arguments are cut in the middle; no arguments are no piece."""
    assert Called("c-1", "get_weather", '{"city": "Oslo"}').pieces == ['{"city":', ' "Oslo"}']
    assert (Called("c-1", "get_time").pieces, Called("c-1", "get_time").parsed) == ([], {})
    assert Said("one two  three ").pieces == ["one", " two", "  three "]


def test_only_what_may_be_shown_is_described() -> None:
    """What is declared unsupported is left out, what the author leaves out, and what the bodies have nothing for."""
    target = speaking(AcmeWire)
    page = describe(target, ChatBodies, source="a page", date=dt.date(2026, 11, 21), without=["refusal"])
    names = {description.scenario for description in page}
    assert {"text", "model_listing", "embeddings", "error_429"} <= names
    assert names & {"video_input", "continuation", "refusal", "token_count"} == set()
