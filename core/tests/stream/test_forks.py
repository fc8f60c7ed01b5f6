"""A forked child: it has connections, locks and deadlines of its own, and leaves those of its parent alone."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import pytest

from core_llm import AsyncClient, Client, Signal
from core_llm._config_model import TransportName
from core_llm._redaction import _secrets
from core_llm_conformance.script import Stall, sse_answer
from core_llm_conformance.server import FaultServer

from .calls import GUARD, async_client, config, stream_async, stream_sync, sync_client
from .tiny import HELLO, Locked, at, hello

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork"),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]


def started(child: Callable[[], bool]) -> int:
    """Fork; run the function in the child, which ends with its verdict, and return the child's process id."""
    process = os.fork()
    if process == 0:
        verdict = 1
        try:
            verdict = 0 if child() else 1
        finally:
            os._exit(verdict)
    return process


def succeeded(process: int) -> bool:
    """Wait for a child, not for ever, and return its verdict."""
    guard = threading.Timer(GUARD, os.kill, [process, 9])
    guard.start()
    _, status = os.waitpid(process, 0)
    guard.cancel()
    return os.waitstatus_to_exitcode(status) == 0


class Lock(Protocol):
    """What can be held."""

    def acquire(self) -> bool:
        """Take it."""
        ...

    def release(self) -> None:
        """Give it back."""
        ...


@contextmanager
def held(*locks: Lock) -> Iterator[None]:
    """Let another thread hold the locks, which a child of this process does not have."""
    are_held, may_release = threading.Event(), threading.Event()

    def hold() -> None:
        for lock in locks:
            lock.acquire()
        are_held.set()
        may_release.wait(GUARD)
        for lock in locks:
            lock.release()

    holder = threading.Thread(target=hold)
    holder.start()
    assert are_held.wait(GUARD)
    yield
    may_release.set()
    holder.join()


def test_a_child_has_connections_of_its_own(transport: TransportName) -> None:
    """Two processes on one connection would read each other's answers; the parent keeps its own."""
    with FaultServer(*[hello()] * 3) as server, sync_client(server.url, transport) as client:

        def is_hello() -> bool:
            return stream_sync(client, "tiny:m").response.text == "Hello"

        assert is_hello()
        assert succeeded(started(is_hello))
        assert is_hello()
        assert [len(connection.requests) for connection in server.connections] == [2, 1]


def test_many_children_at_once_do_not_disturb_each_other() -> None:
    """As servers of several processes do: the client is made before they are."""
    with FaultServer() as server, sync_client(server.url) as client:
        server.route("/chat", hello())
        assert stream_sync(client, "tiny:m").response.text == "Hello"
        work = lambda: all(stream_sync(client, "tiny:m").response.text == "Hello" for _ in range(5))  # noqa: E731
        children = [started(work) for _ in range(4)]
        assert [succeeded(child) for child in children] == [True] * 4
        assert [len(connection.requests) for connection in server.connections] == [1, 5, 5, 5, 5]


def test_a_loop_made_by_the_parent_has_new_connections_in_the_child(transport: TransportName) -> None:
    """Under async the connections belong to a loop; a child may run that of its parent."""
    with FaultServer(*[hello()] * 2) as server:
        client = async_client(server.url, transport)
        loop = asyncio.new_event_loop()

        async def text() -> str:
            return (await stream_async(client, "tiny:m")).response.text

        assert loop.run_until_complete(text()) == "Hello"
        assert succeeded(started(lambda: loop.run_until_complete(text()) == "Hello"))
        loop.run_until_complete(client.close())
        loop.close()
        assert [len(connection.requests) for connection in server.connections] == [1, 1]


def test_locks_that_other_threads_hold_are_not_the_childs() -> None:
    """That of the connections, of the plugins, and of the secrets: nobody would ever release them in the child."""
    with FaultServer(hello(), hello()) as server:
        client = Client(config=config(), providers=[at(server.url, Locked)], api_keys={"tiny": "k-before-the-fork"})
        locks = (client._transport._pools.lock, client._calls.registry._lock, _secrets._lock)
        with client, held(*locks):
            assert succeeded(started(lambda: stream_sync(client, "tiny:m").response.text == "Hello"))
        assert len(server.connections) == 1


def test_signals_of_the_parent_hold_in_the_child() -> None:
    """A timeout that the parent made, and that its own calls wait for, stops those of the child too."""
    signal = Signal.timeout(0.3)
    signal.add_callback(lambda _: None)
    with FaultServer() as server, sync_client(server.url) as client:
        server.route("/chat", sse_answer(HELLO[0], Stall()))
        child = started(lambda: type(stream_sync(client, "tiny:m", signal=signal).error).__name__ == "AbortedError")
        assert type(stream_sync(client, "tiny:m", signal=signal).error).__name__ == "AbortedError"
        assert succeeded(child)


def test_a_child_that_ends_in_the_midst_of_a_stream_leaves_the_parents_alone() -> None:
    """It leaves the block as it ends; the parent reads on."""
    with (
        FaultServer(sse_answer(*HELLO)) as server,
        sync_client(server.url) as client,
        client.stream("tiny:m", "Hi") as stream,
    ):

        def leave() -> bool:
            stream.close()
            return True

        assert succeeded(started(leave))
        assert stream.finish().text == "Hello"


def test_async_clients_are_forgotten_with_their_loops() -> None:
    """Being known to the fork keeps no client alive."""
    client = AsyncClient(config=config(), providers=[])
    asyncio.run(client.close())
    reference = weakref.ref(client)
    del client
    gc.collect()
    assert reference() is None
