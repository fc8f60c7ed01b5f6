"""What reading costs, counted in lines of Python, which no clock and no other process changes."""

from __future__ import annotations

import sys
from types import FrameType
from typing import TYPE_CHECKING

from core_llm._output.partial_json import Builder, PartialJSON

if TYPE_CHECKING:
    from _typeshed import TraceFunction


def lines_run(builder: Builder, text: str, size: int, starts: str = "") -> int:
    """Return how many lines of Python reading a text in small pieces takes."""
    count = 0

    def trace(_: FrameType, event: str, __: object) -> TraceFunction:
        nonlocal count
        count += event == "line"
        return trace

    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    parser = PartialJSON(builder, starts=starts)
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        for piece in pieces:
            parser.feed(piece)
    finally:
        sys.settrace(before)
    parser.close()
    return count
