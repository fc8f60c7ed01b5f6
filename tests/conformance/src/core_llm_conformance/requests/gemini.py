"""Gemini requests: read into a Request, and brought into one form to be compared.

Apart from the form, the same is: snake case and camel case; neighbours of one role and one content; neighbouring
texts of the model and one, where neither has a signature; a text that is empty, a thought without its signature, a
false `thought` and none; a schema in Google's own dialect (`parameters`, `responseSchema`, types in upper case) and
in JSON schema; several declarations of functions and one; the result of a function under whatever name its client
gave it. Left out of both is what is no knob: safety settings, cached contents, modalities, built-in tools, metadata
of videos, the choice of tools ``VALIDATED``; and the order of properties, which ours adds.
"""

from __future__ import annotations

import json
import re

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
    from_text,
    merged_turns,
    only,
    renamed,
    settings_of,
    without,
)
from core_llm_conformance.walk.json_values import JsonObject, as_object, as_objects, as_text

KNOBS = {
    "temperature": "temperature",
    "topP": "top_p",
    "topK": "top_k",
    "maxOutputTokens": "max_tokens",
    "stopSequences": "stop",
    "seed": "seed",
    "presencePenalty": "presence_penalty",
    "frequencyPenalty": "frequency_penalty",
    "responseLogprobs": "logprobs",
    "logprobs": "top_logprobs",
}
EFFORTS = {"MINIMAL": "minimal", "LOW": "low", "MEDIUM": "medium", "HIGH": "high"}
CHOICES: dict[str, Choice] = {"AUTO": "auto", "ANY": "required", "NONE": "none"}
AS_SENT = frozenset(
    ("args", "response", "schema", "parameters", "parametersJsonSchema", "responseSchema", "responseJsonSchema")
)


def read_gemini(body: JsonObject, answered: Answered) -> Request:
    """Return the Request that says what a recorded body says; its model is in the address, not in the body.

    Raises:
        UnreadableError: A Request cannot say it.
    """
    body = camel_cased(body)
    config = as_object(body.get("generationConfig"))
    system = as_objects(as_object(body.get("systemInstruction")).get("parts"))
    messages = [Message(role="system", parts=tuple(map(_part, system)))] if system else []
    for content in as_objects(body.get("contents")):
        if content.get("role") == "model":
            candidate: JsonObject = {"content": content, "finishReason": "STOP"}
            messages.append(answered({"candidates": [candidate]}))
        else:
            messages += _user_messages(as_objects(content.get("parts")))
    schema = _schema(config.get("responseJsonSchema") or config.get("responseSchema"))
    is_json = config.get("responseMimeType") == "application/json"
    return Request(
        model="m",
        messages=tuple(messages),
        tools=tuple(_tool(declaration) for declaration in _declarations(body)),
        tool_choice=_choice(body),
        output=OutputSchema(json_schema=as_object(schema)) if schema else "json" if is_json else None,
        settings=settings_of({**renamed(config, KNOBS), **_thinking(config)}),
    )


def camel_cased(value: JsonValue) -> JsonObject:
    """Return an object with all names of its fields in camel case, but for what callers wrote themselves."""
    return {_camel(name): item if _camel(name) in AS_SENT else _inside(item) for name, item in as_object(value).items()}


def _inside(value: JsonValue) -> JsonValue:
    if isinstance(value, list):
        return [_inside(item) for item in value]
    return camel_cased(value) if isinstance(value, dict) else value


def _camel(name: str) -> str:
    return re.sub(r"_([a-z])", lambda match: match[1].upper(), name)


def _user_messages(parts: list[JsonObject]) -> list[Message]:
    """Return what the user says and what functions answered, in their order, as messages of their own."""
    messages: list[Message] = []
    for part in parts:
        if "functionResponse" in part:
            messages.append(Message.tool(_result(as_object(part["functionResponse"]))))
        else:
            messages.append(Message(role="user", parts=(_part(part),)))
    return messages


def _part(part: JsonObject) -> TextPart | FilePart:
    only("a part", part, "text inlineData fileData thought")
    if "inlineData" in part:
        data = as_object(part["inlineData"])
        return file_from_base64(data.get("mimeType"), data.get("data"))
    if "fileData" in part:
        data = as_object(part["fileData"])
        return FilePart(media_type=as_text(data.get("mimeType")), url=as_text(data.get("fileUri")))
    return TextPart(text=as_text(part.get("text")))


def _result(response: JsonObject) -> ToolResultPart:
    only("a function's response", response, "name response id")
    name = as_text(response.get("name"))
    answer = _answer(response)
    content = answer if isinstance(answer, str) else json.dumps(answer)
    return ToolResultPart(tool_call_id=as_text(response.get("id")) or name, name=name, content=content)


def _answer(response: JsonObject) -> JsonValue:
    """Return what a function answered: the only field of the response, or all of them."""
    answer = as_object(response.get("response"))
    [*names] = answer
    if len(names) != 1 or names[0] == "error":
        return answer
    return from_text(answer[names[0]])


def _declarations(body: JsonObject) -> list[JsonObject]:
    tools = body.get("tools")
    holders = [as_object(tools)] if isinstance(tools, dict) else as_objects(tools)
    return [declaration for tool in holders for declaration in as_objects(tool.get("functionDeclarations"))]


def _tool(declaration: JsonObject) -> ToolSpec:
    schema = as_object(_schema(declaration.get("parametersJsonSchema") or declaration.get("parameters")))
    name, description = as_text(declaration.get("name")), as_text(declaration.get("description"))
    tool = ToolSpec(name=name, description=description)
    return tool.model_copy(update={"parameters": schema}) if schema else tool


def _schema(value: JsonValue) -> JsonValue:
    """Return a schema as JSON schema: with the types in lower case, and without the order of properties."""
    if isinstance(value, list):
        return [_schema(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: item.lower() if name == "type" and isinstance(item, str) else _schema(item)
        for name, item in value.items()
        if name not in ("propertyOrdering", "property_ordering")
    }


def _choice(body: JsonObject) -> Choice | None:
    config = as_object(as_object(body.get("toolConfig")).get("functionCallingConfig"))
    names = config.get("allowedFunctionNames")
    if isinstance(names, list) and config.get("mode") == "ANY":
        if len(names) > 1:
            raise UnreadableError("one of several tools is demanded")
        return NamedToolChoice(name=as_text(names[0]))
    return CHOICES.get(as_text(config.get("mode")))


def _thinking(config: JsonObject) -> dict[str, JsonValue]:
    thinking = as_object(config.get("thinkingConfig"))
    if (level := as_text(thinking.get("thinkingLevel")).upper()) in EFFORTS:
        return {"reasoning_effort": EFFORTS[level]}
    budget = thinking.get("thinkingBudget")
    if isinstance(budget, int) and budget < 0:
        raise UnreadableError("the model chooses its thinking itself, by a budget of -1")
    return {} if budget is None else {"reasoning_budget": budget}


def normal_gemini(body: JsonObject) -> JsonObject:
    """Return a body in the one form."""
    body = camel_cased(body)
    config = as_object(body.get("generationConfig"))
    choice = as_object(as_object(body.get("toolConfig")).get("functionCallingConfig"))
    thinking = without(as_object(config.get("thinkingConfig")), "includeThoughts")
    if thinking.get("thinkingLevel"):
        thinking["thinkingLevel"] = as_text(thinking["thinkingLevel"]).upper()
    turns: list[JsonObject] = [
        {
            "role": "model" if content.get("role") == "model" else "user",
            "parts": _normal_parts(content),
        }
        for content in as_objects(body.get("contents"))
    ]
    normal: JsonObject = {
        **{name: config.get(name) for name in KNOBS},
        "responseMimeType": config.get("responseMimeType"),
        "responseSchema": _schema(config.get("responseJsonSchema") or config.get("responseSchema")),
        "thinking": thinking or None,
        "system": [part.get("text") for part in as_objects(as_object(body.get("systemInstruction")).get("parts"))]
        or None,
        "contents": merged_turns(turns, "parts"),
        "tools": [_tool(declaration).model_dump(mode="json") for declaration in _declarations(body)] or None,
        "choice": choice if choice.get("mode") in CHOICES else None,
    }
    return without(normal)


def _normal_parts(content: JsonObject) -> list[JsonValue]:
    """Return the parts of a content, where the model's own texts are joined as far as no signature keeps them apart."""
    parts: list[JsonObject] = []
    for part in as_objects(content.get("parts")):
        normal = _normal_part(part)
        if set(normal) <= {"text", "thought"} and (flag(normal.get("thought")) or not normal.get("text")):
            continue
        if content.get("role") == "model" and set(normal) == {"text"} and parts and set(parts[-1]) == {"text"}:
            normal = {"text": as_text(parts.pop()["text"]) + as_text(normal["text"])}
        parts.append(normal)
    return [*parts]


def _normal_part(part: JsonObject) -> JsonObject:
    kept = part if flag(part.get("thought")) else without(part, "thought")
    if "functionResponse" in kept:
        response = as_object(kept["functionResponse"])
        return {"functionResponse": {"name": response.get("name"), "answer": _answer(response)}}
    return without(kept, "videoMetadata")
