"""The guard of the sockets: while a test of the suite runs, nothing leaves this process.

It stands at the interpreter's audit events, below every HTTP library: each of them ends in a call that Python reports
before it is made. What is refused looks to the plugin like a refused connection, and is remembered, since it may be
swallowed.

Only servers that listen in this process can be reached: those that the suite starts. An audit hook cannot be taken out
again; while the guard is open it costs a comparison.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from ipaddress import ip_address
from weakref import WeakSet

from core_llm_conformance.failure import ConformanceFailure, fail

_ASKS_FOR_NAMES = {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"}
_REACHES_OUT = {"socket.connect", "socket.sendto", "socket.sendmsg"}
_LOCAL_NAMES = {"", "localhost", "localhost.localdomain"}


class _Guard:
    """Whether it is closed, what it refused, and the sockets that listen here. One for the process, as the hook is."""

    def __init__(self) -> None:
        self.depth = 0
        self.refused: list[ConformanceFailure] = []
        self.bound: WeakSet[socket.socket] = WeakSet()

    def hook(self, event: str, arguments: tuple[object, ...]) -> None:
        if not self.depth or not event.startswith("socket."):
            return
        if event == "socket.bind":
            if isinstance(arguments[0], socket.socket):
                self.bound.add(arguments[0])
        elif event in _REACHES_OUT and (address := arguments[1]) is not None:
            if not self._is_here(address):
                self._refuse(f"the plugin reached for {_shown(address)}")
        elif event in _ASKS_FOR_NAMES and not _needs_no_network(arguments[0]):
            self._refuse(f"the plugin looked up {_text(arguments[0])}")

    def _is_here(self, address: object) -> bool:
        if not isinstance(address, tuple) or not _is_loopback(address[0]):
            return False
        return any(_port(listening) == address[1] for listening in tuple(self.bound))

    def _refuse(self, found: str) -> None:
        failure = fail(
            "a test of the suite opens no connection",
            found,
            look_at="where the plugin makes a client or asks a server of its own: it only encodes and decodes, the "
            "core sends. Cassettes are made by `core-llm conformance record`",
        )
        self.refused.append(failure)
        raise ConnectionRefusedError(failure.finding.rule)  # what HTTP libraries clean up after


_GUARD = _Guard()


@contextmanager
def closed_sockets() -> Iterator[None]:
    """Refuse every connection to anything but servers of this process.

    Raises:
        ConformanceFailure: Something reached out, whatever came of it.
    """
    _install()
    earlier, _GUARD.refused = _GUARD.refused, []
    _GUARD.depth += 1
    try:
        yield
    except Exception:
        if not _GUARD.refused:
            raise
    finally:
        _GUARD.depth -= 1
        refused, _GUARD.refused = _GUARD.refused, earlier
    if refused:
        raise refused[0]


@cache
def _install() -> None:
    sys.addaudithook(_GUARD.hook)


def _port(listening: socket.socket) -> int | None:
    with suppress(OSError):  # it is closed
        name = listening.getsockname()
        return name[1] if isinstance(name, tuple) else None
    return None


def _is_loopback(host: object) -> bool:
    text = _text(host)
    if text in _LOCAL_NAMES:
        return True
    try:
        return ip_address(text.partition("%")[0]).is_loopback
    except ValueError:
        return False


def _needs_no_network(host: object) -> bool:
    """Whether looking a host up asks nobody: there is none, it is this machine, or it is a number."""
    if host is None or _is_loopback(host):
        return True
    try:
        ip_address(_text(host).partition("%")[0])
    except ValueError:
        return False
    return True


def _text(host: object) -> str:
    return host.decode(errors="replace") if isinstance(host, bytes | bytearray) else str(host)


def _shown(address: object) -> str:
    return f"{_text(address[0])}:{address[1]}" if isinstance(address, tuple) and len(address) > 1 else _text(address)
