"""From the name of a framing to a new framer, and the framer of answers that are not framed at all."""

from __future__ import annotations

from typing import assert_never

from core_llm._errors import UnsupportedError
from core_llm.wire._buffer import BufferingFramer
from core_llm.wire.frames import MAX_FRAME_BYTES, Frame, Framer, Framing
from core_llm.wire.json_array import JSONArrayFramer
from core_llm.wire.ndjson import NDJSONFramer
from core_llm.wire.sse import SSEFramer


class WholeBodyFramer(BufferingFramer):
    """Makes one frame of the whole body, when it has ended; of an empty body an empty frame."""

    def _cut(self, chunk: bytes, frames: list[Frame]) -> None:  # noqa: ARG002  # nothing is whole before the end
        self._hold(chunk)

    def _finish(self, rest: bytes) -> list[Frame]:
        return [Frame(rest)]


def framer_for(framing: Framing, max_frame_bytes: int = MAX_FRAME_BYTES) -> Framer:
    """Return a new framer for one answer.

    Args:
        framing: How the answer is framed.
        max_frame_bytes: The bound on one frame.

    Raises:
        UnsupportedError: This version has no framer for `framing`.
    """
    match framing:
        case "sse":
            return SSEFramer(max_frame_bytes)
        case "ndjson":
            return NDJSONFramer(max_frame_bytes)
        case "json_array":
            return JSONArrayFramer(max_frame_bytes)
        case "none":
            return WholeBodyFramer(max_frame_bytes)
        case "aws_event_stream":
            raise UnsupportedError(
                "This version of core-llm cannot read AWS event streams. Use a provider whose answers are framed as "
                "sse, ndjson or json_array, or the provider without streaming.",
                feature="aws_event_stream",
            )
        case _:
            assert_never(framing)
