"""TextTemplate: reads the next text of a stream without parsing what every frame repeats.

Nine tenths of a streamed frame are the same bytes each time: ids, names, fields that say nothing. Once a frame was
parsed and nothing but one text in it mattered, the frames that differ from it only there are recognised by comparing
bytes, and only the text itself is parsed. JSON allows that without a guess: between the same bytes, one string for
another leaves everything else as it was. Some providers pad each frame with random letters in a field of their own; one
such hole is allowed for. A frame that differs anywhere else does not match and is parsed as usual.
"""

from __future__ import annotations

import re

from pydantic_core import from_json

_STRING = re.compile(rb'\s*("(?:[^"\\\x00-\x1f]|\\.)*")')
_NOTHING = (b"", 0, b"", 0, b"", 0)
MAX_USELESS = 8
"""Templates learnt in a row without a match, after which no more are: each frame differs in more than its text."""


class TextTemplate:
    """What the frames of one stream have in common around one text.

    Args:
        field: The name of the field that has the text.
        pads: Names of fields whose value is padding: letters and digits that say nothing.
    """

    __slots__ = ("_field", "_pads", "_shape", "_useless")

    def __init__(self, field: str, pads: tuple[str, ...] = ()) -> None:
        self._field = b'"%s":' % field.encode()
        self._pads = tuple(b'"%s":' % pad.encode() for pad in pads)
        self._shape = _NOTHING
        self._useless = 0

    def match(self, data: bytes) -> str | None:
        """Return the text of a frame that is as the learnt one but for its text; None if it is not."""
        head, size, between, after, end, before = self._shape
        if not (size and data.startswith(head) and data.endswith(end)):
            return None
        if between:
            # No text can hold these bytes: they have a quote that is not escaped.
            stop = data.find(between, size)
            if stop < 0 or not data[stop + after : before].isalnum():
                return None
        else:
            stop = len(data) + before
        try:
            text = from_json(data[size:stop])
        except ValueError:
            return None
        if type(text) is not str:
            return None
        self._useless = 0
        return text

    def learn(self, data: bytes) -> None:
        """Learn from a frame that was parsed and in which nothing but the one text mattered."""
        if self._useless >= MAX_USELESS:
            return
        self._useless += 1
        self._shape = _NOTHING
        found = self._value_of(self._field, data)
        if found is None:
            return
        head, _, end = found
        between = b""
        for name in self._pads:
            pad = self._value_of(name, end)
            if pad is not None and pad[1][1:-1].isalnum():
                # The quotes around the padding belong to what is the same each time.
                between, end = pad[0] + b'"', b'"' + pad[2]
                break
        self._shape = (head, len(head), between, len(between), end, -len(end))

    @staticmethod
    def _value_of(name: bytes, data: bytes) -> tuple[bytes, bytes, bytes] | None:
        """Return what stands before a field's string, the string, and what follows; None unless it is there once."""
        start = data.find(name)
        if start < 0 or data.find(name, start + 1) >= 0:
            return None
        value = _STRING.match(data, start + len(name))
        return None if value is None else (data[: value.start(1)], value[1], data[value.end(1) :])
