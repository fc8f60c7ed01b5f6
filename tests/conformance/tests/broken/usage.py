"""Broken in the counts of tokens: lost, added, made up, not what the total is."""

from __future__ import annotations

from collections.abc import Sequence

from core_llm import StreamEvent, Usage, UsageUpdate
from core_llm.wire import ChatDecoder, Frame, JSONObject, JSONValue, as_text

from ..twin.acme import AcmeWire
from ..twin.zenith import ZenithDecoder
from .bugs import bug


@bug("users-pains 8, 9: langchain-litellm#20", "test_scenario[text-stream]", says="usage is None")
class UsageWithoutChoices(ChatDecoder):
    """A chunk whose choices are empty is passed over, and it is the one with the usage."""

    def feed_object(self, chunk: JSONValue, event: str = "", *, content: str = "delta") -> Sequence[StreamEvent]:
        """Take a frame that has choices."""
        if isinstance(chunk, dict) and chunk.get("choices") == []:
            return ()
        return super().feed_object(chunk, event, content=content)


@bug("wire-quirks, Anthropic: replace, don't add", "test_duplicate_frames[usage-stream]", says="counts replace")
class UsageAdded(ZenithDecoder):
    """Each count is added to the one before; but it is cumulative."""

    def _close(self, line: JSONObject) -> Sequence[StreamEvent]:
        before = self.usage
        self.is_done = False
        events = list(super()._close(line))
        self.is_done = False
        if before is not None and self.usage is not None:
            total = (before.output_tokens or 0) + (self.usage.output_tokens or 0)
            self.usage = self.usage.model_copy(update={"output_tokens": total})
            events.append(UsageUpdate(self.usage))
        return events


@bug("the measured field: usage not sent is invented, or 0", "test_scenario[usage-stream]", says="cache_read_tokens=0")
class UnknownIsZero(AcmeWire):
    """Figures that the provider did not send are 0."""

    def read_usage(self, raw: JSONObject) -> Usage:
        """Return the usage with a number everywhere."""
        usage = super().read_usage(raw)
        unknown = [name for name in ("cache_read_tokens", "reasoning_tokens") if getattr(usage, name) is None]
        return usage.model_copy(update=dict.fromkeys(unknown, 0))


@bug("the design: input includes what was cached", "test_scenario[cached_usage-stream]", says="input_tokens=42")
class CachedSubtracted(AcmeWire):
    """What was read from the cache is taken off the input."""

    def read_usage(self, raw: JSONObject) -> Usage:
        """Return the usage without what was cached."""
        usage = super().read_usage(raw)
        rest = (usage.input_tokens or 0) - (usage.cache_read_tokens or 0)
        return usage.model_copy(update={"input_tokens": rest})


@bug("users-pains 52: inspect_ai#5528", "test_scenario[reasoning-stream]", says="output_tokens=4")
class ReasoningNotCounted(AcmeWire):
    """What was reasoned is no output, and costs seem an eighth of what they are."""

    def read_usage(self, raw: JSONObject) -> Usage:
        """Return the usage without reasoning."""
        usage = super().read_usage(raw)
        rest = (usage.output_tokens or 0) - (usage.reasoning_tokens or 0)
        return usage.model_copy(update={"output_tokens": rest})


@bug("users-pains 1: litellm#40260", "test_truncation[text-stream]", says="usage")
class UsageEstimated(ChatDecoder):
    """Where no usage came, the characters are counted."""

    _said = 0

    def feed(self, frame: Frame) -> Sequence[StreamEvent]:
        """Count what is said."""
        events = super().feed(frame)
        self._said += sum(len(as_text(getattr(event, "text", ""))) for event in events)
        return events

    def close(self) -> Sequence[StreamEvent]:
        """Make the usage up."""
        if self.usage is None:
            self.usage = Usage(output_tokens=self._said // 4 + 1)
        return super().close()


@bug("users-pains 7: litellm#9657", "test_request_matches[text-stream]", says="include_usage")
class UsageNotAskedFor(AcmeWire):
    """A stream is not asked for its usage, so it sends none."""

    sends_stream_options = False


@bug("users-pains 7: litellm#17136", "test_scenario[text-stream]", says="usage is None")
class DoneAtTheReason(ChatDecoder):
    """Nothing is read after the finish reason, where the usage is."""

    def feed(self, frame: Frame) -> Sequence[StreamEvent]:
        """Take frames up to the reason."""
        events = super().feed(frame)
        self.is_done = self.is_done or self.finish_reason is not None
        return events


@bug(
    "wire-quirks, OpenAI Chat: other chunks have `usage: null`",
    "test_fields_are_read_with_guards",
    says="usage is null",
)
class UsageNullCrashes(ChatDecoder):
    """A usage that is null is asked for its figures."""

    def feed_object(self, chunk: JSONValue, event: str = "", *, content: str = "delta") -> Sequence[StreamEvent]:
        """Take a frame."""
        if isinstance(chunk, dict) and "usage" in chunk:
            chunk["usage"].get("prompt_tokens")  # type: ignore[union-attr]  # the bug
        return super().feed_object(chunk, event, content=content)
