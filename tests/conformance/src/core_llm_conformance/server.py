"""A real HTTP/1.1 server on loopback that follows a script of faults and tells the test what it saw.

It runs in a thread with an event loop of its own, so that sync, asyncio and trio tests use it alike. The script's words
are in `core_llm_conformance.script`; a script that does not fit what the client does fails the test when the server is
left.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Self

import anyio.to_thread

from core_llm_conformance._connection import Connection, ConnectionProtocol, RecordedRequest
from core_llm_conformance.script import HANG_GUARD, Answer, ScriptError

__all__ = ["AnswerSource", "Connection", "FaultServer", "RecordedRequest"]

HANDSHAKE_GUARD = 1.0
"""Seconds that a TLS handshake may still take when the server is left."""

AnswerSource = Answer | Callable[[RecordedRequest], Answer]
"""An answer, or what makes one of the request that is to be answered."""


class FaultServer:
    """The server, as a context manager.

    A request is answered by the route for its path if there is one, else by the next answer of the queue. When there is
    none left, the connection is broken and the test fails.

    Attributes:
        url: ``http://127.0.0.1:<port>`` (``https`` with TLS), without a slash at the end.
        requests: Those that came, in order of arrival.
        connections: Those that were accepted, in order.
        errors: What went wrong with the script; raised when the block is left.
    """

    def __init__(
        self,
        *answers: AnswerSource,
        send_buffer: int | None = None,
        tls: ssl.SSLContext | None = None,
        port: int = 0,
    ) -> None:
        """Prepare the server.

        Args:
            answers: The beginning of the queue.
            send_buffer: Bytes of the kernel's send buffer; small ones show soon that the client holds the server back.
            tls: To speak https with this server-side context.
            port: To listen on; 0 for a free one.
        """
        self.url = ""
        self.requests: list[RecordedRequest] = []
        self.connections: list[Connection] = []
        self.errors: list[BaseException] = []
        self._queue: deque[AnswerSource] = deque(answers)
        self._routes: dict[str, AnswerSource] = {}
        self._send_buffer = send_buffer
        self._tls = tls
        self._port = port
        self._changed = threading.Condition()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fault-server", daemon=True)

    def enqueue(self, *answers: AnswerSource) -> None:
        """Add answers to the end of the queue; from any thread, also while the server runs."""
        self._queue.extend(answers)

    def route(self, path: str, answer: AnswerSource) -> None:
        """Answer every request to `path` with `answer`, however often it comes."""
        self._routes[path] = answer

    @property
    def unused(self) -> int:
        """How many answers of the queue were not asked for."""
        return len(self._queue)

    @property
    def last_request(self) -> RecordedRequest:
        """The request that came last.

        Raises:
            ScriptError: None came.
        """
        if not self.requests:
            raise ScriptError("no request came")
        return self.requests[-1]

    def wait_for_requests(self, count: int, timeout: float = HANG_GUARD) -> list[RecordedRequest]:
        """Block until `count` requests have come, and return them.

        Raises:
            TimeoutError: They did not, within `timeout` seconds.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.requests) >= count, timeout):
                raise TimeoutError(f"{len(self.requests)} of {count} requests came within {timeout:g} s")
        return self.requests[:count]

    async def wait_for_requests_async(self, count: int, timeout: float = HANG_GUARD) -> list[RecordedRequest]:  # noqa: ASYNC109
        """Wait until `count` requests have come, on asyncio or trio; else as `wait_for_requests`."""
        return await anyio.to_thread.run_sync(self.wait_for_requests, count, timeout)

    def __enter__(self) -> Self:
        """Listen on a free port."""
        self._thread.start()
        if not self._started.wait(HANG_GUARD):
            raise TimeoutError("the server did not start")
        if not self.url:
            self._thread.join()
            raise self.errors[0]
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Break what is still open, end the thread, and raise what went wrong with the script.

        Raises:
            ScriptError: The script did not fit; if the test has failed already, this is added to its error as a note.
        """
        if self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(HANG_GUARD)
        if self._thread.is_alive():
            raise TimeoutError("the server's thread did not end")
        if not self.errors:
            return
        if exc is None:
            raise ScriptError(f"the server's script failed: {self.errors[0]}") from self.errors[0]
        for error in self.errors:
            exc.add_note(f"the server's script failed: {error!r}")

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except BaseException as error:  # noqa: BLE001  # a thread has nobody to raise to; __enter__ and __exit__ do
            self.errors.append(error)
        finally:
            self._started.set()

    async def _main(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        listener = socket.create_server(("127.0.0.1", self._port), backlog=1024)  # a crowd may come at once
        listener.settimeout(0)
        if self._send_buffer is not None:  # accepted sockets inherit it
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self._send_buffer)
        owner = _Owner(self._answer, self.errors.append, self.connections, self._tls)
        self._loop.add_reader(listener, owner.take, listener)
        self.url = f"{'https' if self._tls else 'http'}://127.0.0.1:{listener.getsockname()[1]}"
        self._started.set()
        await self._stop.wait()
        self._loop.remove_reader(listener)
        listener.close()
        await owner.abort_all()

    def _answer(self, request: RecordedRequest) -> Answer:
        with self._changed:
            self.requests.append(request)
            self._changed.notify_all()
        source = self._routes.get(request.path)
        if source is None and self._queue:
            source = self._queue.popleft()
        if source is None:
            raise ScriptError(f"no answer left for request {len(self.requests)}: {request.method} {request.path}")
        return source if isinstance(source, Answer) else source(request)


class _Owner:
    """The side of the server that its connections see.

    It accepts by itself: asyncio's own server loses a connection that comes up while it is being closed.
    """

    def __init__(
        self,
        choose: Callable[[RecordedRequest], Answer],
        report: Callable[[BaseException], None],
        connections: list[Connection],
        tls: ssl.SSLContext | None,
    ) -> None:
        self.choose = choose
        self.report = report
        self._connections = connections
        self._tls = tls
        self._protocols: list[ConnectionProtocol] = []
        self._coming_up: set[asyncio.Task[object]] = set()

    def take(self, listener: socket.socket) -> None:
        accepted, _address = listener.accept()
        accepted.settimeout(0)
        # asyncio sets it only where it made the socket; without it each answer on a kept connection waits 40 ms.
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        loop = asyncio.get_running_loop()
        coming_up = loop.connect_accepted_socket(lambda: ConnectionProtocol(self), accepted, ssl=self._tls)
        task: asyncio.Task[object] = loop.create_task(coming_up)
        self._coming_up.add(task)

    def accept(self, protocol: ConnectionProtocol) -> Connection:
        connection = Connection(len(self._connections) + 1)
        self._connections.append(connection)
        self._protocols.append(protocol)
        return connection

    async def abort_all(self) -> None:
        if self._coming_up:
            _done, hanging = await asyncio.wait(self._coming_up, timeout=HANDSHAKE_GUARD)
            for task in hanging:
                task.cancel()
            # A handshake that the client broke off is the client's affair.
            await asyncio.gather(*self._coming_up, return_exceptions=True)
        for protocol in self._protocols:
            protocol.abort()
        await asyncio.gather(*(protocol.lost.wait() for protocol in self._protocols))
