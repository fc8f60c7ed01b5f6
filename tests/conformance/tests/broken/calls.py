"""Broken in the calls of tools: merged, lost, fired too early, repaired."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic_core import from_json

from core_llm import Request, StreamEvent, ToolCallPart
from core_llm.wire import (
    ChatCompletions,
    ChatDecoder,
    Frame,
    JSONObject,
    JSONValue,
    as_object,
    as_objects,
    as_text,
    parse_object,
)

from ..twin.zenith import ZenithDecoder
from .bugs import bug


def all_of_index_0(cassettes: Path) -> None:
    """Let the server number every call 0, as some do."""
    path = cassettes / "parallel_tool_calls.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('"tool_calls": [{"index": 1', '"tool_calls": [{"index": 0'), encoding="utf-8")


@bug(
    "users-pains 13, 15: litellm#33678, smolagents#1569",
    "test_scenario[parallel_tool_calls-stream]",
    says="tool_calls is",
    edit=all_of_index_0,
)
class MergedByIndex(ChatDecoder):
    """Two whole calls that both have index 0 become one."""

    def __init__(self, wire: ChatCompletions, request: Request) -> None:
        super().__init__(wire, request)
        self._known: list[JSONValue] = []

    def _read_tool_calls(self, value: JSONValue) -> Sequence[StreamEvent]:
        merged: list[JSONValue] = []
        for item in as_objects(value):
            arguments: JSONObject = {"arguments": as_object(item.get("function")).get("arguments")}
            is_known = item.get("index") in self._known
            merged.append({"index": item.get("index"), "function": arguments} if is_known else item)
            self._known.append(item.get("index"))
        return super()._read_tool_calls(merged)


@bug(
    "users-pains 14, 16: litellm#14587, vercel/ai#7238",
    "test_fields_are_read_with_guards",
    says="KeyError",
)
class IndexRequired(ChatDecoder):
    """A call without `index` is a KeyError."""

    def _read_tool_calls(self, value: JSONValue) -> Sequence[StreamEvent]:
        for item in as_objects(value):
            assert item["index"] is not None
        return super()._read_tool_calls(value)


@bug(
    "users-pains 17: vercel/ai#2103, langchain#23911",
    "test_scenario[tool_without_arguments-stream]",
    says="tool_calls is ()",
)
class NoArgumentsNoCall(ZenithDecoder):
    """A call is announced with the first piece of its arguments, so one without any never is."""

    _waiting: JSONObject | None = None

    def feed_object(self, line: JSONObject) -> Sequence[StreamEvent]:
        """Hold a call back until its input comes."""
        if line.get("line") == "call":
            self._waiting = line
            return ()
        begun: list[StreamEvent] = []
        if line.get("line") == "input" and self._waiting is not None:
            begun += super().feed_object(self._waiting)
            self._waiting = None
        return [*begun, *super().feed_object(line)]


@bug(
    "users-pains 18, 20; the measured field: one of six repairs it into an executable call",
    "test_truncation[tool_call-stream]",
    says="is complete; the whole answer has none such",
)
class RepairedArguments(ZenithDecoder):
    """Arguments that were cut off are read as far as they go, and the call can be run with half of what it needs."""

    def close(self) -> Sequence[StreamEvent]:
        """End the calls, whole or not."""
        events: list[StreamEvent] = []
        for event in super().close():
            part = getattr(event, "part", None)
            if isinstance(part, ToolCallPart) and not part.is_complete:
                read = from_json(part.raw_arguments or "{}", allow_partial="trailing-strings")
                whole = part.model_copy(update={"arguments": read, "is_complete": True})
                events += self.parts.end(event.part_index, whole)  # type: ignore[union-attr]  # it is a PartEnd
            else:
                events.append(event)
        return events


@bug(
    "users-pains 20: openwiki#39",
    "test_truncation[tool_call-stream]",
    says="is complete; the whole answer has none such",
)
class CutArgumentsAreEmpty(ZenithDecoder):
    """Arguments that do not parse, since they were cut off, become `{}`, and the call is executed."""

    def close(self) -> Sequence[StreamEvent]:
        """End the calls, whole or not."""
        events: list[StreamEvent] = []
        for event in super().close():
            part = getattr(event, "part", None)
            if isinstance(part, ToolCallPart) and not part.is_complete:
                whole = part.model_copy(update={"arguments": {}, "raw_arguments": "{}", "is_complete": True})
                events += self.parts.end(event.part_index, whole)  # type: ignore[union-attr]  # it is a PartEnd
            else:
                events.append(event)
        return events


@bug(
    "users-pains 17: langchain#38682",
    "test_truncation[tool_call-stream]",
    says="is complete; the whole answer has none such",
)
class FiredEarly(ZenithDecoder):
    """A stream that is cut before the arguments leaves a call without any, which is taken for whole."""

    def close(self) -> Sequence[StreamEvent]:
        """End the calls as if the answer had ended."""
        return [*self._calls.finish(is_final=True), *super().close()]


@bug(
    "wire-quirks, the compatible zoo: missing id",
    "test_scenario[tool_call-stream]",
    says="call_1",
)
class IdOfTheLastFragment(ChatDecoder):
    """Each fragment's id goes over the one before, and later fragments have none."""

    def _read_tool_calls(self, value: JSONValue) -> Sequence[StreamEvent]:
        items: list[JSONValue] = [{**item, "id": ""} for item in as_objects(value)]
        return super()._read_tool_calls(items)


@bug(
    "wire-quirks, Ollama: arguments are an object, not a text",
    "test_scenario[tool_call-stream]",
    says="is_complete=False",
)
class ArgumentsAsRepr(ZenithDecoder):
    """The arguments are handed on as Python writes a dict, which is no JSON."""

    def feed_object(self, line: JSONObject) -> Sequence[StreamEvent]:
        """Take the next line."""
        if line.get("line") == "input":
            line = {**line, "piece": as_text(line.get("piece")).replace('"', "'")}
        return super().feed_object(line)


@bug("users-pains 11: any-llm#711", "test_scenario[tool_call-stream]", says="tool_calls is ()")
class LostWhenStreaming(ZenithDecoder):
    """Calls are read from plain answers alone."""

    def feed(self, frame: Frame) -> Sequence[StreamEvent]:
        """Take the next line, unless it is of a call."""
        line = parse_object(frame.data, self.parts.provider)
        return () if line.get("line") in ("call", "input") else super().feed_object(line)


@bug("users-pains 13: history poisoned by ids that differ", "test_decoders_are_independent", says="another")
class IdsFromACounter(ChatDecoder):
    """Calls are numbered across answers, so the same answer decoded again has other ids."""

    _numbers: list[int] = []  # noqa: RUF012  # the bug

    def _read_tool_calls(self, value: JSONValue) -> Sequence[StreamEvent]:
        for item in as_objects(value):
            if item.get("id"):
                self._numbers.append(1)
                item["id"] = f"{item['id']}_{len(self._numbers)}"
        return super()._read_tool_calls(value)
