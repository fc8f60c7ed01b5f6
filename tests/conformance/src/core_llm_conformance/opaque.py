"""What a provider wants back exactly: found in a recorded answer, and in a request that continues it, to be compared.

Both are found by plain walking of JSON, as in `core_llm_conformance.walk`, and come in one shape: a list of JSON values
in their order, each the opaque thing with what it belongs to.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from pydantic import JsonValue

from core_llm_conformance.corpus import Recording
from core_llm_conformance.walk.json_values import JsonObject, as_object, as_objects, as_text, first_count
from core_llm_conformance.walk.sse import walk_sse
from core_llm_conformance.wires import ANTHROPIC, CHAT, GEMINI, RESPONSES, Case

Kept = list[JsonValue]


def kept_of_answer(case: Case) -> Kept:
    """Return what the recorded answer, a whole one, has that must come back; nothing if the wire has no such thing."""
    find = _OF_ANSWER.get(case.wire.name)
    return [] if find is None else find(case.recording)


def kept_in_request(case: Case, body: JsonValue) -> Kept:
    """Return what a request's body gives back of the one answer of the model that is in its conversation."""
    find = _IN_REQUEST.get(case.wire.name)
    return [] if find is None else find(as_object(body))


def opaque_texts(kept: JsonValue) -> Iterator[str]:
    """Yield the strings that only their provider understands, wherever they are."""
    if isinstance(kept, list):
        for item in kept:
            yield from opaque_texts(item)
    for name, value in as_object(kept).items():
        if isinstance(value, str) and name in _OPAQUE_NAMES and value:
            yield value
        elif name != "inlineData":  # an image, which every provider may see
            yield from opaque_texts(value)


_OPAQUE_NAMES = frozenset(
    "signature data encrypted_content encrypted_index encrypted_stdout thoughtSignature thought_signature".split()
)


def _events(recording: Recording) -> Iterator[JsonObject]:
    """Yield the objects of a stream, or the one of a plain answer."""
    if not recording.is_streaming:
        yield as_object(json.loads(recording.body))
        return
    for _name, data in walk_sse(recording.body):
        if data.startswith(b"{"):
            yield as_object(json.loads(data))


# Anthropic


def _anthropic_answer(recording: Recording) -> Kept:
    blocks: dict[int, JsonObject] = {}
    arguments: dict[int, str] = {}
    for event in _events(recording):
        number = first_count(event.get("index")) or 0
        match event.get("type"):
            case "message":
                blocks = dict(enumerate(as_objects(event.get("content"))))
            case "content_block_start":
                blocks[number] = as_object(event.get("content_block"))
            case "content_block_delta":
                _add_delta(blocks[number], as_object(event.get("delta")))
                fragment = as_text(as_object(event.get("delta")).get("partial_json"))
                arguments[number] = arguments.get(number, "") + fragment
            case "message_stop":
                break
    for number, text in arguments.items():
        if text:
            blocks[number]["input"] = json.loads(text)
    return _anthropic_blocks([blocks[number] for number in sorted(blocks)])


def _add_delta(block: JsonObject, delta: JsonObject) -> None:
    for name in ("text", "thinking", "signature"):
        if name in delta:
            block[name] = as_text(block.get(name)) + as_text(delta.get(name))
    if "citation" in delta:
        block["citations"] = [*as_objects(block.get("citations")), delta["citation"]]


def _anthropic_request(body: JsonObject) -> Kept:
    answers = [message for message in as_objects(body.get("messages")) if message.get("role") == "assistant"]
    return _anthropic_blocks([block for answer in answers for block in as_objects(answer.get("content"))])


def _anthropic_blocks(blocks: list[JsonObject]) -> Kept:
    """Return the blocks that are opaque in whole or in part, and the citations of text, which refer to them."""
    kept: Kept = []
    for block in blocks:
        if block.get("type") != "text":
            kept.append(block)
        elif block.get("citations"):
            kept.append({"citations": block["citations"]})
    return kept


# Gemini


def _gemini_answer(recording: Recording) -> Kept:
    contents = [
        as_object(candidate.get("content"))
        for chunk in _events(recording)
        for candidate in as_objects(chunk.get("candidates"))[:1]
    ]
    return _gemini_parts([part for content in contents for part in as_objects(content.get("parts"))])


def _gemini_request(body: JsonObject) -> Kept:
    contents = [content for content in as_objects(body.get("contents")) if content.get("role") == "model"]
    return _gemini_parts([part for content in contents for part in as_objects(content.get("parts"))])


def _gemini_parts(parts: list[JsonObject]) -> Kept:
    """Return calls and what is no text whole, and the signatures of texts, which a stream may cut anywhere."""
    kept: Kept = []
    for part in parts:
        if part and "text" not in part:
            kept.append(part)
        elif "thoughtSignature" in part:
            kept.append({"thoughtSignature": part["thoughtSignature"]})
    return kept


# Responses


def _responses_answer(recording: Recording) -> Kept:
    items: dict[int, JsonObject] = {}
    for event in _events(recording):
        response = as_object(event.get("response")) if recording.is_streaming else event
        items |= dict(enumerate(as_objects(response.get("output"))))
        if event.get("type") == "response.output_item.done":
            items[first_count(event.get("output_index")) or 0] = as_object(event.get("item"))
        if event.get("type") in ("response.completed", "response.incomplete"):
            break
    whole = [items[number] for number in sorted(items)]
    while whole and whole[-1].get("type") == "reasoning":  # what it led to was cut off: given back, it is refused
        whole.pop()
    return _responses_items(whole)


def _responses_request(body: JsonObject) -> Kept:
    return _responses_items(as_objects(body.get("input")))


def _responses_items(items: list[JsonObject]) -> Kept:
    """Return reasoning that can be given back, which is that with its content, and the calls."""
    kept: Kept = []
    for item in items:
        if item.get("type") == "reasoning" and item.get("encrypted_content"):
            names = ("id", "summary", "encrypted_content")
            kept.append({name: item.get(name) for name in names})
        elif item.get("type") == "function_call":
            kept.append({name: item.get(name) for name in ("call_id", "name")})
    return kept


# Chat Completions


def _chat_answer(recording: Recording) -> Kept:
    details: list[JsonObject] = []
    extras: Kept = []
    for chunk in _events(recording):
        for choice in as_objects(chunk.get("choices"))[:1]:
            message = as_object(choice.get("delta" if recording.is_streaming else "message"))
            for detail in as_objects(message.get("reasoning_details")):
                _add_detail(details, detail)
            extras += _chat_extras(message)
    return [*details, *extras]


def _add_detail(details: list[JsonObject], detail: JsonObject) -> None:
    """Add a fragment to the detail it goes on with: the last one, if it has the same index and type."""
    last = details[-1] if details else {}
    if not last or (last.get("index"), last.get("type")) != (detail.get("index"), detail.get("type")):
        details.append(dict(detail))
        return
    for name, value in detail.items():
        if name in ("text", "summary", "data"):
            last[name] = as_text(last.get(name)) + as_text(value)
        elif value is not None:
            last[name] = value


def _chat_extras(message: JsonObject) -> Kept:
    """Return what Google keeps in messages and calls of its compatible endpoint."""
    holders = [message, *as_objects(message.get("tool_calls"))]
    return [holder["extra_content"] for holder in holders if "extra_content" in holder]


def _chat_request(body: JsonObject) -> Kept:
    kept: Kept = []
    for message in as_objects(body.get("messages")):
        if message.get("role") == "assistant":
            kept += [*as_objects(message.get("reasoning_details")), *_chat_extras(message)]
    return kept


_OF_ANSWER: dict[str, Callable[[Recording], Kept]] = {
    ANTHROPIC.name: _anthropic_answer,
    GEMINI.name: _gemini_answer,
    RESPONSES.name: _responses_answer,
    CHAT.name: _chat_answer,
}
_IN_REQUEST: dict[str, Callable[[JsonObject], Kept]] = {
    ANTHROPIC.name: _anthropic_request,
    GEMINI.name: _gemini_request,
    RESPONSES.name: _responses_request,
    CHAT.name: _chat_request,
}
