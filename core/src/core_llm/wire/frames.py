"""What framing makes of the bytes of an answer, and the contract of a framer.

A framer is sans-I/O: bytes go in, whole frames come out, whatever the cuts between the chunks. It knows nothing of what
is inside a frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

Framing = Literal["sse", "ndjson", "json_array", "aws_event_stream", "none"]
"""How a streamed answer is cut into frames; ``none`` is one plain JSON body."""

MAX_FRAME_BYTES = 64 * 1024 * 1024
"""The default bound on one frame. It protects the process's memory; no provider is known to come near it."""


@dataclass(slots=True)
class Frame:
    """One whole frame.

    Attributes:
        data: The payload, UTF-8, not yet parsed.
        event: The name of the server-sent event; empty where the framing has none or the server gave none.
    """

    data: bytes
    event: str = ""


class Framer(Protocol):
    """Cuts a stream of bytes into frames."""

    def feed(self, chunk: bytes) -> list[Frame]:
        """Take the next bytes and return the frames that they complete.

        Raises:
            MalformedResponseError: A frame is longer than the bound, or the bytes break the framing.
        """
        ...

    def close(self) -> list[Frame]:
        """Say that no more bytes come, and return what the framing counts as a frame at the end.

        Server-sent events and NDJSON take a last event or line whose end never came only if it is whole as it is: a
        JSON object or array, or ``[DONE]``. What was cut is dropped; the wire's terminal marker tells what that means.

        Raises:
            MalformedResponseError: The last chunk held whole frames and then broke the framing.
        """
        ...
