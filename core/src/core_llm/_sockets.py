"""Which socket a sync call is using, so that it can be cut off from any thread, while it connects even.

The HTTP library has no public way to give it a network backend. Where its inside has another shape than the one known
here, nothing is changed, and a call can be cut off only once the head of its answer has come.
"""

from __future__ import annotations

import errno
import os
import selectors
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import anyio

from core_llm._stream.outgoing import is_loopback
from core_llm._stream.ports import Watch


def shut_down(sock: object) -> None:
    """Shut a socket down below its TLS layer, so that whoever is blocked in it wakes, and the peer sees the end."""
    with suppress(OSError, AttributeError, ValueError):
        if isinstance(sock, socket.socket):
            socket.socket.shutdown(sock, socket.SHUT_RDWR)
            return
        try:
            sock.shutdown(socket.SHUT_RDWR)  # type: ignore[attr-defined]  # asyncio's and trio's sockets have it
        except TypeError:  # uvloop's refuses
            with socket.socket(fileno=os.dup(sock.fileno())) as twin:  # type: ignore[attr-defined]
                twin.shutdown(socket.SHUT_RDWR)


def has_leftovers(response: object) -> bool:
    """Whether more has come on a response's connection than the response: the next one would take it for its own."""
    stream = getattr(response, "stream", None)
    while stream is not None and not hasattr(stream, "_connection"):
        stream = getattr(stream, "_stream", None) or getattr(stream, "_httpcore_stream", None)
    state = getattr(getattr(stream, "_connection", None), "_h11_state", None)
    return state is not None and bool(state.trailing_data[0])


class _Current(threading.local):
    watch: Watch | None = None


current = _Current()
"""The `Watch` of the call that this thread is sending."""


def watch_sockets(transport: object) -> None:
    """Let a transport's connections tell the calling thread's `Watch` of their sockets."""
    pool = getattr(transport, "_pool", None)
    backend = getattr(pool, "_network_backend", None)
    if backend is not None and not isinstance(backend, _WatchedBackend):
        pool._network_backend = _WatchedBackend(backend)  # type: ignore[union-attr]  # noqa: SLF001  # see above


class _WatchedBackend:
    """A network backend whose streams say which socket they use."""

    def __init__(self, backend: object) -> None:
        self._backend = backend
        room = getattr(getattr(type(backend), "connect_tcp", None), "__globals__", {})
        names = ("SyncStream", "ConnectError", "ConnectTimeout")
        is_known = type(backend).__name__ == "SyncBackend" and all(name in room for name in names)
        self._known = [room[name] for name in names] if is_known else None

    def connect_tcp(  # the library's signature
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: object = None,
    ) -> _WatchedStream:
        watch = current.watch
        if self._known is None or watch is None or local_address is not None or socket_options:
            options = {"timeout": timeout, "local_address": local_address, "socket_options": socket_options}
            return _WatchedStream(self._backend.connect_tcp(host, port, **options))  # type: ignore[attr-defined]
        stream, connect_error, connect_timeout = self._known
        try:
            return _WatchedStream(stream(connect(host, port, timeout, watch)))
        except TimeoutError as error:
            raise connect_timeout(str(error)) from None
        except OSError as error:
            raise connect_error(str(error)) from None

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
        if current.watch is not None:
            current.watch(self.get_extra_info("socket"))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._tell()
        self._stream.write(buffer, timeout)  # type: ignore[attr-defined]

    def start_tls(self, *args: object, **kwargs: object) -> _WatchedStream:
        # The handshake takes the socket object over before it blocks; its twin still reaches the connection.
        twin = self.get_extra_info("socket").dup()
        try:
            if current.watch is not None:
                current.watch(twin)
            return _WatchedStream(self._stream.start_tls(*args, **kwargs))  # type: ignore[attr-defined]
        finally:
            twin.close()


def close_broken_handshakes(transport: object) -> None:
    """Let an async transport close the socket of a TLS handshake that is cancelled, which the library leaves open."""
    pool = getattr(transport, "_pool", None)
    backend = getattr(pool, "_network_backend", None)
    if backend is not None:
        pool._network_backend = _ClosingBackend(backend)  # type: ignore[union-attr]  # noqa: SLF001  # see the top


class _ClosingBackend:
    def __init__(self, backend: object) -> None:
        self._backend = backend

    async def connect_tcp(self, *args: object, **kwargs: object) -> _ClosingStream:
        return _ClosingStream(await self._backend.connect_tcp(*args, **kwargs))  # type: ignore[attr-defined]

    async def connect_unix_socket(self, *args: object, **kwargs: object) -> object:
        return await self._backend.connect_unix_socket(*args, **kwargs)  # type: ignore[attr-defined]

    async def sleep(self, seconds: float) -> None:
        await self._backend.sleep(seconds)  # type: ignore[attr-defined]


class _ClosingStream:
    def __init__(self, stream: object) -> None:
        self._stream = stream
        self.read = stream.read  # type: ignore[attr-defined]  # of the library, as all below
        self.write = stream.write  # type: ignore[attr-defined]
        self.aclose = stream.aclose  # type: ignore[attr-defined]
        self.get_extra_info = stream.get_extra_info  # type: ignore[attr-defined]

    async def start_tls(self, *args: object, **kwargs: object) -> object:
        try:
            return await self._stream.start_tls(*args, **kwargs)  # type: ignore[attr-defined]
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self.aclose()
            raise


# ---- connecting so that it can be stopped, and within one limit for all addresses ---------------------------------


class _Lookup:
    """A name being looked up, in a thread of its own since nothing can stop it; who waits for it can be woken."""

    def __init__(self, look_up: Callable[[], list[_Address]]) -> None:
        self._look_up = look_up
        self._is_over = threading.Event()
        self._is_stopped = False
        self._result: list[_Address] | OSError = []

    def shutdown(self, how: int) -> None:  # noqa: ARG002  # what a socket has
        self._is_stopped = True
        self._is_over.set()

    def wait(self, timeout: float | None) -> list[_Address]:
        threading.Thread(target=self._run, name="core-llm-lookup", daemon=True).start()
        if not self._is_over.wait(timeout):
            raise TimeoutError("the name was not looked up in time")
        if self._is_stopped:
            raise OSError("stopped while the name was looked up")
        if isinstance(self._result, OSError):
            raise self._result
        return self._result

    def _run(self) -> None:
        try:
            self._result = self._look_up()
        except (OSError, UnicodeError) as error:
            self._result = error if isinstance(error, OSError) else OSError(str(error))
        self._is_over.set()


_UNDER_WAY = (errno.EINPROGRESS, errno.EWOULDBLOCK, getattr(errno, "WSAEWOULDBLOCK", errno.EWOULDBLOCK))
_Address = tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[object, ...]]


def connect(host: str, port: int, timeout: float | None, watch: Watch) -> socket.socket:
    """Return a connected socket.

    Raises:
        TimeoutError: It took longer than `timeout` seconds in all.
        OSError: No address could be connected to, or the call was stopped.
    """
    ends = None if timeout is None else time.monotonic() + timeout

    def look_up() -> list[_Address]:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)  # type: ignore[return-value]  # of AF_INET, AF_INET6

    if is_loopback(host):
        addresses = look_up()
    else:
        lookup = _Lookup(look_up)
        watch(lookup)
        addresses = lookup.wait(timeout)
    error = OSError(f"{host} has no address")
    for number, address in enumerate(addresses):
        try:
            return _connect_to(address, _share(ends, len(addresses) - number), watch)
        except OSError as failed:
            error = failed
        if ends is not None and time.monotonic() >= ends:
            break
    raise error


def _share(ends: float | None, count: int) -> float | None:
    """Return until when the next of `count` addresses is waited for: a silent one leaves the others their time."""
    now = time.monotonic()
    return None if ends is None else now + (ends - now) / count


def _connect_to(address: _Address, ends: float | None, watch: Watch) -> socket.socket:
    family, kind, protocol, _, where = address
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setblocking(False)  # noqa: FBT003  # its only argument
        result = sock.connect_ex(where)
        watch(sock)  # only now can it be shut down
        if result in _UNDER_WAY:
            result = _wait_for(sock, ends)
        if result == 0:
            sock.getpeername()  # raises if it was shut down
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock
    except BaseException:
        sock.close()
        raise
    sock.close()
    raise OSError(result, os.strerror(result))


def _wait_for(sock: socket.socket, ends: float | None) -> int:
    """Wait until a socket has connected, or not, and return the number of its error."""
    with selectors.DefaultSelector() as selector:
        selector.register(sock, selectors.EVENT_WRITE)
        if not selector.select(None if ends is None else max(0.0, ends - time.monotonic())):
            raise TimeoutError("timed out")
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
