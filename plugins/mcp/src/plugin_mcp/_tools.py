"""From the tools that a server lists to tools of the core: their names, their approval, their fingerprints."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Literal

from core_llm import Tool, ToolCallPart, ToolContext, ToolDefinitionError, ToolResultPart
from core_llm.wire import JSONObject
from plugin_mcp._pins import ToolState, fingerprint

if TYPE_CHECKING:
    import mcp_types as types

MAX_NAME = 64
"""Characters that providers accept in a tool's name."""
_OTHER = re.compile(r"[^a-zA-Z0-9_-]")
_FIRST = re.compile(r"[a-zA-Z_]")
GRACE = 5.0
"""Seconds by which the limit of a tool is longer than that of the request, which says more when it ends a call."""

Call = Callable[[str, ToolCallPart, "ToolContext[object] | None"], Awaitable[ToolResultPart]]
"""Calls a tool of the server by the server's name."""
ApprovalRule = Literal["always", "never"] | Callable[[ToolCallPart], bool]


class MCPTool(Tool[..., object]):
    """A tool of an MCP server.

    Attributes:
        server_name: What the server calls it.
        fingerprint: Of what the server says of it.
    """

    def __init__(
        self, listed: types.Tool, *, server: str, name: str, call: Call, approval: ApprovalRule, timeout: float
    ) -> None:
        """Make a tool of what a server lists.

        Raises:
            ToolDefinitionError: It cannot be a tool; says why.
        """
        self._call = call
        self.server_name = listed.name
        self.fingerprint = fingerprint(said_of(listed))

        async def handler(**arguments: object) -> ToolResultPart:
            asked = ToolCallPart(id="", name=name, arguments=arguments)  # type: ignore[arg-type]  # JSON, by the schema
            return await call(listed.name, asked, None)

        super().__init__(
            handler,
            name=name,
            description=listed.description or listed.title or "",
            parameters=listed.input_schema,
            timeout=timeout + GRACE,
            approval=approval,
            max_retries=0,
        )
        self.origin = f"the MCP server {server!r}"

    def bind(self, call: ToolCallPart, context: ToolContext[object]) -> partial[object]:
        """Return what calls the tool; the server checks the arguments.

        Raises:
            ValueError: The call is not complete. It must not be executed.
        """
        if not call.is_complete or call.arguments is None:
            msg = f"the call {call.id!r} of {call.name!r} is not complete"
            raise ValueError(msg)
        handler: Callable[..., object] = self._call
        return partial(handler, self.server_name, call, context)


def said_of(listed: types.Tool) -> JSONObject:
    """Return all that a server says of a tool which a model, or who approves, may go by."""
    wanted = {"name", "title", "description", "input_schema", "output_schema", "annotations"}
    said: JSONObject = listed.model_dump(mode="json", by_alias=True, exclude_none=True, include=wanted)
    return said


class Listing:
    """Makes tools of what a server lists; a tool that stays the same stays the same object.

    Attributes:
        states: Every allowed tool, in the server's order.
        problems: Why a tool that is listed cannot be offered.
    """

    def __init__(
        self, server: str, *, prefix: str, allowed: Iterable[str] | None, make: Callable[..., MCPTool]
    ) -> None:
        self._server = server
        self._prefix = prefix
        self._allowed = None if allowed is None else frozenset(allowed)
        self._make = make
        self._listed: tuple[types.Tool, ...] = ()
        self._made: dict[tuple[str, str], MCPTool] = {}
        self.states: tuple[ToolState, ...] = ()
        self.problems: tuple[str, ...] = ()

    def read(self, listed: Iterable[types.Tool]) -> dict[str, str]:
        """Take note of what the server lists now; return the fingerprints of what is allowed, by the server's names."""
        self._listed = tuple(tool for tool in listed if self._allowed is None or tool.name in self._allowed)
        return {tool.name: fingerprint(said_of(tool)) for tool in self._listed}

    def offered(self, pins: Mapping[str, str]) -> tuple[MCPTool, ...]:
        """Return the tools that are what their pins say; `states` has those that are not, too."""
        taken: set[str] = set()
        states: list[ToolState] = []
        tools: list[MCPTool] = []
        problems: list[str] = []
        for listed in self._listed:
            name = name_of(self._prefix, listed.name, taken)
            taken.add(name)
            mark = fingerprint(said_of(listed))
            is_same = pins.get(listed.name) == mark
            state: Literal["approved", "changed"] = "approved" if is_same else "changed"
            states.append(ToolState(name, listed.name, state, listed.description or "", listed.input_schema, mark))
            if not is_same:
                continue
            try:
                tool = self._made.get((name, mark)) or self._make(listed, name=name)
            except ToolDefinitionError as error:
                problems.append(error.message)
                continue
            self._made[name, mark] = tool
            tools.append(tool)
        self.states, self.problems = tuple(states), tuple(problems)
        return tuple(tools)


def name_of(prefix: str, server_name: str, taken: Iterable[str] = ()) -> str:
    """Return the name that the model is told: the server's with the prefix, as providers accept it, and not `taken`."""
    name = _OTHER.sub("_", prefix + server_name)
    if not _FIRST.match(name):
        name = f"_{name}"
    if len(name) <= MAX_NAME and name not in taken:
        return name
    return f"{name[: MAX_NAME - 9]}_{sha256(server_name.encode()).hexdigest()[:8]}"
