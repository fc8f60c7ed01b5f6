"""Chat Completions, inward and plain: whole bodies, and the listing of models."""

from __future__ import annotations

import pytest
from pydantic_core import to_json

from core_llm._errors import BadRequestError, MalformedResponseError, ServerError
from core_llm._events import PartEnd
from core_llm._json import JSONObject, JSONValue
from core_llm._messages import Citation, FilePart, Message, ReasoningPart, RefusalPart, TextPart, ToolCallPart
from core_llm._request import Request
from core_llm._response import Response, Usage
from core_llm.wire.base import ModelInfo, WireResponse
from core_llm.wire.chat_completions import ChatCompletions
from core_llm.wire.frames import Frame

REQUEST = Request(model="m", messages=(Message.user("Hi"),), is_stream=False)


def decoded(message: JSONValue, finish_reason: str | None = "stop", **fields: JSONValue) -> Response:
    """Return the answer of a body with one choice."""
    choice: JSONObject = {"index": 0, "message": message, "finish_reason": finish_reason}
    return ChatCompletions("acme").decode_response({"id": "chatcmpl-1", "choices": [choice], **fields}, REQUEST)


def listed(body: JSONValue | bytes) -> tuple[ModelInfo, ...]:
    """Return the models that a listing's body holds."""
    exchange = ChatCompletions("acme").list_models()
    request = next(exchange)
    assert (request.method, request.path) == ("GET", "/models")
    with pytest.raises(StopIteration) as stopped:
        exchange.send(WireResponse(200, {}, body if isinstance(body, bytes) else to_json(body)))
    models: tuple[ModelInfo, ...] = stopped.value.value
    return models


def test_a_whole_answer() -> None:
    """An ordinary body becomes a Response, field by field."""
    usage: JSONObject = {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14}
    response = decoded(
        {"role": "assistant", "content": "Hello", "refusal": None, "annotations": []},
        model="m-1",
        usage=usage,
        system_fingerprint="fp",
        error=None,
    )
    assert response == Response(
        id="chatcmpl-1",
        model="m-1",
        parts=(TextPart(text="Hello"),),
        finish_reason="stop",
        raw_finish_reason="stop",
        usage=Usage(input_tokens=9, output_tokens=5, raw=usage),
        is_complete=True,
        metadata={"system_fingerprint": "fp"},
    )


def test_reasoning_text_and_calls_in_one_message() -> None:
    """The parts have the order in which a stream would make them, whatever the order of the fields."""
    call: JSONObject = {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}
    response = decoded({"tool_calls": [call], "content": "Yes.", "reasoning_content": "Hm."}, "tool_calls")
    assert response.parts == (
        ReasoningPart(text="Hm."),
        TextPart(text="Yes."),
        ToolCallPart(id="a", name="f", arguments={"x": 1}, raw_arguments='{"x": 1}'),
    )
    assert response.finish_reason == "tool_calls"


def test_calls_that_ended_with_stop() -> None:
    """A forced call ends with ``stop`` on the wire."""
    response = decoded({"content": None, "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": {}}}]})
    assert (response.finish_reason, response.raw_finish_reason) == ("tool_calls", "stop")


def test_a_call_cut_by_the_token_limit() -> None:
    """A call without arguments in an answer that the limit cut cannot be executed, and is no complete call."""
    response = decoded({"tool_calls": [{"id": "a", "function": {"name": "f", "arguments": ""}}]}, "length")
    assert response.tool_calls == ()
    assert response.parts == (ToolCallPart(id="a", name="f", is_complete=False),)
    assert response.finish_reason == "length"


def test_a_refusal() -> None:
    """A refusal is a part of its own and counts as a content filter."""
    response = decoded({"content": None, "refusal": "I won't."})
    assert (response.parts, response.finish_reason) == ((RefusalPart(text="I won't."),), "content_filter")


@pytest.mark.parametrize("message", [None, {}, {"content": None}, {"content": ""}])
def test_an_answer_with_nothing_in_it(message: JSONValue) -> None:
    """An answer stopped by a filter may have no message at all."""
    response = decoded(message, "content_filter")
    assert (response.parts, response.finish_reason, response.is_complete) == ((), "content_filter", True)


def test_a_finish_reason_may_be_missing() -> None:
    """A whole body is complete; its missing reason is inferred, and the raw one unknown."""
    response = decoded({"content": "Hi"}, None)
    assert (response.finish_reason, response.raw_finish_reason, response.is_complete) == ("stop", None, True)


def test_a_delta_beside_the_message_is_not_read() -> None:
    """Perplexity sends an empty delta in plain bodies too."""
    body: JSONObject = {
        "choices": [{"delta": {"content": "Hi"}, "message": {"content": "Hi"}, "finish_reason": "stop"}]
    }
    assert ChatCompletions("acme").decode_response(body, REQUEST).text == "Hi"


def test_choice_0_is_the_response() -> None:
    """Of several choices the one with index 0 counts, wherever it stands."""
    choices: JSONValue = [
        {"index": 1, "message": {"content": "other"}, "finish_reason": "length"},
        {"index": 0, "message": {"content": "Hi"}, "finish_reason": "stop"},
    ]
    response = ChatCompletions("acme").decode_response({"choices": choices}, REQUEST)
    assert (response.text, response.raw_finish_reason) == ("Hi", "stop")


def test_speech_and_its_transcript() -> None:
    """Speech is a file, its transcript text."""
    audio: JSONObject = {"id": "audio_1", "data": "eHl6", "transcript": "Hi", "expires_at": 9}
    response = decoded({"content": None, "audio": audio})
    state: dict[str, JSONValue] = {"acme": {"id": "audio_1", "expires_at": 9}}
    assert response.parts == (
        TextPart(text="Hi"),
        FilePart(media_type="audio/wav", data=b"xyz", provider_state=state),
    )


def test_annotations_are_citations() -> None:
    """A source in the message supports its text."""
    note: JSONObject = {"type": "url_citation", "url_citation": {"url": "https://a.example", "title": "A"}}
    response = decoded({"content": "Hi", "annotations": [note]})
    assert response.parts == (TextPart(text="Hi", citations=(Citation(url="https://a.example", title="A", raw=note),)),)


@pytest.mark.parametrize("body", [{}, {"choices": []}, {"choices": None}, {"choices": [None]}, {"x": 1}])
def test_a_body_without_a_choice_is_malformed(body: JSONObject) -> None:
    """A body that holds no answer is an error that shows it, and never an empty success."""
    with pytest.raises(MalformedResponseError) as caught:
        ChatCompletions("acme").decode_response(body, REQUEST)
    assert caught.value.frame == to_json(body).decode()


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"error": {"message": "no", "type": "invalid_request_error"}}, BadRequestError),
        ({"error": "no"}, ServerError),
        ({"object": "error", "message": "no", "code": 400}, BadRequestError),
        ({"choices": [{"index": 0, "error": {"code": 502, "message": "no"}, "finish_reason": "error"}]}, ServerError),
    ],
)
def test_an_error_with_status_200_raises(body: JSONObject, kind: type[Exception]) -> None:
    """An error object is an error, whatever the status."""
    with pytest.raises(kind, match="no"):
        ChatCompletions("acme").decode_response(body, REQUEST)


@pytest.mark.parametrize(
    "message",
    [
        {"content": "Hello", "reasoning": "Hm"},
        {"content": [{"type": "thinking", "thinking": [{"text": "Hm"}]}, {"type": "text", "text": "Yes"}]},
        {"content": None, "refusal": "no"},
        {"content": "x", "function_call": {"name": "f", "arguments": "{}"}},
        {"tool_calls": [{"function": {"name": "f", "arguments": {}}}, {"function": {"name": "f", "arguments": {}}}]},
        {"reasoning": None, "reasoning_details": [{"type": "reasoning.summary", "summary": "Hm", "index": 0}]},
        {"content": "x", "executed_tools": [{"type": "search"}], "annotations": [{"type": "file"}]},
    ],
)
def test_a_stream_makes_the_same_parts(message: JSONObject) -> None:
    """A message and a stream that says it in one delta are the same answer."""
    decoder = ChatCompletions("acme").decoder(REQUEST)
    choice: JSONObject = {"index": 0, "delta": message, "finish_reason": "stop"}
    events = [*decoder.feed(Frame(to_json({"id": "chatcmpl-1", "choices": [choice]}))), *decoder.close()]
    ends = {event.part_index: event.part for event in events if isinstance(event, PartEnd)}
    response = decoded(message)
    assert tuple(ends[index] for index in sorted(ends)) == response.parts
    assert decoder.finish_reason == response.finish_reason


def test_models_are_listed() -> None:
    """A listing may be an object or a bare list; what servers say beyond an id has many names."""
    first: JSONObject = {
        "id": "a",
        "owned_by": "acme",
        "created": 1,
        "context_window": 8000,
        "max_completion_tokens": 100,
    }
    second: JSONObject = {"id": "b", "name": "B", "created": 0, "meta": {"n_ctx": 4096, "n_ctx_train": 8192}}
    models = (
        ModelInfo(id="a", owned_by="acme", created=1, context_length=8000, max_output_tokens=100, raw=first),
        ModelInfo(id="b", name="B", context_length=4096, raw=second),
    )
    assert listed({"object": "list", "data": [first, second, {"object": "model"}]}) == models
    assert listed([first, second]) == models
    assert listed({"models": [second]}) == models[1:]
    assert listed({"data": []}) == ()


@pytest.mark.parametrize("body", [b"", b"<html>", b"7", b'{"x": 1}'])
def test_a_listing_that_is_none_is_malformed(body: bytes) -> None:
    """What holds no list of models is an error that shows it."""
    exchange = ChatCompletions("acme").list_models()
    next(exchange)
    with pytest.raises(MalformedResponseError) as caught:
        exchange.send(WireResponse(200, {}, body))
    assert caught.value.frame == body.decode()


def test_a_listing_may_be_an_error() -> None:
    """An error object in place of a listing raises."""
    exchange = ChatCompletions("acme").list_models()
    next(exchange)
    with pytest.raises(BadRequestError, match="no"):
        exchange.send(WireResponse(200, {}, b'{"error": {"message": "no", "code": 400}}'))
