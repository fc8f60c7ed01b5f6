"""Follower: reads a value off the events of a stream, from texts or from the arguments of the tool that gives it."""

from __future__ import annotations

from typing import Protocol

from core_llm._events import Restarted, StreamEvent, TextDelta, ToolCall, ToolCallDelta
from core_llm._output.builders import NOTHING
from core_llm._output.modes import OUTPUT_TOOL
from core_llm._output.partial_json import Builder, PartialJSON
from core_llm._output.task import plain


class Growing(Builder, Protocol):
    """A builder whose value can be looked at while it grows."""

    root: object
    has_changed: bool


class Follower:
    """Feeds a builder with the JSON of a stream."""

    __slots__ = ("_builder", "_call", "_parser", "_starts")

    def __init__(self, builder: Growing, *, starts: str = "{") -> None:
        """Make a follower.

        Args:
            builder: Makes the value.
            starts: What the JSON may start with after words before it, of ``{`` and ``[``.
        """
        self._builder = builder
        self._starts = starts
        self._call: int | None = None
        self._parser = PartialJSON(builder, starts=starts)

    def take(self, event: StreamEvent) -> bool:
        """Take an event, and return whether the value has changed and can be looked at."""
        match event:
            case TextDelta(text=text) if self._call is None:
                self._parser.feed(text)
            case ToolCallDelta(part_index=index, name=name, arguments_delta=delta):
                if self._call is None and name == OUTPUT_TOOL:
                    self._begin_call(index)
                if self._call == index and delta:
                    self._parser.feed(delta)
            case ToolCall(part_index=index, call=call) if self._call is None and call.name == OUTPUT_TOOL:
                self._begin_call(index)
                self._parser.feed(plain(call.arguments))
            case Restarted():
                self._restart()
                return False
            case _:
                return False
        has_changed, self._builder.has_changed = self._builder.has_changed, False
        return has_changed and self._builder.root is not NOTHING

    def close(self) -> None:
        """Note that nothing more comes.

        Raises:
            NotJSONError: What came is not one whole JSON value.
        """
        self._parser.close()

    def _begin_call(self, index: int) -> None:
        """Read this call's arguments, and nothing else: what came before were words beside it."""
        self._call = index
        self._builder.restart()
        self._parser = PartialJSON(self._builder)

    def _restart(self) -> None:
        self._call = None
        self._builder.restart()
        self._parser = PartialJSON(self._builder, starts=self._starts)
