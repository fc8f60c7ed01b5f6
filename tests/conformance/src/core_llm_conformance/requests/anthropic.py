"""Anthropic Messages requests: read into a Request, and brought into one form to be compared.

Apart from the form, the same is: a string and one text block; neighbours of one role and one message; a false flag
(`is_error`, `stream`, `strict`, `disable_parallel_tool_use`) and none; `output_format`, as it was in beta, and
`output_config.format`; thinking that is disabled, or adaptive as an effort makes it, and none; a text of blanks, which
the API refuses, and none. Left out of both are cache breakpoints, since ours are set by a knob for the whole request,
and what is no knob: server tools, containers, metadata, `display` of thinking, citations asked of documents.
"""

from __future__ import annotations

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
    file_from_base64,
    flag,
    merged_turns,
    only,
    renamed,
    settings_of,
    text_pieces,
    texts,
    without,
)
from core_llm_conformance.walk.json_values import JsonObject, as_object, as_objects, as_text

KNOWN = "model messages system max_tokens temperature top_p top_k stop_sequences stream thinking tools tool_choice"
KNOBS = {"temperature": "temperature", "top_p": "top_p", "top_k": "top_k", "max_tokens": "max_tokens"} | {
    "stop_sequences": "stop"
}
CHOICES: dict[str, Choice] = {"auto": "auto", "any": "required", "none": "none"}
NOT_SENT = ("cache_control", "citations", "defer_loading")


def read_anthropic(body: JsonObject, answered: Answered) -> Request:
    """Return the Request that says what a recorded body says.

    Raises:
        UnreadableError: A Request cannot say it.
    """
    system = texts(body.get("system"), "the system prompt")
    messages = [Message(role="system", parts=system)] if system else []
    for message in as_objects(body.get("messages")):
        if message.get("role") == "assistant":
            messages.append(answered({"type": "message", "content": [*text_pieces(message.get("content"))]}))
        elif message.get("role") == "system":
            messages.append(Message(role="system", parts=texts(message.get("content"), "a message of the system")))
        else:
            messages += _user_messages(message)
    schema = as_object(_format(body).get("schema"))
    choice = as_object(body.get("tool_choice"))
    return Request(
        model=as_text(body.get("model")),
        messages=tuple(messages),
        tools=tuple(_tool(tool) for tool in _own_tools(body)),
        tool_choice=_choice(choice),
        output=OutputSchema(json_schema=schema) if schema else None,
        settings=settings_of({**renamed(body, KNOBS), **_thinking(body), **_parallel(choice)}),
        is_stream=flag(body.get("stream")),
    )


def _user_messages(message: JsonObject) -> list[Message]:
    """Return the results of tools, which come first, and what the user says, as messages of their own."""
    pieces = text_pieces(message.get("content"))
    results = tuple(_result(piece) for piece in pieces if piece.get("type") == "tool_result")
    parts = tuple(_part(piece) for piece in pieces if piece.get("type") != "tool_result")
    messages = [Message.tool(*results)] if results else []
    return [*messages, Message(role="user", parts=parts)] if parts else messages


def _part(piece: JsonObject) -> TextPart | FilePart:
    source = as_object(piece.get("source"))
    if piece.get("type") == "text":
        return TextPart(text=as_text(piece.get("text")))
    if piece.get("type") not in ("image", "document"):
        raise UnreadableError(f"a message holds a {piece.get('type')}")
    only("a file", piece, "type source title cache_control citations")
    name = as_text(piece.get("title")) or None
    media_type = "image/*" if piece.get("type") == "image" else "application/pdf"
    match source.get("type"):
        case "base64":
            return file_from_base64(source.get("media_type"), source.get("data"), name)
        case "text":
            return FilePart(media_type="text/plain", data=as_text(source.get("data")).encode(), name=name)
        case "url":
            return FilePart(media_type=media_type, url=as_text(source.get("url")), name=name)
        case "file":
            return FilePart(media_type=media_type, file_id=as_text(source.get("file_id")), name=name)
    raise UnreadableError(f"a file has a source of type {source.get('type')}")


def _result(piece: JsonObject) -> ToolResultPart:
    content = piece.get("content")
    parts: str | tuple[TextPart | FilePart, ...]
    parts = content if isinstance(content, str) else tuple(_part(item) for item in as_objects(content))
    return ToolResultPart(
        tool_call_id=as_text(piece.get("tool_use_id")), content=parts, is_error=flag(piece.get("is_error"))
    )


def _own_tools(body: JsonObject) -> list[JsonObject]:
    return [tool for tool in as_objects(body.get("tools")) if tool.get("type") in (None, "custom")]


def _tool(tool: JsonObject) -> ToolSpec:
    if not isinstance(tool.get("input_schema"), dict):
        raise UnreadableError("a tool's schema is no object")
    return ToolSpec(
        name=as_text(tool.get("name")),
        description=as_text(tool.get("description")),
        parameters=as_object(tool.get("input_schema")),
        is_strict=True if flag(tool.get("strict")) else None,
    )


def _choice(choice: JsonObject) -> Choice | None:
    if choice.get("type") == "tool":
        return NamedToolChoice(name=as_text(choice.get("name")))
    return CHOICES.get(as_text(choice.get("type")))


def _parallel(choice: JsonObject) -> dict[str, JsonValue]:
    return {"parallel_tool_calls": False} if flag(choice.get("disable_parallel_tool_use")) else {}


def _thinking(body: JsonObject) -> dict[str, JsonValue]:
    thinking = as_object(body.get("thinking"))
    effort = as_object(body.get("output_config")).get("effort")
    match thinking.get("type"):
        case "enabled":
            return {"reasoning_budget": thinking.get("budget_tokens")}
        case "disabled":
            return {"reasoning_effort": "none"}
        case "adaptive" if effort is None:
            raise UnreadableError("thinking is adaptive, without an effort")
    return {} if effort is None else {"reasoning_effort": effort}


def _format(body: JsonObject) -> JsonObject:
    return as_object(body.get("output_format")) or as_object(as_object(body.get("output_config")).get("format"))


def normal_anthropic(body: JsonObject) -> JsonObject:
    """Return a body in the one form."""
    turns = [{"role": message.get("role"), "content": _blocks(message)} for message in as_objects(body.get("messages"))]
    thinking = without(as_object(body.get("thinking")), "display")
    choice = without(as_object(body.get("tool_choice")))
    if not flag(choice.get("disable_parallel_tool_use")):
        choice.pop("disable_parallel_tool_use", None)
    normal: JsonObject = {
        **{name: body.get(name) for name in KNOWN.split()},
        "system": [without(piece, *NOT_SENT) for piece in text_pieces(body.get("system"))] or None,
        "messages": merged_turns([{**turn} for turn in turns], "content"),
        "tools": [_normal_tool(tool) for tool in _own_tools(body)] or None,
        "tool_choice": choice or None,
        "thinking": thinking if thinking.get("type") == "enabled" else None,
        "effort": as_object(body.get("output_config")).get("effort"),
        "schema": as_object(_format(body).get("schema")) or None,
        "stream": flag(body.get("stream")),
    }
    return without(normal)


def _blocks(message: JsonObject) -> list[JsonValue]:
    blocks: list[JsonValue] = []
    for piece in text_pieces(message.get("content")):
        if piece.get("type") == "text" and not as_text(piece.get("text")).strip():
            continue
        block = without(piece, *NOT_SENT)
        if piece.get("type") == "tool_result":
            block["content"] = [without(item) for item in text_pieces(piece.get("content"))]
            block = block if flag(block.get("is_error")) else without(block, "is_error")
        blocks.append(block)
    return blocks


def _normal_tool(tool: JsonObject) -> JsonValue:
    kept = without(tool, *NOT_SENT, "type")
    dropped = [name for name in ("strict", "description") if not kept.get(name)]
    return without(kept, *dropped)
