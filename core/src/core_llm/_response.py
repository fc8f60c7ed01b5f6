"""Response, Usage and FinishReason: what a call gives back, whole or as far as it came."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from core_llm._json import JSONObject
from core_llm._messages import Message, Part, ReasoningPart, RefusalPart, TextPart, ToolCallPart
from core_llm._value import SCHEMA_VERSION, Value

FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "error", "other"]


class Usage(Value):
    """Tokens as the provider reported them; what it did not report is None, never 0.

    `input_tokens` includes cache reads and writes, `output_tokens` includes reasoning, for every provider.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    """Part of the input that came from the provider's cache."""
    cache_write_tokens: int | None = None
    """Part of the input that was written to the provider's cache."""
    reasoning_tokens: int | None = None
    """Part of the output that was reasoning."""
    raw: JSONObject = Field(default_factory=dict)
    """The provider's own object."""

    @property
    def total_tokens(self) -> int | None:
        """Input plus output, if both are known."""
        if self.input_tokens is None or self.output_tokens is None:
            return None
        return self.input_tokens + self.output_tokens

    def __add__(self, other: Usage) -> Usage:
        """Return the sum: what one of them does not know counts for nothing, what neither knows stays unknown."""
        names = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens")
        return Usage(raw=other.raw, **{name: _sum(getattr(self, name), getattr(other, name)) for name in names})


def _sum(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else one + other


class AttemptRecord(Value):
    """One attempt of a call that took several."""

    provider: str
    model: str
    """By its provider's name for it."""
    mode: str = "retry"
    """How it went about it: ``retry`` (sent, or sent again), ``plain``, ``refresh``, ``restart``, ``continue``,
    ``resume``; or ``correct``: asked for anew, since the answer before did not fit its type."""
    error: str | None = None
    """The class of what it failed with; None for the one that brought the answer."""
    message: str | None = None
    """What the error said, redacted."""
    usage: Usage | None = None
    """What the provider reported of it; None if nothing, or if the answer went on in the next attempt."""
    voided_text: str = ""
    """Text that the consumer was given and that a restart has made void."""


class ResumePoint(Value):
    """Where a broken stream of an answer that goes on in the background can be taken up again, by any process."""

    response_id: str
    cursor: int | None = None
    """The number of the last event that came; None begins with the first."""


class Response(Value):
    """An answer: what `generate` returns, what `stream.response` is as it grows, what an error carries as partial."""

    schema_version: int = SCHEMA_VERSION
    id: str | None = None
    """The provider's id of the answer."""
    model: str | None = None
    """The model that answered, by its provider's name for it."""
    provider: str | None = None
    parts: tuple[Part, ...] = ()
    finish_reason: FinishReason | None = None
    """None while the answer is incomplete."""
    raw_finish_reason: str | None = None
    """The provider's own word; None if it sent none."""
    usage: Usage | None = None
    """None if the provider did not report it, or it was lost. Of several attempts, the sum of what was reported."""
    is_complete: bool = False
    """Whether the wire's terminal marker came."""
    metadata: JSONObject = Field(default_factory=dict)
    """What else the provider said of the answer: fingerprints, filter results, cost. Its own names."""
    attempts: tuple[AttemptRecord, ...] = ()
    """Every attempt, the last one included, where it took several; empty where the first one did."""

    @property
    def text(self) -> str:
        """All text parts, joined."""
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))

    @property
    def reasoning(self) -> str:
        """All reasoning parts, joined."""
        return "".join(part.text for part in self.parts if isinstance(part, ReasoningPart))

    @property
    def refusal(self) -> str | None:
        """The model's own words in declining, if it declined."""
        texts = [part.text for part in self.parts if isinstance(part, RefusalPart)]
        return "".join(texts) if texts else None

    @property
    def tool_calls(self) -> tuple[ToolCallPart, ...]:
        """The complete tool calls; one that was cut off is in `parts`, marked, and can never be executed."""
        return tuple(part for part in self.parts if isinstance(part, ToolCallPart) and part.is_complete)

    @property
    def message(self) -> Message:
        """The answer as a message that can go back into a conversation; unfinished tool calls are left out."""
        parts = tuple(part for part in self.parts if not (isinstance(part, ToolCallPart) and not part.is_complete))
        return Message(role="assistant", parts=parts)
