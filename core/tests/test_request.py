"""Requests and settings: defaults, merging, and what cannot be sent."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from core_llm._errors import InvalidRequestError
from core_llm._messages import FilePart, Message, ReasoningPart, TextPart, ToolResultPart
from core_llm._request import NamedToolChoice, OutputSchema, Request, Settings, ToolSpec


def test_a_whole_request_survives_json() -> None:
    """Everything that a request can hold is read back equal."""
    request = Request(
        model="small",
        messages=(
            Message.system("Be brief."),
            Message.user("Hi", FilePart(media_type="image/png", data=b"\xff\x00")),
            Message.assistant(ReasoningPart(provider_state={"acme": {"signature": "x"}}), "Hello"),
        ),
        tools=(ToolSpec(name="weather", parameters={"type": "object", "properties": {"city": {"type": "string"}}}),),
        tool_choice=NamedToolChoice(name="weather"),
        output=OutputSchema(json_schema={"type": "object"}),
        settings=Settings(temperature=0.5, stop=("END",), seed=1),
        provider_options={"acme": {"cache": True}},
        extra_headers={"x-trace": "1"},
        extra_query={"v": "2"},
        is_stream=False,
    )
    assert Request.from_json(request.to_json()) == request


def test_a_stored_request_of_a_newer_version_is_read() -> None:
    """Fields that this version does not know are ignored, at every depth."""
    stored = '{"model": "small", "messages": [], "priority": 1, "settings": {"top_p": 0.5, "vibe": 3}}'
    assert Request.from_json(stored) == Request(model="small", messages=(), settings=Settings(top_p=0.5))


def test_a_tool_without_parameters_takes_an_empty_object() -> None:
    """The schema of no parameters is one that providers accept, and each tool has its own."""
    first, second = ToolSpec(name="a"), ToolSpec(name="b")
    assert first.parameters == {"type": "object", "properties": {}}
    assert first.parameters is not second.parameters
    with pytest.raises(ValidationError, match="at least 1 character"):
        ToolSpec(name="")


@pytest.mark.parametrize(
    "knobs",
    [
        {"temperature": -1},
        {"top_p": 2},
        {"max_tokens": 0},
        {"top_k": -1},
        {"reasoning_effort": "huge"},
        {"temprature": 1},
    ],
)
def test_an_impossible_knob_is_refused(knobs: dict[str, object]) -> None:
    """A value out of range and a name that does not exist are told before anything is sent."""
    with pytest.raises(ValidationError, match=next(iter(knobs))):
        Settings.model_validate(knobs)


def test_one_stop_text_is_a_list_of_one() -> None:
    """A text is not taken for a list of its letters."""
    assert Settings.model_validate({"stop": "END"}).stop == ("END",)
    assert Settings(stop=("a", "b")).stop == ("a", "b")


def test_merged_settings_replace_only_what_is_set() -> None:
    """What was set to None on purpose replaces too."""
    low = Settings(temperature=0.5, max_tokens=10, seed=1)
    assert low.merged(Settings(max_tokens=20, seed=None)) == Settings(temperature=0.5, max_tokens=20, seed=None)
    assert low.merged(Settings()) is low


@pytest.mark.parametrize(
    "messages",
    [(), (Message.user(""),), (Message.user("", TextPart(text="")),), (Message.system("Be brief."), Message.user(""))],
    ids=["no message", "empty text", "empty parts", "empty after system"],
)
def test_an_empty_prompt_is_told(messages: tuple[Message, ...]) -> None:
    """Nothing to answer is an error before anything is sent."""
    with pytest.raises(InvalidRequestError) as caught:
        Request(model="small", messages=messages).checked()
    assert caught.value.message == "the prompt is empty; pass a text or at least one message"


def test_a_message_without_parts_is_named() -> None:
    """The error counts from 0 and says the role."""
    request = Request(model="small", messages=(Message.user("Hi"), Message(role="tool", parts=()), Message.user("Hi")))
    with pytest.raises(InvalidRequestError) as caught:
        request.checked()
    assert caught.value.message == "message 1 (tool) has no parts; leave it out or give it content"


@pytest.mark.parametrize(
    "last",
    [
        Message.user("Hi"),
        Message.user("", FilePart(media_type="image/png", data=b"x")),
        Message.assistant(),
        Message.tool(ToolResultPart(tool_call_id="1")),
    ],
    ids=["text", "picture", "empty answer", "empty result"],
)
def test_what_has_content_can_be_sent(last: Message) -> None:
    """A picture alone is a prompt; an empty answer or tool result may be part of a conversation."""
    request = Request(model="small", messages=(Message.user("Hi"), last))
    assert request.checked() is request
