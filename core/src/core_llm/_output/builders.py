"""Builders: plain values made of JSON as it comes, grown in place; and the items of one list, handed out one by one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from core_llm._json import JSONValue

NOTHING = object()
"""Stands for a value of which nothing has come."""


class _Frame:
    """One open container."""

    __slots__ = ("container", "has_open", "key")

    def __init__(self, container: dict[str, JSONValue] | list[JSONValue]) -> None:
        self.container = container
        self.key = ""
        self.has_open = False
        """Whether the last item of a list is a string that grows."""


class JSONBuilder:
    """Makes a dict, list or scalar, which grows in place.

    Attributes:
        root: The value as far as it has come, always the same object; `NOTHING` before its beginning.
        has_changed: Whether it has since this was last set to False.
    """

    __slots__ = ("_frames", "has_changed", "root")

    def __init__(self) -> None:
        self._frames: list[_Frame] = []
        self.root: object = NOTHING
        self.has_changed = False

    @property
    def innermost(self) -> dict[str, JSONValue] | list[JSONValue]:
        """The innermost container that is open; there has to be one."""
        return self._frames[-1].container

    def restart(self) -> None:
        """Forget everything."""
        self._frames.clear()
        self.root = NOTHING
        self.has_changed = False

    def begin(self, kind: Literal["object", "array"]) -> None:
        """Begin a container."""
        container: dict[str, JSONValue] | list[JSONValue] = {} if kind == "object" else []
        self._put(container, is_open=False)
        self._frames.append(_Frame(container))

    def key(self, name: str) -> None:
        """Take the name of the next member."""
        self._frames[-1].key = name

    def grow(self, text: str) -> None:
        """Show a string as far as it has come."""
        self._put(text, is_open=True)

    def value(self, value: JSONValue) -> None:
        """Put a whole scalar in its place."""
        self._put(value, is_open=False)

    def end(self) -> None:
        """End the innermost container."""
        self._frames.pop()
        self.has_changed = True

    def _put(self, value: JSONValue, *, is_open: bool) -> None:
        self.has_changed = True
        if not self._frames:
            self.root = value
            return
        frame = self._frames[-1]
        container = frame.container
        if isinstance(container, dict):
            container[frame.key] = value
        elif frame.has_open:
            container[-1] = value
        else:
            container.append(value)
        frame.has_open = is_open


class ItemBuilder(JSONBuilder):
    """Hands out the items of one list as each is whole, and keeps none: memory is that of one item.

    The list is the value itself, or a member of it.
    """

    __slots__ = ("_deliver", "_member")

    def __init__(self, member: str | None, deliver: Callable[[JSONValue], None]) -> None:
        """Make a builder.

        Args:
            member: The name of the member that is the list; None where the list is the value itself.
            deliver: Takes each item.
        """
        super().__init__()
        self._member = member
        self._deliver = deliver

    def value(self, value: JSONValue) -> None:
        """Put a whole scalar in its place, or hand it out."""
        super().value(value)
        self._hand_out()

    def end(self) -> None:
        """End the innermost container, and hand it out if it is an item."""
        super().end()
        self._hand_out()

    def _hand_out(self) -> None:
        frames = self._frames
        if len(frames) != (1 if self._member is None else 2) or (self._member or "") != frames[0].key:
            return
        items = frames[-1].container
        if isinstance(items, list):
            self._deliver(items.pop())
