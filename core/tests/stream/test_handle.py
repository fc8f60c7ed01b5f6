"""A stream in the hand: what it holds after it was left, read twice, or read by two at once."""

from __future__ import annotations

import threading

import anyio
import pytest

from core_llm import AbortedError, InvalidRequestError, Message, TextDelta
from core_llm_conformance.script import Gate, Pause, Stall, sse_answer
from core_llm_conformance.server import FaultServer

from .calls import async_client, stream_sync, sync_client
from .tiny import HELLO, event, hello, tool

STALLED = sse_answer(HELLO[0], Stall())


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
