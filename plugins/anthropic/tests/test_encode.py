"""What a conversation becomes in a Messages request, block by block."""

from __future__ import annotations

import pytest

from core_llm import (
    Citation,
    FilePart,
    Message,
    NamedToolChoice,
    OutputSchema,
    Part,
    ProviderPart,
    ReasoningPart,
    RefusalPart,
    Request,
    Settings,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    ToolSpec,
    UnsupportedError,
)
from core_llm.wire import JSONObject, JSONValue
from plugin_anthropic._encode import MessagesEncoding
from plugin_anthropic._wire import Messages

CITY: JSONObject = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = ToolSpec(name="weather", description="Weather of a city.", parameters=CITY)
OWN: dict[str, JSONValue] = {"anthropic": {"cache_control": {"type": "ephemeral"}}}


def wire() -> MessagesEncoding:
    """Return the wire under the name that it has."""
    return Messages("anthropic")


def body_of(*messages: Message, **fields: object) -> JSONObject:
    """Return the body that a request with these messages and other fields becomes."""
    request = Request.model_validate({"model": "claude-haiku-4-5", "messages": messages, **fields})
    body = wire().encode_request(request).body
    assert isinstance(body, dict)
    return body


def block_of(part: Part) -> JSONValue:
    """Return what a part of the user becomes."""
    messages = body_of(Message.user(part))["messages"]
    assert isinstance(messages, list)
    assert isinstance(messages[0], dict)
    content = messages[0]["content"]
    assert isinstance(content, list)
    return content[0]


def test_a_whole_request() -> None:
    """The system has a field of its own, and a bound on the answer is sent although the caller set none."""
    request = Request(model="claude-opus-4-5", messages=(Message.system("Be brief."), Message.user("Hi")))
    wired = wire().encode_request(request)
    assert (wired.method, wired.path, wired.framing) == ("POST", "/messages", "sse")
    assert wired.headers == {"anthropic-version": "2023-06-01"}
    assert wired.body == {
        "model": "claude-opus-4-5",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
        "max_tokens": 64_000,
        "system": [{"type": "text", "text": "Be brief."}],
        "stream": True,
    }


def test_a_plain_request_has_no_stream() -> None:
    """Without `stream` the answer is one JSON body."""
    request = Request(model="claude-opus-4-5", messages=(Message.user("Hi"),), is_stream=False)
    wired = wire().encode_request(request)
    assert isinstance(wired.body, dict)
    assert (wired.framing, "stream" in wired.body) == ("none", False)


def test_knobs_have_their_fields() -> None:
    """Those that the API has under the same meaning go as they are."""
    settings = Settings(temperature=0.5, top_p=0.9, top_k=3, max_tokens=9, stop=("END",), service_tier="standard_only")
    body = body_of(Message.user("Hi"), settings=settings)
    del body["model"], body["messages"], body["stream"]
    assert body == {
        "max_tokens": 9,
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 3,
        "stop_sequences": ["END"],
        "service_tier": "standard_only",
    }


def test_an_unknown_knob_is_not_lost() -> None:
    """A knob without a field raises, also where the capabilities were not asked."""
    with pytest.raises(UnsupportedError, match="'seed'"):
        body_of(Message.user("Hi"), settings=Settings(seed=7))


def test_turns_alternate_and_results_come_first() -> None:
    """Messages of one role after each other are one turn, in which the results of tools lead."""
    call = ToolCallPart(id="toolu_1", name="weather", arguments={"city": "Oslo"})
    body = body_of(
        Message.user("Weather?"),
        Message.assistant("One moment."),
        Message.assistant(call),
        Message.user("Hurry!"),
        Message.tool(ToolResultPart(tool_call_id="toolu_1", content="7 °C")),
    )
    use = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Oslo"}}
    assert body["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "Weather?"}]},
        {"role": "assistant", "content": [{"type": "text", "text": "One moment."}, use]},
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "content": "7 °C"},
                {"type": "text", "text": "Hurry!"},
            ],
        },
    ]


def test_blank_texts_and_empty_turns_are_left_out() -> None:
    """The API refuses a text without anything in it, and a turn without a block."""
    body = body_of(Message.user("Hi", ""), Message.assistant(" \n"), Message.user("Well?"))
    texts: JSONValue = [{"type": "text", "text": "Hi"}, {"type": "text", "text": "Well?"}]
    assert body["messages"] == [{"role": "user", "content": texts}]


def test_an_answer_to_go_on_with_does_not_end_in_a_blank() -> None:
    """The API refuses such an end; a blank inside stays."""
    body = body_of(Message.user("Sing"), Message.assistant("La la \n"))
    last: JSONValue = {"role": "assistant", "content": [{"type": "text", "text": "La la"}]}
    assert body["messages"] == [{"role": "user", "content": [{"type": "text", "text": "Sing"}]}, last]


def test_every_instruction_goes_to_the_system() -> None:
    """Also one that comes later: the API's place for it is before the conversation."""
    body = body_of(Message.system("One."), Message.user("Hi"), Message.system("Two."))
    assert body["system"] == [{"type": "text", "text": "One."}, {"type": "text", "text": "Two."}]
    with pytest.raises(UnsupportedError, match="instruction"):
        body_of(Message.system(FilePart(media_type="image/png", data=b"x")), Message.user("Hi"))


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (
            FilePart(media_type="image/png", data=b"\x89PNG"),
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw=="}},
        ),
        (
            FilePart(media_type="image/*", url="https://a.example/b.png"),
            {"type": "image", "source": {"type": "url", "url": "https://a.example/b.png"}},
        ),
        (
            FilePart(media_type="image/png", file_id="file_1"),
            {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
        ),
        (
            FilePart(media_type="application/pdf", data=b"%PDF", name="a.pdf"),
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERg=="},
                "title": "a.pdf",
            },
        ),
        (
            FilePart(media_type="application/pdf", url="https://a.example/b.pdf"),
            {"type": "document", "source": {"type": "url", "url": "https://a.example/b.pdf"}},
        ),
        (
            FilePart(media_type="text/markdown", data="Grüße".encode()),
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Grüße"}},
        ),
        (
            FilePart(
                media_type="text/plain", data=b"x", provider_state={"anthropic": {"citations": {"enabled": True}}}
            ),
            {
                "type": "document",
                "source": {"type": "text", "media_type": "text/plain", "data": "x"},
                "citations": {"enabled": True},
            },
        ),
    ],
    ids=["bytes", "address", "file", "PDF", "PDF's address", "text", "citations"],
)
def test_files(part: FilePart, block: JSONObject) -> None:
    """Pictures and documents go by their bytes, their address, or the id they have at the provider."""
    assert block_of(part) == block


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (FilePart(media_type="audio/wav", data=b"RIFF"), "not audio/wav"),
        (FilePart(media_type="application/zip", data=b"PK\x03\xff", name="a.zip"), "convert a.zip"),
    ],
    ids=["sound", "archive"],
)
def test_files_that_the_api_cannot_read(part: FilePart, message: str) -> None:
    """What is neither a picture, a PDF nor text is refused here, with what to do."""
    with pytest.raises(UnsupportedError, match=message):
        block_of(part)


def test_a_file_of_the_provider_needs_a_beta() -> None:
    """A request with a file's id says so in its header, also where the file is in the result of a tool."""
    file = FilePart(media_type="application/pdf", file_id="file_1")
    for message in (Message.user(file), Message.tool(ToolResultPart(tool_call_id="toolu_1", content=(file,)))):
        request = Request(model="claude-haiku-4-5", messages=(message,))
        assert wire().encode_request(request).headers["anthropic-beta"] == "files-api-2025-04-14"


@pytest.mark.parametrize(
    ("result", "block"),
    [
        (ToolResultPart(tool_call_id="a", content="7"), {"content": "7"}),
        (ToolResultPart(tool_call_id="a"), {}),
        (ToolResultPart(tool_call_id="a", content="No.", is_error=True), {"is_error": True, "content": "No."}),
        (ToolResultPart(tool_call_id="a", is_error=True), {"is_error": True, "content": "The tool failed."}),
        (
            ToolResultPart(tool_call_id="a", content=(TextPart(text="This:"), TextPart(text="")), provider_state=OWN),
            {"content": [{"type": "text", "text": "This:"}], "cache_control": {"type": "ephemeral"}},
        ),
    ],
    ids=["text", "nothing", "error", "silent error", "parts"],
)
def test_results_of_tools(result: ToolResultPart, block: JSONObject) -> None:
    """A failure is marked as one; parts are blocks inside."""
    assert block_of(result) == {"type": "tool_result", "tool_use_id": "a", **block}


def test_ids_of_other_providers_get_letters_that_the_api_takes() -> None:
    """Call and result stay together, and two ids that differ in such letters only stay two."""
    body = body_of(
        Message.user("Hi"),
        Message.assistant(*(ToolCallPart(id=given, name="weather", arguments={}) for given in ("a|1", "a:1"))),
        Message.tool(*(ToolResultPart(tool_call_id=given, content=given) for given in ("a|1", "a:1"))),
    )
    assert body["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
        {
            "role": "assistant",
            "content": [
                {"type": "tool_use", "id": "hynw6Xj8tz9t47ElgarjbsvO", "name": "weather", "input": {}},
                {"type": "tool_use", "id": "iTrQPBxblTGLxk0nRK23yNLx", "name": "weather", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "hynw6Xj8tz9t47ElgarjbsvO", "content": "a|1"},
                {"type": "tool_result", "tool_use_id": "iTrQPBxblTGLxk0nRK23yNLx", "content": "a:1"},
            ],
        },
    ]


def test_what_the_model_said_goes_back() -> None:
    """Signed and sealed thoughts, sources and server tools go back as they came; a refusal is text."""
    source: JSONObject = {"type": "web_search_result_location", "url": "https://a.example", "encrypted_index": "E"}
    search: JSONObject = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}}
    body = body_of(
        Message.user("Hi"),
        Message.assistant(
            ReasoningPart(text="Hm.", provider_state={"anthropic": {"signature": "S"}}),
            ReasoningPart(provider_state={"anthropic": {"data": "D"}}),
            ProviderPart(provider="anthropic", type="server_tool_use", data=search),
            TextPart(text="Yes.", citations=(Citation(raw=source), Citation(raw={"type": "url_citation"}))),
            RefusalPart(text="But no."),
        ),
        Message.user("Sure?"),
    )
    assert isinstance(body["messages"], list)
    assert body["messages"][1] == {
        "role": "assistant",
        "content": [
            {"type": "thinking", "thinking": "Hm.", "signature": "S"},
            {"type": "redacted_thinking", "data": "D"},
            search,
            {"type": "text", "text": "Yes.", "citations": [source]},
            {"type": "text", "text": "But no."},
        ],
    }


def test_what_is_not_valid_stays_here() -> None:
    """Interrupted thoughts, calls and server tools, what others made, files, and thoughts that nothing follows."""
    body = body_of(
        Message.user("Hi"),
        Message.assistant(
            ReasoningPart(text="Interru"),
            ReasoningPart(text="Theirs.", provider_state={"other": {"signature": "S"}}),
            ToolCallPart(id="a", name="weather", raw_arguments='{"ci', is_complete=False),
            ProviderPart(
                provider="anthropic", type="server_tool_use", data={}, provider_state={"anthropic": {"is_cut": True}}
            ),
            ProviderPart(provider="other", type="x", data={"type": "x"}),
            FilePart(media_type="image/png", data=b"x"),
            "Yes.",
            ReasoningPart(text="Then", provider_state={"anthropic": {"signature": "S"}}),
        ),
        Message.user("Sure?"),
    )
    assert isinstance(body["messages"], list)
    assert body["messages"][1] == {"role": "assistant", "content": [{"type": "text", "text": "Yes."}]}


def test_a_turn_of_nothing_but_thoughts_is_left_out() -> None:
    """The API refuses thoughts at the end of a turn; what follows in the same turn keeps them."""
    thought = ReasoningPart(text="Hm.", provider_state={"anthropic": {"signature": "S"}})
    body = body_of(Message.user("Hi"), Message.assistant(thought), Message.user("Well?"))
    assert body["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
        {"role": "user", "content": [{"type": "text", "text": "Well?"}]},
    ]
    body = body_of(Message.user("Hi"), Message.assistant(thought), Message.assistant("Yes."))
    assert isinstance(body["messages"], list)
    signed: JSONValue = {"type": "thinking", "thinking": "Hm.", "signature": "S"}
    assert body["messages"][1] == {"role": "assistant", "content": [signed, {"type": "text", "text": "Yes."}]}


def test_tools_and_their_choice() -> None:
    """A strict tool is closed to other properties; a choice is an object."""
    tools = (WEATHER, WEATHER.model_copy(update={"is_strict": True, "description": ""}), ToolSpec(name="now"))
    body = body_of(Message.user("Hi"), tools=tools, tool_choice=NamedToolChoice(name="now"))
    assert body["tools"] == [
        {"name": "weather", "description": "Weather of a city.", "input_schema": CITY},
        {"name": "weather", "input_schema": {**CITY, "additionalProperties": False}, "strict": True},
        {"name": "now", "input_schema": {"type": "object", "properties": {}}},
    ]
    assert body["tool_choice"] == {"type": "tool", "name": "now"}


@pytest.mark.parametrize(
    ("choice", "parallel", "expected"),
    [
        ("auto", None, {"type": "auto"}),
        ("required", True, {"type": "any", "disable_parallel_tool_use": False}),
        (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
        ("none", False, {"type": "none"}),
        (None, None, None),
    ],
)
def test_tool_choice_and_parallel_calls_are_one_field(
    choice: str | None, *, parallel: bool | None, expected: JSONValue
) -> None:
    """One call at a time is a property of the choice."""
    settings = Settings(parallel_tool_calls=parallel)
    body = body_of(Message.user("Hi"), tools=(WEATHER,), tool_choice=choice, settings=settings)
    assert body.get("tool_choice") == expected


def test_parallel_calls_without_tools_say_nothing() -> None:
    """The API refuses a choice where there is nothing to choose."""
    assert "tool_choice" not in body_of(Message.user("Hi"), settings=Settings(parallel_tool_calls=False))


def test_structured_output_closes_every_object() -> None:
    """The API wants each object to say that it has no other properties."""
    inner: JSONObject = {"type": "object", "properties": {"a": {"type": "integer"}}}
    schema: JSONObject = {
        "type": "object",
        "properties": {
            "list": {"type": "array", "items": inner},
            "maybe": {"$ref": "#/$defs/maybe"},
        },
        "$defs": {"maybe": {"anyOf": [inner, {"type": ["object", "null"]}]}},
    }
    body = body_of(Message.user("Hi"), output=OutputSchema(json_schema=schema))
    closed: JSONObject = {**inner, "additionalProperties": False}
    expected: JSONObject = {
        "type": "object",
        "properties": {
            "list": {"type": "array", "items": closed},
            "maybe": {"$ref": "#/$defs/maybe"},
        },
        "$defs": {"maybe": {"anyOf": [closed, {"type": ["object", "null"], "additionalProperties": False}]}},
        "additionalProperties": False,
    }
    assert body["output_config"] == {"format": {"type": "json_schema", "schema": expected}}
    assert "additionalProperties" not in inner


def test_json_without_a_schema_is_refused() -> None:
    """The API has no such mode."""
    with pytest.raises(UnsupportedError, match="schema"):
        body_of(Message.user("Hi"), output="json")
