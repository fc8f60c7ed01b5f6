"""PartialCall: a function call whose arguments arrive piece by piece, each with its path.

Vertex AI sends calls so where `streamFunctionCallArguments` was asked for; otherwise they come whole.
Source: Vertex AI reference, "FunctionCall" and "PartialArg" (checked 2026-11).
"""

from __future__ import annotations

import re
from itertools import pairwise

from core_llm.wire import JSONObject, JSONValue, as_object, as_objects, as_text

_STEP = re.compile(r"""\.([^.\[\]]+)|\[(\d+)\]|\['([^']*)'\]|\["([^"]*)"\]""")
_VALUES = ("stringValue", "numberValue", "boolValue", "nullValue")

Step = str | int


class PartialCall:
    """One call while it grows.

    Attributes:
        name: The tool's name.
        state: What the API wants back with this call.
        arguments: As far as they came.
    """

    def __init__(self) -> None:
        self.name = ""
        self.state: JSONObject = {}
        self.arguments: JSONObject = {}
        self._growing: tuple[Step, ...] = ()

    def add(self, call: JSONObject, state: JSONObject) -> bool:
        """Take the next piece; return whether the call is whole with it.

        Raises:
            ValueError: A path leads nowhere, or the arguments are no object.
        """
        self.name = self.name or as_text(call.get("name"))
        self.state.update(state)
        whole = call.get("args")
        if isinstance(whole, dict):
            self.arguments.update(whole)
        elif whole is not None:
            raise ValueError("the arguments of a call are no object")
        for piece in as_objects(call.get("partialArgs")):
            self._set(_steps(as_text(piece.get("jsonPath"))), piece)
        return call.get("willContinue") is not True

    def _set(self, steps: tuple[Step, ...], piece: JSONObject) -> None:
        value = next((piece[name] for name in _VALUES if name in piece), None)
        value = None if "nullValue" in piece else value
        holder: JSONValue = self.arguments
        for step, following in pairwise(steps):
            holder = _child(holder, step, [] if isinstance(following, int) else {})
        known = _child(holder, steps[-1], value)
        if steps == self._growing and isinstance(known, str) and isinstance(value, str):
            _put(holder, steps[-1], known + value)
        else:
            _put(holder, steps[-1], value)
        self._growing = steps if piece.get("willContinue") is True else ()


def _steps(path: str) -> tuple[Step, ...]:
    """Return the steps of a path such as ``$.places[0].name``."""
    steps: list[Step] = []
    at = 1
    while at < len(path):
        found = _STEP.match(path, at)
        if found is None:
            break
        name = next((group for group in (found[1], found[3], found[4]) if group is not None), None)
        steps.append(int(found[2]) if name is None else name)
        at = found.end()
    if not steps or not path.startswith("$") or at != len(path) or isinstance(steps[0], int):
        raise ValueError(f"{path!r} is no path to an argument")
    return tuple(steps)


def _child(holder: JSONValue, step: Step, empty: JSONValue) -> JSONValue:
    """Return what is at one step, put there first if nothing is."""
    if isinstance(holder, dict) and isinstance(step, str):
        return holder.setdefault(step, empty)
    if isinstance(holder, list) and isinstance(step, int) and step <= len(holder):
        if step == len(holder):
            holder.append(empty)
        return holder[step]
    raise ValueError(f"step {step!r} leads nowhere")


def _put(holder: JSONValue, step: Step, value: JSONValue) -> None:
    if isinstance(holder, list):
        holder[int(step)] = value
    else:
        as_object(holder)[str(step)] = value
