"""The only module that knows the HTTP library and opens sockets: `httpx`, or its fork `httpx2` where asked for.

It sends one request and reads its answer, sync or async, and can cut an answer off from any thread: it knows the socket
that a call is using and shuts it down, which wakes a blocked read at once (closing would not). What the library raises
becomes a `Failed` value here. It knows nothing of retries, deadlines or wires.
"""

from __future__ import annotations

import importlib
import math
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING

from core_llm._config_model import TransportName
from core_llm._errors import ConfigError, RedactedCause
from core_llm._inflate import inflate_for
from core_llm._logging import redact_logs_of
from core_llm._pools import Pool, Pools
from core_llm._provider import OutgoingRequest
from core_llm._sockets import close_broken_handshakes, current, has_leftovers, shut_down, watch_sockets
from core_llm._stream.effects import Failed, Head
from core_llm._stream.ports import Watch

if TYPE_CHECKING:
    from types import ModuleType

    import httpx

    SyncHTTPClient = httpx.Client
    AsyncHTTPClient = httpx.AsyncClient


def library(name: TransportName) -> ModuleType:
    """Import the HTTP library.

    Raises:
        ConfigError: It is not installed.
    """
    redact_logs_of(name)
    try:
        return importlib.import_module(name)
    except ImportError:
        msg = f"transport {name!r} is not installed; run: pip install 'core-llm[{name}]'"
        raise ConfigError(msg) from None


def library_of(client: object) -> ModuleType:
    """Return the library that a caller's own client belongs to.

    Raises:
        ConfigError: It is a client of neither.
    """
    for name in ("httpx", "httpx2"):
        module = sys.modules.get(name)
        if module is not None and isinstance(client, module.Client | module.AsyncClient):
            redact_logs_of(name)
            return module
    msg = f"http_client must be a client of httpx or httpx2, not {type(client).__module__}.{type(client).__qualname__}"
    raise ConfigError(msg)


def failure(error: Exception, lib: ModuleType) -> Failed:
    """Return what an exception of the library stands for."""
    cause = _cause(error)
    if isinstance(error, lib.ConnectTimeout | lib.PoolTimeout):
        return Failed("timeout", cause, limit="connect")
    if isinstance(error, lib.TimeoutException):
        return Failed("timeout", cause, limit="first_event")
    if isinstance(error, lib.ConnectError | lib.ProxyError):
        return Failed("connect", cause)
    if isinstance(error, lib.RemoteProtocolError | lib.DecodingError):
        return Failed("protocol", cause)
    return Failed("network", cause)


def sending_failure(error: Exception, lib: ModuleType) -> Failed:
    """Return what an exception before the head of the answer stands for."""
    if isinstance(error, lib.LocalProtocolError):
        # Its text may go on with the header's value.
        return Failed("config", RedactedCause(_name_of(error), str(error).partition(" b'")[0]))
    # An OSError that the library left as it is: async, it does so with what TLS raises after its handshake.
    if isinstance(error, lib.UnsupportedProtocol | lib.InvalidURL) or not isinstance(
        error, lib.TransportError | OSError
    ):
        return Failed("config", RedactedCause.of(error))
    return failure(error, lib)


def _cause(error: BaseException) -> RedactedCause:
    """Return the stand-in for an exception; where it says nothing itself, what caused it is asked."""
    told: BaseException | None = error
    while told is not None and not str(told):
        told = told.__cause__ or told.__context__
    return RedactedCause(_name_of(error), "" if told is None else str(told))


def _name_of(error: BaseException) -> str:
    return f"{type(error).__module__}.{type(error).__qualname__}"


def _request(lib: ModuleType, request: OutgoingRequest, connect: float, read: float = math.inf) -> httpx.Request:
    limits = {"connect": connect, "pool": connect, "read": read, "write": read}
    timeout = {name: None if seconds == math.inf else seconds for name, seconds in limits.items()}
    made: httpx.Request = lib.Request(
        request.method,
        request.url,
        headers=request.headers,
        content=request.content or None,
        extensions={"timeout": timeout},
    )
    return made


def _async_request(lib: ModuleType, request: OutgoingRequest, connect: float, read: float = math.inf) -> httpx.Request:
    made = _request(lib, request, connect, read)
    if request.content:
        made.stream = _body_class(lib)(request.content)
    return made


@cache
def _body_class(lib: ModuleType) -> Callable[[bytes], httpx.AsyncByteStream]:
    """Return a class of bodies that leave no generator behind where sending stops early: trio warns of those."""

    class Body(lib.AsyncByteStream):  # type: ignore[misc, name-defined]  # of either library
        def __init__(self, content: bytes) -> None:
            self._content = content

        def __aiter__(self) -> AsyncIterator[bytes]:
            return _Once(self._content)

    return Body


class _Once:
    """An iterator over one thing."""

    def __init__(self, content: bytes) -> None:
        self._left = [content]

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if not self._left:
            raise StopAsyncIteration
        return self._left.pop()


def _head(response: httpx.Response) -> Head:
    return Head(response.status_code, {name.lower(): value for name, value in response.headers.items()})


def _socket_of(response: httpx.Response) -> object:
    stream = response.extensions.get("network_stream")
    return None if stream is None else stream.get_extra_info("socket")


class SyncAnswer:
    """An answer whose head has come."""

    def __init__(self, response: httpx.Response, lib: ModuleType, pool: Pool[httpx.BaseTransport] | None) -> None:
        self.head = _head(response)
        self._response = response
        self._pool = pool
        self._lib = lib
        self._socket = _socket_of(response)
        chunks: Iterator[bytes] = iter(response.stream)  # type: ignore[arg-type]  # it is a sync one
        read = self.read = chunks.__next__
        if (inflate := inflate_for(self.head.headers)) is not None:
            self.read = lambda: inflate(read())

    def failure(self, error: Exception) -> Failed:
        """Return what an exception of `read` stands for."""
        return failure(error, self._lib)

    def shut_down(self) -> None:
        """Cut the connection, from any thread."""
        shut_down(self._socket)

    def drain(self) -> None:
        """Read what is left, so that the connection can be used again."""
        try:
            while True:
                self.read()
        except StopIteration:
            return
        except Exception:  # noqa: BLE001  # it cannot be used again then
            self.shut_down()

    def close(self) -> None:
        """Give the connection back if the answer has come to its end; close it otherwise."""
        if has_leftovers(self._response):
            self.shut_down()
        pool, self._pool = self._pool, None
        try:
            with suppress(Exception):  # it is closed either way
                self._response.close()
        finally:
            if pool is not None:
                pool.release()


class AsyncAnswer:
    """An answer whose head has come, under async."""

    def __init__(self, response: httpx.Response, lib: ModuleType, pool: Pool[httpx.AsyncBaseTransport] | None) -> None:
        self.head = _head(response)
        self._response = response
        self._pool = pool
        self._lib = lib
        self._socket = _socket_of(response)
        self.can_shut_down = self._socket is not None
        chunks: AsyncIterator[bytes] = response.stream.__aiter__()  # type: ignore[union-attr]  # it is an async one
        self._read_raw = chunks.__anext__
        self.read: Callable[[], Awaitable[bytes]] = self._read_raw
        if (inflate := inflate_for(self.head.headers)) is not None:
            self._inflate = inflate
            self.read = self._read_inflated

    async def _read_inflated(self) -> bytes:
        return self._inflate(await self._read_raw())

    def failure(self, error: Exception) -> Failed:
        """Return what an exception of `read` stands for."""
        return failure(error, self._lib)

    def shut_down(self) -> None:
        """Cut the connection, from any thread."""
        shut_down(self._socket)

    async def drain(self) -> None:
        """Read what is left, so that the connection can be used again."""
        try:
            while True:
                await self._read_raw()
        except StopAsyncIteration:
            return
        except Exception:  # noqa: BLE001  # it cannot be used again then
            self.shut_down()

    async def close(self) -> None:
        """Give the connection back if the answer has come to its end; close it otherwise."""
        if has_leftovers(self._response):
            self.shut_down()
        pool, self._pool = self._pool, None
        try:
            with suppress(Exception):  # it is closed either way
                await self._response.aclose()
        finally:
            if pool is not None:
                pool.release()

    async def discard(self) -> None:
        """Close the connection, wherever the answer is."""
        self.shut_down()
        if self.can_shut_down:
            await (
                self.drain()
            )  # to its near end: trio warns of the library's generators if they are dropped before theirs
        await self.close()


class SyncTransport:
    """Sends requests of one client; its connections are pooled and shared between threads."""

    def __init__(self, name: TransportName = "httpx", client: SyncHTTPClient | None = None) -> None:
        self._name = name
        self._client = client
        self._lib = None if client is None else library_of(client)
        if self._lib is not None and not isinstance(client, self._lib.Client):
            msg = "http_client is an async client; give it to AsyncClient, or pass a sync one"
            raise ConfigError(msg)
        for transport in (getattr(client, "_transport", None), *getattr(client, "_mounts", {}).values()):
            watch_sockets(transport)
        self._pools: Pools[httpx.BaseTransport] = Pools(_make)

    def send(self, request: OutgoingRequest, connect: float, read: float, watch: Watch) -> SyncAnswer | Failed:
        """Send a request and wait for the head of its answer; `watch` learns which socket is in use."""
        lib = self._lib = self._lib or library(self._name)
        current.watch = watch
        try:
            if self._client is None:
                return self._send_pooled(lib, request, connect)
            built = _request(lib, request, connect, read)
            return SyncAnswer(self._client.send(built, stream=True, follow_redirects=False), lib, None)
        except Exception as error:  # noqa: BLE001  # nothing of the library may escape
            return sending_failure(error, lib)
        finally:
            current.watch = None

    def _send_pooled(self, lib: ModuleType, request: OutgoingRequest, connect: float) -> SyncAnswer:
        built = _request(lib, request, connect)
        pool = self._pools.take(lib, request.url)
        try:
            return SyncAnswer(pool.transport.handle_request(built), lib, pool)
        except BaseException:
            pool.release()
            raise

    def cut(self, sockets: Sequence[object]) -> None:
        """Shut the sockets down, from any thread."""
        for sock in sockets:
            shut_down(sock)

    def close(self) -> None:
        """Close the pooled connections; a caller's own client is the caller's to close."""
        for transport in self._pools.taken():
            transport.close()

    def __del__(self) -> None:
        """Close the connections of a client that nobody closed; Python would warn of each."""
        with suppress(Exception):  # whatever is left of the library while the interpreter ends
            self.close()


class AsyncTransport:
    """Sends requests on one event loop."""

    def __init__(self, name: TransportName = "httpx", client: AsyncHTTPClient | None = None) -> None:
        self._name = name
        self._client = client
        self._lib = None if client is None else library_of(client)
        if self._lib is not None and not isinstance(client, self._lib.AsyncClient):
            msg = "http_client is a sync client; give it to Client, or pass an async one"
            raise ConfigError(msg)
        self._pools: Pools[httpx.AsyncBaseTransport] = Pools(_make_async)

    async def send(self, request: OutgoingRequest, connect: float, read: float) -> AsyncAnswer | Failed:
        """Send a request and wait for the head of its answer."""
        lib = self._lib = self._lib or library(self._name)
        try:
            if self._client is None:
                return await self._send_pooled(lib, request, connect)
            built = _async_request(lib, request, connect, read)
            return AsyncAnswer(await self._client.send(built, stream=True, follow_redirects=False), lib, None)
        except Exception as error:  # noqa: BLE001  # nothing of the library may escape
            return sending_failure(error, lib)

    async def _send_pooled(self, lib: ModuleType, request: OutgoingRequest, connect: float) -> AsyncAnswer:
        built = _async_request(lib, request, connect)
        pool = self._pools.take(lib, request.url)
        try:
            return AsyncAnswer(await pool.transport.handle_async_request(built), lib, pool)
        except BaseException:
            pool.release()
            raise

    async def close(self) -> None:
        """Close the pooled connections; a caller's own client is the caller's to close."""
        for transport in self._pools.taken():
            await transport.aclose()


def _make(lib: ModuleType, options: dict[str, object]) -> httpx.BaseTransport:
    made: httpx.BaseTransport = lib.HTTPTransport(**options)
    watch_sockets(made)
    return made


def _make_async(lib: ModuleType, options: dict[str, object]) -> httpx.AsyncBaseTransport:
    made: httpx.AsyncBaseTransport = lib.AsyncHTTPTransport(**options)
    close_broken_handshakes(made)
    return made
