"""However a call is stopped: the server sees the connection close, and what came is kept."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import anyio
import pytest
import trio

from core_llm import AbortedError, AsyncClient, Client, InvalidRequestError, Message, Stream, TextDelta
from core_llm._config_model import NO_LIMITS, TransportName
from core_llm_conformance.script import Answer, Gate, Pause, Stall, json_answer, sse_answer
from core_llm_conformance.server import FaultServer

from .calls import config, stream_async, stream_sync
from .test_deadlines import unaccepting
from .tiny import HELLO, Locked, at, event, hello, tool

Leaving = Literal["break", "exception", "return", "close"]
STALLED = sse_answer(HELLO[0], Stall())


@contextmanager
def sync_client(url: str, transport: TransportName = "httpx") -> Iterator[Client]:
    """Give a client without limits, so that nothing but the cancellation ends a call."""
    with Client(config=config(), providers=[at(url)], limits=NO_LIMITS, transport=transport, max_retries=0) as client:
        yield client


def async_client(url: str, transport: TransportName = "httpx") -> AsyncClient:
    """Return an async client of the same kind."""
    return AsyncClient(config=config(), providers=[at(url)], limits=NO_LIMITS, transport=transport, max_retries=0)


def is_kept(stream: Stream) -> bool:
    """Tell whether the text that came is in the response, and can go back into a conversation."""
    message = stream.response.message
    return message == Message.assistant("Hel") and not stream.response.is_complete


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Run the async tests on both event loops."""
    return str(request.param)


@pytest.fixture(params=["httpx", "httpx2"])
def transport(request: pytest.FixtureRequest) -> TransportName:
    """Give each HTTP library."""
    name: TransportName = request.param
    return name


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
            with anyio.move_on_after(0.2) as scope:
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
            with trio.move_on_after(0.2) as scope:
                async with stream:
                    await stream.finish()
            assert scope.cancelled_caught
            await server.connections[0].closed_by_client.wait_async()

    with FaultServer(STALLED) as server:
        trio.run(main, server)


# ---- what is left of it


def test_a_call_that_was_being_made_is_left_out_of_the_message() -> None:
    """A tool call that was cut off cannot be answered, so it does not go back into the conversation."""
    answer = sse_answer(event(text="Let me see. "), tool('{"city": "Os'), Stall())
    with FaultServer(answer) as server, sync_client(server.url) as client:
        outcome = stream_sync(client, "tiny:m", take=5)
    assert [part.kind for part in outcome.response.parts] == ["text", "tool_call"]
    assert outcome.response.message == Message.assistant("Let me see. ")


def test_the_response_grows_with_what_is_taken() -> None:
    """`response` has the events that the consumer has had, though more have arrived."""
    with FaultServer(sse_answer(b"".join(HELLO))) as server, sync_client(server.url) as client:
        with client.stream("tiny:m", "Hi") as stream:
            texts = [stream.response.text for each in stream if isinstance(each, TextDelta)]
        assert texts == ["Hel", "Hello"]
        assert stream.response.is_complete


def test_a_closed_stream_says_so_when_it_is_asked_for_more() -> None:
    """Iterating after leaving the block early is an error with what came."""
    with FaultServer(STALLED) as server, sync_client(server.url) as client:
        stream = client.stream("tiny:m", "Hi")
        with stream:
            next(stream)
        with pytest.raises(AbortedError, match=r"\.response has what arrived") as raised:
            for _ in stream:
                pass
    assert raised.value.partial == stream.response


def test_a_failed_stream_raises_again_what_it_raised() -> None:
    """The error does not turn into a quiet end when the stream is asked once more."""
    with FaultServer(sse_answer(HELLO[0])) as server, sync_client(server.url) as client:
        stream = client.stream("tiny:m", "Hi")
        with stream:
            with pytest.raises(Exception, match="terminal marker") as first:
                stream.finish()
            with pytest.raises(Exception, match="terminal marker") as second:
                next(stream)
    assert first.value is second.value


def test_a_stream_that_is_over_is_empty() -> None:
    """Iterating on after the end, in the block or after it, yields nothing."""
    with FaultServer(hello()) as server, sync_client(server.url) as client:
        with client.stream("tiny:m", "Hi") as stream:
            assert stream.finish().text == "Hello"
            assert list(stream) == []
        assert list(stream) == []
        stream.close()
        assert stream.response.is_complete


def test_a_stream_is_entered_before_it_is_read_and_once() -> None:
    """Both mistakes are told, and nothing is sent by the first."""
    with FaultServer(hello()) as server, sync_client(server.url) as client:
        stream = client.stream("tiny:m", "Hi")
        with pytest.raises(InvalidRequestError, match="with client"):
            next(stream)
        assert server.requests == []
        with stream:
            stream.finish()
        with pytest.raises(InvalidRequestError, match="once"), stream:
            pass


def test_two_threads_cannot_read_one_stream() -> None:
    """The second is told, and the first goes on."""
    gate = Gate()
    with FaultServer(sse_answer(HELLO[0], Pause(gate), *HELLO[1:])) as server, sync_client(server.url) as client:
        stream = client.stream("tiny:m", "Hi")
        texts: list[str] = []
        with stream:
            reader = threading.Thread(target=lambda: texts.extend(stream.iter_text()))
            reader.start()
            gate.reached.wait()
            while not stream._busy.locked() or not texts:
                threading.Event().wait(0.001)
            with pytest.raises(AbortedError, match="two threads"):
                stream.finish()
            gate.open()
            reader.join()
    assert texts == ["Hel", "lo"]


@pytest.mark.anyio
async def test_two_tasks_cannot_read_one_stream() -> None:
    """The same between tasks."""
    gate = Gate()
    with FaultServer(sse_answer(HELLO[0], Pause(gate), *HELLO[1:])) as server:
        async with (
            async_client(server.url) as client,
            client.stream("tiny:m", "Hi") as stream,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(stream.finish)
            await anyio.to_thread.run_sync(gate.reached.wait)
            with pytest.raises(AbortedError, match="two tasks"):
                await stream.finish()
            gate.open()
    assert stream.response.text == "Hello"


@pytest.mark.anyio
async def test_leaving_the_loop_over_the_text_early_is_clean() -> None:
    """The short form can be left like the long one; no event loop complains of what is left behind."""
    with FaultServer(STALLED) as server:
        async with async_client(server.url) as client:
            async with client.stream("tiny:m", "Hi") as stream:
                async for text in stream.iter_text():
                    assert text == "Hel"
                    break
            await server.connections[0].closed_by_client.wait_async()
