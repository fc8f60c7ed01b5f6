"""Broken in what is kept between calls: on classes, wires, providers."""

from __future__ import annotations

from collections.abc import Sequence

from core_llm import Request, StreamEvent
from core_llm.wire import Decoder, Frame, JSONObject, WireRequest, as_text

from ..twin.acme import AcmeWire
from ..twin.zenith import ZenithDecoder, ZenithWire
from .bugs import bug


@bug("the design: one decoder an answer", "test_decoders_are_independent", says="another")
class StateOnTheClass(ZenithDecoder):
    """What was said so far is kept on the class, and two streams at once mix their words."""

    _waiting: list[str] = []  # noqa: RUF012  # the bug

    def feed_object(self, line: JSONObject) -> Sequence[StreamEvent]:
        """Take a line."""
        if line.get("line") != "say":
            return super().feed_object(line)
        self._waiting.append(as_text(line.get("words")))
        if len(self._waiting) % 2:
            return ()
        words = "".join(self._waiting)
        self._waiting.clear()
        return super().feed_object({**line, "words": words})


@bug("the design: a decoder is never reused", "test_decoders_are_independent", says="another")
class OneDecoderForAll(ZenithWire):
    """A wire makes one decoder, and feeds it every answer."""

    _one: ZenithDecoder | None = None

    def decoder(self, request: Request) -> ZenithDecoder:  # noqa: ARG002  # of the contract
        """Return the decoder."""
        self._one = self._one or ZenithDecoder(self.provider)
        return self._one


@bug("users-pains 55: what one call leaves to the next", "test_wire_keeps_nothing_between_calls", says="asked")
class CountsRequests(AcmeWire):
    """A wire numbers its requests."""

    asked = 0

    def encode_request(self, request: Request) -> WireRequest:
        """Return the request."""
        self.asked += 1
        return super().encode_request(request)


@bug("users-pains 57: two calls at once", "test_encoding_is_repeatable", says="another")
class ToolsOfTheLastRequest(AcmeWire):
    """A request without tools gets those of the one before."""

    _tools: tuple[object, ...] = ()

    def encode_request(self, request: Request) -> WireRequest:
        """Return the request."""
        self._tools = request.tools or self._tools
        return super().encode_request(request.model_copy(update={"tools": self._tools}))


@bug("users-pains 38: memory that grows", "test_wire_keeps_nothing_between_calls", says="frames")
class FramesForDebugging(ZenithWire):
    """Every frame that ever came is kept, for debugging."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]  # handed on
        self.frames: list[bytes] = []

    def decoder(self, request: Request) -> Decoder:  # type: ignore[override]  # another one
        """Return a decoder that keeps its frames here."""
        frames = self.frames

        class Keeping(ZenithDecoder):
            def feed(self, frame: Frame) -> Sequence[StreamEvent]:
                frames.append(frame.data)
                return super().feed(frame)

        del request
        return Keeping(self.provider)
