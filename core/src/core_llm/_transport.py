"""The only module that knows the HTTP library and opens sockets: `httpx`, or its fork `httpx2` where asked for.

It sends one request and reads its answer, sync or async, and can cut an answer off from any thread: it knows the socket
that a call is using and shuts it down, which wakes a blocked read at once (closing would not). What the library raises
becomes a `Failed` value here. It knows nothing of retries, deadlines or wires.
"""

from __future__ import annotations

import importlib
import socket
import ssl
import sys
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from core_llm._config_model import TransportName
from core_llm._errors import ConfigError, RedactedCause
from core_llm._provider import OutgoingRequest
from core_llm._stream.effects import Failed, Head
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
            return module
    msg = f"http_client must be a client of httpx or httpx2, not {type(client).__module__}.{type(client).__qualname__}"
    raise ConfigError(msg)


def failure(error: Exception, lib: ModuleType) -> Failed:
    """Return what an exception of the library stands for."""
    cause = RedactedCause.of(error)
    if isinstance(error, lib.ConnectTimeout | lib.PoolTimeout):
        return Failed("timeout", cause, limit="connect")
    if isinstance(error, lib.TimeoutException):
        return Failed("timeout", cause, limit="first_event")
    if isinstance(error, lib.ConnectError | lib.ProxyError):
        return Failed("connect", cause)
    if isinstance(error, lib.UnsupportedProtocol | lib.InvalidURL | lib.LocalProtocolError):
        return Failed("config", cause)
    if isinstance(error, lib.RemoteProtocolError | lib.DecodingError):
        return Failed("protocol", cause)
    return Failed("network", cause)


def shut_down(sock: object) -> None:
    """Shut a socket down below its TLS layer, so that whoever is blocked in it wakes, and the peer sees the end."""
    try:
        if isinstance(sock, socket.socket):
            socket.socket.shutdown(sock, socket.SHUT_RDWR)
        else:
            sock.shutdown(socket.SHUT_RDWR)  # type: ignore[attr-defined]  # asyncio's and trio's sockets have it
    except (OSError, AttributeError, ValueError):
        return


def _request(lib: ModuleType, request: OutgoingRequest, connect: float) -> httpx.Request:
    timeout = {"connect": None if connect == float("inf") else connect, "read": None, "write": None, "pool": None}
    made: httpx.Request = lib.Request(
        request.method,
        request.url,
        headers=request.headers,
        content=request.content or None,
        extensions={"timeout": timeout},
    )
    return made


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
        encoded = "content-encoding" in self.head.headers
        chunks: Iterator[bytes] = response.iter_bytes() if encoded else iter(response.stream)  # type: ignore[arg-type]  # sync
        self.read = chunks.__next__

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
        encoded = "content-encoding" in self.head.headers
        chunks: AsyncIterator[bytes] = response.aiter_bytes() if encoded else response.stream.__aiter__()  # type: ignore[union-attr]  # async
        self.read = chunks.__anext__

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
                await self.read()
        except StopAsyncIteration:
            return
        except Exception:  # noqa: BLE001  # it cannot be used again then
            self.shut_down()

    async def close(self) -> None:
        """Give the connection back if the answer has come to its end; close it otherwise."""
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
        self._pools: dict[tuple[str, str | None], httpx.BaseTransport] = {}
        self._lock = threading.Lock()

    def send(self, request: OutgoingRequest, connect: float, watch: Watch) -> SyncAnswer | Failed:
        """Send a request and wait for the head of its answer; `watch` learns which socket is in use."""
        lib = self._lib = self._lib or library(self._name)
        _current.watch = watch
        try:
            built = _request(lib, request, connect)
            if self._client is None:
                return SyncAnswer(self._pool(lib, request.url).handle_request(built), lib)
            return SyncAnswer(self._client.send(built, stream=True, follow_redirects=False), lib)
        except Exception as error:  # noqa: BLE001  # nothing of the library may escape
            return failure(error, lib)
        finally:
            _current.watch = None

    def cut(self, sockets: Sequence[object]) -> None:
        """Shut the sockets down, from any thread."""
        for sock in sockets:
            shut_down(sock)

    def _pool(self, lib: ModuleType, url: str) -> httpx.BaseTransport:
        key = _pool_key(url)
        pool = self._pools.get(key)
        if pool is None:
            with self._lock:
                pool = self._pools.get(key) or lib.HTTPTransport(**_pool_options(lib, *key))
                _watch_sockets(pool)
                self._pools[key] = pool
        return pool

    def close(self) -> None:
        """Close the pooled connections; a caller's own client is the caller's to close."""
        for pool in self._pools.values():
            pool.close()
        self._pools.clear()


class AsyncTransport:
    """Sends requests on one event loop."""

    def __init__(self, name: TransportName = "httpx", client: AsyncHTTPClient | None = None) -> None:
        self._name = name
        self._client = client
        self._lib = None if client is None else library_of(client)
        if self._lib is not None and not isinstance(client, self._lib.AsyncClient):
            msg = "http_client is a sync client; give it to Client, or pass an async one"
            raise ConfigError(msg)
        self._pools: dict[tuple[str, str | None], httpx.AsyncBaseTransport] = {}

    async def send(self, request: OutgoingRequest, connect: float) -> AsyncAnswer | Failed:
        """Send a request and wait for the head of its answer."""
        lib = self._lib = self._lib or library(self._name)
        try:
            built = _request(lib, request, connect)
            if self._client is None:
                return AsyncAnswer(await self._pool(lib, request.url).handle_async_request(built), lib)
            return AsyncAnswer(await self._client.send(built, stream=True, follow_redirects=False), lib)
        except Exception as error:  # noqa: BLE001  # nothing of the library may escape
            return failure(error, lib)

    def _pool(self, lib: ModuleType, url: str) -> httpx.AsyncBaseTransport:
        key = _pool_key(url)
        pool = self._pools.get(key)
        if pool is None:
            pool = self._pools[key] = lib.AsyncHTTPTransport(**_pool_options(lib, *key))
        return pool

    async def close(self) -> None:
        """Close the pooled connections; a caller's own client is the caller's to close."""
        for pool in self._pools.values():
            await pool.aclose()
        self._pools.clear()


def _pool_key(url: str) -> tuple[str, str | None]:
    """Return the scheme of an address and the proxy that the environment names for it."""
    from urllib.request import getproxies, proxy_bypass  # noqa: PLC0415  # the HTTP library has imported it by now

    parts = urlsplit(url)
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if proxy and not proxy_bypass(parts.hostname or ""):
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


# ---- which socket a sync call is using, before the library says so ----------------------------------------------------


class _Current(threading.local):
    watch: Watch | None = None


_current = _Current()


def _watch_sockets(transport: object) -> None:
    """Let the transport's connections tell the calling thread's `Watch` of their sockets.

    The library has no public way to give it a network backend. Where its inside has another shape than the one known,
    nothing is changed, and a call can be cut off only once its head has come.
    """
    pool = getattr(transport, "_pool", None)
    backend = getattr(pool, "_network_backend", None)
    if backend is not None:
        pool._network_backend = _WatchedBackend(backend)  # type: ignore[union-attr]  # noqa: SLF001  # see above


class _WatchedBackend:
    """A network backend whose streams say which socket they use."""

    def __init__(self, backend: object) -> None:
        self._backend = backend

    def connect_tcp(self, *args: object, **kwargs: object) -> _WatchedStream:
        return _WatchedStream(self._backend.connect_tcp(*args, **kwargs))  # type: ignore[attr-defined]  # of the library

    def connect_unix_socket(self, *args: object, **kwargs: object) -> _WatchedStream:
        return _WatchedStream(self._backend.connect_unix_socket(*args, **kwargs))  # type: ignore[attr-defined]

    def sleep(self, seconds: float) -> None:
        self._backend.sleep(seconds)  # type: ignore[attr-defined]  # of the library


class _WatchedStream:
    """A network stream that tells the calling thread's `Watch` of its socket at each write, before it may block."""

    def __init__(self, stream: object) -> None:
        self._stream = stream
        self.read = stream.read  # type: ignore[attr-defined]  # of the library, as all below
        self.close = stream.close  # type: ignore[attr-defined]
        self.get_extra_info = stream.get_extra_info  # type: ignore[attr-defined]
        self._tell()

    def _tell(self) -> None:
        if _current.watch is not None:
            _current.watch(self.get_extra_info("socket"))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._tell()
        self._stream.write(buffer, timeout)  # type: ignore[attr-defined]

    def start_tls(self, *args: object, **kwargs: object) -> _WatchedStream:
        # The handshake takes the socket object over before it blocks; its twin still reaches the connection.
        twin = self.get_extra_info("socket").dup()
        try:
            if _current.watch is not None:
                _current.watch(twin)
            return _WatchedStream(self._stream.start_tls(*args, **kwargs))  # type: ignore[attr-defined]
        finally:
            twin.close()
