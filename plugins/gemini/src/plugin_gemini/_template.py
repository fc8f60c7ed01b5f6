"""CountedText: reads the next text of a stream whose every frame also has the tokens counted so far.

Gemini's frames differ in their text and in a few numbers after it. Once a frame was parsed and nothing but its text and
its counts mattered, another that is the same but for these is told by comparing bytes, and only its text is parsed; the
counts are parsed once, at the end. Between the same bytes, one JSON string or number for another leaves the rest as it
was, so this is no guess.
"""

from __future__ import annotations

import re

from pydantic_core import from_json

_TEXT = re.compile(rb'"text":\s*("(?:[^"\\\x00-\x1f]|\\.)*")')
_COUNTS = b'"usageMetadata":'
_DIGITS = b"0123456789"
MAX_USELESS = 8
"""Frames learnt in a row without a match, after which no more are: each differs in more than text and counts."""


class CountedText:
    """What the frames of one stream have in common around text and counts.

    Attributes:
        counts: The counts of the newest frame that matched, without their first bracket; see `take_counts`.
    """

    __slots__ = ("_after", "_counts", "_head", "_skip", "_start", "_useless", "counts")

    def __init__(self) -> None:
        self.counts = b""
        self._head = b""
        self._start = 0
        self._after = b""
        self._skip = 0
        self._counts = b""
        self._useless = 0

    def match(self, data: bytes) -> str | None:
        """Return the text of a frame that is as the learnt one but for text and counts; None if it is not."""
        start = self._start
        if not start or not data.startswith(self._head):
            return None
        # No text can hold these bytes: they have a quote that is not escaped.
        stop = data.find(self._after, start)
        if stop < 0:
            return None
        counts = data[stop + self._skip :]
        if counts.translate(None, _DIGITS) != self._counts:
            return None
        try:
            text: str = from_json(data[start:stop])  # a text, for the head ends with its first quote
        except ValueError:
            return None
        self.counts = counts
        return text

    def learn(self, data: bytes) -> None:
        """Learn from a frame that was parsed and in which nothing but one text and its counts mattered."""
        if self._useless >= MAX_USELESS:
            return
        self._useless += 1
        self._start = 0
        texts = list(_TEXT.finditer(data))
        if len(texts) != 1 or data.count(_COUNTS) != 1:
            return
        start, end = texts[0].span(1)
        counts = data.find(_COUNTS, end)
        if counts < 0:
            return
        self._head, self._start = data[: start + 1], start
        self._after, self._skip = data[end:counts], counts - end
        self._counts = data[counts:].translate(None, _DIGITS)

    def take_counts(self) -> bytes:
        """Return the newest matched frame's counts as a JSON object, and forget them; empty if there are none."""
        taken, self.counts = self.counts, b""
        if not taken:
            return b""
        self._useless = 0
        return b"{%b" % taken
