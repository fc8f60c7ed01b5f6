"""Chat Completions requests: read into a Request, and brought into one form to be compared.

Apart from the form, the same is: a string and one text piece; `developer` and `system`; `max_completion_tokens` and
`max_tokens`; an answer's content that is empty or null, and none; a false flag (`stream`, `strict`, `prefix`) and
none; ``any`` and ``required``; arguments of calls that are the same JSON; several texts and nothing else, and one
text with line ends between them; a schema, or a document, without a name and one with the name that ours gives it.
Left out of both are names of messages, cache breakpoints, `detail` of images, `index` of calls, `annotations`, the
text of earlier reasoning, which ours gives back where a provider is configured to want it, `stream_options`, which
ours sets to be told the usage, and what is no knob.
"""

from __future__ import annotations

from typing import Literal

from pydantic import JsonValue

from core_llm import (
    FilePart,
    Message,
    NamedToolChoice,
    OutputSchema,
    Request,
    TextPart,
    ToolResultPart,
    ToolSpec,
)
from core_llm_conformance.requests.reading import (
    Answered,
    Choice,
    UnreadableError,
    file_from_address,
    file_from_base64,
    flag,
    from_text,
    function_of,
    only,
    renamed,
    settings_of,
    text_pieces,
    texts,
    without,
)
from core_llm_conformance.walk.json_values import JsonObject, as_object, as_objects, as_text

SAME_NAME = (
    "temperature top_p max_tokens stop seed presence_penalty frequency_penalty logprobs top_logprobs "
    "reasoning_effort parallel_tool_calls service_tier"
).split()
KNOBS = {name: name for name in SAME_NAME} | {"max_completion_tokens": "max_tokens", "prompt_cache_key": "cache_key"}
CHOICES: dict[str, Choice] = {"auto": "auto", "none": "none", "required": "required", "any": "required"}
NOT_SENT = "tool_calls prefix index name cache_control annotations reasoning reasoning_content".split()
SOUNDS = {"wav": "audio/wav", "mp3": "audio/mpeg"}


def read_chat(body: JsonObject, answered: Answered) -> Request:
    """Return the Request that says what a recorded body says.

    Raises:
        UnreadableError: A Request cannot say it.
    """
    if body.get("functions"):
        raise UnreadableError("it has functions, as before tools")
    reasoning = renamed(
        as_object(body.get("reasoning")), {"effort": "reasoning_effort", "max_tokens": "reasoning_budget"}
    )
    return Request(
        model=as_text(body.get("model")) or "m",
        messages=tuple(_message(message, answered) for message in as_objects(body.get("messages"))),
        tools=_tools(body),
        tool_choice=_choice(body.get("tool_choice")),
        output=_output(as_object(body.get("response_format"))),
        settings=settings_of({**renamed(body, KNOBS), **reasoning}),
        is_stream=flag(body.get("stream")),
    )


def _message(message: JsonObject, answered: Answered) -> Message:
    match message.get("role"):
        case "system" | "developer":
            return Message(role="system", parts=texts(message.get("content"), "a system prompt"))
        case "assistant":
            return answered({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
        case "tool":
            return Message.tool(_result(message))
        case "user":
            return Message(role="user", parts=tuple(_part(piece) for piece in text_pieces(message.get("content"))))
    raise UnreadableError(f"a message has the role {message.get('role')}")


def _result(message: JsonObject) -> ToolResultPart:
    content = message.get("content")
    parts = content if isinstance(content, str) else texts(content, "a tool's result")
    name = as_text(message.get("name"))
    return ToolResultPart(tool_call_id=as_text(message.get("tool_call_id")), name=name, content=parts)


def _part(piece: JsonObject) -> TextPart | FilePart:
    inner = piece.get(as_text(piece.get("type")))
    match piece.get("type"), inner:
        case "text", _:
            return TextPart(text=as_text(piece.get("text")))
        case "image_url", {"url": str(address)} | str(address):
            return file_from_address(address)
        case "input_audio", {"data": str() as data, "format": str() as kind} if kind in SOUNDS:
            return file_from_base64(SOUNDS[kind], data)
        case "file", {"file_data": str(address)}:
            return file_from_address(address, name=as_text(as_object(inner).get("filename")) or None)
    raise UnreadableError(f"a message holds a {piece.get('type')}")


def _tools(body: JsonObject) -> tuple[ToolSpec, ...]:
    functions = [function_of(tool) for tool in as_objects(body.get("tools"))]
    return tuple(_tool(function) for function in functions if function)


def _tool(function: JsonObject) -> ToolSpec:
    tool = ToolSpec(
        name=as_text(function.get("name")),
        description=as_text(function.get("description")),
        is_strict=True if flag(function.get("strict")) else None,
    )
    parameters = as_object(function.get("parameters"))
    return tool.model_copy(update={"parameters": parameters}) if parameters else tool


def _choice(choice: JsonValue) -> Choice | None:
    name = as_text(as_object(as_object(choice).get("function")).get("name"))
    return NamedToolChoice(name=name) if name else CHOICES.get(as_text(choice))


def _output(asked: JsonObject) -> OutputSchema | Literal["json"] | None:
    schema = as_object(asked.get("json_schema"))
    if asked.get("type") == "json_object":
        return "json"
    if not schema:
        return None
    only("a schema", schema, "name schema strict description")
    return OutputSchema(
        name=as_text(schema.get("name")) or "output",
        json_schema=as_object(schema.get("schema")),
        description=as_text(schema.get("description")),
        is_strict=flag(schema.get("strict")),
    )


def normal_chat(body: JsonObject) -> JsonObject:
    """Return a body in the one form."""
    asked = as_object(body.get("response_format"))
    choice = _choice(body.get("tool_choice"))
    stop = body.get("stop")
    knobs = {new: body[old] for old, new in KNOBS.items() if body.get(old) is not None}
    normal: JsonObject = {
        **knobs,
        **renamed(as_object(body.get("reasoning")), {"effort": "reasoning_effort", "max_tokens": "reasoning_budget"}),
        "stop": [stop] if isinstance(stop, str) else stop,
        "model": body.get("model"),
        "messages": [_normal_message(message) for message in as_objects(body.get("messages"))],
        "tools": [tool.model_dump(mode="json") for tool in _tools(body)] or None,
        "tool_choice": choice.name if isinstance(choice, NamedToolChoice) else choice,
        "response_format": _normal_format(asked),
        "stream": flag(body.get("stream")),
    }
    return without(normal)


def _normal_format(asked: JsonObject) -> JsonValue:
    schema = without(as_object(asked.get("json_schema")), "strict")
    if not schema:
        return asked.get("type") if asked.get("type") != "text" else None
    return {"name": "output", **schema, "strict": flag(as_object(asked["json_schema"]).get("strict"))}


def _normal_message(message: JsonObject) -> JsonValue:
    role = "system" if message.get("role") == "developer" else message.get("role")
    kept = without(message, "role", "content", *NOT_SENT)
    pieces = [_normal_piece(piece) for piece in text_pieces(message.get("content"))]
    if pieces and all(as_object(piece).get("type") == "text" for piece in pieces):
        pieces = [{"type": "text", "text": "\n".join(as_text(as_object(piece).get("text")) for piece in pieces)}]
    calls: list[JsonValue] = [
        {"id": call.get("id"), "name": function_of(call).get("name"), "arguments": _arguments(function_of(call))}
        for call in as_objects(message.get("tool_calls"))
    ]
    return {"role": role, **kept, "content": [*pieces], "tool_calls": calls}


def _arguments(function: JsonObject) -> JsonValue:
    return from_text(function.get("arguments") or "{}")


def _normal_piece(piece: JsonObject) -> JsonValue:
    image, file = piece.get("image_url"), as_object(piece.get("file"))
    if file:
        return {"file": {"filename": "file.pdf", **file}}
    if image is not None:
        return {"image_url": image if isinstance(image, str) else as_object(image).get("url")}
    return without(piece, "prompt_cache_breakpoint", "cache_control")
