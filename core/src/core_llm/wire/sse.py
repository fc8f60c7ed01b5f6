"""Server-sent events: the grammar of the WHATWG HTML standard, section 9.2.6 (checked 2026-11), without I/O.

What is inside an event's data is the wire format's business; so are comments and pings, which make no frame at all.
"""

from __future__ import annotations

from core_llm.wire._buffer import BufferingFramer, is_whole_without_end
from core_llm.wire.frames import MAX_FRAME_BYTES, Frame

_LF = 10
_MAX_RETRY_DIGITS = 18


class SSEFramer(BufferingFramer):
    """Cuts a stream of server-sent events into one frame an event.

    A frame's data is the event's data lines, joined by LF, as the bytes that came: only CR and LF end a line, so U+2028
    and its like stay, and a character cut in two by the network is whole again. As the standard has it, an event
    without a data field makes no frame, and one with an empty data field makes a frame with empty data.

    The bound is on all the bytes of an event, comments included, from the blank line before it to the one after it.

    Args:
        max_frame_bytes: The bound on one event.
        lenient_end: Take an event at the end of the stream that no blank line ended if its data is a whole JSON object
            or array, or ``[DONE]``. Many model servers leave the last blank line out. This is safe: data that closes
            itself cannot have been cut, and whether the answer is complete is not decided here but by the wire's
            terminal marker. Anything else that is unfinished is dropped, as the standard demands, so that a cut stream
            shows as interrupted and not as malformed. False drops all of it.

    Attributes:
        last_event_id: The last ``id`` of an event that a blank line ended; empty if there was none.
        retry_ms: The reconnection time in milliseconds that the server asked for last, if it did.
    """

    def __init__(self, max_frame_bytes: int = MAX_FRAME_BYTES, *, lenient_end: bool = True) -> None:
        super().__init__(max_frame_bytes)
        self.last_event_id = ""
        self.retry_ms: int | None = None
        self._lenient_end = lenient_end
        self._ends_with_cr = False
        self._is_between_events = False

    def feed(self, chunk: bytes) -> list[Frame]:
        """Take the next bytes and return the frames that they complete.

        Raises:
            MalformedResponseError: An event is longer than the bound.
        """
        # Most chunks are whole events: this is what a token costs. Nothing is taken here that `_cut` takes differently.
        if (
            self._is_between_events
            and chunk.endswith(b"\n\n")
            and chunk.find(b"\r") < 0
            and len(chunk) <= self._max_frame_bytes
            and (frames := _uniform_events(chunk))
        ):
            return frames
        self._is_between_events = False
        frames = super().feed(chunk)
        self._is_between_events = not (self._held or self._is_at_start or self._failure)
        return frames

    def _cut(self, chunk: bytes, frames: list[Frame]) -> None:
        chunk = self._with_lf(chunk)
        if not self._held:
            chunk = chunk.lstrip(b"\n")
        end = self._end_of_events(chunk)
        if end:
            self._read_events(self._joined(chunk[:end]), frames)
            chunk = chunk[end:]
        if chunk:
            self._hold(chunk)

    def _with_lf(self, chunk: bytes) -> bytes:
        """Return `chunk` with every line end as LF, also for a CR LF that the network cut in two."""
        if self._ends_with_cr:
            self._ends_with_cr = False
            chunk = chunk.removeprefix(b"\n")
        if b"\r" in chunk:
            self._ends_with_cr = chunk.endswith(b"\r")
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return chunk

    def _end_of_events(self, chunk: bytes) -> int:
        """Return how much of `chunk` belongs to events that a blank line ended; 0 if there is no blank line."""
        # One byte is found ten times faster than two, and in a long line there is none.
        last = chunk.rfind(b"\n")
        if last > 0:
            if chunk[last - 1] == _LF:
                return last + 1
            pair = chunk.rfind(b"\n\n", 0, last)
            if pair >= 0:
                return pair + 2
        is_blank_line_cut = bool(self._held) and chunk.startswith(b"\n") and self._held[-1].endswith(b"\n")
        return 1 if is_blank_line_cut else 0

    def _read_events(self, block: bytes, frames: list[Frame]) -> None:
        """Append the frames of `block`, whose lines end with LF and whose last line is blank."""
        if len(block) <= self._max_frame_bytes and (uniform := _uniform_events(block)):
            frames += uniform
            return
        for lines in block.split(b"\n\n"):
            event = lines.strip(b"\n")
            if len(event) >= self._max_frame_bytes:  # its last line's end, not in here any more, counts too
                raise self._too_long(event)
            if event:
                self._read_event(event, frames)

    def _read_event(self, event: bytes, frames: list[Frame]) -> None:
        """Append the frame of one event, if it makes one, and take its id."""
        data, name, last_event_id = self._fields(event)
        if last_event_id is not None:
            self.last_event_id = last_event_id
        if data is not None:
            frames.append(Frame(data, name))

    def _fields(self, event: bytes) -> tuple[bytes | None, str, str | None]:
        """Return an event's data, name and id; take its retry, which holds at once. None: no such field."""
        data: list[bytes] = []
        name = ""
        last_event_id = None
        for line in event.split(b"\n"):
            field, _, value = line.partition(b":")
            value = value.removeprefix(b" ")
            if field == b"data":
                data.append(value)
            elif field == b"event":
                name = value.decode("utf-8", "replace")
            elif field == b"id" and b"\0" not in value:
                last_event_id = value.decode("utf-8", "replace")
            elif field == b"retry" and value.isdigit() and len(value) <= _MAX_RETRY_DIGITS:
                self.retry_ms = int(value)
        return b"\n".join(data) if data else None, name, last_event_id

    def _finish(self, rest: bytes) -> list[Frame]:
        ended, _, last_line = rest.rpartition(b"\n")
        is_data = last_line.startswith(b"data:")
        data, name, _ = self._fields(rest if is_data else ended)
        if self._lenient_end and data is not None and is_whole_without_end(data):
            return [Frame(data, name)]
        return []


def _uniform_events(block: bytes) -> list[Frame] | None:
    """Return the frames of events that all are one data line, or all one event line and one data line; else None.

    These are what model servers send, and cutting them all at once costs a third of reading them line by line. `block`
    has LF line ends and ends with a blank line. Counting its LF proves that no event has a line more.
    """
    if block.startswith(b"data: "):
        if block.find(b"\n") == len(block) - 2:
            return [Frame(block[6:-2])]
        payloads = block[6:-2].split(b"\n\ndata: ")
        if block.count(b"\n") == 2 * len(payloads):
            return [Frame(payload) for payload in payloads]
    elif block.startswith(b"event: "):
        pairs = [event.partition(b"\ndata: ") for event in block[7:-2].split(b"\n\nevent: ")]
        if block.count(b"\n") == 3 * len(pairs):
            frames = [Frame(data, name.decode("utf-8", "replace")) for name, separator, data in pairs if separator]
            if len(frames) == len(pairs):
                return frames
    return None
