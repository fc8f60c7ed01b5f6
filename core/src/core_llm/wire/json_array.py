"""A streamed JSON array, one frame an element, as Gemini answers `streamGenerateContent` without ``alt=sse``.

Only brackets and strings are understood here, as far as it takes to see where an element ends. What an element holds,
and whether it is good JSON, is for who parses it.
"""

from __future__ import annotations

import re
from typing import Literal

from core_llm._errors import MalformedResponseError
from core_llm.wire._buffer import BufferingFramer, excerpt
from core_llm.wire.frames import MAX_FRAME_BYTES, Frame

_SPACE = re.compile(rb"[ \t\r\n]*")
_SCALAR = re.compile(rb"[^ \t\r\n,\]]*")
# Possessive: a string that the chunk cuts must not be tried again at each of its escapes.
_IN_STRING = re.compile(rb"[^\"\\]*+(?:\\.[^\"\\]*+)*+", re.DOTALL)
_NO_BRACKET = re.compile(rb"[^\"\[\]{}]*+(?:\"[^\"\\]*+(?:\\.[^\"\\]*+)*+\"[^\"\[\]{}]*+)*+", re.DOTALL)

_QUOTE, _BACKSLASH, _COMMA, _CLOSE_ARRAY = b'"\\,]'
_OPENING = b"[{"

_Place = Literal["start", "first", "element", "inside", "after", "end"]
_EXPECTED: dict[_Place, str] = {
    "start": "a JSON array or object",
    "first": "an element or the array's end",
    "element": "an element",
    "after": "a comma or the array's end",
    "end": "nothing after the JSON value",
}


class JSONArrayFramer(BufferingFramer):
    """Cuts a JSON array into its elements, each as soon as its last byte has come.

    A single object in place of the array is one frame too, since that is how errors arrive. Elements may be of any
    type. A leading BOM and any whitespace between elements are dropped. An element that the end of the stream cuts is
    left out without an error, because it is the wire's terminal marker that says whether the answer is complete.

    Args:
        max_frame_bytes: The bound on one element.
    """

    def __init__(self, max_frame_bytes: int = MAX_FRAME_BYTES) -> None:
        super().__init__(max_frame_bytes)
        self._place: _Place = "start"
        self._is_array = False
        self._depth = 0
        self._in_string = False
        self._in_scalar = False
        self._is_escaped = False

    @property
    def is_complete(self) -> bool:
        """Whether the array, or the single object, has come to its end."""
        return self._place == "end"

    def _cut(self, chunk: bytes, frames: list[Frame]) -> None:
        position = 0
        while position < len(chunk):
            if self._place != "inside":
                position = self._next_element(chunk, position)
                continue
            end = self._end_of_element(chunk, position)
            if end is None:
                self._hold(chunk[position:])
                return
            element = self._joined(chunk[position:end])
            if len(element) > self._max_frame_bytes:
                raise self._too_long(element)
            frames.append(Frame(element))
            self._place = "after" if self._is_array else "end"
            position = end

    def _finish(self, rest: bytes) -> list[Frame]:  # noqa: ARG002  # every element that closed is out already
        return []

    def _next_element(self, chunk: bytes, position: int) -> int:
        """Take whitespace and punctuation between elements; return where an element starts, or the chunk's length."""
        while (position := _end_of(_SPACE, chunk, position)) < len(chunk):
            match self._place, chunk[position : position + 1]:
                case "start", b"[":
                    self._is_array = True
                    self._place = "first"
                case "start", b"{":
                    self._place = "inside"
                    return position
                case (("first" | "after"), b"]"):
                    self._place = "end"
                case "after", b",":
                    self._place = "element"
                case (("first" | "element"), byte) if byte not in b",]}:":
                    self._place = "inside"
                    return position
                case _:
                    raise self._unexpected(chunk, position)
            position += 1
        return position

    def _end_of_element(self, chunk: bytes, position: int) -> int | None:
        """Return where the element that is at `position`, or is held already, ends; None if not in this chunk."""
        if not (self._depth or self._in_string or self._in_scalar):
            first = chunk[position]
            self._depth = int(first in _OPENING)
            self._in_string = first == _QUOTE
            self._in_scalar = not (self._depth or self._in_string)
            position += 1
        if self._in_scalar:
            position = _end_of(_SCALAR, chunk, position)
            self._in_scalar = position == len(chunk)
            return None if self._in_scalar else position
        if self._in_string:
            end = self._end_of_string(chunk, position)
            if end is None or not self._depth:
                return end
            position = end
        return self._end_of_container(chunk, position)

    def _end_of_container(self, chunk: bytes, position: int) -> int | None:
        while (position := _end_of(_NO_BRACKET, chunk, position)) < len(chunk):
            byte = chunk[position]
            position += 1
            if byte == _QUOTE:  # of a string that goes on in the next chunk, else the pattern had taken it
                self._in_string = True
                self._end_of_string(chunk, position)
                return None
            self._depth += 1 if byte in _OPENING else -1
            if self._depth == 0:
                return position
        return None

    def _end_of_string(self, chunk: bytes, position: int) -> int | None:
        """Return where the string that `position` is inside of ends; None if not in this chunk."""
        if self._is_escaped:
            self._is_escaped = False
            position += 1
        position = _end_of(_IN_STRING, chunk, position)
        if position < len(chunk) and chunk[position] == _QUOTE:
            self._in_string = False
            return position + 1
        self._is_escaped = position < len(chunk)
        return None

    def _unexpected(self, chunk: bytes, position: int) -> MalformedResponseError:
        found = excerpt(chunk[position:])
        return MalformedResponseError(
            f"The answer is not a JSON array as its framing promises: expected {_EXPECTED[self._place]}, "
            f"found {found[:20]!r}. Check that the address is that of the model's API.",
            frame=found,
        )


def _end_of(pattern: re.Pattern[bytes], chunk: bytes, position: int) -> int:
    """Return where the match of `pattern`, which may be empty, at `position` ends."""
    match = pattern.match(chunk, position)
    return match.end() if match else position
