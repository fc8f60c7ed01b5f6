"""Server-sent events cut by hand, for the walks: blank lines, then lines, no state machine."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

_LINE_END = re.compile(rb"\r\n|\n|\r")
_EVENT_END = re.compile(rb"(?:\r\n|\n|\r(?!\n)){2}")


def walk_sse(body: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield (event name, data) of each event that has data.

    The standard drops an event that no blank line ended. Some servers leave the last one out, so an event at the end
    counts if its data cannot have been cut: a JSON object or array that closes, or ``[DONE]``.
    """
    *events, unfinished = _EVENT_END.split(body.removeprefix(b"\xef\xbb\xbf"))
    for event in events:
        name, data = _fields(event)
        if data is not None:
            yield name, data
    name, data = _fields(unfinished)
    if data is not None and _is_whole(data):
        yield name, data


def _fields(event: bytes) -> tuple[str, bytes | None]:
    name, data = "", []
    for line in _LINE_END.split(event):
        field, _, value = line.partition(b":")
        if field == b"data":
            data.append(value.removeprefix(b" "))
        elif field == b"event":
            name = value.removeprefix(b" ").decode("utf-8", "replace")
    return name, b"\n".join(data) if data else None


def _is_whole(data: bytes) -> bool:
    try:
        return data == b"[DONE]" or isinstance(json.loads(data), dict | list)
    except ValueError:
        return False
