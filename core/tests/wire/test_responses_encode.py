"""Responses, outward: what a Request becomes on the wire, literally."""

from __future__ import annotations

import pytest

from core_llm._errors import UnsupportedError
from core_llm._json import JSONObject, JSONValue
from core_llm._messages import (
    Citation,
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
from core_llm.wire import Responses
from core_llm.wire.base import WireRequest

RS_1: JSONObject = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA=="}
THOUGHT = ReasoningPart(provider_state={"acme": RS_1})
CALL = ToolCallPart(id="call_1", name="weather", arguments={"city": "Oslo"}, raw_arguments='{"city": "Oslo"}')


def encoded(*messages: Message, **fields: object) -> WireRequest:
    """Return the wire request for a plain answer of model ``m``, unless `fields` say otherwise."""
    given = {"model": "m", "messages": messages or (Message.user("Hi"),), "is_stream": False, **fields}
    return Responses("acme").encode_request(Request.model_validate(given))


def body_of(*messages: Message, **fields: object) -> JSONObject:
    """Return the body of the request."""
    body = encoded(*messages, **fields).body
    assert isinstance(body, dict)
    return body


def items_of(*messages: Message) -> JSONValue:
    """Return the encoded conversation."""
    return body_of(*messages)["input"]


def content_of(*parts: Part | str) -> JSONValue:
    """Return the content of a user's message of these parts, after a text that makes it a list."""
    [item] = as_list(items_of(Message.user("See:", *parts)))
    assert isinstance(item, dict)
    return as_list(item["content"])[1:]


def as_list(value: JSONValue) -> list[JSONValue]:
    """Return what must be a list."""
    assert isinstance(value, list)
    return value


def test_a_plain_request() -> None:
    """The smallest request is a model and one item, posted to /responses."""
    request = encoded()
    assert (request.method, request.path, request.framing) == ("POST", "/responses", "none")
    assert request.body == {"model": "m", "input": [{"role": "user", "content": "Hi"}]}


def test_a_streamed_request() -> None:
    """A stream is asked for in the body, and is framed as server-sent events."""
    request = encoded(is_stream=True)
    assert request.body == {"model": "m", "input": [{"role": "user", "content": "Hi"}], "stream": True}
    assert request.framing == "sse"


def test_what_the_system_says_first_are_instructions() -> None:
    """Instructions that begin a conversation stand beside it; a later one is an item in its place."""
    body = body_of(
        Message.system("Be brief."), Message.system("Be kind."), Message.user("Hi"), Message.system("Now sing.")
    )
    assert body["instructions"] == "Be brief.\n\nBe kind."
    assert body["input"] == [{"role": "user", "content": "Hi"}, {"role": "system", "content": "Now sing."}]


def test_a_conversation_is_never_empty() -> None:
    """An instruction that nothing follows is an item: the wire wants some input."""
    assert body_of(Message.system("Sing.")) == {"model": "m", "input": [{"role": "system", "content": "Sing."}]}


def test_settings() -> None:
    """Each knob goes to its field."""
    settings = Settings(
        temperature=0.5,
        top_p=0.9,
        max_tokens=50,
        parallel_tool_calls=False,
        service_tier="flex",
        cache_key="k",
        reasoning_effort="low",
    )
    assert body_of(settings=settings) == {
        "model": "m",
        "input": [{"role": "user", "content": "Hi"}],
        "temperature": 0.5,
        "top_p": 0.9,
        "max_output_tokens": 50,
        "parallel_tool_calls": False,
        "service_tier": "flex",
        "prompt_cache_key": "k",
        "reasoning": {"effort": "low"},
        "include": ["reasoning.encrypted_content"],
    }


@pytest.mark.parametrize(
    ("settings", "fields"),
    [
        (Settings(logprobs=True), {"include": ["message.output_text.logprobs"]}),
        (Settings(top_logprobs=2), {"top_logprobs": 2, "include": ["message.output_text.logprobs"]}),
        (Settings(logprobs=False), {}),
        (Settings(reasoning_effort="none"), {"reasoning": {"effort": "none"}}),
    ],
)
def test_what_the_answer_shall_include(settings: Settings, fields: JSONObject) -> None:
    """Log probabilities are asked for by name, and so is reasoning that can go back."""
    assert body_of(settings=settings) == {"model": "m", "input": [{"role": "user", "content": "Hi"}], **fields}


@pytest.mark.parametrize("name", ["stop", "seed", "top_k", "presence_penalty", "reasoning_budget", "cache_ttl"])
def test_a_knob_without_a_field_is_an_error(name: str) -> None:
    """What the wire cannot say is not lost in silence."""
    value = {"stop": ("x",), "cache_ttl": "1h"}.get(name, 1)
    with pytest.raises(UnsupportedError, match=name):
        encoded(settings=Settings.model_validate({name: value}))


def test_tools() -> None:
    """A tool is told flat, and said not to be strict, so that its optional arguments stay optional."""
    strict = ToolSpec(name="now", description="The time.", is_strict=True)
    weather = ToolSpec(name="weather", parameters={"type": "object"})
    body = body_of(tools=(strict, weather), tool_choice=NamedToolChoice(name="now"))
    assert body["tools"] == [
        {
            "type": "function",
            "name": "now",
            "description": "The time.",
            "parameters": {"type": "object", "properties": {}},
            "strict": True,
        },
        {"type": "function", "name": "weather", "parameters": {"type": "object"}, "strict": False},
    ]
    assert body["tool_choice"] == {"type": "function", "name": "now"}
    assert body_of(tools=(weather,), tool_choice="required")["tool_choice"] == "required"


def test_structured_output() -> None:
    """A schema is the format of the text."""
    output = OutputSchema(name="city", json_schema={"type": "object"}, description="A city.")
    assert body_of(output=output)["text"] == {
        "format": {
            "type": "json_schema",
            "name": "city",
            "schema": {"type": "object"},
            "description": "A city.",
            "strict": True,
        }
    }


def test_any_json() -> None:
    """For JSON without a schema the word must be in the input, so instructions go there."""
    body = body_of(Message.system("Answer in JSON."), Message.user("Hi"), output="json")
    assert body["text"] == {"format": {"type": "json_object"}}
    assert body["input"] == [{"role": "system", "content": "Answer in JSON."}, {"role": "user", "content": "Hi"}]
    assert "instructions" not in body


@pytest.mark.parametrize(
    ("part", "piece"),
    [
        (FilePart.from_url("https://x.test/a.png"), {"type": "input_image", "image_url": "https://x.test/a.png"}),
        (
            FilePart(media_type="image/png", data=b"abc", provider_state={"acme": {"detail": "low"}}),
            {"type": "input_image", "image_url": "data:image/png;base64,YWJj", "detail": "low"},
        ),
        (FilePart(media_type="image/png", file_id="file-1"), {"type": "input_image", "file_id": "file-1"}),
        (
            FilePart(media_type="application/pdf", data=b"abc"),
            {"type": "input_file", "filename": "file.pdf", "file_data": "data:application/pdf;base64,YWJj"},
        ),
        (FilePart.from_url("https://x.test/a.pdf"), {"type": "input_file", "file_url": "https://x.test/a.pdf"}),
        (FilePart(media_type="application/pdf", file_id="file-2"), {"type": "input_file", "file_id": "file-2"}),
        (RefusalPart(text="No."), {"type": "input_text", "text": "No."}),
    ],
)
def test_pieces_of_a_users_message(part: Part, piece: JSONObject) -> None:
    """Files go as bytes, by address, or by the provider's id of them."""
    assert content_of(part) == [piece]


@pytest.mark.parametrize("kind", ["audio", "video"])
def test_sound_and_video_are_refused(kind: str) -> None:
    """The wire takes neither, and says so before anything is sent."""
    with pytest.raises(UnsupportedError, match=kind):
        content_of(FilePart(media_type=f"{kind}/x", data=b"abc"))


def test_results_of_tools() -> None:
    """A result is an item of its own: a text, marked if it is an error, or pieces where there are files."""
    picture = FilePart.from_url("https://x.test/a.png")
    results = Message.tool(
        ToolResultPart(tool_call_id="c1", content="sunny"),
        ToolResultPart(tool_call_id="c2", content="no such city", is_error=True),
        ToolResultPart(tool_call_id="c3", content=(TextPart(text="a"), TextPart(text="b"))),
        ToolResultPart(tool_call_id="c4", content=(TextPart(text="This:"), picture)),
    )
    pieces: list[JSONValue] = [
        {"type": "input_text", "text": "This:"},
        {"type": "input_image", "image_url": "https://x.test/a.png"},
    ]
    assert items_of(results) == [
        {"type": "function_call_output", "call_id": "c1", "output": "sunny"},
        {"type": "function_call_output", "call_id": "c2", "output": "Error: no such city"},
        {"type": "function_call_output", "call_id": "c3", "output": "a\nb"},
        {"type": "function_call_output", "call_id": "c4", "output": pieces},
    ]


def test_an_answer_goes_back_as_the_items_it_was() -> None:
    """Reasoning, texts with their sources and phase, and calls with their ids return as they came."""
    source: JSONObject = {"type": "url_citation", "url": "https://x.test", "start_index": 0, "end_index": 2}
    state: JSONObject = {"id": "msg_1", "status": "completed", "phase": "commentary", "after": "rs_1"}
    text = TextPart(text="Hi", citations=(Citation(raw=source),), provider_state={"acme": state})
    refusal = RefusalPart(text="No.", provider_state={"acme": state})
    call = CALL.model_copy(update={"provider_state": {"acme": {"id": "fc_1", "after": "rs_1"}}})
    assert items_of(Message.assistant(THOUGHT, text, refusal, call)) == [
        RS_1,
        {
            "type": "message",
            "role": "assistant",
            "id": "msg_1",
            "status": "completed",
            "phase": "commentary",
            "content": [
                {"type": "output_text", "text": "Hi", "annotations": [source]},
                {"type": "refusal", "refusal": "No."},
            ],
        },
        {
            "type": "function_call",
            "id": "fc_1",
            "call_id": "call_1",
            "name": "weather",
            "arguments": '{"city": "Oslo"}',
        },
    ]


def test_an_id_goes_only_beside_its_reasoning() -> None:
    """Where the caller has left the reasoning out, the server would refuse the id of what followed it."""
    state: JSONObject = {"id": "fc_1", "status": "completed", "after": "rs_1"}
    call = CALL.model_copy(update={"provider_state": {"acme": state}})
    [item] = as_list(items_of(Message.assistant(call)))
    assert item == {
        "type": "function_call",
        "status": "completed",
        "call_id": "call_1",
        "name": "weather",
        "arguments": '{"city": "Oslo"}',
    }


def test_reasoning_that_nothing_follows_is_left_out() -> None:
    """An answer that was cut after its reasoning goes back without it: alone it would be refused."""
    assert items_of(Message.user("a"), Message.assistant(THOUGHT), Message.user("b")) == [
        {"role": "user", "content": "a"},
        {"role": "user", "content": "b"},
    ]


def test_an_answer_of_another_provider() -> None:
    """What it said goes as text; what was opaque in it, its reasoning and its pictures do not."""
    message = Message.assistant(
        ReasoningPart(text="Hm", provider_state={"other": {"signature": "s"}}),
        TextPart(text="Hi", provider_state={"other": {"id": "x"}}),
        ProviderPart(provider="other", type="search", data={"type": "search"}),
        FilePart(media_type="image/png", data=b"abc"),
        CALL.model_copy(update={"arguments": {}, "raw_arguments": ""}),
        ToolCallPart(id="c2", name="cut", raw_arguments="{", is_complete=False),
    )
    assert items_of(message) == [
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hi"}]},
        {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": "{}"},
    ]


def test_what_the_providers_own_tools_did_goes_back_verbatim() -> None:
    """An opaque item is sent as it came, and a picture is put back into its item."""
    search: JSONObject = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"query": "q"}}
    drawn: JSONObject = {"type": "image_generation_call", "id": "ig_1", "status": "completed", "size": "1x1"}
    message = Message.assistant(
        ProviderPart(provider="acme", type="web_search_call", data=search),
        FilePart(media_type="image/png", data=b"abc", provider_state={"acme": drawn}),
    )
    assert items_of(message) == [search, {**drawn, "result": "YWJj"}]


def test_items_of_the_callers_own() -> None:
    """A decision on a tool of an MCP server is an item; a piece in the provider's words is content."""
    approval: JSONObject = {"type": "mcp_approval_response", "approval_request_id": "mcpr_1", "approve": True}
    piece: JSONObject = {"type": "input_image", "file_id": "file-1", "detail": "high"}
    message = Message.user(
        ProviderPart(provider="acme", type="mcp_approval_response", data=approval),
        ProviderPart(provider="acme", type="input_image", data=piece),
        ProviderPart(provider="other", type="input_image", data=piece),
    )
    assert items_of(message) == [approval, {"role": "user", "content": [piece]}]
    assert items_of(Message.user(message.parts[0])) == [approval]
