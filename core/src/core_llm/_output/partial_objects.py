"""TypedBuilder: a value of a type that grows in place while its JSON comes. Each part is checked when it is whole.

What was checked once is not checked again while it is shown; the value as a whole is checked when the answer is.
"""

from __future__ import annotations

from typing import Literal

import pydantic_core
from pydantic import ValidationError

from core_llm._json import JSONValue
from core_llm._output.builders import NOTHING, JSONBuilder
from core_llm._output.shapes import Shape, put, shape_of_task
from core_llm._output.task import OutputTask


class _Place:
    """One open container: its shape, and the object that is shown for it, if one is."""

    __slots__ = ("has_open", "key", "shape", "shown")

    def __init__(self, shape: Shape | None, shown: object) -> None:
        self.shape = shape
        self.shown = shown
        self.key = ""
        self.has_open = False


class TypedBuilder:
    """Makes a value of a type.

    Attributes:
        root: The value as far as it has come; `NOTHING` before there is any.
        has_changed: Whether it has since this was last set to False.
    """

    __slots__ = ("_member", "_places", "_plain", "_shape", "has_changed", "root")

    def __init__(self, task: OutputTask) -> None:
        self._shape, self._member = shape_of_task(task)
        self._plain = JSONBuilder()
        self._places: list[_Place] = []
        self.root: object = NOTHING
        self.has_changed = False

    def restart(self) -> None:
        """Forget everything."""
        self._plain.restart()
        self._places.clear()
        self.root = NOTHING
        self.has_changed = False

    def begin(self, kind: Literal["object", "array"]) -> None:
        """Begin a container, and show it if its type shows what has come of it."""
        shape = self._shape_here()
        self._plain.begin(kind)
        shown = NOTHING if shape is None else _begun(shape, kind)
        if shown is not NOTHING:
            self._show(shown, len(self._places), is_open=True)
        self._places.append(_Place(shape, shown))

    def key(self, name: str) -> None:
        """Take the name of the next member."""
        self._plain.key(name)
        self._places[-1].key = name

    def grow(self, text: str) -> None:
        """Show a text as far as it has come, where a text is wanted."""
        self._plain.grow(text)
        shape = self._shape_here()
        if shape is not None and shape.shows in ("text", "any"):
            self._show(text, len(self._places), is_open=True)

    def value(self, value: JSONValue) -> None:
        """Check a whole scalar, and show it."""
        shape = self._shape_here()
        self._plain.value(value)
        self._check(shape, value)
        if self._places and (chosen := self._chosen()) is not None:
            self._begin_chosen(chosen)

    def end(self) -> None:
        """Check the innermost container, and show it as what it is."""
        place = self._places.pop()
        whole: JSONValue = self._plain.innermost
        self._plain.end()
        if len(self._places) > self._root_depth:  # the root is checked with the answer
            self._check(place.shape, whole)

    @property
    def _root_depth(self) -> int:
        """How many containers are around the value."""
        return 0 if self._member is None else 1

    def _check(self, shape: Shape | None, whole: JSONValue) -> None:
        """Show a whole value as what it is; one that does not fit is not: the answer as a whole says what is wrong."""
        if shape is None:
            return
        try:
            self._show(shape.check(pydantic_core.to_json(whole)), len(self._places), is_open=False)
        except ValidationError:
            if self._places:
                self._places[-1].has_open = False

    def _chosen(self) -> Shape | None:
        """Return which alternative the innermost container is, if that has just become clear."""
        place = self._places[-1]
        if place.shape is None or place.shape.shows != "union" or not isinstance(self._plain.innermost, dict):
            return None
        return place.shape.chosen(self._plain.innermost)

    def _begin_chosen(self, chosen: Shape) -> None:
        """Show the innermost container as the alternative that it is, with the members that came before."""
        place = self._places[-1]
        place.shape, place.shown = chosen, chosen.make()
        self._show(place.shown, len(self._places) - 1, is_open=True)
        last, came = place.key, self._plain.innermost
        for name, value in list(came.items()) if isinstance(came, dict) else ():
            place.key = name
            self._check(self._shape_here(), value)
        place.key = last

    def _shape_here(self) -> Shape | None:
        """Return the shape of the value that comes next; None where none is known."""
        if len(self._places) < self._root_depth:
            return None
        if len(self._places) == self._root_depth:
            return self._shape if self._member is None or self._places[0].key == self._member else None
        place = self._places[-1]
        if place.shape is None:
            return None
        match place.shape.shows:
            case "members":
                known = place.shape.members.get(place.key)
                return None if known is None else known[1]
            case "items" | "mapping":
                return place.shape.inner
            case "any":
                return place.shape
            case _:
                return None

    def _show(self, value: object, depth: int, *, is_open: bool) -> None:
        """Put a value where it belongs in what is shown: into the container that so many are around, less one."""
        self.has_changed = True
        if depth == self._root_depth:
            self.root = value
            return
        place = self._places[depth - 1]
        target = place.shown
        if isinstance(target, list):
            if place.has_open:
                target[-1] = value
            else:
                target.append(value)
            place.has_open = is_open
        elif place.shape is not None and place.shape.shows == "members":
            put(target, place.shape.members[place.key][0], value)
        elif isinstance(target, dict):
            target[place.key] = value


def _begun(shape: Shape, kind: Literal["object", "array"]) -> object:
    """Return the object to show for a container that begins; `NOTHING` where its type shows none."""
    match shape.shows, kind:
        case ("members", "object"):
            return shape.make()
        case ("items", "array"):
            return []
        case ("mapping", "object"):
            return {}
        case ("any", _):
            return {} if kind == "object" else []
        case _:
            return NOTHING
