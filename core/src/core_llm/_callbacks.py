"""Callbacks: functions of a caller's that are told of a call. And the types of those that change what passes through.

When they are called is the business of `_stream.audience`; what plugins have in their place is in `hookspecs`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Literal, Protocol, runtime_checkable

from core_llm._errors import CoreLLMError, InvalidSettingError
from core_llm._events import AttemptEvent, StreamEvent
from core_llm._messages import ToolCallPart
from core_llm._request import Request
from core_llm._response import Response

RequestRewriter = Callable[[Request], Request]
"""Takes a request and returns the one to send instead."""
EventTransform = Callable[[StreamEvent], Iterable[StreamEvent]]
"""Takes one event and returns those to hand on in its place: none, itself, or several."""
OnCallbackError = Literal["log", "raise"]


@runtime_checkable
class TransformMaker(Protocol):
    """What makes a transform for each answer, since the transform remembers; all of `core_llm.transforms` does."""

    def for_one_answer(self) -> EventTransform:
        """Return a transform that remembers nothing yet."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Callbacks:
    """Functions that are told of a call, each when it is set. They are plain functions, and must be quick.

    They run in the thread or task that reads the answer. For a whole answer (`generate`) they are told what a stream of
    it would have brought.

    Raises:
        InvalidSettingError: One cannot be called, or is ``async def``: await in the loop over the events instead.
    """

    on_start: Callable[[Request], object] | None = None
    """The request, as it is about to be sent."""
    on_event: Callable[[StreamEvent], object] | None = None
    """Each event, before the consumer has it; but of other attempts `on_retry` is told."""
    on_chunk: Callable[[str], object] | None = None
    """Each piece of the answer's text."""
    on_tool_call: Callable[[ToolCallPart], object] | None = None
    """Each complete call of a tool."""
    on_error: Callable[[CoreLLMError, bool], object] | None = None
    """What failed, and whether the call goes on all the same, with another attempt. If not, nothing more is told."""
    on_retry: Callable[[AttemptEvent], object] | None = None
    """That another attempt follows: a Retrying, FellBack, Restarted or Resumed."""
    on_complete: Callable[[Response], object] | None = None
    """The whole response, before the consumer has its Finish."""
    errors: OnCallbackError = "log"
    """What to do with what a callback raises: ``log`` it, or ``raise`` it to whoever reads, which ends the call."""

    def __post_init__(self) -> None:
        """Refuse what cannot be called."""
        if self.errors not in ("log", "raise"):
            raise InvalidSettingError(f"Callbacks: errors must be log or raise, not {self.errors!r}")
        for field in fields(self):
            function = getattr(self, field.name)
            if field.name == "errors" or function is None:
                continue
            if not callable(function):
                raise InvalidSettingError(f"Callbacks: {field.name} must be a function, not {type(function).__name__}")
            if inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__):
                msg = f"Callbacks: {field.name} is async, and callbacks are plain functions"
                raise InvalidSettingError(f"{msg}; to await something, iterate over the events")


def as_callbacks(value: object) -> tuple[Callbacks, ...]:
    """Return what was given as callbacks, one or several, from the general to the particular.

    Raises:
        InvalidSettingError: It is something else.
    """
    if value is None:
        return ()
    if isinstance(value, Callbacks):
        return (value,)
    if isinstance(value, list | tuple) and all(isinstance(each, Callbacks) for each in value):
        return tuple(value)
    msg = f"callbacks must be Callbacks, such as Callbacks(on_chunk=print), or a list of them, not {shown(value)}"
    raise InvalidSettingError(msg)


def as_functions(name: str, value: object) -> Sequence[Callable[..., object]]:
    """Return what was given as the functions of an option.

    Raises:
        InvalidSettingError: It is something else.
    """
    if value is None:
        return ()
    if isinstance(value, list | tuple) and all(callable(each) and not isinstance(each, type) for each in value):
        return tuple(value)
    raise InvalidSettingError(f"{name} must be a list of functions, not {shown(value)}")


def shown(value: object) -> str:
    """Return what a message says of a value that is not what it should be."""
    if isinstance(value, list | tuple):
        return f"a list of {', '.join(sorted({type(each).__name__ for each in value})) or 'nothing'}"
    return type(value).__name__


def fresh(transforms: Iterable[EventTransform | TransformMaker]) -> list[EventTransform]:
    """Return the transforms for one answer: those that remember are made anew."""
    return [each.for_one_answer() if isinstance(each, TransformMaker) else each for each in transforms]
