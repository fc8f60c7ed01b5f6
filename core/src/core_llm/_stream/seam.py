"""Seam: joins the events of an answer that another attempt continues to those that came before. Pure.

What was said is given back without the blanks at its end, which some providers refuse; the model says them again as the
first thing, and they are taken out of what it says, as far as they are the same. So no character is lost or doubled.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from core_llm._events import (
    CitationAdded,
    FileDelta,
    PartEnd,
    PartStart,
    ReasoningDelta,
    RefusalDelta,
    StreamEvent,
    TextDelta,
    ToolCall,
    ToolCallDelta,
)
from core_llm._messages import Part, TextPart

_OF_A_PART = (
    PartStart
    | PartEnd
    | TextDelta
    | ReasoningDelta
    | RefusalDelta
    | ToolCallDelta
    | ToolCall
    | CitationAdded
    | FileDelta
)


class Seam:
    """The join of one continued attempt to what the consumer holds.

    Attributes:
        prefix: The parts to give back to the model as its own beginning.
    """

    __slots__ = ("_blanks", "_count", "_dropped", "_is_merging", "_is_open", "_last", "_shift", "_trimmed", "prefix")

    def __init__(self, parts: Sequence[TextPart], *, is_open: bool) -> None:
        """Make the join.

        Args:
            parts: What the provider has said, at least one text that is not blank.
            is_open: Whether the consumer still waits for the end of the last part.
        """
        self._last = parts[-1]
        self._count = len(parts)
        self._is_open = is_open
        self._is_merging = False
        self._shift = self._count
        self._dropped = 0
        self._trimmed = -1
        said = "".join(part.text for part in parts)
        self._blanks = said[len(said.rstrip()) :]
        self.prefix = _stripped(parts)

    def joined(self, events: Iterable[StreamEvent]) -> list[StreamEvent]:
        """Return the attempt's events as the continuation of what came before."""
        found: list[StreamEvent] = []
        for event in events:
            if isinstance(event, _OF_A_PART):
                found += self._placed(event)
            else:
                found.append(event)
        return found

    def closing(self) -> list[StreamEvent]:
        """Return what is left to say at the attempt's end: that a part is whole to which nothing was added."""
        is_left, self._is_open = self._is_open, False
        return [PartEnd(self._count - 1, self._last)] if is_left else []

    def _placed(self, event: _OF_A_PART) -> list[StreamEvent]:
        index = event.part_index
        if isinstance(event, PartStart):
            if index == 0 and self._is_open and event.kind == "text":
                self._is_open, self._is_merging, self._shift = False, True, self._count - 1
                return []
            if event.kind not in ("text", "reasoning"):
                self._blanks = ""  # something else is said before any text, so the blanks before it stand
            return [*self.closing(), PartStart(index + self._shift, event.kind)]
        if isinstance(event, TextDelta):
            text = self._without_blanks(index, event.text) if self._blanks else event.text
            return [TextDelta(index + self._shift, text, event.logprobs)] if text else []
        if isinstance(event, PartEnd):
            return [PartEnd(index + self._shift, self._whole(index, event.part))]
        return [replace(event, part_index=index + self._shift)]

    def _without_blanks(self, index: int, text: str) -> str:
        """Take the beginning of a text away as far as the consumer has had it."""
        self._trimmed = index
        same = 0
        while same < min(len(text), len(self._blanks)) and text[same] == self._blanks[same]:
            same += 1
        self._dropped += same
        self._blanks = self._blanks[same:] if same == len(text) else ""
        return text[same:]

    def _whole(self, index: int, part: Part) -> Part:
        if not isinstance(part, TextPart):
            return part
        text = part.text[self._dropped :] if index == self._trimmed else part.text
        if index or not self._is_merging:
            return part.model_copy(update={"text": text}) if text != part.text else part
        last = self._last
        return part.model_copy(
            update={
                "text": last.text + text,
                "citations": (*last.citations, *part.citations),
                "logprobs": (*last.logprobs, *part.logprobs),
                "provider_state": {**last.provider_state, **part.provider_state},
            }
        )


def _stripped(parts: Sequence[TextPart]) -> tuple[TextPart, ...]:
    """Return the texts alone, without the blanks at their end and without those that are nothing else."""
    texts = [part.text for part in parts]
    while texts and not texts[-1].strip():
        texts.pop()
    texts[-1] = texts[-1].rstrip()
    return tuple(TextPart(text=text) for text in texts if text)
