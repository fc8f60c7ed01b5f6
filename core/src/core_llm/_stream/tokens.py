"""TokenMeter: counts one stream's output tokens for the signals that limit them; a stream without such has none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from core_llm._events import ReasoningDelta, RefusalDelta, StreamEvent, TextDelta, ToolCallDelta, UsageUpdate
from core_llm._response import Usage
from core_llm._signals import Budget, Signal, budgets

_PIECES = frozenset({TextDelta, ReasoningDelta, RefusalDelta, ToolCallDelta})
"""Each counts as one token until the provider reports how many it were: most send one in each."""


class TokenMeter:
    """What one stream has taken of one or more budgets.

    Attributes:
        is_exhausted: Whether the stream wanted more than there was.
    """

    __slots__ = ("_budgets", "_counted", "is_exhausted")

    def __init__(self, limiting: Sequence[Budget]) -> None:
        self._budgets = limiting
        self._counted = 0
        self.is_exhausted = False

    @classmethod
    def of(cls, signal: Signal | None) -> Self | None:
        """Return the meter that a signal wants; None if it counts nothing."""
        limiting = budgets(signal)
        return cls(limiting) if limiting else None

    def begin(self) -> None:
        """Fire where earlier calls have left nothing."""
        for budget in self._budgets:
            budget.exhaust()

    def begin_attempt(self) -> None:
        """Count from nothing, on top of what the attempt before has taken: it was brought too."""
        self._counted = 0

    def taken(self, events: Sequence[StreamEvent]) -> Sequence[StreamEvent]:
        """Take the tokens of a batch; return the events that may be handed on, which may be fewer."""
        for number, event in enumerate(events):
            kind = type(event)
            if kind in _PIECES:
                for budget in self._budgets:  # all of them count it
                    self.is_exhausted |= not budget.take()
                if self.is_exhausted:
                    return events[:number]
                self._counted += 1
            elif kind is UsageUpdate:
                self._report(event.usage)  # type: ignore[union-attr]  # of a UsageUpdate
        return events

    def settle(self, usage: Usage | None) -> None:
        """Take the final report of an answer that is whole; what it used up stops others, not this one."""
        self._report(usage)
        self.begin()

    def _report(self, usage: Usage | None) -> None:
        if usage is not None and usage.output_tokens is not None:
            for budget in self._budgets:
                budget.correct(usage.output_tokens - self._counted)
            self._counted = usage.output_tokens
