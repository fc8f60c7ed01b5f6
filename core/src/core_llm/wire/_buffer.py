"""What the framers that cut at bytes share: what is held of a frame that is not whole yet, its bound, BOM, failures.

What ends a frame is each framer's own business.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from pydantic_core import from_json

from core_llm._errors import MalformedResponseError
from core_llm._redaction import redact
from core_llm.wire.frames import MAX_FRAME_BYTES, Frame

BOM = b"\xef\xbb\xbf"
_EXCERPT_CHARACTERS = 200
_SMALL_CHUNK_BYTES = 1024


def excerpt(data: bytes | bytearray) -> str:
    """Return the start of `data` for an error message, redacted before it is cut, so that no half of a key remains."""
    text = redact(data[: 16 * _EXCERPT_CHARACTERS].decode("utf-8", "replace"))
    return text if len(text) <= _EXCERPT_CHARACTERS else text[:_EXCERPT_CHARACTERS] + "…"


def is_whole_without_end(data: bytes) -> bool:
    """Say whether bytes whose end marker never came are surely whole: a JSON object or array, or ``[DONE]``.

    These close themselves, so no cut can have shortened them. A number or a plain text may have been longer.
    """
    data = data.strip()
    if data == b"[DONE]":
        return True
    if not data.startswith((b"{", b"[")):
        return False
    try:
        from_json(data)
    except ValueError:
        return False
    return True


class BufferingFramer(ABC):
    """Base of the framers: feeds what `_cut` takes, after the BOM, and keeps frames and failures in their order.

    Frames that were whole before the bytes broke the framing are returned first and the error is raised by the next
    call, so that what a caller gets does not depend on how the network cut the bytes.

    Args:
        max_frame_bytes: The bound on one frame. What is held in memory passes it by one chunk at most.
    """

    def __init__(self, max_frame_bytes: int = MAX_FRAME_BYTES) -> None:
        if max_frame_bytes < 1:
            raise ValueError(f"max_frame_bytes must be at least 1, not {max_frame_bytes}")
        self._max_frame_bytes = max_frame_bytes
        self._held: list[bytes | bytearray] = []
        self._held_bytes = 0
        self._failure: MalformedResponseError | None = None
        self._is_at_start = True

    def feed(self, chunk: bytes) -> list[Frame]:
        """Take the next bytes and return the frames that they complete.

        Raises:
            MalformedResponseError: A frame is longer than the bound, or the bytes break the framing.
        """
        if self._failure is not None:
            raise self._failure
        if self._is_at_start:
            chunk = self._after_bom(chunk)
        frames: list[Frame] = []
        if chunk:
            try:
                self._cut(chunk, frames)
            except MalformedResponseError as error:
                self._failure = error
                self._held.clear()
                if not frames:
                    raise
        return frames

    def close(self) -> list[Frame]:
        """Say that no more bytes come, and return what the framing counts as a frame at the end.

        Raises:
            MalformedResponseError: The last chunk held whole frames and then broke the framing.
        """
        if self._failure is not None:
            raise self._failure
        return self._finish(self._joined(b""))

    @abstractmethod
    def _cut(self, chunk: bytes, frames: list[Frame]) -> None:
        """Append to `frames` what `chunk`, never empty, completes, and hold the rest."""

    @abstractmethod
    def _finish(self, rest: bytes) -> list[Frame]:
        """Return the frames that the end of the stream makes of `rest`, the bytes that were still held."""

    def _after_bom(self, chunk: bytes) -> bytes:
        """Return what follows a leading BOM; empty while nothing more came than one, or its start."""
        chunk = self._joined(chunk)
        if BOM.startswith(chunk):
            self._held.append(chunk)
            return b""
        self._is_at_start = False
        return chunk.removeprefix(BOM)

    def _hold(self, chunk: bytes) -> None:
        """Keep `chunk` until its frame is whole."""
        held = self._held
        if len(chunk) > _SMALL_CHUNK_BYTES:
            held.append(chunk)
        elif held and isinstance(held[-1], bytearray):
            # A server that sends a byte at a time must not cost an object each.
            held[-1] += chunk
        else:
            held.append(bytearray(chunk))
        self._held_bytes += len(chunk)
        if self._held_bytes > self._max_frame_bytes:
            raise self._too_long(held[0])

    def _joined(self, end: bytes) -> bytes:
        """Return all that is held, followed by `end`, and hold nothing any more."""
        if not self._held:
            return end
        whole = b"".join((*self._held, end))
        self._held.clear()
        self._held_bytes = 0
        return whole

    def _too_long(self, start: bytes | bytearray) -> MalformedResponseError:
        return MalformedResponseError(
            f"One frame of the answer is longer than the bound of {self._max_frame_bytes:,} bytes, which protects "
            "memory. If such an answer is expected, raise max_frame_bytes; if not, check that the address is that of "
            "the model's API and that its answer is framed as declared.",
            frame=excerpt(start),
        )
