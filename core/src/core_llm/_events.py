"""The StreamEvent union: what a stream yields. Slotted, unvalidated and cheap, for there is one a token.

Values are never changed once yielded. `type` tells them apart in JSON; in Python use `match` or `isinstance`. The union
may grow in a minor version.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import ClassVar, Literal

from pydantic import BaseModel

from core_llm._errors import CoreLLMError
from core_llm._json import JSONObject, JSONValue
from core_llm._messages import Citation, Part, PartKind, TokenLogprob, ToolCallPart, ToolResultPart
from core_llm._response import FinishReason, Response, Usage


@dataclass(slots=True)
class StreamStart:
    """An attempt has an answer."""

    type: ClassVar[Literal["stream_start"]] = "stream_start"
    id: str | None
    model: str | None
    provider: str


@dataclass(slots=True)
class PartStart:
    """A part begins. Indexes count from 0 over the answer; parts may interleave."""

    type: ClassVar[Literal["part_start"]] = "part_start"
    part_index: int
    kind: PartKind


@dataclass(slots=True)
class PartEnd:
    """A part is whole."""

    type: ClassVar[Literal["part_end"]] = "part_end"
    part_index: int
    part: Part


@dataclass(slots=True)
class TextDelta:
    """More text; never empty."""

    type: ClassVar[Literal["text_delta"]] = "text_delta"
    part_index: int
    text: str
    logprobs: tuple[TokenLogprob, ...] = ()


@dataclass(slots=True)
class ReasoningDelta:
    """More of the model's reasoning; never empty."""

    type: ClassVar[Literal["reasoning_delta"]] = "reasoning_delta"
    part_index: int
    text: str


@dataclass(slots=True)
class RefusalDelta:
    """More of the model's words in declining; never empty."""

    type: ClassVar[Literal["refusal_delta"]] = "refusal_delta"
    part_index: int
    text: str


@dataclass(slots=True)
class ToolCallDelta:
    """More of a tool call that is not whole yet; for display only."""

    type: ClassVar[Literal["tool_call_delta"]] = "tool_call_delta"
    part_index: int
    id: str
    name: str
    arguments_delta: str


@dataclass(slots=True)
class ToolCall:
    """A whole tool call, its arguments parsed; once for each."""

    type: ClassVar[Literal["tool_call"]] = "tool_call"
    part_index: int
    call: ToolCallPart


@dataclass(slots=True)
class CitationAdded:
    """A source for a text part."""

    type: ClassVar[Literal["citation_added"]] = "citation_added"
    part_index: int
    citation: Citation


@dataclass(slots=True)
class FileDelta:
    """More bytes of a file that the model makes (a picture, speech)."""

    type: ClassVar[Literal["file_delta"]] = "file_delta"
    part_index: int
    media_type: str
    data: bytes


@dataclass(slots=True)
class UsageUpdate:
    """The provider's count so far; replaces the one before."""

    type: ClassVar[Literal["usage_update"]] = "usage_update"
    usage: Usage


@dataclass(slots=True)
class RawEvent:
    """What this version does not know, kept as it came."""

    type: ClassVar[Literal["raw_event"]] = "raw_event"
    name: str
    data: JSONValue


@dataclass(slots=True)
class Retrying:
    """An attempt failed before any content and another follows."""

    type: ClassVar[Literal["retrying"]] = "retrying"
    attempt: int
    """The number of the attempt that follows, from 2."""
    delay: float
    """Seconds until it starts."""
    error: CoreLLMError
    provider: str


@dataclass(slots=True)
class FellBack:
    """Another model takes over, before any content; after content, a Restarted comes first."""

    type: ClassVar[Literal["fell_back"]] = "fell_back"
    attempt: int
    delay: float
    error: CoreLLMError
    provider: str
    model: str


@dataclass(slots=True)
class Restarted:
    """The answer starts anew: all parts before this event are void."""

    type: ClassVar[Literal["restarted"]] = "restarted"
    attempt: int
    delay: float
    error: CoreLLMError
    provider: str


@dataclass(slots=True)
class Resumed:
    """A broken answer goes on where it stopped: what came before this event stays."""

    type: ClassVar[Literal["resumed"]] = "resumed"
    attempt: int
    delay: float
    error: CoreLLMError
    provider: str
    mode: Literal["continue", "resume"] = "resume"
    """``continue``: the model writes on from its own words; ``resume``: its provider had kept the answer."""


@dataclass(slots=True)
class TurnStart:
    """A turn of a run begins."""

    type: ClassVar[Literal["turn_start"]] = "turn_start"
    turn: int


@dataclass(slots=True)
class ToolStart:
    """A tool begins to run."""

    type: ClassVar[Literal["tool_start"]] = "tool_start"
    turn: int
    call: ToolCallPart


@dataclass(slots=True)
class ToolResult:
    """A tool has answered."""

    type: ClassVar[Literal["tool_result"]] = "tool_result"
    turn: int
    call: ToolCallPart
    result: ToolResultPart


@dataclass(slots=True)
class ApprovalNeeded:
    """Calls of this turn wait for approval, and the run with them; its state can be stored, and the run resumed."""

    type: ClassVar[Literal["approval_needed"]] = "approval_needed"
    turn: int
    calls: tuple[ToolCallPart, ...]


@dataclass(slots=True)
class TurnEnd:
    """A turn of a run ends."""

    type: ClassVar[Literal["turn_end"]] = "turn_end"
    turn: int


@dataclass(slots=True)
class StreamError:
    """How queues and JSON output render a failure, which otherwise raises."""

    type: ClassVar[Literal["stream_error"]] = "stream_error"
    error: CoreLLMError


@dataclass(slots=True)
class Finish:
    """The last event, only on success."""

    type: ClassVar[Literal["finish"]] = "finish"
    finish_reason: FinishReason
    usage: Usage | None
    response: Response


StreamEvent = (
    StreamStart
    | PartStart
    | PartEnd
    | TextDelta
    | ReasoningDelta
    | RefusalDelta
    | ToolCallDelta
    | ToolCall
    | CitationAdded
    | FileDelta
    | UsageUpdate
    | RawEvent
    | Retrying
    | FellBack
    | Restarted
    | Resumed
    | TurnStart
    | ToolStart
    | ToolResult
    | ApprovalNeeded
    | TurnEnd
    | StreamError
    | Finish
)


AttemptEvent = Retrying | FellBack | Restarted | Resumed
"""Those that say that an attempt failed and another follows."""


def event_to_dict(event: StreamEvent) -> JSONObject:
    """Return an event as JSON-ready values, `type` first."""
    return {"type": event.type, **{field.name: _plain(getattr(event, field.name)) for field in fields(event)}}


def _plain(value: object) -> JSONValue:
    match value:
        case BaseModel():
            plain: JSONValue = value.model_dump(mode="json")
            return plain
        case CoreLLMError():
            return _plain(value.to_dict())
        case bytes():
            from base64 import b64encode  # noqa: PLC0415  # rare

            return b64encode(value).decode()
        case tuple() | list():
            return [_plain(item) for item in value]
        case Mapping():
            return {str(name): _plain(item) for name, item in value.items()}
        case None | bool() | int() | float() | str():
            return value
        case _:
            return str(value)
