"""What the steps of a run want done: a closed set. The runners do it, sync or async, and send back the outcome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from core_llm._events import StreamEvent
from core_llm._messages import Message, ToolCallPart
from core_llm._request import ToolChoice, ToolSpec
from core_llm._tools.definition import Tool


@dataclass(frozen=True, slots=True)
class Emit:
    """Give these events to the consumer. Outcome: None."""

    events: tuple[StreamEvent, ...]


@dataclass(frozen=True, slots=True)
class AskModel:
    """Stream one answer, all its events to the consumer. Outcome: the whole Response; raises what the stream raises."""

    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...]
    tool_choice: ToolChoice | str | None


@dataclass(frozen=True, slots=True)
class AskApproval:
    """Ask everybody who may approve a call. Outcome: an Approval, or None where nobody decided and somebody has to."""

    call: ToolCallPart
    tool: Tool[..., object] | None


@dataclass(frozen=True, slots=True)
class RunTools:
    """Run calls, their events to the consumer as they come. Outcome: their results, in order; raises a ToolError."""

    turn: int
    calls: tuple[ToolCallPart, ...]
    denied: Mapping[str, str] = field(default_factory=dict)
    """Id of a call → what the model is told in place of a result."""


Effect = Emit | AskModel | AskApproval | RunTools
