"""Response and Usage: the views on the parts, unknown figures, and the way back into a conversation."""

from __future__ import annotations

import pytest

from core_llm._messages import Message, ProviderPart, ReasoningPart, RefusalPart, TextPart, ToolCallPart
from core_llm._response import Response, Usage

WHOLE = ToolCallPart(id="1", name="weather", arguments={"city": "Oslo"}, raw_arguments='{"city": "Oslo"}')
CUT = ToolCallPart(id="2", name="weather", raw_arguments='{"city": "Par', is_complete=False)
RESPONSE = Response(
    id="r-1",
    model="small-2026",
    provider="acme",
    parts=(
        ReasoningPart(text="hm, ", provider_state={"acme": {"signature": "EqQB+/=="}}),
        ReasoningPart(text="yes"),
        TextPart(text="Hel"),
        ProviderPart(provider="acme", type="web_search_call", data={"n": 1}),
        TextPart(text="lo"),
        WHOLE,
        CUT,
    ),
    finish_reason="length",
    raw_finish_reason="max_tokens",
    usage=Usage(input_tokens=10, output_tokens=5, reasoning_tokens=2, raw={"in": 10}),
    is_complete=True,
    metadata={"fingerprint": "f"},
)


def test_a_whole_response_survives_json() -> None:
    """What is stored is read back equal, the opaque state of its parts included."""
    assert Response.from_json(RESPONSE.to_json()) == RESPONSE


def test_a_stored_response_of_a_newer_version_is_read() -> None:
    """Fields that this version does not know are ignored."""
    stored = '{"schema_version": 2, "mood": 1, "usage": {"input_tokens": 3, "water": 1}}'
    assert Response.from_json(stored) == Response(schema_version=2, usage=Usage(input_tokens=3))


def test_texts_are_joined_by_kind() -> None:
    """Text and reasoning are read apart; there is no refusal here."""
    assert (RESPONSE.text, RESPONSE.reasoning, RESPONSE.refusal) == ("Hello", "hm, yes", None)


def test_a_refusal_is_not_text() -> None:
    """The model's words in declining are in a field of their own."""
    response = Response(parts=(RefusalPart(text="I will "), RefusalPart(text="not.")))
    assert (response.text, response.refusal) == ("", "I will not.")


def test_only_complete_tool_calls_can_be_executed() -> None:
    """The cut one is among the parts, marked, with what came of its arguments."""
    assert RESPONSE.tool_calls == (WHOLE,)
    assert RESPONSE.parts[-1] == CUT


def test_the_message_goes_back_without_unfinished_calls() -> None:
    """A conversation with a call that nobody can answer would be refused by the provider."""
    assert RESPONSE.message == Message(role="assistant", parts=RESPONSE.parts[:-1])


def test_an_empty_response_knows_nothing() -> None:
    """Unknown is None, never 0 or "stop"."""
    empty = Response()
    assert (empty.finish_reason, empty.usage, empty.id, empty.is_complete) == (None, None, None, False)
    assert (empty.text, empty.message.parts) == ("", ())


@pytest.mark.parametrize(
    ("usage", "total"),
    [(Usage(input_tokens=10, output_tokens=5), 15), (Usage(input_tokens=10), None), (Usage(output_tokens=0), None)],
)
def test_a_total_is_known_only_if_both_are(usage: Usage, total: int | None) -> None:
    """A figure that the provider did not send makes the sum unknown."""
    assert usage.total_tokens == total
