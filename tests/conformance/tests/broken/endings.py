"""Broken in how an answer ends: cut and called whole, whole and called cut, for another reason than the provider's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from core_llm import FinishReason, MalformedResponseError, StreamEvent
from core_llm.wire import ChatDecoder, Frame

from ..twin.acme import AcmeWire
from ..twin.zenith import ZenithDecoder
from .bugs import bug


def without_a_reason(cassettes: Path) -> None:
    """Let a stream end with [DONE] alone."""
    path = cassettes / "text.yaml"
    text = path.read_text(encoding="utf-8")
    text = text.replace('"delta": {}, "finish_reason": "stop"', '"delta": {}, "finish_reason": null')
    path.write_text(text.replace("      raw_finish_reason: stop\n", "", 1), encoding="utf-8")


@bug("users-pains 1: litellm#40260", "test_truncation[text-stream]", says="a success")
class StopOnACut(ZenithDecoder):
    """A stream that ends is finished, whether or not its end has come."""

    def feed(self, frame: Frame) -> Sequence[StreamEvent]:
        """Take the next line, which may be the last."""
        self.is_complete, self.finish_reason = True, "stop"
        return super().feed(frame)


@bug("users-pains 3: opencode#26170", "test_truncation[text-stream]", "test_reset[text-stream]", says="terminal marker")
class OtherOnACut(ChatDecoder):
    """A stream that was cut is finished for another reason."""

    def feed(self, frame: Frame) -> Sequence[StreamEvent]:
        """Take the next frame, which may be the last."""
        events = super().feed(frame)
        self.is_complete, self.finish_reason = True, self.finish_reason or "other"
        return events


@bug(
    "users-pains 14; the design: a missing reason is inferred at [DONE]",
    "test_scenario[text-stream]",
    says="finish_reason",
    edit=without_a_reason,
)
class DoneWithoutAReason(ChatDecoder):
    """An answer that ends with [DONE] and no reason has ended for another one."""

    def _settle_finish_reason(self) -> None:
        self.finish_reason = self.finish_reason or "other"
        super()._settle_finish_reason()


@bug("the design: cut after the marker: complete", "test_truncation[text-stream]", says="the marker")
class OnlyDoneCounts(ChatDecoder):
    """An answer whose finish reason has come, and [DONE] has not, is interrupted."""

    def feed(self, frame: Frame) -> Sequence[StreamEvent]:
        """Take the next frame."""
        events = super().feed(frame)
        self.is_complete = self.is_done
        return events


@bug("users-pains 49: pydantic-ai#631", "test_scenario[refusal-stream]", says="finish_reason is 'stop'")
class RefusalIsAStop(ChatDecoder):
    """Who declines has finished."""

    def _settle_finish_reason(self) -> None:
        self.has_refusal = False
        super()._settle_finish_reason()


@bug("wire-quirks, Gemini and Ollama: no reason for calls", "test_scenario[tool_call-stream]", says="is 'stop'")
class CallsAreAStop(ZenithDecoder):
    """An answer that ends with calls has stopped."""

    def close(self) -> Sequence[StreamEvent]:
        """End it."""
        if self.finish_reason == "tool_calls":
            self.finish_reason = "stop"
        return super().close()


@bug("users-pains 49: a reason that nobody mapped", "test_unknown_values[text-stream]", says="it must be 'other'")
class UnknownReasonIsAStop(ZenithDecoder):
    """A reason that is not in the table is a stop."""

    def close(self) -> Sequence[StreamEvent]:
        """End it."""
        if self.finish_reason == "other":
            self.finish_reason = "stop"
        return super().close()


@bug("users-pains 5: `response.incomplete` not handled", "test_scenario[max_tokens-stream]", says="finish_reason is 'o")
class LimitNotMapped(AcmeWire):
    """The word for the limit of tokens is not in the table."""

    finish_reasons: ClassVar[Mapping[str, FinishReason]] = {
        word: reason for word, reason in AcmeWire.finish_reasons.items() if reason != "length"
    }


@bug("wire-quirks, the zoo: 200 with an empty body", "test_not_a_stream[text-stream]", says="it must be an error")
class AnythingIsAnAnswer(ZenithDecoder):
    """What is no line of the wire is passed over, and what is left is an answer."""

    def feed(self, frame: Frame) -> Sequence[StreamEvent]:
        """Take the next line, whatever it is."""
        try:
            return super().feed(frame)
        except MalformedResponseError:
            self.is_complete, self.finish_reason = True, "stop"
            return ()


@bug("the design: the provider's own word is kept", "test_scenario[text-stream]", says="raw_finish_reason is 'stop'")
class RawReasonIsOurs(ZenithDecoder):
    """The provider's word is overwritten with the normalised one."""

    def close(self) -> Sequence[StreamEvent]:
        """End it."""
        self.raw_finish_reason = self.finish_reason
        return super().close()
