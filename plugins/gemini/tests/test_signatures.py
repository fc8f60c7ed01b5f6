"""Thought signatures: each goes back on the part it came with, through storage too, and to nobody else."""

from __future__ import annotations

import pytest

from core_llm import Message, ProviderConfig, ReasoningPart, Response, TextPart, ToolResultPart
from core_llm.wire import JSONObject, JSONValue, as_objects
from plugin_gemini import Gemini, Vertex

from .answers import chunk, contents, plain, request, streamed

CODE: JSONObject = {"executableCode": {"language": "PYTHON", "code": "1", "id": "e1"}, "thoughtSignature": "c2ln"}


def returned(response: Response) -> JSONValue:
    """Return the parts that an answer goes back as, after it was stored and read."""
    stored = Message.from_json(Response.from_json(response.to_json()).message.to_json())
    return contents(request(Message.user("Hi"), stored))[1]["parts"]


@pytest.mark.parametrize(
    "part",
    [
        {"text": "Hello", "thoughtSignature": "c2ln"},
        {"text": "", "thoughtSignature": "c2ln"},
        {"text": "Hm", "thought": True, "thoughtSignature": "c2ln"},
        {"functionCall": {"name": "f", "args": {"a": [1, None]}, "id": "x1"}, "thoughtSignature": "c2ln"},
        {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "c2ln"},
        {"inlineData": {"mimeType": "image/png", "data": "AA=="}, "thoughtSignature": "c2ln"},
        {"toolCall": {"toolType": "GOOGLE_SEARCH_WEB", "id": "t1", "args": {}}, "thoughtSignature": "c2ln"},
        {"text": "Hello", "partMetadata": {"k": 1}},
        {"thoughtSignature": "c2ln"},
        CODE,
    ],
)
def test_a_signed_part_goes_back_as_it_came(part: JSONObject) -> None:
    """Whatever it is: text, nothing to read, a thought, a call, a picture, a tool of the API's own."""
    assert returned(streamed(chunk(part, finish="STOP"))) == [part]
    assert returned(plain(chunk(part, finish="STOP"))) == [part]


def test_parts_with_and_without_a_signature_are_not_joined() -> None:
    """Text before and after a signed piece is text of its own; what has no signature is joined."""
    signed: JSONObject = {"text": "c", "thoughtSignature": "c2ln"}
    sealed: JSONObject = {"text": "", "thoughtSignature": "bW9yZQ=="}
    pieces: list[JSONObject] = [{"text": "a"}, {"text": "b"}, signed, {"text": "d"}, sealed, {"text": "e"}]
    response = streamed(*[chunk(piece) for piece in pieces], chunk(finish="STOP"))
    assert response.text == "abcde"
    assert returned(response) == [{"text": "ab"}, signed, {"text": "d"}, sealed, {"text": "e"}]


def test_nothing_to_read_is_a_part_without_text() -> None:
    """A signature that comes alone is a thought of which only the seal is seen; the text before it stays whole."""
    response = streamed(chunk({"text": "a"}), chunk({"text": "", "thoughtSignature": "c2ln"}, finish="STOP"))
    assert response.parts == (
        TextPart(text="a"),
        ReasoningPart(provider_state={"gemini": {"thoughtSignature": "c2ln"}}),
    )


def test_summaries_without_a_signature_stay_here() -> None:
    """They are for the reader; the model has no use for them."""
    response = streamed(chunk({"text": "Hm", "thought": True}), chunk({"text": "a"}, finish="STOP"))
    assert returned(response) == [{"text": "a"}]


def test_the_result_of_a_call_has_the_id_that_the_api_gave() -> None:
    """An id that was made up here is not sent."""
    given: JSONObject = {"functionCall": {"name": "f", "args": {}, "id": "x1"}}
    response = streamed(chunk(given), chunk({"functionCall": {"name": "g", "args": {}}}, finish="STOP"))
    results = [ToolResultPart(tool_call_id=call.id, content="ok") for call in response.tool_calls]
    assert contents(request(Message.user("Hi"), response.message, Message.tool(*results)))[2]["parts"] == [
        {"functionResponse": {"name": "f", "response": {"output": "ok"}, "id": "x1"}},
        {"functionResponse": {"name": "g", "response": {"output": "ok"}}},
    ]


def test_another_provider_sees_none_of_it() -> None:
    """What Gemini made opaque is not sent to Vertex AI, nor to an endpoint of another name."""
    response = streamed(chunk({"text": "a", "thoughtSignature": "c2ln"}), chunk(CODE, finish="STOP"))
    asked = request(Message.user("Hi"), response.message)
    for provider in (Vertex(ProviderConfig(options={"project": "p"})), Gemini(name="mine")):
        body = provider.wire("m").encode_request(asked).body
        assert isinstance(body, dict)
        assert as_objects(body["contents"])[1] == {"role": "model", "parts": [{"text": "a"}]}
