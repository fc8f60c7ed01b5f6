"""Servers that are hostile below HTTP: they do not take the connection, do not read, or spoil the handshake of TLS."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

Behaviour = Callable[[socket.socket], None]
"""Does something with an accepted connection; when it returns, the connection is held open until the server is left."""
HELLO_BEGUN = b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03"
"""The beginning of a record that says hello."""


class Below:
    """A server that treats each connection in one way, as a context manager."""

    def __init__(self, behaviour: Behaviour | None, *, is_full: bool = False) -> None:
        """Prepare it.

        Args:
            behaviour: What is done with each connection; None never takes one.
            is_full: Whether the queue of those that wait to be taken is full, so that no other can come up.
        """
        self._behaviour = behaviour
        self._is_full = is_full
        self._sockets: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, name="below")

    def __enter__(self) -> Self:
        """Listen on a free port, `port`."""
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=0 if self._is_full else 16)
        self.port: int = self._listener.getsockname()[1]
        for _ in range(2 * self._is_full):
            waiting = socket.socket()
            waiting.setblocking(False)  # noqa: FBT003  # its only argument
            waiting.connect_ex(("127.0.0.1", self.port))
            self._sockets.append(waiting)
        if self._behaviour is not None:
            self._thread.start()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Break what is open and give the port back."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # closing it would not wake who accepts
        self._listener.close()
        if self._behaviour is not None:
            self._thread.join()
        for sock in self._sockets:
            sock.close()

    def _accept(self) -> None:
        assert self._behaviour is not None
        with suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                self._sockets.append(sock)
                with suppress(OSError):
                    self._behaviour(sock)


def hold(sock: socket.socket) -> None:
    """Take the connection, and neither read nor say anything."""


def close(sock: socket.socket) -> None:
    """Wait for the first byte, and close."""
    sock.recv(1)
    sock.shutdown(socket.SHUT_RDWR)


def reset(sock: socket.socket) -> None:
    """Wait for the first byte, and break the connection."""
    sock.recv(1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def half_a_hello(sock: socket.socket) -> None:
    """Begin to answer a handshake, and say no more."""
    sock.recv(1)
    sock.sendall(HELLO_BEGUN)


def dripping_hello(sock: socket.socket) -> None:
    """Answer a handshake a byte at a time, so slowly that nobody should wait for it."""
    sock.recv(1)
    for byte in HELLO_BEGUN + bytes(0x7A):
        sock.sendall(bytes([byte]))
        threading.Event().wait(0.01)


def half_a_hello_and_close(sock: socket.socket) -> None:
    """Begin to answer a handshake, and close."""
    half_a_hello(sock)
    sock.shutdown(socket.SHUT_RDWR)


def half_a_hello_and_reset(sock: socket.socket) -> None:
    """Begin to answer a handshake, and break the connection."""
    sock.recv(4096)
    sock.sendall(HELLO_BEGUN)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def plain_http(sock: socket.socket) -> None:
    """Answer a handshake with a page."""
    sock.recv(4096)
    sock.sendall(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
    sock.shutdown(socket.SHUT_WR)
