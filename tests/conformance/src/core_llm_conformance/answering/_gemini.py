"""A server of Gemini's `generateContent`, on the Gemini API and on Vertex AI."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import JsonValue

from core_llm_conformance.answering._said import (
    INPUT_TOKENS,
    OUTPUT_TOKENS,
    SOURCE,
    SOURCE_TITLE,
    JsonObject,
    Said,
    as_object,
    as_objects,
    asked,
    said,
    words,
)
from core_llm_conformance.script import Answer, json_answer, sse_answer, sse_event
from core_llm_conformance.server import RecordedRequest

MODELS: JsonObject = {
    "models": [{"name": "models/gemini-2.5-flash", "displayName": "Gemini 2.5 Flash", "inputTokenLimit": 1048576}],
    "publisherModels": [{"name": "publishers/google/models/gemini-2.5-flash"}],
}


def answer(request: RecordedRequest) -> Answer:
    """Return the answer to a request for content, to one that counts it, or to one for the list of models."""
    if request.method == "GET":
        return json_answer(MODELS)
    if request.path.endswith(":countTokens"):
        return json_answer({"totalTokens": INPUT_TOKENS})
    body = asked(request)
    config, tools = as_object(body.get("generationConfig")), as_objects(body.get("tools"))
    last = as_objects(as_objects(body["contents"])[-1]["parts"])
    calling = as_object(as_object(body.get("toolConfig")).get("functionCallingConfig"))
    reply = said(
        wants_calls=any("functionDeclarations" in tool for tool in tools)
        and not any("functionResponse" in part for part in last)
        and calling.get("mode") != "NONE",
        wants_json="responseMimeType" in config,
        reasons=as_object(config.get("thinkingConfig")).get("includeThoughts") is True,
        bound=config.get("maxOutputTokens"),
    )
    reason = "MAX_TOKENS" if reply.is_cut else "STOP"
    last_frame = _frame([], finishReason=reason)
    if any("googleSearch" in tool for tool in tools):
        last_frame = _frame([], finishReason=reason, groundingMetadata=_grounding(reply.text))
    if request.path.endswith(":generateContent"):
        [candidate] = as_objects(last_frame["candidates"])
        candidate["content"] = {"role": "model", "parts": [*_parts(reply)]}
        return json_answer(last_frame)
    frames = [_frame([part]) for part in _parts(reply, in_pieces=True)]
    return sse_answer(*(sse_event(frame) for frame in [*frames, last_frame]))


def beginning(reply: Said) -> bytes:
    """Return the first words of a streamed answer."""
    return b"".join(sse_event(_frame([{"text": piece}])) for piece in reply.pieces[:4])


def half_a_call() -> bytes:
    """Return a call of which the rest is missing: here it comes whole, so the frame itself is cut."""
    call: JsonObject = {"functionCall": {"name": "weather", "args": {"city": "Paris"}}}
    return sse_event(_frame([call])).partition(b"is")[0]


def failure() -> bytes:
    """Return the error by which a running answer fails."""
    return sse_event({"error": {"code": 500, "message": "Internal failure", "status": "INTERNAL"}})


def _parts(reply: Said, *, in_pieces: bool = False) -> list[JsonObject]:
    thoughts, texts = [reply.reasoning], [reply.text]
    if in_pieces:
        thoughts, texts = words(reply.reasoning), reply.pieces
    parts: list[JsonObject] = [{"text": text, "thought": True} for text in thoughts if text]
    parts += [{"text": text} for text in texts if text]
    for number, city in enumerate(reply.cities):
        call: JsonObject = {"functionCall": {"name": "weather", "args": {"city": city}}}
        parts.append({**call, "thoughtSignature": "c2lnbmVk"} if number == 0 else call)
    return parts


def _frame(parts: Sequence[JsonObject], **fields: JsonValue) -> JsonObject:
    candidate: JsonObject = {"index": 0, "content": {"role": "model", "parts": [*parts]}, **fields}
    usage: JsonObject = {"promptTokenCount": INPUT_TOKENS, "candidatesTokenCount": OUTPUT_TOKENS}
    return {"responseId": "r1", "modelVersion": "model", "candidates": [candidate], "usageMetadata": usage}


def _grounding(text: str) -> JsonObject:
    segment: JsonObject = {"startIndex": 0, "endIndex": len(text), "text": text}
    return {
        "webSearchQueries": ["why is the sky blue"],
        "groundingChunks": [{"web": {"uri": SOURCE, "title": SOURCE_TITLE}}],
        "groundingSupports": [{"segment": segment, "groundingChunkIndices": [0]}],
    }
