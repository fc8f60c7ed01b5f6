"""Stages: what a transform does to the events of one stream. No I/O and no clock but the one that is given.

A stage takes an event and returns what follows from it now, and may hold something back. What it holds it gives up in
time: before the end of the part that it belongs to, when asked to flush, and, where it has a time limit, when that is
over. Events that begin an answer anew make it forget.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Generic, TypeVar, cast

from core_llm._ends import PartEnds
from core_llm._errors import StreamGrammarError
from core_llm._events import (
    ApprovalNeeded,
    FellBack,
    Finish,
    PartEnd,
    PartStart,
    Restarted,
    Resumed,
    Retrying,
    StreamError,
    StreamEvent,
    StreamStart,
    TextDelta,
    ToolCall,
    TurnEnd,
    TurnStart,
)
from core_llm._messages import Part, PartKind
from core_llm._stream.handle import voided

Out_co = TypeVar("Out_co", covariant=True)
Predicate = Callable[[StreamEvent], bool]
NOTHING: tuple[()] = ()
BEGINNINGS = (StreamStart, Retrying, FellBack, Restarted, TurnStart)
"""After one of these, parts are numbered from 0, and what came before is over or void."""
FRAME = frozenset(
    {
        *BEGINNINGS,
        PartStart,
        PartEnd,
        Resumed,
        TurnEnd,
        ApprovalNeeded,
        StreamError,
        Finish,
    }
)
"""What holds the others together; it follows them, and is not for functions to change."""


class Stage(ABC, Generic[Out_co]):
    """What one transform remembers of one stream.

    Attributes:
        is_timed: Whether what it holds back has a time limit.
    """

    is_timed: bool = False

    @abstractmethod
    def feed(self, event: StreamEvent) -> Iterable[Out_co]:
        """Take an event; return what follows from it now."""

    def flush(self) -> Iterable[Out_co]:
        """Give up what is held back: its time is over, or the stream has ended or broken."""
        return NOTHING

    def patience(self) -> float | None:
        """Return the seconds after which what is held back must be flushed; None where nothing must."""
        return None


class Chain(Stage[Out_co]):
    """Stages one after the other; all but the last make events."""

    def __init__(self, first: Sequence[Stage[StreamEvent]], last: Stage[Out_co]) -> None:
        self._first = first
        self._last = last
        self.is_timed = any(stage.is_timed for stage in (*first, last))

    def patience(self) -> float | None:
        """Return the shortest."""
        found = (stage.patience() for stage in (*self._first, self._last) if stage.is_timed)
        return min((seconds for seconds in found if seconds is not None), default=None)

    def feed(self, event: StreamEvent) -> Iterable[Out_co]:
        """Let the event go through all of them."""
        return self._after(0, (event,))

    def flush(self) -> Iterable[Out_co]:
        """Flush each, from the first on: what comes out of one goes through those after it, which are flushed next."""
        found: list[Out_co] = []
        for number, stage in enumerate(self._first):
            found += self._after(number + 1, stage.flush())
        return [*found, *self._last.flush()]

    def _after(self, number: int, events: Iterable[StreamEvent]) -> list[Out_co]:
        for stage in self._first[number:]:
            events = [new for event in events for new in stage.feed(event)]
        return [new for event in events for new in self._last.feed(event)]


class Mapping(Stage[StreamEvent]):
    """Puts a function's result in the place of each event that is not of the frame."""

    def __init__(self, function: Callable[[StreamEvent], StreamEvent]) -> None:
        self._function = function
        self._number = -1

    def feed(self, event: StreamEvent) -> Iterable[StreamEvent]:
        """Replace it; a delta that has become empty is left out.

        Raises:
            StreamGrammarError: The function returned an event of another type, or of another part.
        """
        self._number += 1
        if type(event) in FRAME:
            return (event,)
        new = self._function(event)
        if type(new) is not type(event) or getattr(new, "part_index", None) != getattr(event, "part_index", None):
            what = f"map returned a {type(new).__name__} for a {type(event).__name__}"
            msg = f"event {self._number}: {what}; return an event of the same type, for the same part (rule open_part)"
            raise StreamGrammarError(msg, event_number=self._number, rule="open_part")
        return NOTHING if getattr(new, "text", None) == "" or getattr(new, "data", None) == b"" else (new,)


class Filter(Stage[StreamEvent]):
    """Leaves out events that are not wanted; neither those of the frame nor whole calls of tools."""

    def __init__(self, predicate: Predicate) -> None:
        self._predicate = predicate

    def feed(self, event: StreamEvent) -> Iterable[StreamEvent]:
        """Return it, if it is wanted."""
        kept = type(event) in FRAME or isinstance(event, ToolCall) or self._predicate(event)
        return (event,) if kept else NOTHING


class OnlyParts(Stage[StreamEvent]):
    """Leaves out whole parts, and numbers those that stay."""

    def __init__(self, kinds: frozenset[PartKind]) -> None:
        self._kinds = kinds
        self._places: dict[int, int | None] = {}
        self._count = 0

    def feed(self, event: StreamEvent) -> Iterable[StreamEvent]:
        """Return it under its new number, unless its part is not wanted."""
        if isinstance(event, BEGINNINGS):
            self._places.clear()
            self._count = 0
        if isinstance(event, PartStart):
            is_wanted = event.kind in self._kinds
            self._places[event.part_index] = self._count if is_wanted else None
            self._count += is_wanted
        index: int | None = getattr(event, "part_index", None)
        if index is None:
            return (event,)
        place = self._places.get(index)
        if place is None:
            return NOTHING
        if place == index:
            return (event,)
        return (replace(cast("TextDelta", event), part_index=place),)  # or whatever it is that has an index


class Settled(Stage[StreamEvent]):
    """Lets the ends of parts, and the response, say what the changed events before them said."""

    def __init__(self) -> None:
        self._ends = PartEnds()
        self._ended: dict[int, Part] = {}

    def feed(self, event: StreamEvent) -> Iterable[StreamEvent]:
        """Return it, an end as it must be."""
        if isinstance(event, BEGINNINGS):
            self._ends.clear()
            self._ended.clear()
        event = self._ends.told(event)
        if isinstance(event, PartEnd):
            self._ended[event.part_index] = event.part
        elif isinstance(event, Finish):
            parts = tuple(self._ended[index] for index in sorted(self._ended))
            if parts != event.response.parts:
                return (replace(event, response=event.response.model_copy(update={"parts": parts})),)
        return (event,)


class Texts(Stage[str]):
    """Leaves nothing but the texts."""

    def __init__(self) -> None:
        self._has_text = False

    def feed(self, event: StreamEvent) -> Iterable[str]:
        """Return its text.

        Raises:
            CoreLLMError: The answer starts anew after some text, which texts alone cannot say.
        """
        if isinstance(event, TextDelta):
            self._has_text = True
            return (event.text,)
        if self._has_text and isinstance(event, Restarted):
            raise voided(event)
        return NOTHING
