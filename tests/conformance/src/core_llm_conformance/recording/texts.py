"""The texts of a body, as a reader of the answer would meet them: whole strings, and what deltas make when joined.

A secret may be cut by a stream's frames, so that none of them has it; here it is whole again. No wire is known: frames
are found by their form, and strings that stand at the same place in several frames are joined in their order.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from pydantic import JsonValue

from core_llm_conformance.walk.sse import walk_sse

_INDEX = re.compile(r"\[\d+\]")


@dataclass(frozen=True, slots=True)
class Text:
    """A text and where it is.

    Attributes:
        where: A JSON path; ``[]`` for any element of a list.
        text: The text.
        kind: ``value``: of one field, or of one field joined over the frames; ``raw``: as the bytes are, with names and
            marks in it; ``joint``: of what may not belong together, so that only a known key means something there.
    """

    where: str
    text: str
    kind: Literal["value", "raw", "joint"] = "value"

    @property
    def field(self) -> str:
        """The name of the field that it is the value of."""
        return _INDEX.sub("", self.where).replace("[]", "").rpartition(".")[2]


def frames_of(body: bytes) -> list[JsonValue]:
    """Return the JSON values of a body: one, or one a frame; what is no JSON comes as its text."""
    whole = _parsed(body)
    if whole is not None:
        return whole if isinstance(whole, list) else [whole]
    if re.search(rb"^(data|event|id):", body, re.MULTILINE):
        found: list[JsonValue] = []
        for _, data in walk_sse(body):
            parsed = _parsed(data)
            found.append(data.decode("utf-8", "replace") if parsed is None else parsed)
        return found
    lines = [_parsed(line) for line in body.splitlines() if line.strip()]
    if lines and all(line is not None for line in lines):
        return lines
    return [body.decode("utf-8", "replace")] if body else []


def texts_of(body: bytes) -> Iterator[Text]:
    """Yield every string of a body, the strings of each field joined over the frames, and everything joined."""
    frames = frames_of(body)
    leaves = [leaf for frame in frames for leaf in string_leaves(frame, "$")]
    yield from (Text(where, text) for where, text in leaves)
    yield from _joined(leaves, "value")
    # Elements of a list, each cut off from its place: what they make together may be no text of anybody's.
    yield from _joined([(_INDEX.sub("[]", where), text) for where, text in leaves if _INDEX.search(where)], "joint")
    if len(leaves) > 1:
        yield Text("$", "".join(text for _, text in leaves), kind="joint")


def _joined(leaves: list[tuple[str, str]], kind: Literal["value", "joint"]) -> Iterator[Text]:
    """Yield the strings of each field, joined in their order."""
    by_field: dict[str, list[str]] = {}
    for where, text in leaves:
        by_field.setdefault(where, []).append(text)
    for where, found in by_field.items():
        if len(set(found)) > 1:  # a model's name in every frame is one name
            yield Text(where, "".join(found), kind)


def string_leaves(value: JsonValue, path: str) -> Iterator[tuple[str, str]]:
    """Yield every string of a JSON value with its path."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from string_leaves(item, f"{path}.{name}")
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from string_leaves(item, f"{path}[{number}]")
    elif isinstance(value, str) and value:
        yield path, value


def _parsed(data: bytes) -> JsonValue:
    try:
        value: JsonValue = json.loads(data)
    except ValueError:
        return None
    return value
