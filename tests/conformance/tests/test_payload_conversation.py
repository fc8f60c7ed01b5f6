"""What of a conversation is lost, altered or sent too much is found by its marks."""

from __future__ import annotations

import pytest

from core_llm import (
    FilePart,
    Message,
    Request,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from core_llm.wire import JSONObject, JSONValue, WireRequest
from core_llm_conformance.payload.choices import check_choice_changes_the_request, choices
from core_llm_conformance.payload.history import (
    check_cut_calls_are_not_sent,
    check_failed_tool_is_told,
    check_foreign_state_is_not_sent,
    check_results_belong_to_their_calls,
)
from core_llm_conformance.payload.parts import (
    MARKED,
    check_every_part_is_sent,
    marked,
)
from core_llm_conformance.target import Target

from .editing import edited, wired
from .probing import finding, of
from .twin.acme import Acme, AcmeWire

CASES = {case.name: case for case in MARKED}


def rewriting(change: object) -> Target:
    """Return the good twin whose wire rewrites the conversation first."""

    class Wire(AcmeWire):
        def encode_request(self, request: Request) -> WireRequest:
            messages = change(request.messages)  # type: ignore[operator]  # a function of the test
            return super().encode_request(request.model_copy(update={"messages": tuple(messages)}))

    return wired(Wire)


def only(*kinds: type) -> object:
    """Return what leaves out of messages the parts of certain kinds."""

    def change(messages: tuple[Message, ...]) -> list[Message]:
        kept = [(m, tuple(p for p in m.parts if not isinstance(p, kinds))) for m in messages]
        return [m.model_copy(update={"parts": parts}) for m, parts in kept if parts]

    return change


LOSSES: dict[str, tuple[str, Target, str]] = {
    "pictures": ("image", rewriting(only(FilePart)), "is not in the request"),
    "results": ("tool_call", rewriting(only(ToolResultPart)), "'mark-result' is not in the request"),
    "the system": ("system", rewriting(lambda ms: [m for m in ms if m.role != "system"]), "'mark-system'"),
    "the first system": ("system", rewriting(lambda ms: ms[1:]), "'mark-system' is not in the request"),
    "the beginning": ("turns", rewriting(lambda ms: ms[-4:]), "'mark-1' is not in the request"),
    "the order": ("turns", rewriting(lambda ms: ms[::-1]), "the order is not mark-1, mark-2"),
    "schemas": (
        "tools",
        edited(lambda body: [tool["function"].pop("parameters") for tool in body.get("tools", [])]),
        "'mark_property', 'mark-property-says' is not in the request",
    ),
    "the second tool": (
        "tools",
        edited(lambda body: body.update(tools=body["tools"][:1]) if "tools" in body else 0),
        "get_w",
    ),
    "strange letters": (
        "unicode",
        rewriting(lambda ms: [Message.user(ms[0].text.encode("ascii", "replace").decode())]),
        "is not in the request",
    ),
    "all texts but one": (
        "texts",
        rewriting(lambda ms: [Message.user(TextPart(text=ms[0].parts[0].text))]),
        "'mark-between'",
    ),
}


@pytest.mark.parametrize("what", LOSSES)
def test_what_is_lost_is_named(what: str) -> None:
    """Each loss is found by its mark."""
    case, target, told = LOSSES[what]
    assert told in finding(lambda: check_every_part_is_sent(target, CASES[case])).found


def test_what_cannot_be_sent_is_not_asked_for() -> None:
    """The twin takes no videos, and says so."""
    names = [case.id for case in marked(of(Acme))]
    assert "video" not in names
    assert {"image", "audio", "document", "parallel_calls", "schema"} <= set(names)


def test_a_failed_tool_that_looks_like_a_good_one() -> None:
    """The model would take the error for the answer."""

    class Wire(AcmeWire):
        def encode_tool_result(self, result: ToolResultPart) -> JSONObject:
            return super().encode_tool_result(result.model_copy(update={"is_error": False}))

    assert (
        finding(lambda: check_failed_tool_is_told(wired(Wire))).found
        == "a result with is_error is sent like one without"
    )


@pytest.mark.parametrize(
    "ids", [lambda _: "call_a1", lambda result: f"{result.tool_call_id}-1"], ids=["always-one", "changed"]
)
def test_results_of_other_calls(ids: object) -> None:
    """The id of a result is that of its call."""

    class Wire(AcmeWire):
        def encode_tool_result(self, result: ToolResultPart) -> JSONObject:
            encoded = super().encode_tool_result(result)
            return {**encoded, "tool_call_id": ids(result)}  # type: ignore[operator]  # a function of the test

        def encode_call(self, call: object) -> JSONValue:
            return super().encode_call(call)  # type: ignore[arg-type]  # as it is

    told = finding(lambda: check_results_belong_to_their_calls(wired(Wire))).found
    assert "is sent once, in the call or in its result alone" in told


def test_opaque_state_of_another_provider() -> None:
    """Whoever sends all state that a part has sends another's too."""

    class Wire(AcmeWire):
        def encode_assistant(self, message: Message) -> JSONObject:
            encoded = super().encode_assistant(message)
            return {**encoded, "states": [part.provider_state for part in message.parts]}

    assert finding(lambda: check_foreign_state_is_not_sent(wired(Wire))).found == "'mark-foreign' is in the request"


def test_a_cut_call_that_goes_back() -> None:
    """No tool has answered it, and the next request is refused for that."""

    class Wire(AcmeWire):
        def encode_assistant(self, message: Message) -> JSONObject:
            calls = [self.encode_call(part) for part in message.parts if isinstance(part, ToolCallPart)]
            return {**super().encode_assistant(message), "tool_calls": calls}

    assert finding(lambda: check_cut_calls_are_not_sent(wired(Wire))).found == "it is in the request"


@pytest.mark.parametrize(
    ("feature", "change", "told"),
    [
        ("tool_choice", lambda body: body.pop("tool_choice", 0), "no choice and none are sent alike"),
        (
            "tool_choice",
            lambda body: body.update(tool_choice="required") if isinstance(body.get("tool_choice"), dict) else 0,
            "required and get_weather are sent alike",
        ),
        ("json_output", lambda body: body.pop("response_format", 0), "no choice and json are sent alike"),
        (
            "structured_output",
            lambda body: body.update(response_format={"type": "json_object"}) if "response_format" in body else 0,
            "a schema and another schema are sent alike",
        ),
    ],
)
def test_choices_that_are_none(feature: str, change: object, told: str) -> None:
    """What the caller chose is another request."""
    assert feature in [case.id for case in choices(of(Acme))]
    check_choice_changes_the_request(of(Acme), feature)
    assert finding(lambda: check_choice_changes_the_request(edited(change), feature)).found == told
