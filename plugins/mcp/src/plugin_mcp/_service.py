"""MCPService: tools and models of ours as an MCP server, over standard input and output or streamable HTTP.

The way in is narrow: only what is named is offered, tools that need approval are left to whoever can give it, and over
HTTP the server listens on this machine only, refuses the pages of browsers (their Origin), and may ask for a token.
"""

from __future__ import annotations

import hmac
import socket
import sys
from collections.abc import Awaitable, Callable, Collection, Iterable, MutableMapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from core_llm import (
    CallOptions,
    Client,
    InvalidRequestError,
    Message,
    Signal,
    Tool,
    ToolCallPart,
    ToolContext,
    ToolManager,
)
from core_llm.wire import JSONObject
from plugin_mcp._content import blocks_of
from plugin_mcp._settings import is_loopback

if TYPE_CHECKING:
    import mcp_types as types
    from mcp.server.context import ServerRequestContext
    from mcp.server.lowlevel import Server
    from mcp_types import CallToolRequestParams, PaginatedRequestParams

Receive = Callable[[], Awaitable[MutableMapping[str, object]]]
Send = Callable[[MutableMapping[str, object]], Awaitable[None]]
App = Callable[[MutableMapping[str, object], Receive, Send], Awaitable[None]]

ASK_MODEL = "ask_model"
MODEL_SECONDS = 1800.0
"""How long a model may take; its client's own limits are usually shorter."""
NOT_WHOLE = ("length", "content_filter", "error")
"""Reasons for which an answer ends before its end, which a client cannot tell from its text."""
PATH = "/mcp"


class MCPService:
    """Tools and models of ours, for MCP clients.

    Attributes:
        manager: The tools, that of the models among them.
    """

    def __init__(
        self,
        tools: Iterable[Tool[..., object] | Callable[..., object]] = (),
        *,
        models: Sequence[str] = (),
        client: Client | None = None,
        name: str = "core-llm",
        without_approval: Collection[str] = (),
    ) -> None:
        """Take what is offered.

        Args:
            tools: Tools and plain functions.
            models: Model ids; they are asked through one tool, ``ask_model``.
            client: Who asks the models.
            name: What the server calls itself.
            without_approval: Tools that are offered though their calls need approval: the client's user gives it.

        Raises:
            InvalidRequestError: Nothing is offered, models have no client, or a tool's calls need approval.
            DuplicateToolError: Two tools have one name.
        """
        if models and client is None:
            msg = "models need a client that asks them: pass client="
            raise InvalidRequestError(msg)
        self.manager = ToolManager(tools)
        self._name = name
        for tool in self.manager:
            if tool.approval != "never" and tool.name not in without_approval:
                msg = (
                    f"calls of the tool {tool.name!r} need approval, and an MCP server has nobody to ask; allow it by "
                    f"name if the clients' users approve calls"
                )
                raise InvalidRequestError(msg)
        if models and client is not None:
            self.manager.register(_model_tool(client, models))
        if not len(self.manager):
            msg = "there is nothing to offer: name tools or models"
            raise InvalidRequestError(msg)

    def server(self) -> Server:
        """Return a server of the SDK that offers it all."""
        from mcp.server.lowlevel import Server  # noqa: PLC0415  # the SDK is heavy

        return Server(self._name, version="0.1.0", on_list_tools=self._list_tools, on_call_tool=self._call_tool)

    async def _list_tools(
        self,
        context: ServerRequestContext,  # noqa: ARG002  # of the SDK's protocol
        params: PaginatedRequestParams | None,  # noqa: ARG002  # the same
    ) -> types.ListToolsResult:
        import mcp_types as types  # noqa: PLC0415  # as above

        listed = [
            types.Tool(name=tool.name, description=tool.description, input_schema=tool.parameters)
            for tool in self.manager
        ]
        return types.ListToolsResult(tools=listed)

    async def _call_tool(self, context: ServerRequestContext, params: CallToolRequestParams) -> types.CallToolResult:
        import mcp_types as types  # noqa: PLC0415  # as above

        call = ToolCallPart(id=str(context.request_id), name=params.name, arguments=dict(params.arguments or {}))
        result = await self.manager.call(call)
        return types.CallToolResult(content=blocks_of(result.content), is_error=result.is_error)

    async def run_stdio(self) -> None:
        """Serve one client through standard input and output, until it closes them."""
        from mcp.server.stdio import stdio_server  # noqa: PLC0415  # as above

        server = self.server()
        async with stdio_server() as (reading, writing):
            await server.run(reading, writing, server.create_initialization_options())

    def app(
        self,
        host: str = "127.0.0.1",
        *,
        hosts: Sequence[str] = (),
        origins: Sequence[str] = (),
        token: str | None = None,
    ) -> App:
        """Return an ASGI application that serves it at ``/mcp``.

        Args:
            host: Where it will listen. Anything but this machine needs a token.
            hosts: Names by which clients may call it besides this machine's own, such as ``tools.example:443``.
            origins: Origins whose pages may call it, such as ``https://app.example``; by default none may.
            token: What clients have to send as ``Authorization: Bearer``.

        Raises:
            InvalidRequestError: It would be open to everybody.
        """
        from mcp.server.transport_security import TransportSecuritySettings  # noqa: PLC0415  # as above

        if token is not None and not token.strip():
            msg = "the token is empty: everybody could send it"
            raise InvalidRequestError(msg)
        if not is_loopback(host) and token is None:
            msg = f"on {host} everybody could call it; set a token, or listen on 127.0.0.1"
            raise InvalidRequestError(msg)
        local = ["127.0.0.1:*", "localhost:*", "[::1]:*"]
        own = [] if is_loopback(host) or host in ("0.0.0.0", "::") else [f"{host}:*"]  # noqa: S104  # what is asked for
        security = TransportSecuritySettings(allowed_hosts=[*local, *own, *hosts], allowed_origins=list(origins))
        app = self.server().streamable_http_app(streamable_http_path=PATH, host=host, transport_security=security)
        return app if token is None else _guarded(app, token)

    async def run_http(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        hosts: Sequence[str] = (),
        origins: Sequence[str] = (),
        token: str | None = None,
        listening: Callable[[str], None] | None = None,
    ) -> None:
        """Serve clients over streamable HTTP until cancelled or interrupted.

        Args:
            host: Where to listen.
            port: The port; 0 for one that is free.
            hosts: See `app`.
            origins: See `app`.
            token: See `app`.
            listening: Told the address.

        Raises:
            InvalidRequestError: It would be open to everybody, or the port cannot be had.
        """
        import uvicorn  # noqa: PLC0415  # heavy, and only for this

        app = self.app(host, hosts=hosts, origins=origins, token=token)
        try:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            bound = socket.create_server((host, port), family=family)
        except OSError as error:
            msg = f"cannot listen on {host}, port {port}: {error.strerror}"
            raise InvalidRequestError(msg) from None
        with bound:
            if listening is not None:
                shown = f"[{host}]" if ":" in host else host
                listening(f"http://{shown}:{bound.getsockname()[1]}{PATH}")
            settings = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=3)
            await uvicorn.Server(settings).serve([bound])


def _model_tool(client: Client, models: Sequence[str]) -> Tool[..., object]:
    """Return the tool that asks a model; only those that are named can be."""
    for model in models:
        client.provider(model.partition(":")[0])  # what cannot be asked is said now

    def ask(model: str, prompt: str, system: str | None = None, signal: Signal | None = None) -> str:
        said = [Message.user(prompt)] if system is None else [Message.system(system), Message.user(prompt)]
        options: CallOptions = {} if signal is None else {"signal": signal}
        response = client.generate(model, said, **options)
        if (reason := response.finish_reason) not in NOT_WHOLE:
            return response.text
        return f"{response.text}{response.refusal or ''}\n\n[{model} did not finish this answer: {reason}]"

    parameters: JSONObject = {
        "type": "object",
        "properties": {
            "model": {"type": "string", "enum": [*models], "description": "The model to ask."},
            "prompt": {"type": "string", "description": "What it is asked."},
            "system": {"type": "string", "description": "An instruction put before the question."},
        },
        "required": ["model", "prompt"],
        "additionalProperties": False,
    }
    description = "Ask a language model."
    return _ModelTool(
        ask, name=ASK_MODEL, parameters=parameters, description=description, timeout=MODEL_SECONDS, max_retries=0
    )


class _ModelTool(Tool[..., object]):
    """Asks a model until the client cancels the call."""

    def bind(self, call: ToolCallPart, context: ToolContext[object]) -> partial[object]:
        """Return what asks the model; the signal is the call's, whatever the arguments hold."""
        return partial(super().bind(call, context), signal=context.signal)


def _guarded(app: App, token: str) -> App:
    """Return the application behind a token."""
    wanted = f"Bearer {token}".encode()

    async def guarded(scope: MutableMapping[str, object], receive: Receive, send: Send) -> None:
        headers = scope.get("headers", ())
        given = next((value for name, value in headers if name == b"authorization"), b"")  # type: ignore[attr-defined]
        if scope["type"] != "http" or hmac.compare_digest(given, wanted):
            await app(scope, receive, send)
            return
        head = [(b"www-authenticate", b"Bearer"), (b"content-length", b"0")]
        await send({"type": "http.response.start", "status": 401, "headers": head})
        await send({"type": "http.response.body", "body": b""})

    return guarded


def say(line: str) -> None:
    """Write a line to standard error."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
