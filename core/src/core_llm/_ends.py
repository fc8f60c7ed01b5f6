"""PartEnds: where events are changed on their way, the end of each part says what its changed deltas said. Pure."""

from __future__ import annotations

from core_llm._events import PartEnd, ReasoningDelta, RefusalDelta, StreamEvent, TextDelta, ToolCall
from core_llm._messages import ReasoningPart, RefusalPart, TextPart, ToolCallPart


class PartEnds:
    """What the deltas of one answer have said so far."""

    __slots__ = ("_calls", "_pieces")

    def __init__(self) -> None:
        self._pieces: dict[int, list[str]] = {}
        self._calls: dict[int, ToolCallPart] = {}

    def clear(self) -> None:
        """Forget everything: the answer starts anew."""
        self._pieces.clear()
        self._calls.clear()

    def reopen(self, part_index: int, text: str) -> None:
        """Let a part grow on that was ended with `text`."""
        self._pieces[part_index] = [text]

    def told(self, event: StreamEvent) -> StreamEvent:
        """Return the event; an end as it must be after what was told before it."""
        match event:
            case TextDelta(part_index=index, text=text) | ReasoningDelta(part_index=index, text=text):
                self._pieces.setdefault(index, []).append(text)
            case RefusalDelta(part_index=index, text=text):
                self._pieces.setdefault(index, []).append(text)
            case ToolCall(part_index=index, call=call):
                self._calls[index] = call
            case PartEnd(part_index=index, part=TextPart() | ReasoningPart() | RefusalPart() as part):
                text = "".join(self._pieces.pop(index, ()))
                if text != part.text:
                    return PartEnd(index, part.model_copy(update={"text": text}))
            case PartEnd(part_index=index, part=ToolCallPart() as part):
                call = self._calls.pop(index, part)
                if call is not part:
                    return PartEnd(index, call)
            case _:
                pass
        return event
