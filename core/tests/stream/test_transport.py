"""Connections: which are used again, what is left behind, and who shares a client."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import anyio
import pytest

from core_llm import (
    AsyncClient,
    Client,
    Limits,
)
from core_llm._pools import KEPT, STREAMS_PER_POOL
from core_llm_conformance.script import Answer, Flood, Gate, Pause, Reset, Send, Stall, json_answer, sse_answer
from core_llm_conformance.server import FaultServer

from .calls import GUARD, Caller, config, stream_async, stream_sync
from .tiny import HELLO, at, event, hello


def sockets_open() -> int:
    """Return how many sockets this process holds, those left to the garbage collector included."""
    links = [link.readlink() for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    return sum(str(link).startswith("socket:") for link in links)


def no_more_sockets_than(count: int) -> bool:
    """Wait, not for ever, until the server in this process has closed its sides too; say whether that came about."""
    ends = time.monotonic() + GUARD
    while sockets_open() > count and time.monotonic() < ends:
        threading.Event().wait(0.001)
    return sockets_open() <= count


needs_proc = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="sockets are counted in /proc")


# ---- which connections are used again


def test_one_connection_serves_many_calls(wired: Caller) -> None:
    """After each success the connection is used again, plain calls included."""
    with FaultServer(*[hello()] * 4) as server:
        outcomes = wired.streams(at(server.url), [{}] * 4)
        assert len(server.connections) == 1
    assert [outcome.response.text for outcome in outcomes] == ["Hello"] * 4


def test_a_connection_that_was_left_early_is_not_used_again(wired: Caller) -> None:
    """What an unfinished answer may still send must not meet the next call."""
    endless = sse_answer(HELLO[0], Flood(b": ping\n\n", 0.01))
    with FaultServer(endless, endless) as server:
        outcomes = wired.streams(at(server.url), [{}] * 2, take=3)
        assert len(server.connections) == 2
    assert [outcome.response.text for outcome in outcomes] == ["Hel", "Hel"]


def test_a_connection_is_used_again_after_an_error_status(wired: Caller) -> None:
    """The body of the error was read to its end."""
    with FaultServer(json_answer({"error": "busy"}, 503), hello()) as server:
        wired.stream(at(server.url))
        assert len(server.connections) == 1


def test_a_server_that_lingers_after_the_end_costs_the_connection_only(caller: Caller) -> None:
    """The answer is whole; what does not come to its end soon is closed."""
    with FaultServer(hello(Stall()), hello()) as server:
        outcomes = caller.streams(at(server.url), [{}] * 2)
        server.connections[0].closed_by_client.wait()
        assert len(server.connections) == 2
    assert [outcome.error for outcome in outcomes] == [None, None]


def test_a_kept_connection_that_the_server_closed_is_replaced(wired: Caller) -> None:
    """A server may close an idle connection; the next call does not notice."""
    closing = Answer(200, {"content-type": "text/event-stream"}, [Send(b"".join(HELLO))], framing="close")
    with FaultServer(closing, hello()) as server:
        outcomes = wired.streams(at(server.url), [{}] * 2)
    assert [outcome.error for outcome in outcomes] == [None, None]


@needs_proc
@pytest.mark.parametrize(
    ("answer", "limits"),
    [
        (json_answer({"error": "no"}, 400), Limits()),
        (sse_answer(HELLO[0]), Limits()),
        (sse_answer(HELLO[0], Reset()), Limits()),
        (sse_answer(event(error={"message": "no"})), Limits()),
        (sse_answer(HELLO[0], b"data: {not json\n\n"), Limits()),
        (Answer(before=[Stall()]), Limits(first_event=0.02)),
        (sse_answer(HELLO[0], Stall()), Limits(between_events=0.02)),
    ],
    ids=["status", "cut", "reset", "error object", "malformed", "no head", "stuck"],
)
def test_calls_that_fail_leak_neither_sockets_nor_threads(wired: Caller, answer: Answer, limits: Limits) -> None:
    """After as many failures as you like, the client holds at most the one connection that it keeps, and works."""
    calls = 5
    with FaultServer(*[answer] * calls) as server:
        options = wired.options(at(server.url), {"max_retries": 0})
        before = threading.active_count()

        def check(failed: list[object], open_before: int) -> None:
            assert len(failed) == calls
            assert no_more_sockets_than(open_before + 2)  # both ends of one, for the server is in this process
            assert threading.active_count() <= before + 1  # the watchdog

        if wired.mode == "sync":
            with Client(**options) as client:
                open_before = sockets_open()
                failed: list[object] = [stream_sync(client, "tiny:m", limits=limits).error for _ in range(calls)]
                check([error for error in failed if error], open_before)
                server.route("/chat", hello())
                assert stream_sync(client, "tiny:m").response.text == "Hello"
            return

        async def go() -> None:
            async with AsyncClient(**options) as clients:
                open_before = sockets_open()
                failed: list[object] = [
                    (await stream_async(clients, "tiny:m", limits=limits)).error for _ in range(calls)
                ]
                check([error for error in failed if error], open_before)
                server.route("/chat", hello())
                assert (await stream_async(clients, "tiny:m", limits=Limits())).response.text == "Hello"

        wired.run(go)


@needs_proc
def test_a_closed_client_holds_nothing() -> None:
    """`close` closes the pooled connections, and the client can be used again."""
    with FaultServer(hello(), hello()) as server:
        before = sockets_open()
        client = Client(config=config(), providers=[at(server.url)])
        assert stream_sync(client, "tiny:m").response.text == "Hello"
        client.close()
        server.connections[0].closed_by_client.wait()
        assert no_more_sockets_than(before)
        assert stream_sync(client, "tiny:m").response.text == "Hello"
        client.close()


@pytest.mark.parametrize(
    "rest", [b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", b"HTTP/1.1 200"], ids=["whole", "half"]
)
def test_what_follows_an_answer_is_nobodys_answer(wired: Caller, rest: bytes) -> None:
    """A server that says more than was asked for must not be heard by the next call."""
    answer = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: %d\r\n\r\n" % len(b"".join(HELLO))
    more = Answer(framing="raw", steps=[Send(answer + b"".join(HELLO) + rest), Stall()])
    with FaultServer(more, hello()) as server:
        outcomes = wired.streams(at(server.url), [{}] * 2)
        server.connections[0].closed_by_client.wait()
    assert [outcome.response.text for outcome in outcomes] == ["Hello", "Hello"]


@pytest.mark.anyio
async def test_a_crowd_has_pools_of_its_own_and_keeps_no_connection() -> None:
    """The library looks at all connections of a pool for each stream; of those beyond the first pool none is kept."""
    gate = Gate()
    crowd = KEPT + STREAMS_PER_POOL + 10
    with FaultServer(*[Answer(before=[Pause(gate)])] * crowd) as server:
        async with AsyncClient(config=config(), providers=[at(server.url)], max_retries=0) as client:
            async with anyio.create_task_group() as tasks:
                for _ in range(crowd):
                    tasks.start_soon(stream_async, client, "tiny:m")
                await server.wait_for_requests_async(crowd)
                pools = next(iter(client._transport()._pools._pools.values()))
                assert [pool.streams for pool in pools] == [KEPT, STREAMS_PER_POOL, 10]
                gate.open()
            assert [pool.streams for pool in pools] == [0, 0, 0]
            kept = [len(pool.transport._pool.connections) for pool in pools]  # type: ignore[attr-defined]
            assert kept[1:] == [0, 0]


# ---- who shares a client


def test_one_client_serves_many_threads() -> None:
    """Eight threads, twenty-five calls each, every answer its own."""

    def echo(text: str) -> Answer:
        return sse_answer(event(text=text), event(finish="stop"), b"data: [DONE]\n\n")

    with FaultServer() as server, Client(config=config(), providers=[at(server.url)]) as client:
        server.route("/chat", lambda request: echo(request.json["texts"][0]))  # type: ignore[index, call-overload, arg-type]

        def work(thread: int) -> list[str]:
            return [client.generate("tiny:m", f"{thread}-{call}", via_stream=True).text for call in range(25)]

        with ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(work, range(8)))
        assert len(server.connections) <= 8
    assert answers == [[f"{thread}-{call}" for call in range(25)] for thread in range(8)]


def test_many_tasks_share_an_async_client(caller: Caller) -> None:
    """Each call has a connection of its own while it runs."""
    if caller.mode == "sync":
        return

    async def go() -> list[str]:
        texts: list[str] = []
        async with AsyncClient(**caller.options(at(server.url), {})) as client, anyio.create_task_group() as tasks:

            async def work() -> None:
                texts.append((await stream_async(client, "tiny:m")).response.text)

            for _ in range(20):
                tasks.start_soon(work)
        return texts

    with FaultServer(*[hello()] * 20) as server:
        assert caller.run(go) == ["Hello"] * 20


def test_an_async_client_serves_one_event_loop_after_another() -> None:
    """A client made once can be used in several `asyncio.run`; each has its own connections."""
    with FaultServer(*[hello()] * 4) as server:
        client = AsyncClient(config=config(), providers=[at(server.url)])

        async def go() -> list[str]:
            async with client:
                return [(await stream_async(client, "tiny:m")).response.text for _ in range(2)]

        assert [asyncio.run(go()), anyio.run(go, backend="trio")] == [["Hello"] * 2] * 2
        assert len(server.connections) == 2


def test_a_stream_made_before_the_loop_runs_is_entered_in_it() -> None:
    """Making a stream needs no event loop."""
    with FaultServer(hello()) as server:
        client = AsyncClient(config=config(), providers=[at(server.url)])
        stream = client.stream("tiny:m", "Hi")

        async def go() -> str:
            async with client, stream:
                return (await stream.finish()).text

        assert asyncio.run(go()) == "Hello"
