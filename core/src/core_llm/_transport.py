"""The only module that knows the HTTP library and opens sockets: `httpx`, or its fork `httpx2` where asked for.

It sends one request and reads its answer, sync or async, and can cut an answer off from any thread: it knows the socket
that a call is using and shuts it down, which wakes a blocked read at once (closing would not). What the library raises
becomes a `Failed` value here. It knows nothing of retries, deadlines or wires.
"""

from __future__ import annotations

import importlib
import math
import ssl
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from core_llm._config_model import TransportName
from core_llm._errors import ConfigError, RedactedCause
from core_llm._forks import renew_in_child
from core_llm._inflate import inflate_for
from core_llm._logging import redact_logs_of
from core_llm._provider import OutgoingRequest
from core_llm._sockets import close_broken_handshakes, current, has_leftovers, shut_down, watch_sockets
from core_llm._stream.effects import Failed, Head
from core_llm._stream.outgoing import is_loopback
from core_llm._stream.ports import Watch

if TYPE_CHECKING:
    from types import ModuleType

    import httpx

    SyncHTTPClient = httpx.Client
    AsyncHTTPClient = httpx.AsyncClient

KEEPALIVE_CONNECTIONS = 100
KEEPALIVE_SECONDS = 30.0


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
    """Return a class of bodies that leave no generator behind where sending stops before their end: trio warns of it."""

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

    def __init__(self, response: httpx.Response, lib: ModuleType) -> None:
        self.head = _head(response)
        self._response = response
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
        with suppress(Exception):  # it is closed either way
            self._response.close()


class AsyncAnswer:
    """An answer whose head has come, under async."""

    def __init__(self, response: httpx.Response, lib: ModuleType) -> None:
        self.head = _head(response)
        self._response = response
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
        with suppress(Exception):  # it is closed either way
            await self._response.aclose()

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
        self._routes = _Routes()
        self.begin_anew()
        renew_in_child(self)

    def begin_anew(self) -> None:
        """Begin without connections, in a forked child too: those of the parent, and its locks, are not the child's."""
        self._pools: dict[tuple[str, str | None], httpx.BaseTransport] = {}
        self._lock = threading.Lock()

    def send(self, request: OutgoingRequest, connect: float, read: float, watch: Watch) -> SyncAnswer | Failed:
        """Send a request and wait for the head of its answer; `watch` learns which socket is in use."""
        lib = self._lib = self._lib or library(self._name)
        current.watch = watch
        try:
            if self._client is None:
                built = _request(lib, request, connect)
                return SyncAnswer(self._pool(lib, request.url).handle_request(built), lib)
            built = _request(lib, request, connect, read)
            return SyncAnswer(self._client.send(built, stream=True, follow_redirects=False), lib)
        except Exception as error:  # noqa: BLE001  # nothing of the library may escape
            return sending_failure(error, lib)
        finally:
            current.watch = None

    def cut(self, sockets: Sequence[object]) -> None:
        """Shut the sockets down, from any thread."""
        for sock in sockets:
            shut_down(sock)

    def _pool(self, lib: ModuleType, url: str) -> httpx.BaseTransport:
        key = self._routes.key(url)
        pool = self._pools.get(key)
        if pool is None:
            with self._lock:
                pool = self._pools.get(key) or lib.HTTPTransport(**_pool_options(lib, *key))
                watch_sockets(pool)
                self._pools[key] = pool
        return pool

    def close(self) -> None:
        """Close the pooled connections; a caller's own client is the caller's to close."""
        for pool in self._pools.values():
            pool.close()
        self._pools.clear()

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
        self._routes = _Routes()
        self.begin_anew()
        renew_in_child(self)

    def begin_anew(self) -> None:
        """Begin without connections, in a forked child too: a loop that the parent has made may run in the child."""
        self._pools: dict[tuple[str, str | None], httpx.AsyncBaseTransport] = {}

    async def send(self, request: OutgoingRequest, connect: float, read: float) -> AsyncAnswer | Failed:
        """Send a request and wait for the head of its answer."""
        lib = self._lib = self._lib or library(self._name)
        try:
            if self._client is None:
                built = _async_request(lib, request, connect)
                return AsyncAnswer(await self._pool(lib, request.url).handle_async_request(built), lib)
            built = _async_request(lib, request, connect, read)
            return AsyncAnswer(await self._client.send(built, stream=True, follow_redirects=False), lib)
        except Exception as error:  # noqa: BLE001  # nothing of the library may escape
            return sending_failure(error, lib)

    def _pool(self, lib: ModuleType, url: str) -> httpx.AsyncBaseTransport:
        key = self._routes.key(url)
        pool = self._pools.get(key)
        if pool is None:
            pool = self._pools[key] = lib.AsyncHTTPTransport(**_pool_options(lib, *key))
            close_broken_handshakes(pool)
        return pool

    async def close(self) -> None:
        """Close the pooled connections; a caller's own client is the caller's to close."""
        for pool in self._pools.values():
            await pool.aclose()
        self._pools.clear()


class _Routes:
    """Which pool serves an address: its scheme, and the proxy that the environment names for it. Asked once a host."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, str | None]] = {}

    def key(self, url: str) -> tuple[str, str | None]:
        """Return the scheme of an address and its proxy."""
        origin = url[: url.find("/", len("https://"))]
        found = self._known.get(origin)
        if found is None:
            found = self._known[origin] = _pool_key(url)
        return found


def _pool_key(url: str) -> tuple[str, str | None]:
    """Return the scheme of an address and the proxy that the environment names for it."""
    from urllib.request import getproxies, proxy_bypass  # noqa: PLC0415  # the HTTP library has imported it by now

    parts = urlsplit(url)
    host = parts.hostname or ""
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    # This machine is never asked for through another: a key that may go to it unencrypted would go there.
    if proxy and not is_loopback(host) and not proxy_bypass(host):
        return parts.scheme, proxy if "://" in proxy else f"http://{proxy}"
    return parts.scheme, None


def _pool_options(lib: ModuleType, scheme: str, proxy: str | None) -> dict[str, object]:
    limits = lib.Limits(
        max_connections=None, max_keepalive_connections=KEEPALIVE_CONNECTIONS, keepalive_expiry=KEEPALIVE_SECONDS
    )
    # A plain http pool never speaks TLS: an empty context spares it the tens of milliseconds that reading all trusted
    # certificates costs. It trusts nobody, so it could not be misused.
    verify = True if scheme == "https" or proxy else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return {"verify": verify, "limits": limits, "proxy": proxy}
