"""Newline-delimited JSON: one value a line, as Ollama streams it."""

from __future__ import annotations

from core_llm.wire._buffer import BufferingFramer, is_whole_without_end
from core_llm.wire.frames import Frame

_JSON_SPACE = b" \t\r"


class NDJSONFramer(BufferingFramer):
    """Cuts newline-delimited JSON into one frame a line.

    Lines end with LF or CRLF, blank ones are skipped, and a leading BOM is dropped. A last line without its newline is
    a frame if it is a whole JSON object or array. One that was cut is left out: the wire's terminal marker is missing
    then, and that tells the truth about it better than a parser's complaint.

    Args:
        max_frame_bytes: The bound on one line.
    """

    def _cut(self, chunk: bytes, frames: list[Frame]) -> None:
        end = chunk.rfind(b"\n")
        if end < 0:
            self._hold(chunk)
            return
        lines = self._joined(chunk[:end]).split(b"\n")
        for line in lines:
            if len(line) > self._max_frame_bytes:
                raise self._too_long(line)
            if value := line.strip(_JSON_SPACE):
                frames.append(Frame(value))
        if end + 1 < len(chunk):
            self._hold(chunk[end + 1 :])

    def _finish(self, rest: bytes) -> list[Frame]:
        value = rest.strip(_JSON_SPACE)
        return [Frame(value)] if is_whole_without_end(value) else []
