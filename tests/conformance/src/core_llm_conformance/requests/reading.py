"""What the readers of recorded requests share."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from typing import Literal

from pydantic import JsonValue, ValidationError

from core_llm import FilePart, Message, NamedToolChoice, Settings, TextPart
from core_llm_conformance.walk.json_values import JsonObject, as_object, as_objects, as_text

Answered = Callable[[JsonObject], Message]
"""Turns an answer, in the shape in which a plain one has it, into a message: the provider's own decoder does."""

Choice = Literal["auto", "none", "required"] | NamedToolChoice
"""What a caller may ask of the model about tools."""


class UnreadableError(Exception):
    """The recorded request says what a `Request` cannot, so there is nothing to compare."""


def only(kind: str, value: JsonObject, known: str) -> None:
    """Make sure that `value` says nothing beyond the known fields (names, joined by blanks).

    Raises:
        UnreadableError: It does.
    """
    for name in sorted(set(value) - set(known.split())):
        if value[name] is not None:
            raise UnreadableError(f"{kind} has a field {name}")


def renamed(value: JsonObject, names: Mapping[str, str]) -> dict[str, JsonValue]:
    """Return the fields of `value` that are in `names`, under their new names; null says nothing."""
    return {new: value[old] for old, new in names.items() if value.get(old) is not None}


def settings_of(knobs: JsonObject) -> Settings:
    """Return settings.

    Raises:
        UnreadableError: A knob has a value that is none of ours.
    """
    try:
        return Settings.model_validate(knobs)
    except ValidationError as error:
        raise UnreadableError(f"{error.errors()[0]['loc'][0]} has a value that is none of ours") from None


def file_from_base64(media_type: JsonValue, data: JsonValue, name: str | None = None) -> FilePart:
    """Return a file whose bytes are in the request.

    Raises:
        UnreadableError: They are not base64; a recorder has replaced them.
    """
    try:
        return FilePart(media_type=as_text(media_type), data=base64.b64decode(as_text(data), validate=True), name=name)
    except binascii.Error:
        raise UnreadableError("a file's bytes were replaced when it was recorded") from None


def file_from_address(address: str, *, media_type: str | None = None, name: str | None = None) -> FilePart:
    """Return a file by its address, which may hold the bytes (``data:``).

    Raises:
        UnreadableError: The bytes are not base64.
    """
    if not address.startswith("data:"):
        return FilePart.from_url(address, media_type=media_type)
    head, _, data = address.partition(",")
    return file_from_base64(head.removeprefix("data:").removesuffix(";base64"), data, name)


def without(value: JsonObject, *names: str) -> JsonObject:
    """Return `value` without these fields, and without those that are null."""
    return {name: item for name, item in value.items() if item is not None and name not in names}


def text_pieces(content: JsonValue) -> list[JsonObject]:
    """Return content as a list of pieces: a string is one text."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    return as_objects(content)


def texts(content: JsonValue, kind: str) -> tuple[TextPart, ...]:
    """Return content that holds nothing but text.

    Raises:
        UnreadableError: It holds something else.
    """
    pieces = text_pieces(content)
    if any(piece.get("type", "text") != "text" for piece in pieces):
        raise UnreadableError(f"{kind} has more than text")
    return tuple(TextPart(text=as_text(piece.get("text"))) for piece in pieces)


def merged_turns(turns: list[JsonObject], holder: str) -> list[JsonValue]:
    """Return turns (each with a role, and a list under `holder`) with neighbours of one role made one."""
    merged: list[JsonObject] = []
    for turn in turns:
        pieces: list[JsonValue] = [*as_objects(turn.get(holder))]
        if merged and merged[-1]["role"] == turn["role"]:
            pieces = [*as_objects(merged.pop()[holder]), *pieces]
        merged.append({**turn, holder: pieces})
    return [*merged]


def from_text(text: JsonValue) -> JsonValue:
    """Return what a text says if it is JSON, else the text; what is no text stands as it is."""
    if not isinstance(text, str):
        return text
    try:
        value: JsonValue = json.loads(text)
    except ValueError:
        return text
    return value


def flag(value: JsonValue) -> bool:
    """Return whether a field is set and true."""
    return value is True


def function_of(tool: JsonObject) -> JsonObject:
    """Return the function of a tool that wraps one."""
    return as_object(tool.get("function"))
