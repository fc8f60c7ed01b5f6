"""OllamaChat: requests as JSON, and lines as events."""

from __future__ import annotations

import json

import pytest

from core_llm import (
    FilePart,
    InvalidRequestError,
    MalformedResponseError,
    Message,
    OutputSchema,
    PartEnd,
    PartStart,
    ReasoningPart,
    RefusalPart,
    Request,
    ServerError,
    Settings,
    StreamEvent,
    TextDelta,
    TextPart,
    ToolCall,
    ToolCallPart,
    ToolResultPart,
    ToolSpec,
    UnsupportedError,
    Usage,
)
from core_llm.wire import Frame, JSONObject, JSONValue
from plugin_ollama._wire import OllamaChat, OllamaDecoder

WIRE = OllamaChat("ollama")


def request(*messages: Message, model: str = "m", **fields: object) -> Request:
    """Return a request."""
    return Request.model_validate({"model": model, "messages": messages or (Message.user("Hi"),), **fields})


def body(*messages: Message, model: str = "m", **fields: object) -> JSONObject:
    """Return the body of a request."""
    encoded = WIRE.encode_request(request(*messages, model=model, **fields)).body
    assert isinstance(encoded, dict)
    return encoded


def line(message: JSONObject | None = None, **fields: JSONValue) -> Frame:
    """Return one line of an answer."""
    said = {"role": "assistant", **(message or {})}
    whole = {"model": "m-1", "created_at": "2026-11-21T10:00:00Z", "message": said, "done": False, **fields}
    return Frame(json.dumps(whole).encode())


def fed(*lines: Frame) -> tuple[OllamaDecoder, list[StreamEvent]]:
    """Return a decoder that was fed these lines, and its events."""
    decoder = WIRE.decoder(request())
    return decoder, [event for frame in lines for event in decoder.feed(frame)]


def test_a_conversation_with_tools() -> None:
    """Calls go back as objects, thinking as a field, and each result as a message of its own."""
    call = ToolCallPart(id="c1", name="weather", arguments={"city": "Oslo"})
    messages = body(
        Message.system("Be brief."),
        Message.user("Weather?"),
        Message.assistant(ReasoningPart(text="Hm."), TextPart(text="Let me see."), call),
        Message.tool(ToolResultPart(tool_call_id="c1", name="weather", content="Rain")),
    )["messages"]
    assert messages == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Weather?"},
        {
            "role": "assistant",
            "content": "Let me see.",
            "thinking": "Hm.",
            "tool_calls": [{"function": {"name": "weather", "arguments": {"city": "Oslo"}}}],
        },
        {"role": "tool", "content": "Rain", "tool_name": "weather"},
    ]


def test_a_refusal_of_another_provider_is_text() -> None:
    """The wire has no refusals, and the model should know that it has declined."""
    sent = body(Message.assistant(RefusalPart(text="I will not.")))
    assert sent["messages"] == [{"role": "assistant", "content": "I will not."}]


def test_tools_are_on_top() -> None:
    """Tools stand beside the messages, never under options, where the server would not see them."""
    tool = ToolSpec(name="now", description="The time.")
    assert body(tools=(tool,))["tools"] == [
        {
            "type": "function",
            "function": {"name": "now", "description": "The time.", "parameters": {"type": "object", "properties": {}}},
        }
    ]


def test_a_failed_tool_says_so() -> None:
    """The API has no mark for a failure, so the text begins with it."""
    failed = ToolResultPart(tool_call_id="c1", name="weather", content="no such city", is_error=True)
    assert body(Message.user("Weather?"), Message.tool(failed))["messages"][1] == {  # type: ignore[index]
        "role": "tool",
        "content": "Error: no such city",
        "tool_name": "weather",
    }


def test_no_tool_can_be_forced() -> None:
    """What the API has no field for is refused, also where the caller wants it sent all the same."""
    with pytest.raises(UnsupportedError, match="cannot force or forbid tools") as raised:
        body(tools=(ToolSpec(name="now"),), tool_choice="required")
    assert raised.value.feature == "tool_choice"


def test_images_go_by_content() -> None:
    """A picture is base64 beside the text; one by address cannot be sent."""
    picture = FilePart(media_type="image/png", data=b"\x89PNG")
    assert body(Message.user("What is it?", picture))["messages"] == [
        {"role": "user", "content": "What is it?", "images": ["iVBORw=="]}
    ]
    with pytest.raises(InvalidRequestError, match="by content, not by address"):
        body(Message.user(FilePart.from_url("https://example.com/a.png")))
    with pytest.raises(UnsupportedError, match="takes images only, not audio/wav"):
        body(Message.user(FilePart(media_type="audio/wav", data=b"x")))


def test_settings_go_under_options() -> None:
    """The portable knobs have the server's names."""
    settings = Settings(temperature=0.5, top_k=3, max_tokens=9, stop=("a", "b"), seed=1, logprobs=True)
    encoded = body(settings=settings)
    assert encoded["options"] == {"temperature": 0.5, "top_k": 3, "num_predict": 9, "stop": ["a", "b"], "seed": 1}
    assert encoded["logprobs"] is True


@pytest.mark.parametrize(
    ("model", "effort", "think"),
    [("qwen3", "none", False), ("qwen3", "high", True), ("gpt-oss:20b", "minimal", "low"), ("gpt-oss", "high", "high")],
)
def test_reasoning_effort(model: str, effort: str, think: object) -> None:
    """Only gpt-oss knows levels."""
    assert body(model=model, settings={"reasoning_effort": effort})["think"] == think


def test_structured_output() -> None:
    """A schema is the format; any JSON is the word."""
    schema: JSONObject = {"type": "object"}
    assert body(output=OutputSchema(json_schema=schema))["format"] == schema
    assert body(output="json")["format"] == "json"


def test_text_then_the_end() -> None:
    """Deltas make one text part; the last line has reason and usage."""
    end = line({"content": ""}, done=True, done_reason="stop", prompt_eval_count=26, eval_count=3, total_duration=7)
    decoder, events = fed(line({"content": "Hel"}), line({"content": "lo"}), end)
    assert events[:3] == [PartStart(0, "text"), TextDelta(0, "Hel"), TextDelta(0, "lo")]
    assert list(decoder.close()) == [PartEnd(0, TextPart(text="Hello"))]
    assert (decoder.model, decoder.finish_reason, decoder.is_complete) == ("m-1", "stop", True)
    assert decoder.usage == Usage(input_tokens=26, output_tokens=3, raw=decoder.metadata)
    assert decoder.metadata["total_duration"] == 7


def test_every_entry_is_a_call() -> None:
    """Calls are whole; equal ones, and ones without id or index, are never merged, and the answer ends in calls."""
    function: JSONObject = {"name": "now", "arguments": {}}
    calls: list[JSONValue] = [{"function": function}, {"function": function}, {"id": "x", "function": function}]
    decoder, events = fed(line({"content": "", "tool_calls": calls}), line(done=True, done_reason="stop"))
    made = [event.call for event in events if isinstance(event, ToolCall)]
    assert [call.arguments for call in made] == [{}, {}, {}]
    assert len({call.id for call in made}) == 3
    assert made[2].id == "x"
    assert (decoder.finish_reason, decoder.raw_finish_reason) == ("tool_calls", "stop")


def test_a_call_that_comes_again_is_the_same() -> None:
    """A line that came twice makes one call; another call under its id gets an id of its own."""
    oslo: JSONObject = {"id": "x", "function": {"name": "weather", "arguments": {"city": "Oslo"}}}
    rome: JSONObject = {"id": "x", "function": {"name": "weather", "arguments": {"city": "Rome"}}}
    _, events = fed(line({"tool_calls": [oslo]}), line({"tool_calls": [oslo]}), line({"tool_calls": [rome]}))
    made = [event.call for event in events if isinstance(event, ToolCall)]
    assert [call.arguments for call in made] == [{"city": "Oslo"}, {"city": "Rome"}]
    assert made[0].id == "x" != made[1].id


def test_an_error_keeps_the_id_of_its_request() -> None:
    """The hint of how to fetch a model takes nothing away."""
    error = WIRE.decode_error(404, {"x-request-id": "r-1"}, b'{"error": "model \'m\' not found"}')
    assert error.message == "HTTP 404: model 'm' not found; fetch it with: ollama pull <model>"
    assert error.request_id == "r-1"


def test_arguments_that_are_no_object_make_no_call() -> None:
    """What a broken server sends as text is kept, marked, and not executable."""
    _, events = fed(line({"tool_calls": [{"function": {"name": "now", "arguments": '{"a": '}}]}))
    assert [type(event) for event in events] == [PartStart, PartEnd]
    assert isinstance(events[1], PartEnd)
    part = events[1].part
    assert isinstance(part, ToolCallPart)
    assert (part.raw_arguments, part.arguments, part.is_complete) == ('{"a": ', None, False)


def test_usage_that_was_not_sent_is_unknown() -> None:
    """A last line without counts leaves usage unknown."""
    decoder, _ = fed(line({"content": "a"}), line(done=True))
    assert decoder.usage is None


def test_an_error_in_mid_stream_is_raised() -> None:
    """A line with an error is the server's failure, with its words."""
    with pytest.raises(ServerError, match="out of memory"):
        fed(line({"content": "a"}), Frame(b'{"error": "out of memory"}'))


@pytest.mark.parametrize("data", [b"nonsense", b"[1]", b'"x"'])
def test_a_line_that_is_no_object_is_malformed(data: bytes) -> None:
    """Garbage is a typed error that shows it."""
    with pytest.raises(MalformedResponseError, match="ollama sent something that is"):
        fed(Frame(data))


def test_odd_shapes_make_no_event() -> None:
    """Fields that are missing, null or of another type are passed over."""
    odd: JSONObject = {"content": None, "thinking": 3, "tool_calls": "x"}
    _, events = fed(line(odd), Frame(b'{"message": null}'), Frame(b"{}"), line({"content": ["x"]}, logprobs=4))
    assert events == []


def test_plain_and_streamed_answers_are_equal() -> None:
    """The same answer, plain and in lines, gives the same parts."""
    message: JSONObject = {"role": "assistant", "thinking": "Hm.", "content": "Hello"}
    plain = WIRE.decode_response({"model": "m-1", "message": message, "done": True, "done_reason": "stop"}, request())
    decoder, events = fed(line({"thinking": "Hm."}), line({"content": "Hello"}), line(done=True, done_reason="stop"))
    streamed = [event.part for event in [*events, *decoder.close()] if isinstance(event, PartEnd)]
    assert list(plain.parts) == streamed == [ReasoningPart(text="Hm."), TextPart(text="Hello")]
