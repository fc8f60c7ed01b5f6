"""Chat Completions, outward: what a Request becomes on the wire, literally."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from core_llm._errors import UnsupportedError
from core_llm._json import JSONObject, JSONValue
from core_llm._messages import (
    FilePart,
    Message,
    Part,
    ProviderPart,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from core_llm._request import NamedToolChoice, OutputSchema, Request, Settings, ToolSpec
from core_llm.wire.base import WireRequest
from core_llm.wire.chat_completions import ChatCompletions

CALL = ToolCallPart(id="c1", name="weather", arguments={"city": "Oslo"}, raw_arguments='{"city": "Oslo"}')


def encoded(*messages: Message, wire: type[ChatCompletions] = ChatCompletions, **fields: object) -> WireRequest:
    """Return the wire request for a plain answer of model ``m``, unless `fields` say otherwise."""
    request = Request.model_validate(
        {"model": "m", "messages": messages or (Message.user("Hi"),), "is_stream": False, **fields}
    )
    return wire("acme").encode_request(request)


def body_of(*messages: Message, wire: type[ChatCompletions] = ChatCompletions, **fields: object) -> JSONObject:
    """Return the body of the request."""
    body = encoded(*messages, wire=wire, **fields).body
    assert isinstance(body, dict)
    return body


def messages_of(*messages: Message, wire: type[ChatCompletions] = ChatCompletions) -> JSONValue:
    """Return the encoded conversation."""
    return body_of(*messages, wire=wire)["messages"]


def content_of(*parts: Part | str) -> JSONValue:
    """Return the content of a user's message of these parts."""
    (message,) = ChatCompletions("acme").encode_messages([Message.user(list(parts))])
    assert isinstance(message, dict)
    return message["content"]


def test_the_least_request() -> None:
    """A plain request says model and messages and nothing else."""
    request = encoded(Message.system("Be brief."), Message.user("Hi"))
    assert (request.method, request.path, request.framing, request.headers) == ("POST", "/chat/completions", "none", {})
    assert request.body == {
        "model": "m",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}],
    }


def test_a_stream_is_asked_for_with_its_usage() -> None:
    """A streamed answer is framed as server-sent events, and asked to report its usage."""
    request = encoded(is_stream=True)
    assert isinstance(request.body, dict)
    assert request.framing == "sse"
    assert (request.body["stream"], request.body["stream_options"]) == (True, {"include_usage": True})


def test_a_server_may_reject_stream_options() -> None:
    """One attribute leaves the field out."""

    class Plain(ChatCompletions):
        sends_stream_options = False

    assert "stream_options" not in body_of(wire=Plain, is_stream=True)


def test_texts_alone_are_one_text() -> None:
    """Many servers take only one text as content: the texts of a user become its lines, those of a model are joined."""
    assert messages_of(Message.user("a", "b"), Message.assistant("c", "d")) == [
        {"role": "user", "content": "a\nb"},
        {"role": "assistant", "content": "cd"},
    ]


def test_pictures_are_addresses_or_data() -> None:
    """A picture goes by its address, or inside the request; the level of detail is state of the part."""
    assert content_of(
        "Look:",
        FilePart.from_url("https://example.com/a.png"),
        FilePart(media_type="image/jpeg", data=b"xyz", provider_state={"acme": {"detail": "low"}}),
    ) == [
        {"type": "text", "text": "Look:"},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
        {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,eHl6", "detail": "low"}},
    ]


@pytest.mark.parametrize(
    ("media_type", "format_"),
    [("audio/wav", "wav"), ("audio/x-wav", "wav"), ("audio/mpeg", "mp3"), ("audio/flac", "flac")],
)
def test_sound_is_sent_as_bytes(media_type: str, format_: str) -> None:
    """Sound goes as base64, with the server's word for its format."""
    assert content_of(FilePart(media_type=media_type, data=b"xyz")) == [
        {"type": "input_audio", "input_audio": {"data": "eHl6", "format": format_}}
    ]


def test_documents_are_files() -> None:
    """A document goes with its name, or by the id that the provider gave it."""
    assert content_of(
        FilePart(media_type="application/pdf", data=b"xyz", name="bill.pdf"),
        FilePart(media_type="application/pdf", data=b"xyz"),
        FilePart(media_type="application/pdf", file_id="file-1"),
    ) == [
        {"type": "file", "file": {"filename": "bill.pdf", "file_data": "data:application/pdf;base64,eHl6"}},
        {"type": "file", "file": {"filename": "file.pdf", "file_data": "data:application/pdf;base64,eHl6"}},
        {"type": "file", "file": {"file_id": "file-1"}},
    ]


def test_videos_are_addresses() -> None:
    """The compatible servers that take videos take them like pictures."""
    assert content_of(FilePart.from_url("https://example.com/a.mp4")) == [
        {"type": "video_url", "video_url": {"url": "https://example.com/a.mp4"}}
    ]


@pytest.mark.parametrize(
    ("media_type", "feature"), [("audio/wav", "audio_input"), ("application/pdf", "document_input")]
)
def test_sound_and_documents_have_no_address(media_type: str, feature: str) -> None:
    """What the wire cannot refer to by address is an error that says what to pass instead."""
    with pytest.raises(UnsupportedError, match="pass FilePart") as caught:
        content_of(FilePart(media_type=media_type, url="https://example.com/a"))
    assert caught.value.feature == feature


def test_a_piece_of_content_may_be_in_the_server_s_own_words() -> None:
    """A ProviderPart of this provider is sent as it is; one of another provider is left out."""
    assert content_of(
        "Hi",
        ProviderPart(provider="acme", type="x", data={"type": "x", "x": 1}),
        ProviderPart(provider="other", type="y", data={"type": "y"}),
    ) == [{"type": "text", "text": "Hi"}, {"type": "x", "x": 1}]


def test_calls_and_their_results() -> None:
    """A call goes back with its arguments as they came, each result as a message of its own."""
    assert messages_of(
        Message.assistant(CALL, ToolCallPart(id="c2", name="now", arguments={})),
        Message.tool(
            ToolResultPart(tool_call_id="c1", content="rain"),
            ToolResultPart(tool_call_id="c2", content="no clock", is_error=True),
        ),
    ) == [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}},
                {"id": "c2", "type": "function", "function": {"name": "now", "arguments": "{}"}},
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "rain"},
        {"role": "tool", "tool_call_id": "c2", "content": "Error: no clock"},
    ]


def test_an_unfinished_call_is_not_sent_back() -> None:
    """A call that was cut off has no result, and a call without one is refused by servers."""
    cut = ToolCallPart(id="c2", name="weather", raw_arguments='{"ci', is_complete=False)
    assert messages_of(Message.assistant("Let me see.", cut)) == [{"role": "assistant", "content": "Let me see."}]


def test_files_of_a_tool_s_result_follow_in_a_message_of_the_user() -> None:
    """The wire has no files in results: they come after all results of the turn, and before what follows."""
    picture = FilePart(media_type="image/png", data=b"xyz")
    sent = messages_of(
        Message.tool(ToolResultPart(tool_call_id="c1", content=(TextPart(text="a chart"), picture))),
        Message.tool(ToolResultPart(tool_call_id="c2", content=(picture,))),
        Message.user("Well?"),
    )
    assert isinstance(sent, list)
    url = {"type": "image_url", "image_url": {"url": "data:image/png;base64,eHl6"}}
    assert sent == [
        {"role": "tool", "tool_call_id": "c1", "content": "a chart"},
        {"role": "tool", "tool_call_id": "c2", "content": "The files follow."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Files returned by tool call c1:"},
                url,
                {"type": "text", "text": "Files returned by tool call c2:"},
                url,
            ],
        },
        {"role": "user", "content": "Well?"},
    ]


def test_files_of_a_result_may_end_the_conversation() -> None:
    """Files of the last result come last."""
    picture = FilePart.from_url("https://a.example/b.png")
    sent = messages_of(Message.tool(ToolResultPart(tool_call_id="c1", content=(TextPart(text="See:"), picture))))
    assert isinstance(sent, list)
    assert [message["role"] for message in sent if isinstance(message, dict)] == ["tool", "user"]


def test_results_among_other_parts_come_first() -> None:
    """Results in a message of the user, as other wires have them, are told before the rest of it."""
    message = Message.user("And now?", ToolResultPart(tool_call_id="c1", content="rain"))
    assert messages_of(message) == [
        {"role": "tool", "tool_call_id": "c1", "content": "rain"},
        {"role": "user", "content": "And now?"},
    ]


def test_a_refusal_goes_back_as_one() -> None:
    """The model's own words in declining have a field of their own."""
    assert messages_of(Message.assistant(RefusalPart(text="I will not."))) == [
        {"role": "assistant", "content": None, "refusal": "I will not."}
    ]


def test_reasoning_goes_back_only_where_it_is_wanted() -> None:
    """Most servers reject reasoning in the conversation; where one wants it, an attribute names the field."""

    class Reasoning(ChatCompletions):
        reasoning_field = "reasoning_content"

    message = Message.assistant(ReasoningPart(text="Hm."), "Yes.")
    assert messages_of(message) == [{"role": "assistant", "content": "Yes."}]
    assert messages_of(message, wire=Reasoning) == [
        {"role": "assistant", "content": "Yes.", "reasoning_content": "Hm."}
    ]


def test_opaque_state_goes_back_to_its_provider_alone() -> None:
    """Reasoning blocks, annotations, and what hangs on a call return exactly; another provider's are left out."""
    block: JSONObject = {"type": "reasoning.encrypted", "data": "gAAA", "index": 0}
    note: JSONObject = {"type": "file", "file": {"hash": "h"}}
    call = CALL.model_copy(update={"provider_state": {"acme": {"extra_content": {"google": {"s": "x"}}}}})
    message = Message.assistant(
        ReasoningPart(provider_state={"acme": {"reasoning_details": [block]}}),
        call,
        ProviderPart(provider="acme", type="annotations", data=note),
        ProviderPart(provider="acme", type="extra_content", data={"google": {"t": "y"}}),
        ProviderPart(provider="acme", type="executed_tools", data={"type": "search"}),
    )
    (sent,) = ChatCompletions("acme").encode_messages([message])
    assert isinstance(sent, dict)
    assert sent["reasoning_details"] == [block]
    assert sent["annotations"] == [note]
    assert sent["extra_content"] == {"google": {"t": "y"}}
    assert sent["tool_calls"] == [
        {
            "id": "c1",
            "type": "function",
            "function": {"name": "weather", "arguments": '{"city": "Oslo"}'},
            "extra_content": {"google": {"s": "x"}},
        }
    ]
    (to_other,) = ChatCompletions("other").encode_messages([message])
    assert isinstance(to_other, dict)
    assert sorted(to_other) == ["content", "role", "tool_calls"]


def test_speech_is_referred_to_by_its_id() -> None:
    """What the model said aloud goes back as the id that it had."""
    speech = FilePart(media_type="audio/wav", data=b"x", provider_state={"acme": {"id": "audio_1"}})
    assert messages_of(Message.assistant("Hello.", speech)) == [
        {"role": "assistant", "content": "Hello.", "audio": {"id": "audio_1"}}
    ]


def test_tools() -> None:
    """A tool is a function with a schema; what is not said of it is left out."""
    schema: JSONObject = {"type": "object", "properties": {"city": {"type": "string"}}}
    tools = (ToolSpec(name="weather", description="Weather.", parameters=schema, is_strict=True), ToolSpec(name="now"))
    assert body_of(tools=tools)["tools"] == [
        {
            "type": "function",
            "function": {"name": "weather", "description": "Weather.", "parameters": schema, "strict": True},
        },
        {"type": "function", "function": {"name": "now", "parameters": {"type": "object", "properties": {}}}},
    ]


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ("auto", "auto"),
        ("none", "none"),
        ("required", "required"),
        (NamedToolChoice(name="now"), {"type": "function", "function": {"name": "now"}}),
    ],
)
def test_tool_choice(choice: object, sent: JSONValue) -> None:
    """The choice of tools has the wire's own words; a named tool is an object."""
    assert body_of(tool_choice=choice)["tool_choice"] == sent


def test_structured_output() -> None:
    """A schema is sent with its name, and strictly unless said otherwise; any JSON is another format."""
    schema: JSONObject = {"type": "object"}
    assert body_of(output=OutputSchema(json_schema=schema))["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "output", "schema": schema, "strict": True},
    }
    described = OutputSchema(name="bill", json_schema=schema, description="A bill.", is_strict=False)
    assert body_of(output=described)["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "bill", "schema": schema, "strict": False, "description": "A bill."},
    }
    assert body_of(output="json")["response_format"] == {"type": "json_object"}


@pytest.mark.parametrize(
    ("settings", "sent"),
    [
        (Settings(temperature=0, top_p=0.5, top_k=3), {"temperature": 0, "top_p": 0.5, "top_k": 3}),
        (Settings(max_tokens=9), {"max_completion_tokens": 9}),
        (Settings(stop=("a", "b"), seed=0), {"stop": ["a", "b"], "seed": 0}),
        (
            Settings(presence_penalty=0.1, frequency_penalty=-0.1),
            {"presence_penalty": 0.1, "frequency_penalty": -0.1},
        ),
        (Settings(logprobs=True), {"logprobs": True}),
        (Settings(top_logprobs=2), {"logprobs": True, "top_logprobs": 2}),
        (Settings(reasoning_effort="low", service_tier="flex"), {"reasoning_effort": "low", "service_tier": "flex"}),
        (Settings(parallel_tool_calls=False), {"parallel_tool_calls": False}),
        (Settings(temperature=None), {}),
    ],
)
def test_settings(settings: Settings, sent: JSONObject) -> None:
    """Each knob has its field, and one that is not set is not sent."""
    body = body_of(settings=settings)
    assert {name: value for name, value in body.items() if name not in ("model", "messages")} == sent


def test_a_field_may_have_another_name() -> None:
    """The table of a subclass says how its server calls a knob."""

    class Older(ChatCompletions):
        settings_fields: Mapping[str, str] = {**ChatCompletions.settings_fields, "max_tokens": "max_tokens"}

    assert body_of(wire=Older, settings=Settings(max_tokens=9))["max_tokens"] == 9


def test_a_knob_without_a_field_cannot_be_sent() -> None:
    """A knob that the wire has no field for is an error that names it, and not silently lost."""
    with pytest.raises(UnsupportedError, match=r"'reasoning_budget'.*provider_options") as caught:
        body_of(settings=Settings(reasoning_budget=100))
    assert (caught.value.feature, caught.value.provider) == ("reasoning_budget", "acme")


def test_headers_and_system_role_may_be_another_s() -> None:
    """A provider with headers of its own, or another word for the system, overrides one name."""

    class Other(ChatCompletions):
        system_role = "developer"

        def headers(self) -> dict[str, str]:
            return {"x-project": "p"}

    request = encoded(Message.system("Be brief."), wire=Other)
    assert isinstance(request.body, dict)
    assert request.headers == {"x-project": "p"}
    assert request.body["messages"] == [{"role": "developer", "content": "Be brief."}]
