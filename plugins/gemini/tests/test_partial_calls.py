"""Calls whose arguments Vertex AI streams piece by piece, if it is asked to."""

from __future__ import annotations

import pytest

from core_llm import ToolCallPart
from core_llm.wire import JSONObject, JSONValue
from plugin_gemini._partial import PartialCall

from .answers import chunk, decoded, streamed


def piece(path: str, *, more: bool = False, **value: JSONValue) -> JSONObject:
    """Return one piece of the arguments of a call that goes on."""
    return {"functionCall": {"partialArgs": [{"jsonPath": path, **value, "willContinue": more}], "willContinue": True}}


BEGUN: JSONObject = {"functionCall": {"name": "book", "id": "x1", "willContinue": True}, "thoughtSignature": "c2ln"}


def test_pieces_make_one_call() -> None:
    """Texts grow, other values are set, and the call is whole when nothing is announced to follow."""
    [call] = streamed(
        chunk(BEGUN),
        chunk(piece("$.city", stringValue="Os", more=True)),
        chunk(piece("$.city", stringValue="lo"), piece("$.guests[0].name", stringValue="Ann")),
        chunk(piece("$['guests'][0].age", numberValue=7), piece('$.guests[1]["name"]', stringValue="Bo")),
        chunk(piece("$.late", boolValue=False), piece("$.note", nullValue="NULL_VALUE")),
        chunk(piece("$.tags[0]", stringValue="a"), piece("$.tags[1]", stringValue="b")),
        chunk({"functionCall": {}}, finish="STOP"),
    ).tool_calls
    assert (call.id, call.name) == ("x1", "book")
    assert call.arguments == {
        "city": "Oslo",
        "guests": [{"name": "Ann", "age": 7}, {"name": "Bo"}],
        "late": False,
        "note": None,
        "tags": ["a", "b"],
    }
    assert call.provider_state == {"gemini": {"thoughtSignature": "c2ln", "id": "x1"}}


def test_a_call_that_breaks_off_is_not_complete() -> None:
    """What came of it is kept, marked, and can never be executed."""
    events, decoder = decoded(chunk(BEGUN), chunk(piece("$.city", stringValue="Os", more=True)))
    ended = events[-1].part  # type: ignore[union-attr]
    assert isinstance(ended, ToolCallPart)
    assert (ended.is_complete, ended.arguments, ended.raw_arguments) == (False, None, '{"city":"Os"')
    assert not decoder.is_complete


@pytest.mark.parametrize("path", ["", "city", "$", "$[0]", "$.a..b", "$.a[9]", "$.text.deeper"])
def test_paths_that_lead_nowhere(path: str) -> None:
    """They are malformed, and never an argument of another name."""
    call = PartialCall()
    call.add({"partialArgs": [{"jsonPath": "$.text", "stringValue": "x"}]}, {})
    with pytest.raises(ValueError, match=r"nowhere|no path"):
        call.add({"partialArgs": [{"jsonPath": path, "stringValue": "y"}]}, {})
