"""The grammar of events, and its validator: public, for tests, the conformance suite and debugging in production.

The rules:
    start        the first event of an answer is StreamStart; only Retrying and FellBack may come before it
    retry        Retrying and FellBack come before any part; after one, only Restarted begins anew
    one_finish   nothing follows Finish
    open_part    a delta or an end belongs to a part that is open, and is of its kind
    part_index   parts are numbered from 0, each once (Restarted begins anew)
    deltas_add_up  what a part's deltas say, joined, is what its end says
    no_empty_delta a delta is never empty
    tool_call    ToolCall comes once for each complete call, before its part's end, and is what ends
    all_closed   every part is closed before Finish
    finished     a stream that ended without an error ends with Finish
    response     Finish carries the parts that were ended, in order
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from core_llm._errors import StreamGrammarError
from core_llm._events import (
    CitationAdded,
    FellBack,
    FileDelta,
    Finish,
    PartEnd,
    PartStart,
    ReasoningDelta,
    RefusalDelta,
    Restarted,
    Retrying,
    StreamEvent,
    StreamStart,
    TextDelta,
    ToolCall,
    ToolCallDelta,
)
from core_llm._messages import Part, ReasoningPart, RefusalPart, TextPart, ToolCallPart

_KIND_OF = {
    TextDelta: "text",
    CitationAdded: "text",
    ReasoningDelta: "reasoning",
    RefusalDelta: "refusal",
    ToolCallDelta: "tool_call",
    ToolCall: "tool_call",
    FileDelta: "file",
}


class _Grammar:
    def __init__(self) -> None:
        self.number = -1
        self.has_started = False
        self.finish: Finish | None = None
        self.reset()

    def reset(self) -> None:
        self.kinds: dict[int, str] = {}
        self.pieces: dict[int, list[str]] = {}
        self.called: dict[int, ToolCallPart] = {}
        self.ended: dict[int, Part] = {}

    def broken(self, rule: str, what: str) -> StreamGrammarError:
        return StreamGrammarError(f"event {self.number}: {what} (rule {rule})", event_number=self.number, rule=rule)

    def take(self, event: StreamEvent) -> None:
        self.number += 1
        if self.finish is not None:
            raise self.broken("one_finish", f"{event.type} after finish")
        match event:
            case Retrying() | FellBack() | Restarted():
                self._begin_anew(event)
            case StreamStart():
                if self.has_started:
                    raise self.broken("start", "a second stream_start")
                self.has_started = True
            case _ if not self.has_started:
                raise self.broken("start", f"{event.type} before stream_start")
            case PartStart():
                self._start(event)
            case PartEnd():
                self._end(event)
            case Finish():
                self._finish(event)
            case (
                TextDelta()
                | ReasoningDelta()
                | RefusalDelta()
                | ToolCallDelta()
                | ToolCall()
                | CitationAdded()
                | FileDelta()
            ):
                self._delta(event)
            case _:
                return

    def _begin_anew(self, event: Retrying | FellBack | Restarted) -> None:
        if self.kinds and not isinstance(event, Restarted):
            raise self.broken("retry", f"{event.type} after a part has begun")
        self.has_started = False
        self.reset()

    def _start(self, event: PartStart) -> None:
        if event.part_index != len(self.kinds):
            raise self.broken("part_index", f"part {event.part_index} starts where {len(self.kinds)} is due")
        self.kinds[event.part_index] = event.kind
        self.pieces[event.part_index] = []

    def _delta(
        self,
        event: TextDelta | ReasoningDelta | RefusalDelta | ToolCallDelta | ToolCall | CitationAdded | FileDelta,
    ) -> None:
        index = event.part_index
        kind = self.kinds.get(index)
        if kind is None or index in self.ended:
            raise self.broken("open_part", f"{event.type} for part {index}, which is not open")
        if kind != _KIND_OF[type(event)]:
            raise self.broken("open_part", f"{event.type} for part {index}, which is of kind {kind}")
        match event:
            case TextDelta(text=text) | ReasoningDelta(text=text) | RefusalDelta(text=text):
                if not text:
                    raise self.broken("no_empty_delta", f"an empty {event.type}")
                self.pieces[index].append(text)
            case FileDelta(data=b""):
                raise self.broken("no_empty_delta", f"an empty {event.type}")
            case ToolCall(call=call):
                if index in self.called:
                    raise self.broken("tool_call", f"a second tool_call for part {index}")
                if not call.is_complete:
                    raise self.broken("tool_call", f"tool_call for part {index}, whose call is not complete")
                self.called[index] = call
            case _:
                return

    def _end(self, event: PartEnd) -> None:
        index, part = event.part_index, event.part
        if index not in self.kinds or index in self.ended:
            raise self.broken("open_part", f"part_end for part {index}, which is not open")
        if part.kind != self.kinds[index]:
            raise self.broken("open_part", f"part {index} began as {self.kinds[index]} and ends as {part.kind}")
        if isinstance(part, TextPart | ReasoningPart | RefusalPart):
            said = "".join(self.pieces[index])
            if said != part.text:
                raise self.broken("deltas_add_up", f"part {index} ends as {part.text!r}, its deltas say {said!r}")
        if isinstance(part, ToolCallPart) and part.is_complete != (index in self.called):
            raise self.broken("tool_call", f"part {index} ends without its tool_call, or an incomplete call had one")
        if self.called.get(index, part) != part:
            raise self.broken("tool_call", f"part {index} ends as another call than its tool_call")
        self.ended[index] = part

    def _finish(self, event: Finish) -> None:
        still_open = sorted(set(self.kinds) - set(self.ended))
        if still_open:
            raise self.broken("all_closed", f"finish while parts {still_open} are open")
        ended = tuple(self.ended[index] for index in sorted(self.ended))
        if event.response.parts != ended:
            raise self.broken("response", "finish carries other parts than were ended")
        self.finish = event


def check_events(events: Iterable[StreamEvent]) -> Iterator[StreamEvent]:
    """Pass events on, checking the grammar as they come.

    Yields:
        Each event, unchanged.

    Raises:
        StreamGrammarError: An event broke a rule, or the events ended without a Finish; names event and rule.
    """
    grammar = _Grammar()
    for event in events:
        grammar.take(event)
        yield event
    if grammar.finish is None:
        grammar.number += 1
        raise grammar.broken("finished", "the events ended without finish")
