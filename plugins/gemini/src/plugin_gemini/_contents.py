"""Contents: a conversation's messages to `contents`, by the rules that the API has for their order.

Two roles; neighbours of one role are one content; results of tools stand in a content of their own, all of one turn
together and in the order of their calls, for a call without an id is matched with its result by place.
Source: Gemini API reference, "Content" and guide "Function calling" (checked 2026-11).
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pydantic_core import from_json

from core_llm import (
    FilePart,
    InvalidRequestError,
    Message,
    Part,
    ProviderPart,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from core_llm.wire import JSONObject, JSONValue, as_object

if TYPE_CHECKING:
    from plugin_gemini._encode import GeminiEncoding

UNSIGNED = "skip_thought_signature_validator"
"""Stands for the signature of a call that never had one, such as another provider's: without any, Gemini 3 answers 400.

Documented at https://ai.google.dev/gemini-api/docs/thought-signatures (checked 2026-11).
"""
FILES_IN_RESULTS = frozenset(("image/png", "image/jpeg", "image/webp", "application/pdf", "text/plain"))
"""What Gemini 3 takes inside the result of a tool; other files, and all files for older models, follow in a content."""


class Contents:
    """The contents of one request, message by message.

    Args:
        wire: Whose parts they are, and where files are.
        is_gemini_3: Whether the model is of Gemini 3 or newer, which wants signatures and takes files in results.
    """

    def __init__(self, wire: GeminiEncoding, *, is_gemini_3: bool) -> None:
        self._wire = wire
        self._is_gemini_3 = is_gemini_3
        self._contents: list[JSONObject] = []
        self._calls: dict[str, ToolCallPart] = {}
        self._waiting: list[ToolResultPart] = []

    def add(self, message: Message) -> None:
        """Add a message of anybody but the system."""
        self._waiting += [part for part in message.parts if isinstance(part, ToolResultPart)]
        others = [part for part in message.parts if not isinstance(part, ToolResultPart)]
        if not others:
            return
        self._flush_results()
        if message.role == "assistant":
            self._put("model", self._encode_model(others))
        else:
            self._put("user", [piece for part in others if (piece := self._encode(part)) is not None])

    def done(self) -> list[JSONValue]:
        """Return the contents.

        Raises:
            InvalidRequestError: There are none.
        """
        self._flush_results()
        if not self._contents:
            msg = f"{self._wire.provider} needs a message of the user besides the system's; add one"
            raise InvalidRequestError(msg)
        return list(self._contents)

    def _put(self, role: str, parts: Sequence[JSONValue]) -> None:
        if not parts:
            return
        last = self._contents[-1] if self._contents else {}
        known = last.get("parts")
        if last.get("role") == role and isinstance(known, list) and not _are_results(known):
            known += parts
        else:
            self._contents.append({"role": role, "parts": list(parts)})

    def _encode_model(self, parts: Sequence[Part]) -> list[JSONValue]:
        for part in parts:
            if isinstance(part, ToolCallPart):
                self._calls.pop(part.id, None)  # the newest comes last
                self._calls[part.id] = part
        encoded = [piece for part in parts if (piece := self._encode(part)) is not None]
        first_call = next((piece for piece in encoded if "functionCall" in piece), None)
        if self._is_gemini_3 and first_call is not None:
            # Of parallel calls only the first is signed.
            first_call.setdefault("thoughtSignature", UNSIGNED)
        return list[JSONValue](encoded)

    def _encode(self, part: Part) -> JSONObject | None:
        """Return one part with what the API wants back with it, or None for what has no place there."""
        provider = self._wire.provider
        state = as_object(part.provider_state.get(provider))
        match part:
            case TextPart(text=text) if text or state:
                return {"text": text, **state}
            case RefusalPart(text=text) if text:
                return {"text": text}
            case ReasoningPart(text=text) if state:  # a summary without a signature is of no use to the model
                return {"text": text, **state}
            case FilePart():
                return {**self._wire.encode_file(part), **state}
            case ToolCallPart(is_complete=True):
                return _encode_call(part, state)
            case ProviderPart(provider=whose, data=dict() as data) if whose == provider:
                return data
            case _:
                return None

    def _flush_results(self) -> None:
        """Add the results that wait: all in one content, then the files that have no place in them in another."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        places = {call_id: place for place, call_id in enumerate(self._calls)}
        waiting.sort(key=lambda result: places.get(result.tool_call_id, len(places)))
        files: list[JSONValue] = []
        results: list[JSONValue] = []
        for result in waiting:
            inside, outside = self._split_files(result)
            results.append({"functionResponse": self._encode_result(result, inside)})
            if outside:
                files.append({"text": f"Files returned by the call of {self._name_of(result)}:"})
                files += [self._encode(part) for part in outside]
        self._contents.append({"role": "user", "parts": results})
        self._put("user", files)

    def _encode_result(self, result: ToolResultPart, files: Sequence[FilePart]) -> JSONObject:
        encoded: JSONObject = {"name": self._name_of(result), "response": _encode_response(result)}
        call = self._calls.get(result.tool_call_id)
        given = as_object(call.provider_state.get(self._wire.provider)).get("id") if call else None
        if given:
            encoded["id"] = given
        if files:
            encoded["parts"] = [self._encode(part) for part in files]
        return encoded

    def _name_of(self, result: ToolResultPart) -> str:
        call = self._calls.get(result.tool_call_id)
        name = call.name if call else result.name
        if not name:
            msg = (
                f"{self._wire.provider} needs the name of the tool whose result has the id {result.tool_call_id!r}: "
                f"no message before it has that call; set ToolResultPart.name"
            )
            raise InvalidRequestError(msg)
        return name

    def _split_files(self, result: ToolResultPart) -> tuple[list[FilePart], list[FilePart]]:
        """Return the files of a result: those that go inside it, and those that follow it."""
        if isinstance(result.content, str):
            return [], []
        files = [part for part in result.content if isinstance(part, FilePart)]
        inside = [
            part
            for part in files
            if self._is_gemini_3 and part.data is not None and part.media_type in FILES_IN_RESULTS
        ]
        return inside, [part for part in files if part not in inside]


def _are_results(parts: Sequence[JSONValue]) -> bool:
    return any("functionResponse" in as_object(part) for part in parts)


def _encode_call(call: ToolCallPart, state: Mapping[str, JSONValue]) -> JSONObject:
    beside = dict(state)
    given = beside.pop("id", None)  # an id that was made up here means nothing to the API
    encoded: JSONObject = {"name": call.name, "args": call.arguments}
    return {"functionCall": {"id": given, **encoded} if given else encoded, **beside}


def _encode_response(result: ToolResultPart) -> JSONObject:
    """Return what a tool answered as the object that the API wants: under `output`, or `error` if it failed."""
    if isinstance(result.content, str):
        text = result.content
    else:
        text = "\n".join(part.text for part in result.content if isinstance(part, TextPart))
        if not text:
            return {}
    if result.is_error:
        return {"error": text}
    return {"output": _parsed(text)}


def _parsed(text: str) -> JSONValue:
    """Return the object or list that a text is as JSON, else the text.

    One with a key ``$ref`` stays a text: the API takes that for a reference to a file of the result.
    """
    if text.lstrip()[:1] not in ("{", "[") or '"$ref"' in text:
        return text
    try:
        parsed: JSONValue = from_json(text, allow_inf_nan=False)
    except ValueError:
        return text
    return parsed


def file_data(part: FilePart, uri: str) -> JSONObject:
    """Return a file by its address; a media type that is not known in full is left to the API."""
    data: JSONObject = {"fileUri": uri}
    if "*" not in part.media_type:
        data["mimeType"] = part.media_type
    return {"fileData": data}


def inline_data(media_type: str, data: bytes) -> JSONObject:
    """Return a file by its bytes."""
    return {"inlineData": {"mimeType": media_type, "data": b64encode(data).decode()}}
