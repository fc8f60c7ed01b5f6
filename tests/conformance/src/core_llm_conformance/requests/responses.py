"""OpenAI Responses requests: read into a Request, and brought into one form to be compared.

Apart from the form, the same is: `instructions` and a first item of the system; `developer` and `system`; a string
and one text; a message with its type and without; several texts and nothing else, and one text with line ends between
them; neighbouring messages of one role and one; a false flag (`stream`, `strict`) and none; arguments of calls that
are the same JSON. Left out of both are ids and states of messages and calls, which name what the provider has kept,
`annotations`, reasoning without its content, for the same reason, `detail` of images, `include`, `store`,
`reasoning.summary`, built-in tools, and what is no knob.
"""

from __future__ import annotations

from typing import Literal

from pydantic import JsonValue

from core_llm import FilePart, Message, NamedToolChoice, OutputSchema, Part, Request, TextPart, ToolResultPart, ToolSpec
from core_llm_conformance.requests.reading import (
    Answered,
    Choice,
    UnreadableError,
    file_from_address,
    flag,
    from_text,
    function_of,
    renamed,
    settings_of,
    text_pieces,
    without,
)
from core_llm_conformance.walk.json_values import JsonObject, as_object, as_objects, as_text

KNOBS = {
    "temperature": "temperature",
    "top_p": "top_p",
    "max_output_tokens": "max_tokens",
    "parallel_tool_calls": "parallel_tool_calls",
    "prompt_cache_key": "cache_key",
    "service_tier": "service_tier",
    "top_logprobs": "top_logprobs",
}
CHOICES: dict[str, Choice] = {"auto": "auto", "none": "none", "required": "required"}
TEXTS = ("text", "input_text", "output_text")
BUILT_IN = ("additional_tools",)


def read_responses(body: JsonObject, answered: Answered) -> Request:
    """Return the Request that says what a recorded body says.

    Raises:
        UnreadableError: A Request cannot say it.
    """
    if body.get("prompt") or body.get("previous_response_id"):
        raise UnreadableError("it goes on with a prompt or an answer that the provider has kept")
    effort = renamed(as_object(body.get("reasoning")), {"effort": "reasoning_effort"})
    return Request(
        model=as_text(body.get("model")) or "m",
        messages=tuple(_messages(_items(body), answered)),
        tools=_tools(body),
        tool_choice=_choice(body.get("tool_choice")),
        output=_output(as_object(as_object(body.get("text")).get("format"))),
        settings=settings_of({**renamed(body, KNOBS), **effort}),
        is_stream=flag(body.get("stream")),
    )


def _items(body: JsonObject) -> list[JsonObject]:
    """Return the input as items, the instructions first."""
    first: list[JsonObject] = []
    if body.get("instructions"):
        first = [{"role": "system", "content": body["instructions"]}]
    given = body.get("input")
    return first + ([{"role": "user", "content": given}] if isinstance(given, str) else as_objects(given))


def _messages(items: list[JsonObject], answered: Answered) -> list[Message]:
    """Return the messages; neighbouring items of the model are one answer."""
    messages: list[Message] = []
    answer: list[JsonValue] = []
    end: JsonObject = {"role": "end"}
    for item in [*items, end]:
        role, kind = as_text(item.get("role")), item.get("type", "message")
        if kind in BUILT_IN:
            raise UnreadableError(f"the input has an item of type {kind}")
        if role == "assistant" or (not role and kind != "function_call_output"):
            answer.append(_answer_item(item))
            continue
        if answer:
            messages.append(answered({"status": "completed", "output": answer}))
            answer = []
        if kind == "function_call_output":
            messages.append(Message.tool(_result(item)))
        elif role in ("system", "developer"):
            messages.append(Message(role="system", parts=_parts(item)))
        elif role == "user" and item.get("content"):
            messages.append(Message(role="user", parts=_parts(item)))
        elif role == "tool":
            raise UnreadableError("a message has the role tool")
    return messages


def _answer_item(item: JsonObject) -> JsonValue:
    """Return an item as an answer has it; callers may shorten a message to its text."""
    if item.get("type", "message") != "message":
        return item
    texts: list[JsonValue] = [{"type": "output_text", "text": _text(piece)} for piece in _pieces(item)]
    return {**item, "type": "message", "content": texts}


def _pieces(item: JsonObject) -> list[JsonObject]:
    return text_pieces(item.get("content"))


def _text(piece: JsonObject) -> str:
    return as_text(piece.get("text"))


def _parts(item: JsonObject) -> tuple[Part, ...]:
    return tuple(_part(piece) for piece in _pieces(item))


def _part(piece: JsonObject) -> TextPart | FilePart:
    name = as_text(piece.get("filename")) or None
    match piece:
        case {"type": "text" | "input_text" | "output_text"}:
            return TextPart(text=_text(piece))
        case {"type": "input_image", "image_url": str(address)}:
            return file_from_address(address)
        case {"type": "input_image", "file_id": str(file_id)}:
            return FilePart(media_type="image/*", file_id=file_id)
        case {"type": "input_file", "file_data": str(address)}:
            return file_from_address(address, name=name)
        case {"type": "input_file", "file_url": str(address)}:
            return FilePart(media_type="application/pdf", url=address, name=name)
    raise UnreadableError(f"a message holds a {piece.get('type')}")


def _result(item: JsonObject) -> ToolResultPart:
    output = item.get("output")
    content = output if isinstance(output, str) else tuple(_part(piece) for piece in as_objects(output))
    return ToolResultPart(tool_call_id=as_text(item.get("call_id")), content=content)


def _tools(body: JsonObject) -> tuple[ToolSpec, ...]:
    functions = [tool for tool in as_objects(body.get("tools")) if tool.get("type") == "function"]
    if any(function_of(tool) for tool in functions):
        raise UnreadableError("a tool is written as in Chat Completions")
    return tuple(_tool(tool) for tool in functions)


def _tool(tool: JsonObject) -> ToolSpec:
    spec = ToolSpec(
        name=as_text(tool.get("name")),
        description=as_text(tool.get("description")),
        is_strict=True if flag(tool.get("strict")) else None,
    )
    parameters = as_object(tool.get("parameters"))
    return spec.model_copy(update={"parameters": parameters}) if parameters else spec


def _choice(choice: JsonValue) -> Choice | None:
    name = as_text(as_object(choice).get("name"))
    return NamedToolChoice(name=name) if name else CHOICES.get(as_text(choice))


def _output(asked: JsonObject) -> OutputSchema | Literal["json"] | None:
    if asked.get("type") == "json_object":
        return "json"
    if asked.get("type") != "json_schema":
        return None
    return OutputSchema(
        name=as_text(asked.get("name")),
        json_schema=as_object(asked.get("schema")),
        description=as_text(asked.get("description")),
        is_strict=flag(asked.get("strict")),
    )


def normal_responses(body: JsonObject) -> JsonObject:
    """Return a body in the one form."""
    asked = as_object(as_object(body.get("text")).get("format"))
    choice = _choice(body.get("tool_choice"))
    normal: JsonObject = {
        **{name: body.get(name) for name in KNOBS},
        "model": body.get("model"),
        "input": _normal_items(_items(body)),
        "tools": [tool.model_dump(mode="json") for tool in _tools(body)] or None,
        "tool_choice": choice.name if isinstance(choice, NamedToolChoice) else choice,
        "effort": as_object(body.get("reasoning")).get("effort"),
        "format": {"strict": False, **without(asked)} if asked.get("type") not in (None, "text") else None,
        "stream": flag(body.get("stream")),
    }
    return without(normal)


def _normal_items(items: list[JsonObject]) -> list[JsonValue]:
    normal: list[JsonObject] = []
    for item in items:
        kind = item.get("type", "message")
        if kind == "message":
            message = _normal_message(item)
            if normal and normal[-1].get("role") == message["role"]:
                message["content"] = _joined([*as_objects(normal.pop()["content"]), *as_objects(message["content"])])
            if message["content"]:
                normal.append(message)
        elif kind == "function_call":
            normal.append({**without(item, "id", "status"), "arguments": from_text(item.get("arguments"))})
        elif kind == "function_call_output":
            normal.append({**without(item, "id", "status"), "output": _normal_output(item.get("output"))})
        elif kind != "reasoning":
            normal.append(without(item))
        elif item.get("encrypted_content"):
            normal.append({"summary": [], **without(item, "status", "content")})
    return [*normal]


def _normal_message(item: JsonObject) -> JsonObject:
    role = "system" if item.get("role") == "developer" else item.get("role")
    return {"role": role, "content": _normal_pieces(_pieces(item)), **renamed(item, {"phase": "phase"})}


def _normal_output(output: JsonValue) -> JsonValue:
    return _normal_pieces(text_pieces(output))


def _normal_pieces(pieces: list[JsonObject]) -> list[JsonValue]:
    return _joined(
        [{"text": _text(piece)} if piece.get("type") in TEXTS else without(piece, "detail") for piece in pieces]
    )


def _joined(pieces: list[JsonObject]) -> list[JsonValue]:
    if len(pieces) > 1 and all(set(piece) == {"text"} for piece in pieces):
        return [{"text": "\n".join(map(_text, pieces))}]
    return [*pieces]
