"""Server-sent events cut by hand, for the walks: blank lines, then lines, no state machine."""

from __future__ import annotations

import re
from collections.abc import Iterator

_LINE_END = re.compile(rb"\r\n|\n|\r")
_EVENT_END = re.compile(rb"(?:\r\n|\n|\r(?!\n)){2}")


def walk_sse(body: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield (event name, data) of each event that has data and that a blank line ends."""
    *events, _unfinished = _EVENT_END.split(body.removeprefix(b"\xef\xbb\xbf"))
    for event in events:
        name, data = "", []
        for line in _LINE_END.split(event):
            field, _, value = line.partition(b":")
            if field == b"data":
                data.append(value.removeprefix(b" "))
            elif field == b"event":
                name = value.removeprefix(b" ").decode("utf-8", "replace")
        if data:
            yield name, b"\n".join(data)
