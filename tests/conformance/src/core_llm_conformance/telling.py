"""What a conversation came to, in the words in which a cassette's head expects it.

The suite's own reading of a `Response` is `compare.told`; here are the calls that fail, and those that are no chats.
"""

from __future__ import annotations

from dataclasses import replace

from pydantic import JsonValue

from core_llm import (
    CoreLLMError,
    Embeddings,
    FilePart,
    ProviderError,
    ProviderPart,
    Response,
    StatusError,
    TextPart,
    ToolCallPart,
)
from core_llm_conformance.compare import told
from core_llm_conformance.conversation import Played, Value
from core_llm_conformance.walk.expected import Expected, ExpectedError


def told_turns(played: Played) -> list[Expected]:
    """Return what each turn of a chat came to, the one that failed too."""
    found = [told(response) for response in played.responses]
    return [*found, told_error(played.error)] if played.error is not None else found


def told_error(error: CoreLLMError) -> Expected:
    """Return an error as it is expected: with what had come before, and without what is said in our own words."""
    partial = error.partial if isinstance(error, ProviderError) else None
    begun = Expected() if partial is None else told(partial)
    if not isinstance(error, StatusError):
        return replace(begun, error=ExpectedError("malformed"))
    words = error.message.removeprefix(f"HTTP {error.status_code}: ")
    return replace(begun, error=ExpectedError("provider", words, code=error.code, status=error.status_code))


def told_value(value: Value) -> JsonValue:
    """Return what a call returned that is no chat: a listing's ``ids``, ``vectors``, a number of ``tokens``."""
    if isinstance(value, int):
        return {"tokens": value}
    if isinstance(value, Embeddings):
        tokens = None if value.usage is None else value.usage.input_tokens
        vectors: JsonValue = [list(vector) for vector in value.vectors]
        return {"vectors": vectors} if tokens is None else {"vectors": vectors, "input_tokens": tokens}
    return {"ids": [model.id for model in value]}


def accounted_for(played: Played) -> frozenset[str]:
    """Return the strings by chance that the plugin knows the use of: ids, signatures, opaque state, data, addresses."""
    found: set[str] = set()
    responses = list(played.responses)
    if isinstance(played.error, ProviderError) and played.error.partial is not None:
        responses.append(played.error.partial)
    for response in responses:
        _add_response(response, found)
    if isinstance(played.value, tuple):
        found.update(model.id for model in played.value)
    return frozenset(text for text in found if text)


def _add_response(response: Response, found: set[str]) -> None:
    found.add(response.id or "")
    for part in response.parts:
        _add(part.provider_state, found)
        match part:
            case ToolCallPart(id=call):
                found.add(call)
            case ProviderPart(data=data):
                _add(data, found)
            case FilePart():
                found.update((part.url or "", part.file_id or ""))
            case TextPart(citations=citations):
                found.update(citation.url or "" for citation in citations)


def _add(value: object, found: set[str]) -> None:
    if isinstance(value, str):
        found.add(value)
    elif isinstance(value, dict):
        for item in value.values():
            _add(item, found)
    elif isinstance(value, list | tuple):
        for item in value:
            _add(item, found)
