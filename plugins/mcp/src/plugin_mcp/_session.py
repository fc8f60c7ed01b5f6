"""One connection to a server, on the official SDK: opened, watched, and its errors translated. Imported when needed.

What is done with it, and what comes after it is lost, is in `_server`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

import anyio
import httpx2  # noqa: TID251  # the SDK takes headers and limits of time on a client of its own library
import mcp
import mcp_types as types
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.client.subscriptions import SubscriptionLost
from mcp.shared.exceptions import MCPError as ProtocolError
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import ValidationError

from core_llm import CoreLLMError
from plugin_mcp._errors import MCPAnswerError, MCPConnectionError, MCPServerError, MCPTimeoutError
from plugin_mcp._stderr import ErrorOutput

if TYPE_CHECKING:
    from mcp.client._transport import TransportStreams
    from mcp.client.session import ElicitationFnT, IncomingMessage, SamplingFnT

    from plugin_mcp._settings import ServerSettings

T = TypeVar("T")

MAX_PAGES = 100
"""Pages of a listing that are read."""
FAILED, NOT_FOUND, SESSION_ID = 400, 404, "mcp-session-id"
NEW_LISTEN_SECONDS = 5.0
STDERR_SECONDS = 0.5


@dataclass(slots=True)
class Callbacks:
    """What a server may ask of us, and tell us."""

    sampling: SamplingFnT | None = None
    elicitation: ElicitationFnT | None = None
    tools_changed: Callable[[], None] = field(default=lambda: None)


class Loss:
    """The end of a connection, which the server or the network may bring about at any time.

    Attributes:
        status: Of the last answer over HTTP; None where there was none.
    """

    def __init__(self) -> None:
        self.status: int | None = None
        self._event = anyio.Event()
        self.then: Callable[[], None] = lambda: None

    def set(self) -> None:
        """Note that it has come."""
        if not self._event.is_set():
            self._event.set()
            self.then()

    def is_set(self) -> bool:
        """Whether it has come."""
        return self._event.is_set()

    async def wait(self) -> None:
        """Wait for it."""
        await self._event.wait()


class Session:
    """An open connection.

    Attributes:
        client: The SDK's.
        gone: Set when it was lost.
    """

    def __init__(self, name: str, client: mcp.Client, gone: Loss, scrubbed: Callable[[str], str]) -> None:
        self.client = client
        self.gone = gone
        self._name = name
        self._scrubbed = scrubbed

    async def ask(self, request: Callable[[], Awaitable[T]]) -> T:
        """Make a request and return its answer.

        Raises:
            MCPServerError: It failed; says how.
        """
        try:
            return await request()
        except Exception as error:  # noqa: BLE001  # the SDK raises its own, the HTTP library's and pydantic's
            failure = translated(error, self._name, self._scrubbed)
        if self.gone.is_set() and isinstance(failure, MCPAnswerError):
            failure = MCPConnectionError("it has forgotten the session, or ended it", server=self._name)
        if isinstance(failure, MCPConnectionError):
            self.gone.set()
        raise failure

    async def tools(self) -> list[types.Tool]:
        """Return all tools that the server lists; none if it has none."""
        return await self._all(self.client.server_capabilities.tools, self.client.list_tools, "tools")

    async def resources(self) -> list[types.Resource]:
        """Return all resources that the server lists; none if it has none."""
        return await self._all(self.client.server_capabilities.resources, self.client.list_resources, "resources")

    async def prompts(self) -> list[types.Prompt]:
        """Return all prompts that the server lists; none if it has none."""
        return await self._all(self.client.server_capabilities.prompts, self.client.list_prompts, "prompts")

    async def _all(self, capability: object, ask: Callable[..., Awaitable[object]], kind: str) -> list[T]:
        """Return what all pages of a listing have."""
        listed: list[T] = []
        cursor: str | None = None
        for _ in range(MAX_PAGES if capability is not None else 0):
            page = await self.ask(partial(ask, cursor=cursor))
            listed += getattr(page, kind)
            cursor = getattr(page, "next_cursor", None)
            if cursor is None:
                break
        return listed


@asynccontextmanager
async def opened(
    name: str, settings: ServerSettings, callbacks: Callbacks, scrubbed: Callable[[str], str]
) -> AsyncGenerator[Session]:
    """Start or reach a server and greet it; leaving the block ends the connection, and the process.

    Raises:
        MCPServerError: It cannot be started or reached, or does not greet; says why.
    """
    gone = Loss()
    errors = None if settings.command is None else ErrorOutput(name, scrubbed)
    greeted = False
    try:
        with anyio.CancelScope(deadline=anyio.current_time() + settings.connect_timeout) as scope:
            async with _client(settings, callbacks, errors, gone) as client, anyio.create_task_group() as group:
                scope.deadline = float("inf")
                greeted = True
                if client.protocol_version in MODERN_PROTOCOL_VERSIONS:
                    group.start_soon(_listen, client, callbacks.tools_changed)
                try:
                    yield Session(name, client, gone, scrubbed)
                finally:
                    group.cancel_scope.cancel()
    except Exception as error:
        if greeted:
            raise
        if errors is not None:
            errors.close(STDERR_SECONDS)
        if gone.status is not None and gone.status >= FAILED:  # the SDK says only that there was an error
            raise MCPAnswerError(f"{settings.url} answered with HTTP {gone.status}", server=name) from None
        last = f"; it said: {errors.last}" if errors is not None and errors.last else ""
        raise _not_reached(error, name, settings, scrubbed, last) from None
    finally:
        if errors is not None:
            errors.close()
    if scope.cancelled_caught:
        raise MCPTimeoutError(f"it did not greet within {settings.connect_timeout:g} s", server=name)


@asynccontextmanager
async def _client(
    settings: ServerSettings, callbacks: Callbacks, errors: ErrorOutput | None, gone: Loss
) -> AsyncGenerator[mcp.Client]:
    async def on_message(message: IncomingMessage) -> None:
        if isinstance(message, types.ToolListChangedNotification):
            callbacks.tools_changed()

    async with _transport(settings, errors, gone) as transport:
        client = mcp.Client(
            _Watched(transport, gone),
            read_timeout_seconds=settings.timeout,
            sampling_callback=callbacks.sampling,
            elicitation_callback=callbacks.elicitation,
            message_handler=on_message,
            client_info=types.Implementation(name="core-llm", version="0.1.0"),
            cache=None,
            mode=settings.protocol,
        )
        async with client:
            yield client


@asynccontextmanager
async def _transport(
    settings: ServerSettings, errors: ErrorOutput | None, gone: Loss
) -> AsyncGenerator[AbstractAsyncContextManager[TransportStreams]]:
    if settings.command is not None:
        assert errors is not None  # noqa: S101  # whoever starts a process hears it
        parameters = StdioServerParameters(
            command=settings.command,
            args=list(settings.args),
            env={key: value.get_secret_value() for key, value in settings.env.items()},
            cwd=settings.cwd,
            encoding_error_handler="replace",
        )
        yield stdio_client(parameters, errlog=errors.file)  # type: ignore[arg-type]  # any file will do
        return
    assert settings.url is not None  # noqa: S101  # the settings are checked
    headers = {name: value.get_secret_value() for name, value in settings.headers.items()}
    limits = httpx2.Timeout(settings.timeout, connect=settings.connect_timeout, read=None)  # the session limits answers

    async def look(response: httpx2.Response) -> None:
        """Note that a server does not know the session: the protocol says 404, the SDK hands on its words alone."""
        gone.status = response.status_code
        if response.status_code == NOT_FOUND and SESSION_ID in response.request.headers:
            gone.set()

    hooks = {"response": [look]}
    async with httpx2.AsyncClient(headers=headers, timeout=limits, follow_redirects=False, event_hooks=hooks) as client:
        yield streamable_http_client(settings.url, http_client=client)


class _Watched:
    """A transport that says when the server ends the connection; the SDK tells only requests that wait."""

    def __init__(self, inner: AbstractAsyncContextManager[TransportStreams], gone: Loss) -> None:
        self._inner = inner
        self._gone = gone

    async def __aenter__(self) -> TransportStreams:
        read, write = await self._inner.__aenter__()
        return _WatchedStream(read, self._gone), write  # type: ignore[return-value]  # a stream for all that is used

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        return await self._inner.__aexit__(kind, error, traceback)


class _WatchedStream:
    def __init__(self, inner: object, gone: Loss) -> None:
        self._inner = inner
        self._gone = gone

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    async def receive(self) -> object:
        try:
            return await self._inner.receive()  # type: ignore[attr-defined]  # the SDK's stream
        except (anyio.EndOfStream, anyio.ClosedResourceError):
            self._gone.set()
            raise

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> object:
        try:
            return await self.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._inner.aclose()  # type: ignore[attr-defined]  # the same


async def _listen(client: mcp.Client, tools_changed: Callable[[], None]) -> None:
    """Hear of changed tools from a server of the protocol's newer kind, which tells only those who listen."""
    if client.server_capabilities.tools is None:
        return
    while True:
        try:
            async with client.listen(tools_list_changed=True) as changes:
                async for _ in changes:
                    tools_changed()
        except ProtocolError as error:
            if error.code == types.METHOD_NOT_FOUND:
                return
        except (SubscriptionLost, TimeoutError):
            pass
        await anyio.sleep(NEW_LISTEN_SECONDS)
        tools_changed()  # what changed meanwhile was not told


def translated(error: BaseException, name: str, scrubbed: Callable[[str], str]) -> MCPServerError:
    """Return what an exception of the SDK means; nothing leads to the exception itself, which may hold headers."""
    error = _first(error)
    said = scrubbed(str(error))
    match error:
        case MCPServerError():
            return error
        case CoreLLMError():  # of ours: the file of pins
            return MCPServerError(error.message, server=name)
        case ProtocolError(code=types.CONNECTION_CLOSED):
            return MCPConnectionError(f"the connection was lost ({said})", server=name)
        case ProtocolError(code=types.REQUEST_TIMEOUT):
            return MCPTimeoutError(said, server=name)
        case ProtocolError(code=code):
            return MCPAnswerError(f"{said or 'it answered with an error'} (code {code})", server=name)
        case ValidationError():
            return MCPAnswerError("its answer does not fit the protocol", server=name)
        case TimeoutError() | httpx2.TimeoutException():
            return MCPTimeoutError("it did not answer in time", server=name)
        case OSError() | httpx2.HTTPError() | anyio.BrokenResourceError() | anyio.ClosedResourceError():
            return MCPConnectionError(said or type(error).__name__, server=name)
        case _:
            return MCPAnswerError(f"{type(error).__name__}: {said}", server=name)


def _not_reached(
    error: BaseException, name: str, settings: ServerSettings, scrubbed: Callable[[str], str], last: str
) -> MCPServerError:
    """Return why a server could not be opened, in words that say what to look at."""
    error = _first(error)
    if isinstance(error, FileNotFoundError | PermissionError | NotADirectoryError) and settings.command is not None:
        return MCPConnectionError(f"{settings.command!r} cannot be started: {error.strerror}", server=name)
    failure = translated(error, name, scrubbed)
    if isinstance(failure, MCPConnectionError):
        what = f"{settings.command!r} ended at once" if settings.url is None else f"{settings.url} cannot be reached"
        return MCPConnectionError(f"{what} ({scrubbed(str(error)) or type(error).__name__}){last}", server=name)
    return failure


def _first(error: BaseException) -> BaseException:
    """Return the first exception of a group, which is what went wrong; the others followed from it."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
