"""Reading recorded requests, on small composed ones: what they say, what says the same, and what cannot be read."""

from __future__ import annotations

import pytest
from pydantic import JsonValue

from core_llm import FilePart, Message, NamedToolChoice, OutputSchema, ToolResultPart, ToolSpec
from core_llm_conformance import requests
from core_llm_conformance.requests import UnreadableError
from core_llm_conformance.walk.json_values import JsonObject

SCHEMA: JsonValue = {"type": "object", "properties": {"a": {"type": "string"}}}
ANSWER = Message.assistant("An answer.")
WEATHER = ToolSpec(name="f", description="d", parameters={"type": "object", "properties": {"a": {"type": "string"}}})
IMAGE = FilePart(media_type="image/png", data=b"img")


def answered(_answer: JsonObject) -> Message:
    """Stand in for the provider's decoder."""
    return ANSWER


def test_chat() -> None:
    """Messages, tools, knobs and a schema."""
    function: JsonValue = {"name": "f", "description": "d", "parameters": SCHEMA}
    image: JsonValue = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aW1n", "detail": "low"}}
    schema: JsonValue = {"name": "s", "schema": SCHEMA, "strict": True}
    body: JsonObject = {
        "model": "m",
        "messages": [
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "Hi"}, image]},
            {"role": "assistant", "content": None},
            {"role": "tool", "tool_call_id": "c", "content": "done"},
        ],
        "tools": [{"type": "function", "function": function}],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
        "response_format": {"type": "json_schema", "json_schema": schema},
        "max_completion_tokens": 9,
        "stop": "x",
        "stream": True,
        "user": "u",
    }
    request = requests.read_chat(body, answered)
    result = ToolResultPart(tool_call_id="c", content="done")
    assert request.messages == (Message.system("Be brief."), Message.user("Hi", IMAGE), ANSWER, Message.tool(result))
    assert (request.tools, request.tool_choice) == ((WEATHER,), NamedToolChoice(name="f"))
    assert request.output == OutputSchema(name="s", json_schema=WEATHER.parameters)
    assert request.settings.model_dump(exclude_unset=True) == {"max_tokens": 9, "stop": ("x",)}
    assert request.is_stream


def test_anthropic() -> None:
    """Results come before what the user says beside them; the schema may be where it was in beta."""
    image: JsonValue = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aW1n"}}
    body: JsonObject = {
        "model": "m",
        "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        "messages": [
            {"role": "assistant", "content": "x"},
            {"role": "user", "content": [image, {"type": "tool_result", "tool_use_id": "c", "content": "done"}]},
        ],
        "tools": [{"name": "f", "description": "d", "input_schema": SCHEMA}, {"type": "web_search_20250305"}],
        "tool_choice": {"type": "any", "disable_parallel_tool_use": True},
        "output_format": {"type": "json_schema", "schema": SCHEMA},
        "thinking": {"type": "enabled", "budget_tokens": 1024},
    }
    request = requests.read_anthropic(body, answered)
    result = ToolResultPart(tool_call_id="c", content="done")
    assert request.messages == (Message.system("Be brief."), ANSWER, Message.tool(result), Message.user(IMAGE))
    assert (request.tools, request.tool_choice) == ((WEATHER,), "required")
    assert request.output == OutputSchema(json_schema=WEATHER.parameters)
    assert request.settings.model_dump(exclude_unset=True) == {"reasoning_budget": 1024, "parallel_tool_calls": False}


def test_gemini() -> None:
    """In snake case as in camel case, with a schema in Google's own dialect."""
    schema: JsonValue = {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}, "property_ordering": ["a"]}
    body: JsonObject = {
        "system_instruction": {"parts": [{"text": "Be brief."}]},
        "contents": [
            {"parts": [{"inline_data": {"mime_type": "image/png", "data": "aW1n"}}]},
            {"role": "model", "parts": [{"text": "x"}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"result": "done"}}}]},
        ],
        "tools": [{"functionDeclarations": [{"name": "f", "description": "d", "parameters": schema}]}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
        "generationConfig": {"topP": 0.5, "thinkingConfig": {"thinkingLevel": "low"}, "response_schema": schema},
    }
    request = requests.read_gemini(body, answered)
    result = ToolResultPart(tool_call_id="f", name="f", content="done")
    assert request.messages == (Message.system("Be brief."), Message.user(IMAGE), ANSWER, Message.tool(result))
    assert (request.tools, request.tool_choice) == ((WEATHER,), NamedToolChoice(name="f"))
    assert request.output == OutputSchema(json_schema=WEATHER.parameters)
    assert request.settings.model_dump(exclude_unset=True) == {"top_p": 0.5, "reasoning_effort": "low"}


def test_ollama() -> None:
    """What a tool answered belongs to a call that waits; only options that are knobs are read."""
    body: JsonObject = {
        "model": "m",
        "messages": [
            {"role": "user", "content": "", "images": ["aW1n"]},
            {"role": "assistant", "content": "x"},
            {"role": "tool", "tool_name": "f", "content": "done"},
        ],
        "tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": SCHEMA}}],
        "format": SCHEMA,
        "options": {"num_predict": 9, "mirostat": 1},
        "think": False,
    }
    request = requests.read_ollama(body, answered)
    result = ToolResultPart(tool_call_id="unknown", name="f", content="done")
    assert request.messages == (Message.user(IMAGE), ANSWER, Message.tool(result))
    assert request.output == OutputSchema(json_schema=WEATHER.parameters)
    assert request.settings.model_dump(exclude_unset=True) == {"max_tokens": 9, "reasoning_effort": "none"}


def test_responses() -> None:
    """Instructions come first, and neighbouring items of the model are one answer."""
    body: JsonObject = {
        "model": "m",
        "instructions": "Be brief.",
        "input": [
            {"role": "user", "content": [{"type": "input_image", "image_url": "data:image/png;base64,aW1n"}]},
            {"type": "reasoning", "id": "rs", "summary": []},
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c", "output": "done"},
        ],
        "tools": [{"type": "function", "name": "f", "description": "d", "parameters": SCHEMA}, {"type": "web_search"}],
        "text": {"format": {"type": "json_schema", "name": "s", "schema": SCHEMA, "strict": True}},
        "reasoning": {"effort": "low", "summary": "auto"},
    }
    request = requests.read_responses(body, answered)
    result = ToolResultPart(tool_call_id="c", content="done")
    assert request.messages == (Message.system("Be brief."), Message.user(IMAGE), ANSWER, Message.tool(result))
    assert request.tools == (WEATHER,)
    assert request.output == OutputSchema(name="s", json_schema=WEATHER.parameters)
    assert request.settings.model_dump(exclude_unset=True) == {"reasoning_effort": "low"}


SAID: list[JsonValue] = [{"role": "user", "content": "Hi"}]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"stream": False, "n": 1}, {"stream_options": {"include_usage": True}}),
        ({"max_tokens": 9}, {"max_completion_tokens": 9}),
        ({"tool_choice": "any"}, {"tool_choice": "required"}),
        ({"response_format": {"type": "text"}}, {}),
        ({"stop": "x"}, {"stop": ["x"]}),
    ],
)
def test_what_says_the_same_is_the_same(one: JsonObject, other: JsonObject) -> None:
    """A field under another name, a default, and what is no knob, make no difference."""
    assert requests.normal_chat({"messages": SAID, **one}) == requests.normal_chat({"messages": SAID, **other})


@pytest.mark.parametrize(
    "change",
    [
        {"temperature": 0.5},
        {"messages": [{"role": "user", "content": "Ho"}]},
        {"messages": [*SAID, *SAID]},
        {"tools": [{"type": "function", "function": {"name": "f"}}]},
        {"response_format": {"type": "json_object"}},
        {"stream": True},
    ],
)
def test_what_says_something_else_is_not_the_same(change: JsonObject) -> None:
    """Every difference in a message, a tool or a knob is one."""
    assert requests.normal_chat({"messages": SAID}) != requests.normal_chat({"messages": SAID, **change})


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"functions": [{}]}, "functions"),
        ({"messages": [{"role": "function"}]}, "role function"),
        ({"messages": [{"role": "user", "content": [{"type": "video_url"}]}]}, "video_url"),
        ({"messages": [{"role": "tool", "content": [{"type": "image_url"}]}]}, "more than text"),
        ({"reasoning_effort": "max"}, "none of ours"),
    ],
)
def test_what_a_request_cannot_say_is_unreadable(body: JsonObject, reason: str) -> None:
    """It is said what."""
    with pytest.raises(UnreadableError, match=reason):
        requests.read_chat({"messages": [*SAID], **body}, answered)
