"""Ids of tool calls that a provider takes, in place of those that it refuses."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core_llm import Message, Request, ToolCallPart, ToolResultPart
from core_llm.wire import CallIdForm, ChatCompletions, JSONValue, Responses, fit_call_ids

NINE = CallIdForm.named("alphanumeric-9")


def talk(*ids: str) -> list[Message]:
    """Return a conversation with a turn for each call."""
    messages = [Message.user("Go.")]
    for call_id in ids:
        messages.append(Message.assistant("Well.", ToolCallPart(id=call_id, name="f", arguments={})))
        messages.append(Message.tool(ToolResultPart(tool_call_id=call_id, name="f", content=call_id)))
    return messages


def ids_of(messages: list[Message]) -> list[tuple[str, str]]:
    """Return the id of each call, and of the result after it."""
    calls = [call.id for message in messages for call in message.tool_calls]
    results = [part.tool_call_id for message in messages for part in message.parts if isinstance(part, ToolResultPart)]
    return list(zip(calls, results, strict=True))


def test_what_fits_is_left_as_it_is() -> None:
    """Nothing is copied then, nor where any id is taken."""
    messages = talk("aB3dE6gH9", "000000000")
    assert fit_call_ids(messages, NINE) is messages
    assert fit_call_ids(messages, None) is messages


def test_what_does_not_fit_gets_an_id_that_does() -> None:
    """Call and result alike, the rest of the message as it was; the others keep theirs."""
    fitted = list(fit_call_ids(talk("call_1", "aB3dE6gH9"), NINE))
    [(call, result), kept] = ids_of(fitted)
    assert call == result == "k345VMGm2"
    assert kept == ("aB3dE6gH9", "aB3dE6gH9")
    assert fitted[1].text == "Well."
    assert fitted[2].parts[0] == ToolResultPart(tool_call_id=call, name="f", content="call_1")


@given(st.lists(st.text(max_size=12), unique=True, max_size=12))
def test_ids_fit_and_are_told_apart(ids: list[str]) -> None:
    """Whatever they were, and as they were when the conversation was shorter."""
    form = CallIdForm(r"[a-z0-9A-Z]{4}", 4)
    fitted = ids_of(list(fit_call_ids(talk(*ids), form)))
    assert all(re.fullmatch(r"[a-zA-Z0-9]{4}", call) and call == result for call, result in fitted)
    assert len(set(fitted)) == len(ids)
    assert ids_of(list(fit_call_ids(talk(*ids, "more"), form)))[: len(ids)] == fitted


def test_an_id_that_was_made_is_not_given_again() -> None:
    """A call whose own id is the one that was made for another gets a new one itself."""
    first, second = ids_of(list(fit_call_ids(talk("call_1", "k345VMGm2"), NINE)))
    assert first == ("k345VMGm2", "k345VMGm2")
    assert second[0] == second[1] != "k345VMGm2"
    assert re.fullmatch(r"[a-zA-Z0-9]{9}", second[0])


@pytest.mark.parametrize("name", ["", "nine", "alphanumeric", "alphanumeric-0", "alphanumeric-3", "hex-9"])
def test_forms_that_cannot_be_are_refused(name: str) -> None:
    """They have no such name, or too few letters to tell ids apart."""
    with pytest.raises(ValueError, match=r"is no form of ids|are no id of the form"):
        CallIdForm.named(name)


def test_chat_completions_sends_ids_that_fit() -> None:
    """A server that takes nine letters and digits says so in one attribute."""

    class Mistral(ChatCompletions):
        call_ids = NINE

    request = Request(model="m", messages=tuple(talk("call_1")))
    body = Mistral("mistral").encode_request(request).body
    assert isinstance(body, dict)
    assert body["messages"] == [
        {"role": "user", "content": "Go."},
        {
            "role": "assistant",
            "content": "Well.",
            "tool_calls": [{"id": "k345VMGm2", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "k345VMGm2", "content": "call_1"},
    ]


def test_responses_sends_ids_that_fit() -> None:
    """The same attribute."""

    class Narrow(Responses):
        call_ids = NINE

    body = Narrow("narrow").encode_request(Request(model="m", messages=tuple(talk("call_1")))).body
    assert isinstance(body, dict)
    call: JSONValue = {"type": "function_call", "call_id": "k345VMGm2", "name": "f", "arguments": "{}"}
    result: JSONValue = {"type": "function_call_output", "call_id": "k345VMGm2", "output": "call_1"}
    items = body["input"]
    assert isinstance(items, list)
    assert items[2:] == [call, result]
