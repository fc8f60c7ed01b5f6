"""Ollama requests: read into a Request, and brought into one form to be compared.

Apart from the form, the same is: a false `stream` and none (where it must be said, ours does); content that is empty
and none; ids and indices of calls, which older servers do not know, and none; the name of the tool that answered and
none. Left out of both is what is no knob: `keep_alive`, and other `options` than those of a Request.
"""

from __future__ import annotations

from pydantic import JsonValue

from core_llm import FilePart, Message, OutputSchema, Request, TextPart, ToolResultPart, ToolSpec
from core_llm_conformance.requests.reading import (
    Answered,
    UnreadableError,
    file_from_base64,
    function_of,
    only,
    renamed,
    settings_of,
    without,
)
from core_llm_conformance.walk.json_values import JsonObject, as_object, as_objects, as_text

KNOBS = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "num_predict": "max_tokens",
    "stop": "stop",
    "seed": "seed",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
}


def read_ollama(body: JsonObject, answered: Answered) -> Request:
    """Return the Request that says what a recorded body says.

    Raises:
        UnreadableError: A Request cannot say it.
    """
    knobs = {**renamed(as_object(body.get("options")), KNOBS), **_thinking(body.get("think"))}
    schema = body.get("format")
    return Request(
        model=as_text(body.get("model")),
        messages=tuple(_messages(as_objects(body.get("messages")), answered)),
        tools=tuple(_tool(function_of(tool)) for tool in as_objects(body.get("tools"))),
        output=OutputSchema(json_schema=schema) if isinstance(schema, dict) else "json" if schema == "json" else None,
        settings=settings_of(knobs),
        is_stream=body.get("stream") is not False,
    )


def _messages(turns: list[JsonObject], answered: Answered) -> list[Message]:
    """Return the messages; what a tool answered belongs to the first call that has no answer yet."""
    messages: list[Message] = []
    waiting: list[str] = []
    for turn in turns:
        content = as_text(turn.get("content"))
        match turn.get("role"):
            case "assistant":
                messages.append(answered({"message": turn, "done": True, "done_reason": "stop"}))
                waiting += [call.id for call in messages[-1].tool_calls]
            case "tool":
                name = as_text(turn.get("tool_name"))
                call_id = waiting.pop(0) if waiting else "unknown"
                messages.append(Message.tool(ToolResultPart(tool_call_id=call_id, name=name, content=content)))
            case "system":
                messages.append(Message.system(content))
            case _:
                only("a message", turn, "role content images")
                images = turn.get("images") or []
                files = [file_from_base64("image/png", image) for image in images] if isinstance(images, list) else []
                parts: list[TextPart | FilePart] = [TextPart(text=content)] if content else []
                messages.append(Message(role="user", parts=(*parts, *files)))
    return messages


def _tool(function: JsonObject) -> ToolSpec:
    return ToolSpec(
        name=as_text(function.get("name")),
        description=as_text(function.get("description")),
        parameters=as_object(function.get("parameters")),
    )


def _thinking(think: JsonValue) -> dict[str, JsonValue]:
    if think is True:
        raise UnreadableError("thinking is switched on, without an effort")
    return {} if think is None else {"reasoning_effort": "none" if think is False else think}


def normal_ollama(body: JsonObject) -> JsonObject:
    """Return a body in the one form."""
    options = as_object(body.get("options"))
    normal: JsonObject = {
        "model": body.get("model"),
        "messages": [_normal_message(message) for message in as_objects(body.get("messages"))],
        "tools": [_tool(function_of(tool)).model_dump(mode="json") for tool in as_objects(body.get("tools"))] or None,
        "options": {name: value for name, value in options.items() if name in KNOBS} or None,
        "format": body.get("format") or None,
        "think": body.get("think"),
        "stream": body.get("stream") is not False,
    }
    return without(normal)


def _normal_message(message: JsonObject) -> JsonValue:
    kept = without(message, "tool_calls", "tool_name", "tool_call_id")
    calls = [function_of(call) for call in as_objects(message.get("tool_calls"))]
    if calls:
        kept["tool_calls"] = [without(call, "index") for call in calls]
    return {name: value for name, value in kept.items() if value not in ("", [])}
