"""Broken in reading reasoning and what is kept for the provider."""

from __future__ import annotations

from collections.abc import Sequence

from core_llm import StreamEvent
from core_llm.wire import JSONObject, as_text

from ..twin.acme import AcmeWire
from ..twin.zenith import ZenithDecoder
from .bugs import bug


@bug("users-pains 6; wire-quirks, Anthropic: signature_delta", "test_message_goes_back[reasoning-stream]", says="seal")
class SignatureDropped(ZenithDecoder):
    """The signature at the end of what was thought is passed over."""

    def feed_object(self, line: JSONObject) -> Sequence[StreamEvent]:
        """Take a line."""
        return () if line.get("line") == "seal" else super().feed_object(line)


@bug("wire-quirks, Azure: reasoning and text are mixed up", "test_scenario[reasoning-stream]", says="text is")
class ThoughtsInTheText(ZenithDecoder):
    """What was thought is handed on as text."""

    def feed_object(self, line: JSONObject) -> Sequence[StreamEvent]:
        """Take a line."""
        return super().feed_object({**line, "line": "say"} if line.get("line") == "think" else line)


@bug("wire-quirks, DeepSeek: reasoning_content", "test_scenario[reasoning-stream]", says="reasoning is ''")
class ThoughtsLost(ZenithDecoder):
    """What was thought is passed over."""

    def feed_object(self, line: JSONObject) -> Sequence[StreamEvent]:
        """Take a line."""
        return () if line.get("line") == "think" else super().feed_object(line)


@bug("wire-quirks, the zoo: `reasoning` or `reasoning_content`", "test_scenario[reasoning-stream]", says="reasoning")
class ThoughtsToldTwice(AcmeWire):
    """Reasoning is told under two names, and both are taken."""

    class decoder_type(AcmeWire.decoder_type):  # type: ignore[misc, valid-type]  # noqa: N801  # the attribute's name
        """Takes both."""

        def _read_details(self, value: object) -> Sequence[StreamEvent]:
            self._is_told = False
            events: Sequence[StreamEvent] = super()._read_details(value)
            return events


@bug("wire-quirks, Anthropic: thinking must be replayed byte-identical", "test_scenario[reasoning-stream]", says="reas")
class ThoughtsTidied(ZenithDecoder):
    """White space in what was thought is tidied."""

    def feed_object(self, line: JSONObject) -> Sequence[StreamEvent]:
        """Take a line."""
        if line.get("line") == "think":
            line = {**line, "words": as_text(line.get("words")).strip() + " "}
        return super().feed_object(line)
