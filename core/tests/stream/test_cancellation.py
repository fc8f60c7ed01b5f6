"""However a call is stopped: the server sees the connection close, and what came is kept."""

from __future__ import annotations

import asyncio
import sys
import threading
from typing import Literal

import anyio
import pytest
import trio

from core_llm import AbortedError, AsyncClient, Client, Limits, Message, Stream, TextDelta
from core_llm._config_model import NO_LIMITS, TransportName
from core_llm_conformance.script import Answer, Stall, json_answer, sse_answer
from core_llm_conformance.server import FaultServer

from .calls import async_client, config, stream_async, sync_client
from .test_deadlines import unaccepting
from .tiny import HELLO, Locked, at, hello

Leaving = Literal["break", "exception", "return", "close"]
STALLED = sse_answer(HELLO[0], Stall())


def is_kept(stream: Stream) -> bool:
    """Tell whether the text that came is in the response, and can go back into a conversation."""
    message = stream.response.message
    return message == Message.assistant("Hel") and not stream.response.is_complete


# ---- leaving the block


@pytest.mark.parametrize("leaving", ["break", "exception", "return", "close"])
def test_leaving_the_block_closes_the_connection(leaving: Leaving, transport: TransportName) -> None:
    """However the block is left, the server sees it, the answer is kept, and the next call works."""

    def leave(stream: Stream) -> None:
        with stream:
            for each in stream:
                match leaving:
                    case _ if not isinstance(each, TextDelta):
                        continue
                    case "break":
                        break
                    case "return":
                        return
                    case "close":
                        stream.close()
                        return
                    case "exception":
                        raise KeyError("the consumer's own")

    with FaultServer(STALLED, hello()) as server, sync_client(server.url, transport) as client:
        stream = client.stream("tiny:m", "Hi")
        try:
            leave(stream)
        except KeyError as error:
            assert leaving == "exception", error  # noqa: PT017  # three of the four raise nothing
        server.connections[0].closed_by_client.wait()
        assert is_kept(stream)
        assert client.generate("tiny:m", "Hi", via_stream=True).text == "Hello"


@pytest.mark.anyio
@pytest.mark.parametrize("leaving", ["break", "exception"])
async def test_leaving_the_block_closes_the_connection_async(leaving: Leaving, transport: TransportName) -> None:
    """The same under async."""
    with FaultServer(STALLED, hello()) as server:
        async with async_client(server.url, transport) as client:
            stream = client.stream("tiny:m", "Hi")
            try:
                async with stream:
                    async for each in stream:
                        if isinstance(each, TextDelta):
                            if leaving == "break":
                                break
                            raise KeyError("the consumer's own")  # noqa: TRY301  # what is tested
            except KeyError as error:
                assert leaving == "exception", error  # noqa: PT017  # the other raises nothing
            await server.connections[0].closed_by_client.wait_async()
            assert stream.response.message == Message.assistant("Hel")
            assert (await stream_async(client, "tiny:m")).response.text == "Hello"


def test_a_keyboard_interrupt_in_the_loop_closes_the_connection() -> None:
    """Ctrl-C is passed on; what came is kept."""
    with FaultServer(STALLED) as server, sync_client(server.url) as client:
        stream = client.stream("tiny:m", "Hi")
        with pytest.raises(KeyboardInterrupt), stream:
            for each in stream:
                if isinstance(each, TextDelta):
                    raise KeyboardInterrupt
        server.connections[0].closed_by_client.wait()
    assert is_kept(stream)


# ---- from outside


@pytest.mark.parametrize("way", ["abort", "close"])
def test_another_thread_stops_a_blocked_read(way: str, transport: TransportName) -> None:
    """The consumer that waits for the next event wakes at once, with an error that holds what came."""
    with FaultServer(STALLED) as server, sync_client(server.url, transport) as client:
        stream = client.stream("tiny:m", "Hi")

        def stop() -> None:
            server.wait_for_requests(1)
            if way == "close":
                stream.close()
            else:
                stream.abort("enough")

        stopper = threading.Thread(target=stop)
        with stream, pytest.raises(AbortedError) as raised:
            for each in stream:
                if isinstance(each, TextDelta):
                    stopper.start()
        stopper.join()
        server.connections[0].closed_by_client.wait()
    assert raised.value.reason == ("the stream was closed" if way == "close" else "enough")
    assert raised.value.partial == stream.response
    assert is_kept(stream)


@pytest.mark.anyio
async def test_another_task_stops_a_waiting_read(transport: TransportName) -> None:
    """The same between tasks."""
    with FaultServer(STALLED) as server:
        async with async_client(server.url, transport) as client, anyio.create_task_group() as tasks:
            stream = client.stream("tiny:m", "Hi")
            with pytest.raises(AbortedError) as raised:
                async with stream:
                    async for each in stream:
                        if isinstance(each, TextDelta):
                            tasks.start_soon(anyio.lowlevel.checkpoint)
                            tasks.start_soon(stream.aclose)
            await server.connections[0].closed_by_client.wait_async()
    assert raised.value.partial == stream.response


@pytest.mark.anyio
async def test_another_thread_stops_a_waiting_task(transport: TransportName) -> None:
    """An abort may come from any thread under async too."""
    with FaultServer(STALLED) as server:
        async with async_client(server.url, transport) as client:
            stream = client.stream("tiny:m", "Hi")
            stopper = threading.Timer(0.05, stream.abort, ["enough"])
            with pytest.raises(AbortedError, match="enough"):
                async with stream:
                    stopper.start()
                    await stream.finish()
            await server.connections[0].closed_by_client.wait_async()
    stopper.join()
    assert stream.response.message == Message.assistant("Hel")


def test_a_call_is_stopped_while_it_waits_for_the_head(transport: TransportName) -> None:
    """Nothing has come yet, and the server sees the end."""
    with FaultServer(Answer(before=[Stall()])) as server, sync_client(server.url, transport) as client:
        stream = client.stream("tiny:m", "Hi")
        stopper = threading.Thread(target=lambda: (server.wait_for_requests(1), stream.abort()))
        stopper.start()
        with pytest.raises(AbortedError), stream:
            pass
        stopper.join()
        server.connections[0].closed_by_client.wait()
    assert stream.response.parts == ()


@pytest.mark.anyio
async def test_a_task_is_stopped_while_it_waits_for_the_head(transport: TransportName) -> None:
    """The same under async."""
    with FaultServer(Answer(before=[Stall()])) as server:
        async with async_client(server.url, transport) as client:
            stream = client.stream("tiny:m", "Hi")
            stopper = threading.Thread(target=lambda: (server.wait_for_requests(1), stream.abort()))
            stopper.start()
            with pytest.raises(AbortedError):
                async with stream:
                    pass
            await server.connections[0].closed_by_client.wait_async()
    stopper.join()


def test_a_call_is_stopped_while_it_connects(transport: TransportName) -> None:
    """A server that does not accept does not hold the caller."""
    with unaccepting() as url, sync_client(url, transport) as client:
        stream = client.stream("tiny:m", "Hi")
        stopper = threading.Timer(0.1, stream.abort)
        stopper.start()
        with pytest.raises(AbortedError), stream:
            pass
        stopper.join()


@pytest.mark.anyio
async def test_a_task_is_stopped_while_it_connects(transport: TransportName) -> None:
    """The same under async."""
    with unaccepting() as url:
        async with async_client(url, transport) as client:
            stream = client.stream("tiny:m", "Hi")
            stopper = threading.Timer(0.1, stream.abort)
            stopper.start()
            with pytest.raises(AbortedError):
                async with stream:
                    pass
    stopper.join()


def test_what_is_stopped_before_it_begins_sends_nothing() -> None:
    """An aborted stream, once entered, raises without a connection."""
    with FaultServer() as server, sync_client(server.url) as client:
        stream = client.stream("tiny:m", "Hi")
        stream.abort("changed my mind")
        with pytest.raises(AbortedError, match="changed my mind"), stream:
            pass
        assert server.connections == []


def test_a_call_is_stopped_while_it_waits_for_another_attempt() -> None:
    """The pause before a retry ends at once."""
    busy = json_answer({"error": "busy"}, 429, {"retry-after": "60"})
    with (
        FaultServer(busy) as server,
        Client(config=config(), providers=[at(server.url)], limits=NO_LIMITS) as client,
    ):
        stream = client.stream("tiny:m", "Hi")
        with pytest.raises(AbortedError), stream:
            assert next(stream).type == "retrying"
            threading.Timer(0.05, stream.abort).start()
            stream.finish()


@pytest.mark.anyio
async def test_a_task_is_stopped_while_it_waits_for_a_token() -> None:
    """A callable for credentials that hangs, in its thread, does not hold the task."""
    hangs = threading.Event()
    with FaultServer() as server:
        client = AsyncClient(
            config=config(), providers=[at(server.url, Locked)], api_keys={"tiny": lambda: str(hangs.wait(30))}
        )
        async with client:
            stream = client.stream("tiny:m", "Hi")
            with anyio.move_on_after(0.1) as scope:
                async with stream:
                    pass
            hangs.set()
    assert scope.cancelled_caught


# ---- by the event loop's own means


@pytest.mark.anyio
@pytest.mark.parametrize("answer", [STALLED, Answer(before=[Stall()])], ids=["in the body", "before the head"])
async def test_a_cancelled_scope_closes_the_connection(answer: Answer, transport: TransportName) -> None:
    """`move_on_after` ends the call, and the client goes on working."""
    with FaultServer(answer, hello()) as server:
        async with async_client(server.url, transport) as client:
            stream = client.stream("tiny:m", "Hi")
            with anyio.move_on_after(0.1) as scope:
                async with stream:
                    await stream.finish()
            assert scope.cancelled_caught
            await server.connections[0].closed_by_client.wait_async()
            assert not stream.response.is_complete
            assert (await stream_async(client, "tiny:m")).response.text == "Hello"


def test_a_cancelled_task_of_asyncio_closes_the_connection(transport: TransportName) -> None:
    """`Task.cancel` is passed on as asyncio's own exception."""

    async def main(server: FaultServer) -> None:
        async with async_client(server.url, transport) as client:
            stream = client.stream("tiny:m", "Hi")

            async def consume() -> None:
                async with stream:
                    await stream.finish()

            task = asyncio.create_task(consume())
            await asyncio.to_thread(server.wait_for_requests, 1)
            await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await server.connections[0].closed_by_client.wait_async()
            assert stream.response.text == "Hel"

    with FaultServer(STALLED) as server:
        asyncio.run(main(server))


def test_a_cancelled_scope_of_trio_closes_the_connection(transport: TransportName) -> None:
    """Trio's own cancellation works as well as anyio's."""

    async def main(server: FaultServer) -> None:
        async with async_client(server.url, transport) as client:
            stream = client.stream("tiny:m", "Hi")
            with trio.move_on_after(0.1) as scope:
                async with stream:
                    await stream.finish()
            assert scope.cancelled_caught
            await server.connections[0].closed_by_client.wait_async()

    with FaultServer(STALLED) as server:
        trio.run(main, server)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no uvloop for Windows")
def test_limits_and_aborts_hold_on_uvloop(transport: TransportName) -> None:
    """Its sockets refuse to be shut down; the calls are stopped all the same."""

    async def main(server: FaultServer) -> list[str]:
        told = []
        async with async_client(server.url, transport) as client:
            told.append(type((await stream_async(client, "tiny:m", limits=Limits(between_events=0.1))).error).__name__)
            stream = client.stream("tiny:m", "Hi")
            async with stream:
                stopper = threading.Timer(0.05, stream.abort)
                stopper.start()
                with pytest.raises(AbortedError):
                    await stream.finish()
            told.append((await stream_async(client, "tiny:m", take=3)).response.text)
            for connection in server.connections:
                await connection.closed_by_client.wait_async()
        return told

    with FaultServer(STALLED, STALLED, STALLED) as server:
        assert anyio.run(main, server, backend_options={"use_uvloop": True}) == ["TimeoutExceededError", "Hel"]
