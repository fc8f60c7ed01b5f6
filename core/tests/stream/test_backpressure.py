"""A slow consumer of an endless stream: the server is held back, and memory stays flat."""

from __future__ import annotations

import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

import anyio
import pytest

from core_llm import AsyncClient, Client
from core_llm._config_model import TransportName
from core_llm_conformance.script import Flood, sse_answer
from core_llm_conformance.server import FaultServer

from .tiny import HELLO, at, event

PIECE = event(text="x" * 8000)
MEGABYTE = 1 << 20
KERNEL_BUFFERS = 8 * MEGABYTE
"""More than the system takes for a reader that does not read; a server that is not held back sends it in no time."""


@contextmanager
def flooding() -> Iterator[FaultServer]:
    """Give a server that sends as fast as it may, into small buffers."""
    with FaultServer(sse_answer(HELLO[0], Flood(PIECE * 2)), send_buffer=16 * 1024) as server:
        yield server


@pytest.mark.parametrize("transport", ["httpx", "httpx2"])
def test_a_slow_consumer_holds_the_server_back(transport: TransportName) -> None:
    """Nothing is read ahead: the server waits, and what the process holds does not grow."""
    with flooding() as server, Client(providers=[at(server.url)], transport=transport) as client:
        with client.stream("tiny:m", "Hi") as stream:
            next(stream)
            server.connections[0].held_back.wait()
            tracemalloc.start()
            threading.Event().wait(0.2)
            assert server.connections[0].bytes_written < KERNEL_BUFFERS
            assert tracemalloc.get_traced_memory()[1] < MEGABYTE
            tracemalloc.stop()
            for _ in range(2 * KERNEL_BUFFERS // len(PIECE)):
                next(stream)
            assert server.connections[0].bytes_written > KERNEL_BUFFERS
        server.connections[0].closed_by_client.wait()


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("transport", ["httpx", "httpx2"])
def test_a_slow_task_holds_the_server_back(transport: TransportName, backend: str) -> None:
    """The event loop runs on, and reads nothing ahead either."""

    async def main(server: FaultServer) -> None:
        async with AsyncClient(providers=[at(server.url)], transport=transport) as client:
            async with client.stream("tiny:m", "Hi") as stream:
                await anext(stream)
                await server.connections[0].held_back.wait_async()
                tracemalloc.start()
                await anyio.sleep(0.2)
                assert server.connections[0].bytes_written < KERNEL_BUFFERS
                assert tracemalloc.get_traced_memory()[1] < MEGABYTE
                tracemalloc.stop()
                for _ in range(2 * KERNEL_BUFFERS // len(PIECE)):
                    await anext(stream)
                assert server.connections[0].bytes_written > KERNEL_BUFFERS
            await server.connections[0].closed_by_client.wait_async()

    with flooding() as server:
        anyio.run(main, server, backend=backend)


def test_what_was_consumed_is_not_kept_twice() -> None:
    """Over a long stream memory grows with the text alone: what was decoded and read is let go."""
    with flooding() as server, Client(providers=[at(server.url)]) as client, client.stream("tiny:m", "Hi") as stream:
        for _ in range(100):
            next(stream)
        tracemalloc.start()
        for _ in range(500):
            next(stream)
        grown = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        assert grown < 3 * 500 * 8000
