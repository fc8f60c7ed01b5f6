"""RunState: how far a run has come, as a value that goes through JSON and a database to another process."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import pydantic_core
from pydantic import Field

from core_llm._messages import Message, ToolCallPart, ToolResultPart
from core_llm._response import Response, Usage
from core_llm._value import SCHEMA_VERSION, Value


class RunState(Value):
    """A run between two steps. `client.run(resume=state, …)` goes on from it; what has run does not run again."""

    schema_version: int = SCHEMA_VERSION
    model: str | None = None
    """``provider:model``, as it was asked for."""
    messages: tuple[Message, ...] = ()
    """The conversation so far; the last one may have calls that are in `pending`."""
    turn: int = 0
    """Turns begun."""
    pending: tuple[ToolCallPart, ...] = ()
    """Calls that wait for approval."""
    results: tuple[ToolResultPart, ...] = ()
    """Results of the other calls of the last message, which have run or were denied."""
    usages: tuple[Usage | None, ...] = ()
    """One a turn."""
    calls: int = 0
    """Calls made so far."""
    repeats: dict[str, int] = Field(default_factory=dict)
    """Tool and arguments → how often it was called with them."""
    retries: dict[str, int] = Field(default_factory=dict)
    """Tool → in how many turns in a row it has asked to be called again."""
    cost: float = 0.0
    injected: tuple[Message, ...] = ()
    """Said while it ran, and not read by the model yet."""


@dataclass(slots=True)
class Progress:
    """The same while the run goes on, to be changed by its steps.

    Attributes:
        response: Of the last turn, whole or partial.
        is_over: Whether the run has come to its end, and not to a pause.
        output: The value that was wanted, once the last answer has brought it.
        output_tries: How many answers did not fit; a run that is resumed counts anew.
    """

    model: str | None
    messages: list[Message]
    turn: int = 0
    pending: list[ToolCallPart] = field(default_factory=list)
    results: list[ToolResultPart] = field(default_factory=list)
    usages: list[Usage | None] = field(default_factory=list)
    calls: int = 0
    repeats: Counter[str] = field(default_factory=Counter)
    retries: dict[str, int] = field(default_factory=dict)
    cost: float = 0.0
    injected: list[Message] = field(default_factory=list)
    response: Response | None = None
    is_over: bool = False
    output: tuple[object] | None = None
    output_tries: int = 0

    @classmethod
    def of(cls, state: RunState) -> Progress:
        """Return what goes on from a state."""
        return cls(
            state.model,
            list(state.messages),
            state.turn,
            list(state.pending),
            list(state.results),
            list(state.usages),
            state.calls,
            Counter(state.repeats),
            dict(state.retries),
            state.cost,
            list(state.injected),
        )

    def freeze(self) -> RunState:
        """Return it as a value."""
        return RunState(
            model=self.model,
            messages=tuple(self.messages),
            turn=self.turn,
            pending=tuple(self.pending),
            results=tuple(self.results),
            usages=tuple(self.usages),
            calls=self.calls,
            repeats=dict(self.repeats),
            retries=dict(self.retries),
            cost=self.cost,
            injected=tuple(self.injected),
        )


def key_of(call: ToolCallPart) -> str:
    """Return what is the same for calls of one tool with equal arguments, whatever their order."""
    return f"{call.name} {pydantic_core.to_json(_ordered(call.arguments)).decode()}"


def _ordered(value: object) -> object:
    """Return JSON with the names of objects in order, so that equal arguments make equal text."""
    if isinstance(value, dict):
        return {name: _ordered(value[name]) for name in sorted(value)}
    if isinstance(value, list):
        return [_ordered(item) for item in value]
    return value


def total(usages: list[Usage | None]) -> Usage | None:
    """Return the sum of what is known of each turn; None if nothing is."""
    known = [usage for usage in usages if usage is not None]
    if not known:
        return None
    names = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens")
    sums: dict[str, int] = {}
    for name in names:
        figures = [figure for usage in known if (figure := getattr(usage, name)) is not None]
        if figures:
            sums[name] = sum(figures)
    return Usage.model_validate(sums)
