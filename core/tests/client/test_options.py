"""What a caller may write, the request that it means, and what is said of what it cannot mean."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from core_llm import (
    FilePart,
    InvalidRequestError,
    InvalidSettingError,
    Limits,
    Message,
    NamedToolChoice,
    OutputSchema,
    Request,
    Settings,
    TextPart,
    ToolSpec,
)
from core_llm._options import Prompt, as_messages, build_request
from core_llm._stream_config import as_limits

PICTURE = FilePart(media_type="image/png", data=b"\x89PNG")
YES = Message.assistant("Yes?")
WEATHER = ToolSpec(name="weather")


def built(options: Mapping[str, object], defaults: Settings | None = None) -> Request:
    """Return the request that these options mean."""
    return build_request("m", "Hi", options, defaults or Settings(), is_stream=True)


@pytest.mark.parametrize(
    ("prompt", "messages"),
    [
        ("Hi", (Message.user("Hi"),)),
        (Message.user("Hi"), (Message.user("Hi"),)),
        (PICTURE, (Message.user(PICTURE),)),
        (["What is this?", PICTURE], (Message.user("What is this?", PICTURE),)),
        (("a", "b"), (Message.user("a", "b"),)),
        (
            [Message.user("Hi"), Message.assistant("Yes?"), "Go on"],
            (Message.user("Hi"), Message.assistant("Yes?"), Message.user("Go on")),
        ),
        (
            ["a", Message.assistant("b"), "c", PICTURE],
            (Message.user("a"), Message.assistant("b"), Message.user("c", PICTURE)),
        ),
    ],
    ids=["text", "message", "part", "parts", "tuple", "mixed", "conversation"],
)
def test_what_a_prompt_stands_for(prompt: Prompt, messages: tuple[Message, ...]) -> None:
    """Texts and parts between messages make one message of the user."""
    assert as_messages(prompt) == messages


@pytest.mark.parametrize("prompt", [None, "", "  \n ", [], [""], [Message.user("")]])
def test_an_empty_prompt_is_refused(prompt: Prompt | None) -> None:
    """Before anything is sent, with what to pass."""
    with pytest.raises(InvalidRequestError, match=r"empty.*pass a text|has no parts"):
        build_request("m", prompt, {}, Settings(), is_stream=True)


@pytest.mark.parametrize("prompt", [42, [42], {"role": "user"}, b"bytes", [object()], ["a", 1.5]])
def test_a_prompt_of_the_wrong_type_is_refused(prompt: object) -> None:
    """As an error of this package."""
    with pytest.raises(InvalidRequestError, match="prompt"):
        as_messages(prompt)  # type: ignore[arg-type]


def test_a_system_prompt_goes_before_the_conversation() -> None:
    """As a message of its own."""
    assert built({"system": "Be brief."}).messages == (Message.system("Be brief."), Message.user("Hi"))


def test_knobs_win_over_settings_and_those_over_defaults() -> None:
    """Knob by knob."""
    defaults = Settings(temperature=0.1, top_p=0.1, seed=1)
    request = built({"settings": Settings(temperature=0.2, top_p=0.2), "temperature": 0.3}, defaults)
    assert request.settings == Settings(temperature=0.3, top_p=0.2, seed=1)


def test_a_knob_set_to_none_goes_back_to_the_providers_default() -> None:
    """What is configured is taken back for this call."""
    assert built({"temperature": None}, Settings(temperature=0.1)).settings.temperature is None


def test_one_stop_text_is_a_list_of_one() -> None:
    """A text is not taken for a list of its letters."""
    assert built({"stop": "END"}).settings.stop == ("END",)
    assert built({"stop": ["A", "B"]}).settings.stop == ("A", "B")


@pytest.mark.parametrize(
    ("choice", "meant"),
    [("auto", "auto"), ("none", "none"), ("required", "required"), ("weather", NamedToolChoice(name="weather"))],
)
def test_a_tool_choice_is_a_word_or_the_name_of_a_tool(choice: str, meant: object) -> None:
    """Any other word is the tool that must be called."""
    assert built({"tools": [WEATHER], "tool_choice": choice}).tool_choice == meant


def test_everything_else_is_handed_on() -> None:
    """Tools, output, and what goes to one provider only."""
    output = OutputSchema(json_schema={"type": "object"})
    request = built(
        {
            "tools": [WEATHER],
            "output": output,
            "provider_options": {"openai": {"store": False}},
            "extra_headers": {"x-a": "1"},
            "extra_query": {"v": "2"},
        }
    )
    assert (request.tools, request.output) == ((WEATHER,), output)
    assert request.provider_options == {"openai": {"store": False}}
    assert (request.extra_headers, request.extra_query) == ({"x-a": "1"}, {"v": "2"})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"temprature": 0.2}, "unknown setting 'temprature'; did you mean 'temperature'"),
        ({"logit_bias": {}}, "provider_options"),
        ({"temperature": "hot"}, "temperature"),
        ({"temperature": -1}, "temperature"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"settings": {"seed": 1}}, "settings must be a Settings, not dict"),
        ({"limits": 30}, "limits must be a Limits"),
        ({"max_retries": -1}, "max_retries must be 0 or a greater whole number, not -1"),
        ({"max_retries": "two"}, "max_retries"),
        ({"on_unsupported": "ignore"}, "on_unsupported must be raise, drop or send"),
    ],
)
def test_a_wrong_setting_is_named(options: dict[str, object], words: str) -> None:
    """With what is accepted, or the near miss."""
    with pytest.raises(InvalidSettingError) as raised:
        built(options)
    assert words in raised.value.message


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"system": 42}, "system must be a text, not int"),
        ({"tools": ["weather"]}, "tools.0"),
        ({"tools": [WEATHER], "tool_choice": 3}, "tool_choice"),
        ({"output": "xml"}, "output"),
        ({"provider_options": {"openai": 3}}, "provider_options"),
        ({"extra_headers": {"x": 1}}, "extra_headers"),
    ],
)
def test_a_wrong_part_of_the_request_is_named(options: dict[str, object], words: str) -> None:
    """By the option that it is in."""
    with pytest.raises(InvalidRequestError) as raised:
        built(options)
    assert words in raised.value.message


def test_a_value_that_is_refused_is_not_shown() -> None:
    """It may be a key in the wrong place."""
    with pytest.raises(InvalidRequestError) as raised:
        built({"extra_headers": {"authorization": ["Bearer sk-secret-in-a-list"]}})
    assert "sk-secret" not in repr(raised.value)


def test_limits_are_limits_or_nothing() -> None:
    """What is given is given back."""
    assert as_limits(None) is None
    assert as_limits(Limits(total=1)) == Limits(total=1)
    with pytest.raises(InvalidSettingError, match=r"Limits\(total=30\), not dict"):
        as_limits({"total": 1})


def test_the_text_of_a_message_may_be_a_part() -> None:
    """A user message with one text is the same either way."""
    assert as_messages([TextPart(text="Hi")]) == as_messages("Hi")
