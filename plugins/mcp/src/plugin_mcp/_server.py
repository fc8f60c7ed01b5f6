"""MCPServer: the tools, resources and prompts of one MCP server, for sync and async code.

How it stays connected is in `_link`, the connection itself in `_session`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import partial
from typing import TYPE_CHECKING, Literal, TypedDict, Unpack

from core_llm import InvalidRequestError, InvalidSettingError, Message, ToolCallPart, ToolContext, ToolResultPart
from plugin_mcp._content import Parts, TooLargeError, parts_of, result_of
from plugin_mcp._errors import MCPAnswerError
from plugin_mcp._link import Link
from plugin_mcp._pins import Pins, ToolState
from plugin_mcp._questions import Elicit, Sampling
from plugin_mcp._settings import ApprovalWord, ServerSettings, checked
from plugin_mcp._tools import ApprovalRule, Listing, MCPTool
from plugin_mcp._values import OnProgress, Progress, Prompt, Resource

if TYPE_CHECKING:
    from mcp_types import Tool as ListedTool

    from plugin_mcp._session import Session

logger = logging.getLogger("core_llm.mcp")


class ServerOptions(TypedDict, total=False):
    """What a server may be given besides its command or address; see `ServerSettings` for the first lot."""

    tools: tuple[str, ...] | list[str]
    prefix: str
    trusted_tools: tuple[str, ...] | list[str]
    timeout: float
    connect_timeout: float
    max_result: int
    reconnects: int
    protocol: Literal["auto", "legacy"]
    approval: ApprovalWord | Callable[[ToolCallPart], bool]
    """Whether calls have to be approved: ``always`` (default), ``never``, or a function of the call."""
    pins: Pins
    """What its tools looked like when they were approved; by default what they are when it is first opened."""
    sampling: Sampling
    """Lets it ask a model of ours; it may not if this is not set."""
    elicit: Elicit
    """Asked when it wants to know something of the user, sync or async; it may not if this is not set."""
    on_progress: OnProgress
    """Told how far its calls have come."""


class MCPServer(Link):
    """One MCP server. Open it with `with` or `async with`; `tools` are then there, and follow the server's changes."""

    def __init__(self, settings: ServerSettings, *, name: str, **options: Unpack[ServerOptions]) -> None:
        """Take settings, and what only code can give; nothing is started yet.

        Args:
            settings: How it is reached.
            name: What messages and pins call it, and what its tools' names begin with.
            **options: See `ServerOptions`.

        Raises:
            InvalidSettingError: A setting is unknown or wrong.
        """
        _check(options)
        given = {key: value for key, value in options.items() if key in ServerSettings.model_fields}
        if callable(rule := options.get("approval")):
            del given["approval"]
        if given:
            settings = checked({**settings.model_dump(exclude_unset=True), **given}, f"MCP server {name!r}")
        super().__init__(name, settings, sampling=options.get("sampling"), elicit=options.get("elicit"))
        self._rule: ApprovalRule = rule if callable(rule) else settings.approval
        self._pins = options.get("pins") or Pins()
        self._on_progress = options.get("on_progress")
        prefix = f"{name}_" if settings.prefix is None else settings.prefix
        self._listing = Listing(name, prefix=prefix, allowed=settings.tools, make=self._tool)

    @classmethod
    def stdio(
        cls,
        command: str,
        *args: str,
        name: str,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        **options: Unpack[ServerOptions],
    ) -> MCPServer:
        """Return a server that is started as a process, and speaks through its standard input and output.

        Args:
            command: The program; it is never given to a shell.
            *args: Its arguments.
            name: What messages and pins call it, and what its tools' names begin with.
            env: Its environment, besides HOME, LOGNAME, PATH, SHELL, TERM and USER; nothing else is inherited.
            cwd: The folder it runs in.
            **options: See `ServerOptions`.

        Raises:
            InvalidSettingError: A setting is unknown or wrong.
        """
        given = {"command": command, "args": args, "env": dict(env or {}), "cwd": cwd}
        return cls(checked(given, f"MCP server {name!r}"), name=name, **options)

    @classmethod
    def http(
        cls, url: str, *, name: str, headers: Mapping[str, str] | None = None, **options: Unpack[ServerOptions]
    ) -> MCPServer:
        """Return a server that is reached at an address, by streamable HTTP.

        Args:
            url: Its address.
            name: What messages and pins call it, and what its tools' names begin with.
            headers: Sent with every request; over https only, or to this machine.
            **options: See `ServerOptions`.

        Raises:
            InvalidSettingError: A setting is unknown or wrong.
        """
        given = {"url": url, "headers": dict(headers or {})}
        return cls(checked(given, f"MCP server {name!r}"), name=name, **options)

    # Tools

    @property
    def states(self) -> tuple[ToolState, ...]:
        """Every tool that is allowed, with whether it is offered."""
        return self._listing.states

    def approve(self, *names: str) -> None:
        """Approve tools that have changed, by their names; from now on they are offered as they are now.

        Raises:
            InvalidRequestError: There is no such tool.
        """
        found = {state.name: state for state in self.states} | {state.server_name: state for state in self.states}
        if missing := [name for name in names if name not in found]:
            msg = f"MCP server {self.name!r} lists no tool {missing[0]!r}; it lists: {', '.join(found) or 'none'}"
            raise InvalidRequestError(msg)
        self._pins.set(self.name, {found[name].server_name: found[name].fingerprint for name in names})
        self._offer()

    def _tool(self, listed: ListedTool, name: str) -> MCPTool:
        is_trusted = listed.name in self.settings.trusted_tools
        rule: ApprovalRule = "never" if is_trusted else self._rule
        return MCPTool(
            listed, server=self.name, name=name, call=self._call, approval=rule, timeout=self.settings.timeout
        )

    def _offer(self) -> None:
        self.offer(self._listing.offered(self._pins.of(self.name)))
        for state in self.states:
            if state.state == "changed":
                logger.warning(
                    "MCP server %r: its tool %r is not what was approved, and is not offered before it is approved",
                    self.name,
                    state.server_name,
                )
        for problem in self._listing.problems:
            logger.warning("MCP server %r: %s", self.name, problem)

    async def _refresh(self, session: Session) -> None:
        """List the tools; those that were never seen are pinned as they are."""
        marks = self._listing.read(await session.tools())
        known = self._pins.of(self.name)
        self._pins.set(self.name, {name: mark for name, mark in marks.items() if name not in known})
        self._offer()

    async def _call(self, name: str, call: ToolCallPart, context: ToolContext[object] | None) -> ToolResultPart:
        return await self.at_home(partial(self._call_at_home, name, call, context))

    async def _call_at_home(self, name: str, call: ToolCallPart, context: ToolContext[object] | None) -> ToolResultPart:
        session = await self._opened_session()

        async def on_progress(progress: float, total: float | None, message: str | None) -> None:
            told = Progress(self.name, name, call.id, progress, total, message)
            if context is not None:
                context.logger.debug("progress: %s", told)
            if self._on_progress is not None:
                self._on_progress(told)

        request = partial(session.client.call_tool, name, dict(call.arguments or {}), progress_callback=on_progress)
        result = await session.ask(request)
        try:
            return result_of(result, call.id, call.name, self.settings.max_result)
        except TooLargeError as error:
            raise self._too_large(error, f"the result of {name!r}") from None

    def _too_large(self, error: TooLargeError, what: str) -> MCPAnswerError:
        limit = self.settings.max_result
        return MCPAnswerError(
            f"{what} has {error.size} bytes or more; at most {limit} are passed on. Ask for less", server=self.name
        )

    # Resources and prompts

    def resources(self) -> tuple[Resource, ...]:
        """Return the resources that the server lists, for sync code.

        Raises:
            MCPServerError: It failed.
        """
        return self.wait_for(self._resources)

    async def aresources(self) -> tuple[Resource, ...]:
        """Return the resources that the server lists.

        Raises:
            MCPServerError: It failed.
        """
        return await self.at_home(self._resources)

    def read_resource(self, uri: str) -> Parts:
        """Return what a resource holds, as parts that can go into a message, for sync code.

        Raises:
            MCPServerError: It failed, or the resource is too large.
        """
        return self.wait_for(partial(self._read_resource, uri))

    async def aread_resource(self, uri: str) -> Parts:
        """Return what a resource holds, as parts that can go into a message.

        Raises:
            MCPServerError: It failed, or the resource is too large.
        """
        return await self.at_home(partial(self._read_resource, uri))

    def prompts(self) -> tuple[Prompt, ...]:
        """Return the prompts that the server lists, for sync code.

        Raises:
            MCPServerError: It failed.
        """
        return self.wait_for(self._prompts)

    async def aprompts(self) -> tuple[Prompt, ...]:
        """Return the prompts that the server lists.

        Raises:
            MCPServerError: It failed.
        """
        return await self.at_home(self._prompts)

    def prompt(self, prompt_name: str, /, **arguments: str) -> tuple[Message, ...]:
        """Return a prompt as messages, ready to be sent, for sync code.

        Raises:
            MCPServerError: It failed, or the prompt is too large.
        """
        return self.wait_for(partial(self._prompt, prompt_name, arguments))

    async def aprompt(self, prompt_name: str, /, **arguments: str) -> tuple[Message, ...]:
        """Return a prompt as messages, ready to be sent.

        Raises:
            MCPServerError: It failed, or the prompt is too large.
        """
        return await self.at_home(partial(self._prompt, prompt_name, arguments))

    async def _resources(self) -> tuple[Resource, ...]:
        session = await self._opened_session()
        listed = await session.resources()
        return tuple(Resource(r.uri, r.name, r.description or "", r.mime_type, r.size) for r in listed)

    async def _read_resource(self, uri: str) -> Parts:
        session = await self._opened_session()
        read = await session.ask(partial(session.client.read_resource, uri))
        try:
            return parts_of(read.contents, self.settings.max_result)
        except TooLargeError as error:
            raise self._too_large(error, f"the resource {uri!r}") from None

    async def _prompts(self) -> tuple[Prompt, ...]:
        session = await self._opened_session()
        listed = await session.prompts()
        return tuple(
            Prompt(
                p.name,
                p.description or "",
                tuple(argument.name for argument in p.arguments or () if argument.required),
                tuple(argument.name for argument in p.arguments or () if not argument.required),
            )
            for p in listed
        )

    async def _prompt(self, name: str, arguments: Mapping[str, str]) -> tuple[Message, ...]:
        session = await self._opened_session()
        read = await session.ask(partial(session.client.get_prompt, name, dict(arguments)))
        try:
            parts = [(said.role, parts_of([said.content], self.settings.max_result)) for said in read.messages]
        except TooLargeError as error:
            raise self._too_large(error, f"the prompt {name!r}") from None
        return tuple(Message(role=role, parts=content) for role, content in parts)


def _check(options: Mapping[str, object]) -> None:
    known = ServerOptions.__annotations__
    for name in options:
        if name not in known:
            near = get_close_matches(name, known, 1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; it takes {', '.join(known)}"
            raise InvalidSettingError(f"an MCP server takes no {name!r}{hint}")
