"""ToolCallAssembler: from the fragments of tool calls, as any wire sends them, to whole calls.

Knows nothing of a wire's JSON: a decoder hands it index, id, name and arguments. It decides which fragments belong
together; it never merges two calls, and never calls complete what was cut off.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from pydantic_core import from_json, to_json

from core_llm._events import StreamEvent, ToolCallDelta
from core_llm._json import JSONObject, JSONValue
from core_llm._messages import ToolCallPart
from core_llm.wire.parts import PartsBuilder


@dataclass(slots=True)
class _Call:
    """A call as far as it came. `part_index` is -1 until it is announced, for which it needs a name."""

    index: int | None
    given_id: str
    name: str = ""
    id: str = ""
    part_index: int = -1
    pieces: list[str] = field(default_factory=list)
    state: JSONObject = field(default_factory=dict)
    scanned: int = 0
    """Pieces that `is_whole` has looked at; the fields below say where it stood after them."""
    depth: int = 0
    is_in_string: bool = False

    def is_whole(self) -> bool:
        """Tell whether every bracket is closed; asked after a bracket, so that no escape is cut in two.

        Each piece is looked at once, however often this is asked.
        """
        for match in _MARK.finditer("".join(self.pieces[self.scanned :])):
            mark = match[0]
            if mark == '"':
                self.is_in_string = not self.is_in_string
            elif not self.is_in_string:
                self.depth += 1 if mark in "{[" else -1 if mark in "}]" else 0
        self.scanned = len(self.pieces)
        return bool(self.pieces) and self.depth == 0 and not self.is_in_string


_MARK = re.compile(r'\\.|["{}\[\]]', re.DOTALL)
"""What matters for the end of a JSON value: quotes, brackets, and what a backslash makes harmless."""


class ToolCallAssembler:
    """Assembles the tool calls of one answer.

    A fragment belongs to the call with its id; without one, to the newest call with its index; without either, to the
    newest call. It begins another call where its id is new, or where its name shows that another call begins. Only what
    has a name begins a call beside one of the same index, for some servers give each fragment an id of its own (LM
    Studio, checked 2026-11).

    Attributes:
        id_prefix: Begins the ids made up for calls without one; set it to something of this answer, so that the ids of
            two answers in one conversation differ.
    """

    __slots__ = ("_by_id", "_by_index", "_calls", "_last", "_parts", "_used_ids", "id_prefix")

    def __init__(self, parts: PartsBuilder) -> None:
        self.id_prefix = "call"
        self._parts = parts
        self._calls: list[_Call] = []
        self._last: _Call | None = None
        self._by_id: dict[str, _Call] = {}
        self._by_index: dict[int, _Call] = {}
        self._used_ids: set[str] = set()

    def add(
        self,
        index: int | None = None,
        call_id: str | None = None,
        name: str | None = None,
        arguments: JSONValue = None,
        *,
        state: JSONObject | None = None,
        begins: bool = False,
    ) -> Sequence[StreamEvent]:
        """Take one fragment and return its events.

        Args:
            index: The wire's index of the call.
            call_id: The wire's id of the call; an empty one counts as none.
            name: The tool's name. A name that comes again is not added to.
            arguments: More of the arguments' text, or all of them as an object.
            state: What the provider wants back with this call.
            begins: Whether the wire says that a call begins here; heeded where there is no id.
        """
        call = self._last
        if (
            call is not None
            and not name
            and not state
            and (index is None or index == call.index)
            and (not call_id or call_id == call.given_id)
            and type(arguments) is str
            and call.part_index >= 0
        ):
            if not arguments:
                return ()
            call.pieces.append(arguments)
            return [ToolCallDelta(call.part_index, call.id, call.name, arguments)]
        text = arguments if isinstance(arguments, str) else "" if arguments is None else to_json(arguments).decode()
        call = self._call_for(index, call_id or "", name or "", text, begins=begins)
        if state:
            call.state.update(state)
        return self._grown(call, call_id or "", name or "", text)

    def finish(self, *, is_final: bool, was_cut_by_limit: bool = False) -> list[StreamEvent]:
        """End every call and return the events: a ToolCall for each complete one, and a PartEnd for each.

        Args:
            is_final: Whether the wire's terminal marker came. Before it, a call without arguments is not complete.
            was_cut_by_limit: Whether the answer was stopped in its middle, by a token limit or a filter; its last call
                may then be cut off.
        """
        events: list[StreamEvent] = []
        for call in self._calls:
            text = "".join(call.pieces)
            if call.part_index < 0:
                if not call.given_id and not text:
                    continue  # an empty fragment: nothing was begun
                events += self._announced(call)
            may_lack_arguments = is_final and not (was_cut_by_limit and call is self._calls[-1])
            events += self._parts.end(call.part_index, self._built(call, text, may_lack_arguments=may_lack_arguments))
        self._calls.clear()
        self._last = None
        return events

    def _call_for(self, index: int | None, call_id: str, name: str, text: str, *, begins: bool) -> _Call:
        """Return the call that the fragment belongs to, a new one if it begins one."""
        call = self._by_id.get(call_id) if call_id else None
        if call is not None:
            if not name or not self._names_another(call, index, name, text):
                return call
        else:
            call = self._last if index is None else self._by_index.get(index)
            if call is not None and self._goes_on(call, call_id, name, text, begins=begins):
                return call
        return self._begun(index, call_id)

    @staticmethod
    def _names_another(call: _Call, index: int | None, name: str, text: str) -> bool:
        """Tell whether a fragment with the call's own id and a name begins another call in spite of that id."""
        if call.name and call.name != name:
            return True
        if index is not None and call.index is not None and index != call.index:
            return True
        return _is_whole_before(call, text) and text.strip() != "".join(call.pieces).strip()

    @staticmethod
    def _goes_on(call: _Call, call_id: str, name: str, text: str, *, begins: bool) -> bool:
        """Tell whether a fragment whose id is none or new goes on with the call at its index, or the newest."""
        if (name or call_id) and _is_whole_before(call, text):
            return False
        if not name or not call.name:
            return not (name and call_id and call.given_id)
        if call_id and (call.given_id or call.pieces):
            return False
        return call.name == name and not begins

    def _begun(self, index: int | None, call_id: str) -> _Call:
        # Of two calls with one id, the second gets an id of its own: its result would else be taken for the first's.
        call = _Call(index, "" if call_id in self._by_id or call_id in self._used_ids else call_id)
        self._calls.append(call)
        if index is not None:
            self._by_index[index] = call
        if call_id:
            self._by_id[call_id] = call
        return call

    def _grown(self, call: _Call, call_id: str, name: str, text: str) -> Sequence[StreamEvent]:
        """Add the fragment to its call."""
        self._last = call
        if call_id and not call.given_id and call_id not in self._by_id and call_id not in self._used_ids:
            call.given_id = call_id
            self._by_id[call_id] = call
        is_repeated = bool(name and call.name) and _is_whole_before(call, text)
        if text and not is_repeated:
            call.pieces.append(text)
        if call.part_index < 0:
            call.name = name
            return self._announced(call) if name else ()
        if is_repeated or not text:
            return ()
        return [ToolCallDelta(call.part_index, call.id, call.name, text)]

    def _announced(self, call: _Call) -> list[StreamEvent]:
        """Start the call's part, and hand on what came before it could be."""
        call.id = call.given_id or self._made_up_id()
        self._used_ids.add(call.id)
        start = self._parts.start("tool_call")
        call.part_index = start.part_index
        return [start, ToolCallDelta(call.part_index, call.id, call.name, "".join(call.pieces))]

    def _made_up_id(self) -> str:
        number = len(self._used_ids)
        while (made_up := f"{self.id_prefix}_{number}") in self._used_ids or made_up in self._by_id:
            number += 1
        return made_up

    def _built(self, call: _Call, text: str, *, may_lack_arguments: bool) -> ToolCallPart:
        arguments = _parsed(text)
        if arguments is None and may_lack_arguments and text.strip() in ("", "null"):
            arguments = {}
        is_complete = arguments is not None and bool(call.name)
        return ToolCallPart(
            id=call.given_id or call.id,
            name=call.name,
            arguments=arguments if is_complete else None,
            raw_arguments=text,
            is_complete=is_complete,
            provider_state={self._parts.provider: call.state} if call.state else {},
        )


def _is_whole_before(call: _Call, text: str) -> bool:
    """Tell whether `text` cannot go on with what the call has: that is a whole object, and `text` begins one.

    The look at the seam spares nearly every fragment the rest.
    """
    if not call.pieces or not text.lstrip().startswith("{") or not call.pieces[-1].rstrip().endswith("}"):
        return False
    return call.is_whole()


def _parsed(text: str) -> JSONObject | None:
    try:
        parsed = from_json(text, allow_inf_nan=False)
    except ValueError:
        return None
    return parsed if isinstance(parsed, dict) else None
