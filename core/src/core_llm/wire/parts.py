"""PartsBuilder: makes PartStart, delta and PartEnd events, and keeps each part's pieces until it is whole.

A wire whose parts carry an index opens them by key; a wire without (one content after another) leaves the key out, and
a part of another kind then closes the one before. Pieces are joined once, when a part closes.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

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
)
from core_llm._json import JSONObject
from core_llm._messages import (
    Citation,
    FilePart,
    Part,
    PartKind,
    ReasoningPart,
    RefusalPart,
    TextPart,
    TokenLogprob,
    ToolCallPart,
)


@dataclass(slots=True)
class _OpenPart:
    index: int
    kind: PartKind
    pieces: list[str] = field(default_factory=list)
    data: list[bytes] = field(default_factory=list)
    citations: list[Citation] = field(default_factory=list)
    logprobs: list[TokenLogprob] = field(default_factory=list)
    state: JSONObject = field(default_factory=dict)
    media_type: str = ""


_Sequential = object()
"""The key of the one open part of a wire whose parts have no index."""


class PartsBuilder:
    """Keeps the open parts of one answer and makes their events.

    Every method returns the events to hand on, in order. `provider` is the name under which a part's opaque state is
    kept.
    """

    __slots__ = ("_count", "_open", "has_tool_calls", "provider")

    def __init__(self, provider: str) -> None:
        self.provider = provider
        self.has_tool_calls = False
        """Whether a complete call of a caller's tool was made; wires without a finish reason for it need to know."""
        self._count = 0
        self._open: dict[Hashable, _OpenPart] = {}

    def text(
        self, text: str, key: Hashable = _Sequential, logprobs: tuple[TokenLogprob, ...] = ()
    ) -> list[StreamEvent]:
        """Add text to the text part `key`, opening it if need be. Log probabilities alone join the open part."""
        part = self._open.get(key)
        if part is not None and part.kind == "text":
            if logprobs:
                part.logprobs.extend(logprobs)
            if not text:
                return []
            part.pieces.append(text)
            return [TextDelta(part.index, text, logprobs)]
        if not text:
            return []
        events, part = self._opened("text", key)
        part.pieces.append(text)
        part.logprobs.extend(logprobs)
        events.append(TextDelta(part.index, text, logprobs))
        return events

    def grip(self, key: Hashable = _Sequential) -> tuple[int, list[str]]:
        """Return index and pieces of the open part `key`, for a hot path to add to until it closes."""
        part = self._open[key]
        return part.index, part.pieces

    def reasoning(self, text: str, key: Hashable = _Sequential, state: JSONObject | None = None) -> list[StreamEvent]:
        """Add to the reasoning part `key`, opening it if need be; `state` joins what the provider wants back."""
        if not text and not state:
            return []
        events, part = self._opened("reasoning", key)
        if state:
            part.state.update(state)
        if text:
            part.pieces.append(text)
            events.append(ReasoningDelta(part.index, text))
        return events

    def refusal(self, text: str, key: Hashable = _Sequential) -> list[StreamEvent]:
        """Add to the refusal part `key`, opening it if need be."""
        if not text:
            return []
        events, part = self._opened("refusal", key)
        part.pieces.append(text)
        events.append(RefusalDelta(part.index, text))
        return events

    def citation(self, citation: Citation, key: Hashable = _Sequential) -> list[StreamEvent]:
        """Add a source to the text part `key`, opening an empty one if need be."""
        events, part = self._opened("text", key)
        part.citations.append(citation)
        events.append(CitationAdded(part.index, citation))
        return events

    def file(self, media_type: str, data: bytes, key: Hashable = _Sequential) -> list[StreamEvent]:
        """Add bytes to the file part `key`, opening it if need be."""
        events, part = self._opened("file", key)
        part.media_type = part.media_type or media_type
        if data:
            part.data.append(data)
            events.append(FileDelta(part.index, media_type, data))
        return events

    def state(self, kind: PartKind, state: JSONObject, key: Hashable = _Sequential) -> list[StreamEvent]:
        """Add opaque state to the part `key` of that kind, opening it if need be."""
        events, part = self._opened(kind, key)
        part.state.update(state)
        return events

    def whole(self, part: Part) -> list[StreamEvent]:
        """Add a part that arrived in one piece: start, its delta where the kind has one, end."""
        events = self.close_sequential()
        start = self.start(part.kind)
        events.append(start)
        if isinstance(part, TextPart | ReasoningPart | RefusalPart | FilePart):
            events += _whole_delta(start.part_index, part)
        events += self.end(start.part_index, part)
        return events

    def start(self, kind: PartKind) -> PartStart:
        """Return the start of a part whose pieces the caller keeps (a tool call); end it with `end`."""
        event = PartStart(self._count, kind)
        self._count += 1
        return event

    def end(self, part_index: int, part: Part) -> list[StreamEvent]:
        """Return the end of a part begun with `start`; a complete tool call is announced by a ToolCall before it."""
        events: list[StreamEvent] = []
        if isinstance(part, ToolCallPart) and part.is_complete:
            self.has_tool_calls = True
            events.append(ToolCall(part_index, part))
        events.append(PartEnd(part_index, part))
        return events

    def close(self, key: Hashable) -> list[StreamEvent]:
        """Close the part `key`, if it is open."""
        part = self._open.pop(key, None)
        return [] if part is None else [PartEnd(part.index, self._built(part))]

    def close_sequential(self) -> list[StreamEvent]:
        """Close the part without a key, if one is open: something of another kind follows."""
        return self.close(_Sequential)

    def close_all(self) -> list[StreamEvent]:
        """Close every open part, in the order they were opened."""
        events: list[StreamEvent] = [PartEnd(part.index, self._built(part)) for part in self._open.values()]
        self._open.clear()
        return events

    def _opened(self, kind: PartKind, key: Hashable) -> tuple[list[StreamEvent], _OpenPart]:
        part = self._open.get(key)
        if part is not None and part.kind == kind:
            return [], part
        events = self.close(key)
        part = _OpenPart(self._count, kind)
        self._count += 1
        self._open[key] = part
        events.append(PartStart(part.index, kind))
        return events, part

    def _built(self, part: _OpenPart) -> Part:
        text = "".join(part.pieces)
        state = {self.provider: part.state} if part.state else {}
        match part.kind:
            case "text":
                return TextPart(
                    text=text,
                    citations=tuple(part.citations),
                    logprobs=tuple(part.logprobs),
                    provider_state=state,  # type: ignore[arg-type]  # a JSON object is a JSON value
                )
            case "reasoning":
                return ReasoningPart(text=text, provider_state=state)  # type: ignore[arg-type]  # as above
            case "refusal":
                return RefusalPart(text=text, provider_state=state)  # type: ignore[arg-type]  # as above
            case "file":
                data = b"".join(part.data)
                return FilePart(media_type=part.media_type, data=data, provider_state=state)  # type: ignore[arg-type]
            case _:
                msg = f"a part of kind {part.kind} is closed with end()"
                raise AssertionError(msg)


def _whole_delta(index: int, part: TextPart | ReasoningPart | RefusalPart | FilePart) -> list[StreamEvent]:
    match part:
        case TextPart(text=text, logprobs=logprobs, citations=citations):
            events: list[StreamEvent] = [TextDelta(index, text, logprobs)] if text else []
            return events + [CitationAdded(index, citation) for citation in citations]
        case ReasoningPart(text=text):
            return [ReasoningDelta(index, text)] if text else []
        case RefusalPart(text=text):
            return [RefusalDelta(index, text)] if text else []
        case FilePart(data=bytes() as data, media_type=media_type):
            return [FileDelta(index, media_type, data)] if data else []
        case _:
            return []
