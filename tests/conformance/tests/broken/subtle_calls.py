"""Subtly broken in reading calls of tools: right on every recorded call, wrong on one that is a little different."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from core_llm import PartEnd, StreamEvent, ToolCall, ToolCallPart
from core_llm.wire import JSONObject, as_text

from ..twin.zenith import ZenithDecoder
from .bugs import bug

CALLS_EXACT = "test_values_are_exact[tool_call-stream]"


def _changed(event: StreamEvent, change: Callable[[ToolCallPart], ToolCallPart]) -> StreamEvent:
    """Return an event whose complete call is another."""
    match event:
        case ToolCall(part_index=index, call=call):
            return ToolCall(index, change(call))
        case PartEnd(part_index=index, part=ToolCallPart(is_complete=True) as call):
            return PartEnd(index, change(call))
        case _:
            return event


@bug("vercel/ai#6687: fired when the JSON is valid", CALLS_EXACT, says="arguments", subtle=True)
class EndsWithTheBrace(ZenithDecoder):
    """A call ends with the first piece that makes its arguments valid JSON, and what follows is lost."""

    def __init__(self, provider: str) -> None:
        super().__init__(provider)
        self._depth, self._is_whole = 0, False

    def feed_object(self, line: JSONObject) -> Sequence[StreamEvent]:
        """Take a line."""
        if line.get("line") == "call":
            self._depth, self._is_whole = 0, False
        if line.get("line") != "input":
            return super().feed_object(line)
        if self._is_whole:
            return ()
        piece = as_text(line.get("piece"))
        self._depth += piece.count("{") - piece.count("}")  # also those within a text
        self._is_whole = self._depth == 0
        return super().feed_object(line)


@bug(
    "users-pains 14: a fragment with the name again",
    "test_scenario[tool_call-stream]",
    says="get_weatherget",
    subtle=True,
)
class NameAppended(ZenithDecoder):
    """A name that comes with every fragment is appended to itself."""

    def feed_object(self, line: JSONObject) -> Sequence[StreamEvent]:
        """Take a line."""
        if line.get("line") == "call":
            self._name = as_text(line.get("tool"))
        if line.get("line") == "input":
            self._name += self._name
        return [self._named(event) for event in super().feed_object(line)]

    def close(self) -> Sequence[StreamEvent]:
        """End the calls."""
        return [self._named(event) for event in super().close()]

    def _named(self, event: StreamEvent) -> StreamEvent:
        return _changed(event, lambda call: call.model_copy(update={"name": self._name}))


@bug("the design: the name of a tool is the caller's", CALLS_EXACT, says="the name of the calls is", subtle=True)
class NamesInSnakeCase(ZenithDecoder):
    """A tool is called by what its name would be in Python."""

    def close(self) -> Sequence[StreamEvent]:
        """End the calls."""
        return [_changed(event, self._in_snake_case) for event in super().close()]

    @staticmethod
    def _in_snake_case(call: ToolCallPart) -> ToolCallPart:
        return call.model_copy(update={"name": call.name.lower().replace("-", "_")})


@bug("the design: an id has no form", CALLS_EXACT, says="the id of the calls is", subtle=True)
class LongIdsCut(ZenithDecoder):
    """An id is cut to what another provider would take."""

    def close(self) -> Sequence[StreamEvent]:
        """End the calls."""
        return [_changed(event, lambda call: call.model_copy(update={"id": call.id[:40]})) for event in super().close()]


@bug("the design: arguments are what the model wrote", CALLS_EXACT, says="arguments", subtle=True)
class NumbersAsFloats(ZenithDecoder):
    """Numbers in arguments are floats, and a long id loses its last digits."""

    def close(self) -> Sequence[StreamEvent]:
        """End the calls."""
        return [_changed(event, self._with_floats) for event in super().close()]

    @staticmethod
    def _with_floats(call: ToolCallPart) -> ToolCallPart:
        said = {name: float(v) if type(v) is int else v for name, v in (call.arguments or {}).items()}
        return call.model_copy(update={"arguments": said})


@bug("wire-quirks: null is not nothing", CALLS_EXACT, says="arguments", subtle=True)
class NullsDropped(ZenithDecoder):
    """Arguments that are null are left out."""

    def close(self) -> Sequence[StreamEvent]:
        """End the calls."""
        return [_changed(event, self._without_nulls) for event in super().close()]

    @staticmethod
    def _without_nulls(call: ToolCallPart) -> ToolCallPart:
        said = {name: value for name, value in (call.arguments or {}).items() if value is not None}
        return call.model_copy(update={"arguments": said})


@bug(
    "users-pains 14: calls told apart by name",
    "test_scenario[parallel_tool_calls-stream]",
    says="tool_calls is",
    subtle=True,
)
class OneCallAName(ZenithDecoder):
    """Two calls of one tool in one answer are one."""

    def __init__(self, provider: str) -> None:
        super().__init__(provider)
        self._refs: dict[str, str] = {}
        self._known: dict[str, str] = {}

    def feed_object(self, line: JSONObject) -> Sequence[StreamEvent]:
        """Take a line."""
        ref = as_text(line.get("ref"))
        if line.get("line") == "call":
            self._refs[ref] = self._known.setdefault(as_text(line.get("tool")), ref)
            if self._refs[ref] != ref:
                return ()
        return super().feed_object({**line, "ref": self._refs.get(ref, ref)} if ref else line)


@bug(
    "the design: stopped by the token limit, a call is not complete",
    "test_truncation[tool_call-stream]",
    says="is complete; the whole answer has none such",
    subtle=True,
)
class WholeAtTheLimit(ZenithDecoder):
    """A call without arguments is whole, also where the limit of tokens stopped the answer before they came."""

    def close(self) -> Sequence[StreamEvent]:
        """End the calls."""
        events = list(self._calls.finish(is_final=self.is_complete))
        return events + list(super().close())


@bug("wire-quirks, the zoo: duplicate keys", CALLS_EXACT, says="arguments", subtle=True)
class ArgumentsReserialised(ZenithDecoder):
    """Arguments that are whole are written anew as ASCII by another parser, and long numbers are rounded."""

    def feed_object(self, line: JSONObject) -> Sequence[StreamEvent]:
        """Take a line."""
        piece = as_text(line.get("piece"))
        if line.get("line") == "input" and piece.strip().endswith("}"):
            line = {**line, "piece": piece.replace("\\u", "u")}
        return super().feed_object(line)


@bug(
    "users-pains 15: calls merged",
    subtle=True,
    missed="on a wire that the suite does not know, no recorded answer has the fragments of two calls by turns",
)
class FragmentsGoToTheLastCall(ZenithDecoder):
    """A fragment goes to the call that began last, whatever it says of itself."""

    _last = ""

    def feed_object(self, line: JSONObject) -> Sequence[StreamEvent]:
        """Take a line."""
        if line.get("line") == "call":
            self._last = as_text(line.get("ref"))
        elif line.get("line") == "input":
            line = {**line, "ref": self._last}
        return super().feed_object(line)
