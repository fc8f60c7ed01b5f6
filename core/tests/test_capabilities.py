"""Capabilities: how declarations are merged, what a request needs, and what happens when it is not there."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from core_llm._capabilities import FEATURES, Capabilities, OnUnsupported, check_capabilities, needed_features
from core_llm._errors import UnsupportedError
from core_llm._messages import FilePart, Message, TextPart, ToolResultPart
from core_llm._provider import Provider
from core_llm._request import NamedToolChoice, OutputSchema, Request, Settings, ToolChoice, ToolSpec
from core_llm.wire.chat_completions import ChatCompletions

PLAIN = Request(model="small", messages=(Message.user("Hi"),))
TOOL = ToolSpec(name="weather")


def picture(media_type: str) -> FilePart:
    """Return a file of some type."""
    return FilePart(media_type=media_type, data=b"x")


def check(request: Request, capabilities: Capabilities, on_unsupported: OnUnsupported = "raise") -> Request:
    """Check a request to acme."""
    return check_capabilities(request, capabilities, provider="acme", on_unsupported=on_unsupported)


def test_what_is_not_declared_is_unknown_and_is_sent() -> None:
    """Nothing is refused on a guess."""
    request = PLAIN.model_copy(update={"tools": (TOOL,), "settings": Settings(seed=1)})
    assert Capabilities().support("tools") == "unknown"
    assert Capabilities().support("settings.seed") == "unknown"
    assert check(request, Capabilities()) is request


def test_later_declarations_override_field_by_field() -> None:
    """Of two patterns that match, the later says only what differs."""
    low = Capabilities(
        tools="supported", image_input="supported", settings={"seed": "supported", "top_k": "unsupported"}
    )
    high = Capabilities(image_input="unsupported", settings={"seed": "unsupported"})
    assert low.merged(high) == Capabilities(
        tools="supported", image_input="unsupported", settings={"seed": "unsupported", "top_k": "unsupported"}
    )


def test_a_provider_merges_every_pattern_that_matches() -> None:
    """In the order in which they are written."""

    class Acme(Provider):
        name = "acme"
        capabilities = {  # noqa: RUF012  # as a plugin author writes it
            "*": Capabilities(tools="supported", audio_input="unsupported"),
            "tiny-*": Capabilities(tools="unsupported"),
        }

    assert Acme().capabilities_for("large") == Capabilities(tools="supported", audio_input="unsupported")
    assert Acme().capabilities_for("tiny-1") == Capabilities(tools="unsupported", audio_input="unsupported")


def test_what_a_wire_cannot_say_goes_over_what_a_provider_declares() -> None:
    """A model that takes a knob cannot be told so on a wire that has no field for it."""

    class Narrow(ChatCompletions):
        capabilities = Capabilities(settings={"seed": "unsupported"})

    class Acme(Provider):
        name = "acme"
        wire_format = ChatCompletions
        wires = {"tiny-*": Narrow}  # noqa: RUF012  # as a plugin author writes it
        capabilities = {"*": Capabilities(settings={"seed": "supported"})}  # noqa: RUF012  # the same

    assert Acme().capabilities_for("large").support("settings.seed") == "supported"
    assert Acme().capabilities_for("tiny-1").support("settings.seed") == "unsupported"


@pytest.mark.parametrize(
    ("changes", "needed"),
    [
        ({}, []),
        ({"tools": (TOOL,)}, ["tools"]),
        ({"tools": (TOOL,), "tool_choice": "auto"}, ["tools"]),
        ({"tools": (TOOL,), "tool_choice": "required"}, ["tools", "tool_choice"]),
        ({"tools": (TOOL,), "tool_choice": NamedToolChoice(name="weather")}, ["tools", "tool_choice"]),
        ({"output": OutputSchema(json_schema={})}, ["structured_output"]),
        ({"output": "json"}, ["json_output"]),
        ({"settings": Settings(seed=1, top_k=None, temperature=0)}, ["settings.seed", "settings.temperature"]),
        ({"messages": (Message.system("Be brief."), Message.user("Hi"))}, ["system_prompt"]),
        ({"messages": (Message.user("See", picture("image/png"), picture("image/*")),)}, ["image_input"]),
        (
            {"messages": (Message.user(picture("audio/wav"), picture("video/mp4"), picture("application/pdf")),)},
            ["audio_input", "video_input", "document_input"],
        ),
        ({"messages": (Message.assistant(picture("image/png")), Message.user("Hi"))}, []),
    ],
)
def test_a_request_needs_what_is_in_it(changes: dict[str, object], needed: list[str]) -> None:
    """By the names of Capabilities; a knob that is None and a picture that the model made need nothing."""
    assert needed_features(PLAIN.model_copy(update=changes)) == needed


def test_what_is_declared_unsupported_is_refused_before_it_is_sent() -> None:
    """The error says what, for which model, and what to do."""
    request = PLAIN.model_copy(update={"messages": (Message.user("See", picture("image/png")),)})
    with pytest.raises(UnsupportedError) as caught:
        check(request, Capabilities(image_input="unsupported"))
    assert caught.value.message == (
        "acme:small does not support image input; leave it out, choose another model, or pass "
        "on_unsupported='drop' or 'send'"
    )
    assert (caught.value.feature, caught.value.provider, caught.value.model) == ("image_input", "acme", "small")


def test_a_file_in_a_result_is_refused_too() -> None:
    """What a tool hands to the model is read by the model, as what the user hands to it."""
    result = ToolResultPart(tool_call_id="call_1", content=(TextPart(text="See:"), picture("image/png")))
    request = PLAIN.model_copy(update={"messages": (Message.user("Hi"), Message.tool(result))})
    assert needed_features(request) == ["image_input"]
    with pytest.raises(UnsupportedError, match="acme:small does not support image input"):
        check(request, Capabilities(image_input="unsupported"))


def test_an_unsupported_knob_is_named() -> None:
    """The feature of the error is the name of the setting."""
    request = PLAIN.model_copy(update={"settings": Settings(seed=1)})
    with pytest.raises(UnsupportedError, match=r"^acme:small does not support the setting 'seed';") as caught:
        check(request, Capabilities(settings={"seed": "unsupported"}))
    assert caught.value.feature == "seed"


def test_a_knob_can_be_dropped() -> None:
    """The rest of the settings stays; the caller's request is not changed."""
    request = PLAIN.model_copy(update={"settings": Settings(seed=1, top_k=5, temperature=0.5)})
    capabilities = Capabilities(settings={"seed": "unsupported", "top_k": "unsupported"})
    assert check(request, capabilities, "drop").settings == Settings(temperature=0.5)
    assert request.settings.seed == 1


@pytest.mark.parametrize("choice", ["required", "none", NamedToolChoice(name="weather")])
def test_a_tool_choice_can_be_dropped(choice: ToolChoice) -> None:
    """The tools stay on offer."""
    request = PLAIN.model_copy(update={"tools": (TOOL,), "tool_choice": choice})
    sent = check(request, Capabilities(tool_choice="unsupported"), "drop")
    assert (sent.tool_choice, sent.tools) == (None, (TOOL,))


@pytest.mark.parametrize(
    ("changes", "feature"),
    [
        ({"tools": (TOOL,)}, "tools"),
        ({"output": OutputSchema(json_schema={})}, "structured_output"),
        ({"messages": (Message.tool(ToolResultPart(tool_call_id="1")), Message.system("x"))}, "system_prompt"),
        ({"messages": (Message.user(picture("image/png")),)}, "image_input"),
    ],
)
def test_what_was_asked_is_never_dropped(changes: dict[str, object], feature: str) -> None:
    """Without its tools, its schema or its picture it would be another question."""
    capabilities = Capabilities.model_validate({feature: "unsupported"})
    with pytest.raises(UnsupportedError) as caught:
        check(PLAIN.model_copy(update=changes), capabilities, "drop")
    assert caught.value.feature == feature


def test_everything_can_be_sent_all_the_same() -> None:
    """With "send" the declaration is not asked: it may be out of date."""
    request = PLAIN.model_copy(update={"tools": (TOOL,), "settings": Settings(seed=1)})
    capabilities = Capabilities(tools="unsupported", settings={"seed": "unsupported"})
    assert check(request, capabilities, "send") is request


def test_why_something_is_untested_is_merged_by_feature() -> None:
    """The conformance suite reads it; nothing else changes by it."""
    low = Capabilities(audio_input="supported", untested={"audio_input": "no key", "settings.seed": "no key"})
    high = Capabilities(untested={"audio_input": "no model at hand"})
    merged = low.merged(high)
    assert merged.untested == {"audio_input": "no model at hand", "settings.seed": "no key"}
    assert merged.support("audio_input") == "supported"
    assert low.merged(Capabilities(tools="supported")).untested == low.untested


@pytest.mark.parametrize("name", ["telepathy", "settings.telepathy", "settings", "untested", "version", "seed"])
def test_only_what_exists_can_be_untested(name: str) -> None:
    """A misspelt reason would be read by nobody."""
    with pytest.raises(ValidationError, match=f"'{name}' is no feature"):
        Capabilities(untested={name: "no key"})


def test_untested_needs_a_reason() -> None:
    """An empty one tells nothing."""
    with pytest.raises(ValidationError, match="no reason for 'tools'"):
        Capabilities(untested={"tools": " "})


def test_only_a_feature_has_support() -> None:
    """Other fields of a declaration are none."""
    assert {"embeddings", "streaming", "video_input"} < FEATURES
    for name in ("untested", "settings", "version", "telepathy"):
        with pytest.raises(KeyError):
            Capabilities().support(name)
