"""Stages that hold deltas back in order to hand them on in other pieces: by sentence, by time."""

from __future__ import annotations

import math
import re
from abc import abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from core_llm._events import (
    Finish,
    ReasoningDelta,
    RefusalDelta,
    StreamError,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    TurnEnd,
)
from core_llm._messages import TokenLogprob
from core_llm.transforms._stages import BEGINNINGS, NOTHING, Stage

Delta = TextDelta | ReasoningDelta | RefusalDelta | ToolCallDelta
_ENDS = (Finish, StreamError, TurnEnd)
_SENTENCE = re.compile(
    r"(?<![.!?\u2026])[.!?\u2026]++[\"'\u201d\u2019\u00bb)\]]*+\s+"
    r"|[\u3002\uff01\uff1f]+[\u201d\u2019\u300d\u300f\uff09\s]*|\n\s*"
)
"""Where a sentence ends, in Latin or in Chinese and Japanese script: with its mark, what closes brackets or quotations,
and the blanks behind, without which a dot may be part of a number; or with its line. A row of marks is searched once,
from its first: it may be long, and comes again with each delta."""


@dataclass(slots=True)
class Held:
    """What is held back of one part.

    Attributes:
        first: The delta that came first; what is handed on is like it.
        pieces: The texts.
        size: Their length in characters.
        logprobs: Of the texts; they go with the piece that is handed on next.
    """

    first: Delta
    pieces: list[str] = field(default_factory=list)
    size: int = 0
    logprobs: tuple[TokenLogprob, ...] = ()

    def add(self, delta: Delta) -> None:
        """Add a delta of the same kind."""
        self.put(text_of(delta))
        if isinstance(delta, TextDelta):
            self.logprobs += delta.logprobs

    def put(self, text: str) -> None:
        """Add text."""
        self.pieces.append(text)
        self.size += len(text)

    def taken(self) -> str:
        """Return the text, and hold nothing."""
        text = "".join(self.pieces)
        self.pieces.clear()
        self.size = 0
        return text

    def delta(self, text: str) -> StreamEvent:
        """Return a delta with this text."""
        match self.first:
            case TextDelta(part_index=index):
                logprobs, self.logprobs = self.logprobs, ()
                return TextDelta(index, text, logprobs)
            case ReasoningDelta(part_index=index):
                return ReasoningDelta(index, text)
            case RefusalDelta(part_index=index):
                return RefusalDelta(index, text)
            case ToolCallDelta(part_index=index, id=id_, name=name):
                return ToolCallDelta(index, id_, name, text)


def text_of(delta: Delta) -> str:
    """Return what a delta adds."""
    return delta.arguments_delta if isinstance(delta, ToolCallDelta) else delta.text


class Holding(Stage[StreamEvent]):
    """Holds deltas back, for each part its own, until a piece is whole, or something else of the part comes."""

    holds: tuple[type, ...] = (TextDelta, ReasoningDelta, RefusalDelta)

    def __init__(self, max_chars: int) -> None:
        self._max_chars = max_chars
        self._held: dict[int, Held] = {}

    def feed(self, event: StreamEvent) -> Iterable[StreamEvent]:
        """Take an event; return what is whole."""
        if isinstance(event, self.holds):
            return self._hold(event)  # type: ignore[arg-type]  # they are deltas
        if not self._held:
            return (event,)
        if isinstance(event, BEGINNINGS):
            self.forget()
            return (event,)
        index: int | None = getattr(event, "part_index", None)
        if index is not None:
            return (*self._given_up(index), event)
        return (*self.flush(), event) if isinstance(event, _ENDS) else (event,)

    def flush(self) -> Iterable[StreamEvent]:
        """Give up what is held of all parts."""
        found = [event for index in list(self._held) for event in self._given_up(index)]
        self.forget()
        return found

    def forget(self) -> None:
        """Hold nothing."""
        self._held.clear()

    @abstractmethod
    def whole(self, held: Held) -> Iterable[StreamEvent]:
        """Return what is whole of a part; what is not stays."""

    def _hold(self, delta: Delta) -> Iterable[StreamEvent]:
        held = self._held.get(delta.part_index)
        if held is None:
            held = self._held[delta.part_index] = Held(delta)
        held.add(delta)
        found = list(self.whole(held))
        if held.size >= self._max_chars:
            found += self._given_up(delta.part_index)
        elif not held.size:
            del self._held[delta.part_index]
        return found

    def _given_up(self, index: int) -> Iterable[StreamEvent]:
        held = self._held.pop(index, None)
        return NOTHING if held is None or not held.size else (held.delta(held.taken()),)


class Sentences(Holding):
    """Holds text back until its sentence is whole."""

    def whole(self, held: Held) -> Iterable[StreamEvent]:
        """Return the sentences that have ended, each as a delta."""
        text = held.taken()
        begin = 0
        found: list[StreamEvent] = []
        for end in _SENTENCE.finditer(text):
            if end.end() < len(text):  # else more blanks, or a quotation mark, may follow
                found.append(held.delta(text[begin : end.end()]))
                begin = end.end()
        if begin < len(text):
            held.put(text[begin:])
        return found


class Debounced(Holding):
    """Holds deltas back for some time at most."""

    holds = (*Holding.holds, ToolCallDelta)
    is_timed = True

    def __init__(self, seconds: float, max_chars: int, clock: Callable[[], float]) -> None:
        super().__init__(max_chars)
        self._seconds = seconds
        self._clock = clock
        self._due = math.inf

    def feed(self, event: StreamEvent) -> Iterable[StreamEvent]:
        """Take an event; return everything held if its time is over."""
        found = list(super().feed(event))
        if not self._held:
            self._due = math.inf
        elif self._due == math.inf:
            self._due = self._clock() + self._seconds
        elif self._due <= self._clock():
            found += self.flush()
        return found

    def patience(self) -> float | None:
        """Return what is left of the time."""
        return None if self._due == math.inf else max(0.0, self._due - self._clock())

    def forget(self) -> None:
        """Hold nothing, and wait for nothing."""
        super().forget()
        self._due = math.inf

    def whole(self, held: Held) -> Iterable[StreamEvent]:  # noqa: ARG002  # time decides
        """Return nothing: no piece is whole in itself."""
        return NOTHING
