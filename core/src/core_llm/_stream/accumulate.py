"""Accumulator: a stream's events to a Response, readable while it grows.

Pieces are kept in lists and joined only when read; adding an event is O(1), so a stream costs what its length is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import RLock

from core_llm._events import (
    CitationAdded,
    FileDelta,
    PartEnd,
    PartStart,
    ReasoningDelta,
    RefusalDelta,
    Restarted,
    StreamEvent,
    StreamStart,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    UsageUpdate,
)
from core_llm._json import JSONObject
from core_llm._messages import Citation, FilePart, Part, PartKind, ReasoningPart, RefusalPart, TextPart, ToolCallPart
from core_llm._response import FinishReason, Response, Usage

_KINDS: dict[type, PartKind] = {TextDelta: "text", ReasoningDelta: "reasoning", RefusalDelta: "refusal"}


@dataclass(slots=True)
class _Growing:
    kind: PartKind
    pieces: list[str] = field(default_factory=list)
    data: list[bytes] = field(default_factory=list)
    citations: list[Citation] = field(default_factory=list)
    call_id: str = ""
    name: str = ""
    media_type: str = ""
    whole: Part | None = None


class Accumulator:
    """Grows a Response from batches of events, exactly as far as the consumer has taken them.

    Any thread may read it while it grows.
    """

    __slots__ = ("_batch", "_id", "_lock", "_model", "_parts", "_taken", "_usage", "provider")

    def __init__(self, provider: str | None = None) -> None:
        self.provider = provider
        self._lock = RLock()  # a signal handler may read while its very thread is in here
        self._parts: dict[int, _Growing] = {}
        self.restart()

    def restart(self) -> None:
        """Forget everything: another attempt begins, of which nothing has come."""
        with self._lock:
            self._batch: Sequence[StreamEvent] = ()
            self._taken = 0
            self._forget()

    def _forget(self) -> None:
        self._parts.clear()  # not replaced: `advance` holds it
        self._id: str | None = None
        self._model: str | None = None
        self._usage: Usage | None = None

    def begin(self, batch: Sequence[StreamEvent]) -> None:
        """Take what is left of the batch before, and make `batch` the current one, of which nothing is taken yet."""
        with self._lock:
            self._advance(len(self._batch))
            self._batch = batch
            self._taken = 0

    def advance(self, count: int) -> None:
        """Take the first `count` events of the current batch, those not taken yet."""
        with self._lock:
            self._advance(count)

    def _advance(self, count: int) -> None:
        if self._taken >= count:
            return
        parts = self._parts
        batch = self._batch if not self._taken and count >= len(self._batch) else self._batch[self._taken : count]
        self._taken = count
        for event in batch:
            kind = type(event)
            if kind is TextDelta or kind is ReasoningDelta or kind is RefusalDelta:
                growing = parts.get(event.part_index)  # type: ignore[union-attr]  # one of the three
                if growing is None:
                    growing = parts[event.part_index] = _Growing(_KINDS[kind])  # type: ignore[union-attr]
                growing.pieces.append(event.text)  # type: ignore[union-attr]
            elif kind is ToolCallDelta:
                self._add_call(event)  # type: ignore[arg-type]
            else:
                self._add(event)

    @property
    def usage(self) -> Usage | None:
        """The latest count."""
        return self._usage

    def forget_usage(self) -> None:
        """Forget the count: that of another attempt begins."""
        with self._lock:
            self._advance(len(self._batch))
            self._usage = None

    def open_parts(self) -> frozenset[int]:
        """Return the indexes of the parts whose end was not taken."""
        with self._lock:
            return frozenset(index for index, part in self._parts.items() if part.whole is None)

    def open_ends(self) -> list[StreamEvent]:
        """Return the ends of those parts, as far as they came."""
        with self._lock:
            growing = sorted(self._parts.items(), key=lambda item: item[0])
            return [PartEnd(index, _built(part)) for index, part in growing if part.whole is None]

    def reopen(self, part_index: int) -> str:
        """Let a text that was ended grow on, since the answer goes on in another attempt; return the text."""
        with self._lock:
            self._advance(len(self._batch))
            growing = self._parts.get(part_index)
            part = None if growing is None else _built(growing)
            if not isinstance(part, TextPart):  # a transform has taken it away
                return ""
            self._parts[part_index] = _Growing("text", [part.text], citations=list(part.citations))
            return part.text

    def add(self, events: Sequence[StreamEvent]) -> None:
        """Take whole batches at once."""
        self.begin(events)
        self.advance(len(events))

    def snapshot(
        self,
        *,
        finish_reason: FinishReason | None = None,
        raw_finish_reason: str | None = None,
        is_complete: bool = False,
        metadata: JSONObject | None = None,
    ) -> Response:
        """Return what has been taken so far as a Response."""
        with self._lock:
            return Response(
                id=self._id,
                model=self._model,
                provider=self.provider,
                parts=tuple(_built(self._parts[index]) for index in sorted(self._parts)),
                finish_reason=finish_reason,
                raw_finish_reason=raw_finish_reason,
                usage=self._usage,
                is_complete=is_complete,
                metadata=metadata or {},
            )

    def _add_call(self, event: ToolCallDelta) -> None:
        growing = self._parts.get(event.part_index)
        if growing is None:
            growing = self._parts[event.part_index] = _Growing("tool_call")
        growing.call_id = event.id or growing.call_id
        growing.name = event.name or growing.name
        growing.pieces.append(event.arguments_delta)

    def _add(self, event: StreamEvent) -> None:
        match event:
            case PartStart(part_index=index, kind=kind):
                self._parts[index] = _Growing(kind)
            case PartEnd(part_index=index, part=part):
                self._parts[index] = _Growing(part.kind, whole=part)
            case ToolCall(part_index=index, call=call):
                self._parts[index] = _Growing("tool_call", whole=call)
            case CitationAdded(part_index=index, citation=citation):
                self._parts.setdefault(index, _Growing("text")).citations.append(citation)
            case FileDelta(part_index=index, media_type=media_type, data=data):
                growing = self._parts.setdefault(index, _Growing("file"))
                growing.media_type = growing.media_type or media_type
                growing.data.append(data)
            case UsageUpdate(usage=usage):
                self._usage = usage
            case StreamStart(id=id_, model=model, provider=provider):
                self._id, self._model, self.provider = id_, model, provider
            case Restarted():
                self._forget()
            case _:
                pass


def _built(growing: _Growing) -> Part:
    if growing.whole is not None:
        return growing.whole
    text = "".join(growing.pieces)
    if len(growing.pieces) > 1:
        growing.pieces[:] = [text]
    match growing.kind:
        case "reasoning":
            return ReasoningPart(text=text)
        case "refusal":
            return RefusalPart(text=text)
        case "file":
            return FilePart(media_type=growing.media_type or "application/octet-stream", data=b"".join(growing.data))
        case "tool_call":
            return ToolCallPart(id=growing.call_id, name=growing.name, raw_arguments=text, is_complete=False)
        case _:
            return TextPart(text=text, citations=tuple(growing.citations))
