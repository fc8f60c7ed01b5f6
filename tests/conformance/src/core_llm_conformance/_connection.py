"""One connection of the `FaultServer`: what the client sent on it, and the answer's steps carried out.

It lives in the server's own event loop; a test's thread only reads its attributes and waits for its causes.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol, cast
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import JsonValue

from core_llm_conformance.script import (
    Answer,
    Cause,
    Close,
    Drip,
    End,
    Flood,
    HalfClose,
    Pause,
    Reset,
    ScriptError,
    Send,
    SendBelow,
    Stall,
    Step,
    Wait,
)

HELD_BACK_AFTER = 0.2
"""Seconds that a write must have waited for the client before it counts as held back."""


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """What the client sent.

    Attributes:
        method: ``POST``, …
        path: Decoded, without the query.
        query: Each name with its values.
        headers: Names in lower case; values of one name joined by a comma.
        body: As sent.
        connection: On which it came.
    """

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes
    connection: Connection

    @property
    def json(self) -> JsonValue:
        """The body, parsed."""
        return cast("JsonValue", json.loads(self.body))


class Connection:
    """One accepted connection, as the server sees it.

    Attributes:
        id: 1 for the first that was accepted.
        requests: Those that came on it, so more than one if it was kept alive.
        closed_by_client: Set as soon as the server sees the client's FIN or reset.
        held_back: Set once a write has had to wait for the client for a good while.
        closed: Set when the connection is gone, whoever ended it.
    """

    def __init__(self, connection_id: int) -> None:
        self.id = connection_id
        self.requests: list[RecordedRequest] = []
        self.closed_by_client = Cause(f"the client closed connection {connection_id}")
        self.held_back = Cause(f"connection {connection_id} was held back by its reader")
        self.closed = Cause(f"connection {connection_id} ended")
        self._transport: asyncio.Transport | None = None
        self._handed_over = 0
        self._is_blocked = False

    def __repr__(self) -> str:
        """Show what matters when a test fails."""
        state = "closed by client" if self.closed_by_client else "closed" if self.closed else "open"
        return f"<Connection {self.id}: {len(self.requests)} requests, {self.bytes_written} bytes written, {state}>"

    @property
    def bytes_written(self) -> int:
        """How many bytes the operating system has taken, heads and chunk sizes included."""
        transport = self._transport
        return self._handed_over - (transport.get_write_buffer_size() if transport is not None else 0)

    @property
    def is_writer_blocked(self) -> bool:
        """Whether a write waits for the client at this moment."""
        return self._is_blocked

    def attach(self, transport: asyncio.Transport | None) -> None:
        """Note the transport, or that there is none any more; for the protocol only, like the two below."""
        self._handed_over = self.bytes_written
        self._transport = transport

    def count(self, handed_over: int) -> None:
        """Note that so many bytes were handed to the transport."""
        self._handed_over += handed_over

    def block(self, *, is_blocked: bool) -> None:
        """Note whether the operating system takes more."""
        self._is_blocked = is_blocked


class ConnectionOwner(Protocol):
    """What a connection needs of its server."""

    def accept(self, protocol: ConnectionProtocol) -> Connection:
        """Return the record of a connection that has come up."""
        ...

    def choose(self, request: RecordedRequest) -> Answer:
        """Return the answer to a request."""
        ...

    def report(self, error: BaseException) -> None:
        """Note that the script failed."""
        ...


class ConnectionProtocol(asyncio.Protocol):
    """Drives one `Connection`: reads requests one after the other, and answers each with what its owner says."""

    def __init__(self, owner: ConnectionOwner) -> None:
        self._owner = owner
        self.lost = asyncio.Event()
        self._received = bytearray()
        self._news = asyncio.Event()
        self._can_write = asyncio.Event()
        self._can_write.set()
        self._is_ours_to_close = False
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to serve."""
        self._transport = cast("asyncio.Transport", transport)
        self.connection = self._owner.accept(self)
        # A full kernel buffer is to be noticed at once; with 0, a TLS transport would hold back its first byte.
        self._transport.set_write_buffer_limits(high=1)
        self.connection.attach(self._transport)
        self._task = asyncio.get_running_loop().create_task(self._serve())

    def data_received(self, data: bytes) -> None:
        """Keep what came for the serving task."""
        self._received += data
        self._news.set()

    def eof_received(self) -> bool:
        """Note the client's FIN and give the connection up: no client of ours closes one direction only."""
        self._note_client_left()
        self._transport.abort()
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        """Note the end and stop answering."""
        self._note_client_left()
        self.connection.attach(None)
        if self._task is not None:
            self._task.cancel()
        asyncio.get_running_loop().call_soon(self._note_gone)  # asyncio closes the socket when this has returned

    def pause_writing(self) -> None:
        """Note that the kernel takes no more."""
        self.connection.block(is_blocked=True)
        self._can_write.clear()

    def resume_writing(self) -> None:
        """Note that the kernel takes more."""
        self.connection.block(is_blocked=False)
        self._can_write.set()

    def abort(self) -> None:
        """Break the connection because the server is being left."""
        self._is_ours_to_close = True
        self._transport.abort()

    def _note_gone(self) -> None:
        self.connection.closed.happen()
        self.lost.set()

    def _note_client_left(self) -> None:
        if not self._is_ours_to_close:
            self.connection.closed_by_client.happen()

    async def _serve(self) -> None:
        try:
            while not self._is_ours_to_close:
                request = await self._next_request()
                self.connection.requests.append(request)
                await self._answer(self._owner.choose(request))
        except Exception as error:  # noqa: BLE001  # whatever it is, it must fail the test
            self._owner.report(error)
            self.abort()

    async def _next_request(self) -> RecordedRequest:
        while True:
            request = parse_request(self._received, self.connection)
            if request is not None:
                return request
            self._news.clear()
            await self._news.wait()

    async def _answer(self, answer: Answer) -> None:
        for delay in answer.before:
            await self._do(delay, answer)
        if answer.framing != "raw" and not self._is_ours_to_close:
            await self._write(_head(answer))
        for step in answer.steps:
            if self._is_ours_to_close:
                raise ScriptError(f"{type(step).__name__} comes after the connection was closed")
            await self._do(step, answer)
        if not self._is_ours_to_close and End() not in answer.steps:
            await self._do(End(), answer)

    async def _do(self, step: Step, answer: Answer) -> None:
        match step:
            case Send() | SendBelow() | Drip() | Flood():
                await self._do_sending(step, answer)
            case Reset() | Close() | HalfClose() | End():
                await self._do_ending(step, answer)
            case Wait(seconds):
                await asyncio.sleep(seconds)
            case Pause(gate):
                await gate.passed()
            case Stall():
                await asyncio.Event().wait()

    async def _do_ending(self, step: Reset | Close | HalfClose | End, answer: Answer) -> None:
        match step:
            case Reset():
                self._reset()
            case Close():
                self._close()
            case HalfClose():
                self._transport.write_eof()
            case End():
                await self._end(answer)

    async def _do_sending(self, step: Send | SendBelow | Drip | Flood, answer: Answer) -> None:
        match step:
            case Send(data):
                await self._send(data, answer)
            case SendBelow(data):
                plain_socket = self._transport.get_extra_info("socket")
                self.connection.count(os.write(plain_socket.fileno(), data))
            case Drip(data, size, interval):
                for start in range(0, len(data), size):
                    await self._send(data[start : start + size], answer)
                    await asyncio.sleep(interval)
            case Flood(data, interval):
                while True:
                    await self._send(data, answer)
                    await asyncio.sleep(interval)

    async def _send(self, data: bytes, answer: Answer) -> None:
        if answer.framing != "chunked":
            await self._write(data)
        elif data:  # an empty chunk would be the last one
            await self._write(b"%x\r\n%b\r\n" % (len(data), data))

    async def _end(self, answer: Answer) -> None:
        if answer.framing == "chunked":
            await self._write(b"0\r\n\r\n")
        elif answer.framing == "content-length":
            sent = sum(len(step.data) for step in answer.steps if isinstance(step, Send | Drip))
            if sent != answer.length:
                raise ScriptError(f"the head claimed {answer.length} bytes, the steps sent {sent}: use Close or Stall")
        if answer.framing in ("close", "raw") or _wants_close(answer):
            self._close()

    async def _write(self, data: bytes) -> None:
        self.connection.count(len(data))
        self._transport.write(data)
        if not self._can_write.is_set():
            warning = asyncio.get_running_loop().call_later(HELD_BACK_AFTER, self.connection.held_back.happen)
            try:
                await self._can_write.wait()
            finally:
                warning.cancel()

    def _close(self) -> None:
        self._is_ours_to_close = True
        self._transport.close()

    def _reset(self) -> None:
        self._is_ours_to_close = True
        plain_socket = self._transport.get_extra_info("socket")
        plain_socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()


def parse_request(received: bytearray, connection: Connection) -> RecordedRequest | None:
    """Take one whole request off the front of `received`; None if it is not all there yet.

    Raises:
        ScriptError: The bytes are not HTTP/1.1.
    """
    head, separator, rest = bytes(received).partition(b"\r\n\r\n")
    if not separator:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    try:
        method, target, version = first.split(" ")
    except ValueError:
        raise ScriptError(f"not an HTTP request: {first!r}") from None
    if version != "HTTP/1.1":
        raise ScriptError(f"the server speaks HTTP/1.1, the client {version!r}")
    headers = _parse_headers(lines)
    if "chunked" in headers.get("transfer-encoding", ""):
        body, size = _parse_chunked(rest)
    else:
        size = int(headers.get("content-length", "0"))
        body = rest[:size] if len(rest) >= size else None
    if body is None:
        return None
    del received[: len(head) + len(separator) + size]
    address = urlsplit(target)
    query = parse_qs(address.query, keep_blank_values=True)
    return RecordedRequest(method, unquote(address.path), query, headers, body, connection)


def _parse_headers(lines: Iterable[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        key, text = name.strip().lower(), value.strip()
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers


def _parse_chunked(rest: bytes) -> tuple[bytes | None, int]:
    """Return the body of a chunked request and the number of bytes it took, or None if its end is not there yet."""
    body, position = b"", 0
    while True:
        line_end = rest.find(b"\r\n", position)
        if line_end < 0:
            return None, 0
        size = int(rest[position:line_end], 16)
        start, position = line_end + 2, line_end + 2 + size + 2
        if len(rest) < position:
            return None, 0
        if size == 0:
            return body, position
        body += rest[start : start + size]


def _head(answer: Answer) -> bytes:
    known = {status.value: status.phrase for status in HTTPStatus}
    lines = [f"HTTP/1.1 {answer.status} {known.get(answer.status, 'Unknown')}"]
    if answer.framing == "chunked":
        lines.append("transfer-encoding: chunked")
    elif answer.framing == "content-length":
        lines.append(f"content-length: {answer.length}")
    else:
        lines.append("connection: close")
    lines += [f"{name}: {value}" for name, value in answer.headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _wants_close(answer: Answer) -> bool:
    return any(name.lower() == "connection" and value.lower() == "close" for name, value in answer.headers.items())
