"""Framed: a recorded body taken apart into its frames, to be put together again with some of them changed.

The frames are cut here anew and by eye, not by the core's framers. What is in a frame is JSON or is left alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import accumulate
from typing import Self

from pydantic import JsonValue

from core_llm.wire import Framing
from core_llm_conformance import cuts
from core_llm_conformance.cuts import Cut

_LINE_END = re.compile(rb"\r\n|\n|\r")
_NO_SPACE = re.compile(r"[^\s,]")
_KIND = re.compile(r"[A-Za-z][A-Za-z0-9_.\-]*")
DISCRIMINATORS = ("type", "event", "event_type", "object", "kind", "@type")
"""The fields that usually say what an object is, on the wires that have such a field."""
BLANK_LINES = (b"\n\n", b"\r\n\r\n", b"\r\r")

Change = Callable[[JsonValue], JsonValue]


@dataclass(frozen=True, slots=True)
class Piece:
    """One frame as it stands in the body.

    Attributes:
        raw: Its bytes, with what ends it; of a JSON array, an element alone.
        data: What it carries; None for a comment or a blank line.
        name: The server-sent event's name.
    """

    raw: bytes
    data: bytes | None
    name: str = ""

    @property
    def value(self) -> JsonValue:
        """What it carries, parsed; None if that is no JSON."""
        try:
            value: JsonValue = json.loads(self.data or b"")
        except ValueError:
            return None
        return value

    @property
    def is_object(self) -> bool:
        """Whether it carries a JSON object."""
        return isinstance(self.value, dict)


@dataclass(frozen=True)
class Framed:
    """A streamed body, frame by frame.

    Attributes:
        framing: How it is cut.
        pieces: Its frames in order; joined, they are the body.
        is_ended: Whether a JSON array is closed; the others have no end of their own.
    """

    framing: Framing
    pieces: tuple[Piece, ...]
    is_ended: bool = True

    @classmethod
    def of(cls, body: bytes, framing: Framing) -> Self:
        """Take a body apart."""
        if framing == "json_array":
            return cls(framing, tuple(Piece(raw, raw) for raw in _elements(body)))
        ends = cuts.event_ends(body) if framing == "sse" else cuts.line_ends(body)
        read = _sse_piece if framing == "sse" else _line_piece
        return cls(framing, tuple(map(read, cuts.at_offsets(body, ends))))

    def with_pieces(self, pieces: Iterable[Piece], *, is_ended: bool = True) -> Self:
        """Return another body of the same framing."""
        return replace(self, pieces=tuple(pieces), is_ended=is_ended)

    def first(self, count: int) -> Self:
        """Return its beginning: the first `count` frames."""
        return self.with_pieces(self.pieces[:count], is_ended=False)

    def with_inserted(self, at: int, *new: Piece) -> Self:
        """Return it with more frames before frame `at`."""
        return self.with_pieces((*self.pieces[:at], *new, *self.pieces[at:]))

    def with_replaced(self, at: int, *new: Piece) -> Self:
        """Return it with other frames, or none, in place of frame `at`."""
        return self.with_pieces((*self.pieces[:at], *new, *self.pieces[at + 1 :]))

    def with_changed(self, change: Change) -> Self:
        """Return it with every JSON object that a frame carries changed."""
        changed = (self.piece(change(piece.value), piece.name) if piece.is_object else piece for piece in self.pieces)
        return self.with_pieces(changed)

    def piece(self, value: JsonValue, name: str = "") -> Piece:
        """Return a frame that carries `value` as JSON."""
        return self.piece_of(json.dumps(value, ensure_ascii=False).encode(), name)

    def piece_of(self, data: bytes, name: str = "") -> Piece:
        """Return a frame that carries these bytes."""
        if self.framing == "sse":
            head = f"event: {name}\n".encode() if name else b""
            return Piece(head + b"data: " + data + b"\n\n", data, name)
        return Piece(data + (b"\n" if self.framing == "ndjson" else b""), data)

    @property
    def has_names(self) -> bool:
        """Whether the server names its events."""
        return any(piece.name for piece in self.pieces)

    @cached_property
    def chunks(self) -> tuple[bytes, ...]:
        """The body, a chunk for each frame."""
        raws = [piece.raw for piece in self.pieces]
        if self.framing == "json_array":
            starts = [b"[", *[b",\n"] * len(raws)]
            chunks = [start + raw for start, raw in zip(starts, raws, strict=False)] or [b"["]
            return (*chunks[:-1], chunks[-1] + b"]") if self.is_ended else tuple(chunks)
        last = len(raws) - 1
        return tuple(self._ended(raw) if at < last else raw for at, raw in enumerate(raws))

    @property
    def body(self) -> bytes:
        """The whole body."""
        return b"".join(self.chunks)

    @property
    def ends(self) -> list[int]:
        """The offset after each frame."""
        return list(accumulate(map(len, self.chunks)))

    @property
    def per_frame(self) -> Cut:
        """The cut that lets a read have one frame."""
        return partial(cuts.at_offsets, offsets=self.ends)

    def _ended(self, raw: bytes) -> bytes:
        """Return a frame that others follow: a last one may lack its end."""
        if self.framing == "sse":
            return raw if raw.endswith(BLANK_LINES) else raw.rstrip(b"\r\n") + b"\n\n"
        return raw if raw.endswith((b"\n", b"\r")) else raw + b"\n"


def leaves(value: JsonValue, path: Sequence[str | int] = ()) -> Iterator[tuple[tuple[str | int, ...], JsonValue]]:
    """Yield every value in a JSON value that is neither object nor array, with the way to it."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from leaves(item, (*path, name))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from leaves(item, (*path, number))
    else:
        yield tuple(path), value


def with_leaf(value: JsonValue, path: Sequence[str | int], new: JsonValue) -> JsonValue:
    """Return a JSON value with another value at the end of a way into it."""
    if not path:
        return new
    step, *rest = path
    if isinstance(value, dict):
        return {name: with_leaf(item, rest, new) if name == step else item for name, item in value.items()}
    assert isinstance(value, list)
    return [with_leaf(item, rest, new) if number == step else item for number, item in enumerate(value)]


def discriminator(values: Iterable[JsonValue]) -> str | None:
    """Return the field that says of every object of the stream what it is; None if there is none.

    One of another name than usual must say different things of different objects, or else it could be an id.
    """
    objects = [value for value in values if isinstance(value, dict)]
    said = {field: [value.get(field) for value in objects] for field in (objects[0] if objects else ())}
    kinds = {
        field: values
        for field, values in said.items()
        if all(isinstance(value, str) and _KIND.fullmatch(value) for value in values)
    }
    usual = (field for field in DISCRIMINATORS if field in kinds)
    return next(usual, None) or next((field for field in kinds if len(set(map(str, kinds[field]))) > 1), None)


def _sse_piece(raw: bytes) -> Piece:
    name, data = "", []
    for line in _LINE_END.split(raw.removeprefix(b"\xef\xbb\xbf")):
        field, _, value = line.partition(b":")
        if field == b"data":
            data.append(value.removeprefix(b" "))
        elif field == b"event":
            name = value.removeprefix(b" ").decode("utf-8", "replace")
    return Piece(raw, b"\n".join(data) if data else None, name)


def _line_piece(raw: bytes) -> Piece:
    return Piece(raw, raw.strip() or None)


def _elements(body: bytes) -> Iterator[bytes]:
    """Yield the elements of a JSON array as they are written, those that are whole."""
    text = body.decode("utf-8-sig", "replace")
    decoder, at = json.JSONDecoder(), text.find("[") + 1
    while (found := _NO_SPACE.search(text, at)) is not None and found[0] != "]":
        try:
            _, at = decoder.raw_decode(text, found.start())
        except ValueError:
            return
        yield text[found.start() : at].encode()
