"""Callbacks: who is told what, in which order, and what becomes of those that fail."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

import pytest

from core_llm import (
    Callbacks,
    Client,
    CoreLLMError,
    InvalidSettingError,
    OverloadedError,
    StreamConfig,
    StreamInterruptedError,
    ToolCallPart,
)
from core_llm_conformance.script import Stall, json_answer, sse_answer
from core_llm_conformance.server import FaultServer

from .calls import Caller, config
from .tiny import DONE, HELLO, Locked, Tiny, at, event, hello, plain, tool

BUSY = json_answer({"error": "busy"}, 503)


def noting(told: list[str], **more: Callable[..., object]) -> Callbacks:
    """Return callbacks that note what they are told, as words."""
    return Callbacks(
        on_start=lambda request: told.append(f"start {request.messages[-1].text}"),
        on_event=lambda event: told.append(event.type),
        on_chunk=lambda text: told.append(f"chunk {text}"),
        on_tool_call=lambda call: told.append(f"call {call.name}"),
        on_error=lambda error, is_recoverable: told.append(f"error {type(error).__name__} {is_recoverable}"),
        on_retry=lambda event: told.append(f"retry {event.type}"),
        on_complete=lambda response: told.append(f"complete {response.text}"),
        **more,  # type: ignore[arg-type]  # none of them takes one
    )


def test_everything_is_told_in_order(caller: Caller) -> None:
    """Each event before what it means; an error that is recovered from before the retry."""
    told: list[str] = []
    with FaultServer(BUSY, hello()) as server:
        caller.stream(at(server.url), callbacks=noting(told))
    assert told == [
        *("start Hi", "error OverloadedError True", "retry retrying", "stream_start", "part_start"),
        *("text_delta", "chunk Hel", "text_delta", "chunk lo", "part_end", "finish", "complete Hello"),
    ]


def test_a_complete_call_of_a_tool_is_told(caller: Caller) -> None:
    """Once, with its arguments parsed."""
    calls: list[ToolCallPart] = []
    answer = sse_answer(tool('{"city": '), tool('"Oslo"}'), event(finish="tool_calls"), DONE)
    with FaultServer(answer) as server:
        caller.stream(at(server.url), callbacks=Callbacks(on_tool_call=calls.append))
    assert [(call.name, call.arguments) for call in calls] == [("weather", {"city": "Oslo"})]


def test_a_whole_answer_is_told_as_a_stream_of_it_would_be(caller: Caller) -> None:
    """So that it does not matter to callbacks how an answer was asked for."""
    told: list[str] = []
    with FaultServer(json_answer(plain())) as server:
        caller.generate(at(server.url), callbacks=noting(told))
    assert told == [
        *("start Hi", "stream_start", "part_start", "text_delta", "chunk Hello", "part_end"),
        *("finish", "complete Hello"),
    ]


def test_a_failure_is_told_as_final(caller: Caller) -> None:
    """After what had come; nothing follows it."""
    told: list[str] = []
    with FaultServer(sse_answer(HELLO[0])) as server:
        outcome = caller.stream(at(server.url), callbacks=noting(told))
    assert isinstance(outcome.error, StreamInterruptedError)
    assert told[-2:] == ["chunk Hel", "error StreamInterruptedError False"]


def test_a_stream_that_is_left_is_told_of_as_an_error(caller: Caller) -> None:
    """A call that began also ends."""
    told: list[str] = []
    with FaultServer(sse_answer(HELLO[0], Stall())) as server:
        caller.stream(at(server.url), take=3, callbacks=noting(told))
    assert told[-1] == "error AbortedError False"


def test_a_recovery_is_told_as_a_retry(caller: Caller) -> None:
    """With the error once, and the event that says that everything before is void."""
    told: list[str] = []
    with FaultServer(sse_answer(HELLO[0]), hello()) as server:
        caller.stream(at(server.url), recovery="restart", callbacks=noting(told))
    assert told.count("error StreamInterruptedError True") == 1
    assert "retry restarted" in told
    assert told[-1] == "complete Hello"


def test_a_fall_back_after_content_has_one_error_and_two_events(caller: Caller) -> None:
    """Of one failure: that the answer starts anew, and that another model makes it."""
    told: list[str] = []
    with FaultServer(sse_answer(HELLO[0]), hello()) as server:
        caller.stream(
            at(server.url), recovery="restart", fallback=["tiny:other"], max_retries=0, callbacks=noting(told)
        )
    after = told[told.index("error StreamInterruptedError True") :]
    assert after[:3] == ["error StreamInterruptedError True", "retry restarted", "retry fell_back"]
    assert told.count("error StreamInterruptedError True") == 1


def test_the_general_comes_before_the_particular(caller: Caller) -> None:
    """All take part: the client's, the provider's, those of a config, and the call's own."""
    told: list[str] = []

    def named(name: str) -> Callbacks:
        return Callbacks(on_start=lambda _: told.append(name))

    client = {"callbacks": named("client"), "per_provider": {"tiny": StreamConfig(callbacks=named("provider"))}}
    with FaultServer(hello()) as server:
        caller.stream(
            at(server.url),
            client=client,  # type: ignore[arg-type]
            config=StreamConfig(callbacks=named("config")),
            callbacks=[named("call"), named("call too")],
        )
    assert told == ["client", "provider", "config", "call", "call too"]


# ---- callbacks that fail


def test_one_that_fails_is_logged_and_harms_nothing(caller: Caller, caplog: pytest.LogCaptureFixture) -> None:
    """Whichever it is; what it says is redacted."""

    def break_down(*_: object) -> None:
        raise ValueError("no room for tiny-secret-4711")

    names = ("on_start", "on_event", "on_chunk", "on_error", "on_retry", "on_complete")
    broken = Callbacks(**dict.fromkeys(names, break_down))  # type: ignore[arg-type]  # none of them is `errors`
    with FaultServer(BUSY, hello()) as server, caplog.at_level(logging.WARNING, "core_llm"):
        outcome = caller.stream(
            at(server.url, Locked), client={"api_keys": {"tiny": "tiny-secret-4711"}}, callbacks=broken
        )
    assert (outcome.error, outcome.response.text) == (None, "Hello")
    assert [name for name in names if f"the callback {name} raised ValueError: no room" not in caplog.text] == []
    assert "tiny-secret-4711" not in caplog.text


class Enough(Exception):  # noqa: N818  # nothing is wrong
    """What a callback raises that wants no more."""


def fail(*_: object) -> None:
    """Fail, whatever there is to tell."""
    raise Enough


@pytest.mark.parametrize("name", ["on_start", "on_event", "on_chunk", "on_error", "on_retry", "on_complete"])
def test_one_may_ask_to_end_the_call(caller: Caller, name: str) -> None:
    """The reader gets the callback's own exception."""
    callbacks = Callbacks(**{name: fail}, errors="raise")
    with FaultServer(BUSY, hello()) as server, pytest.raises(Enough):
        caller.stream(at(server.url), callbacks=callbacks)


def test_a_call_that_a_callback_ends_is_over(caller: Caller) -> None:
    """Its connection is closed, and the others are told."""
    told: list[str] = []
    with FaultServer(sse_answer(HELLO[0], Stall())) as server:
        with pytest.raises(Enough):
            caller.stream(at(server.url), callbacks=[noting(told), Callbacks(on_chunk=fail, errors="raise")])
        server.connections[0].closed_by_client.wait()
    assert told[-2:] == ["chunk Hel", "error AbortedError False"]


def test_an_error_of_ours_that_one_raises_has_the_partial_response(caller: Caller) -> None:
    """A callback may end a call as anything else in it does."""

    def refuse(text: str) -> None:
        if text == "lo":
            raise StreamInterruptedError("that is enough")

    with FaultServer(hello()) as server:
        outcome = caller.stream(at(server.url), callbacks=Callbacks(on_chunk=refuse, errors="raise"))
    assert isinstance(outcome.error, StreamInterruptedError)
    assert outcome.error.partial is not None
    assert outcome.error.partial.text == "Hel"


def test_the_error_of_the_call_is_what_is_raised(caller: Caller, caplog: pytest.LogCaptureFixture) -> None:
    """A callback that fails on being told of it cannot hide it."""

    def lose(_: CoreLLMError, is_recoverable: bool) -> None:  # noqa: FBT001  # the callback's own form
        if not is_recoverable:
            raise LookupError("nobody to tell")

    with FaultServer(BUSY) as server, caplog.at_level(logging.WARNING, "core_llm"):
        callbacks = Callbacks(on_error=lose, errors="raise")
        outcome = caller.stream(at(server.url), max_retries=0, callbacks=callbacks)
    assert isinstance(outcome.error, OverloadedError)
    assert "nobody to tell" in caplog.text


# ---- what they cost


def test_a_call_pays_only_for_what_is_listened_to() -> None:
    """Without callbacks there is nothing; with some of start and end alone, no event is looked at for them."""
    client = Client(config=config(), providers=[Tiny])
    assert client.stream("tiny:m", "Hi")._call.pipeline is None
    ends = Callbacks(on_start=print, on_error=print, on_retry=print, on_complete=print)
    assert client.stream("tiny:m", "Hi", callbacks=ends)._call.is_watched is False
    assert client.stream("tiny:m", "Hi", callbacks=Callbacks(on_chunk=print))._call.is_watched is True


# ---- what is refused


async def _wait(_: object) -> None:
    """Be async, which callbacks cannot be."""


class _Waiting:
    async def __call__(self, _: object) -> None:
        """Be async as well."""


@pytest.mark.parametrize("function", [_wait, partial(_wait), _Waiting()])
def test_one_that_is_async_is_refused_where_it_is_given(function: Callable[..., object]) -> None:
    """Nobody would await it."""
    with pytest.raises(InvalidSettingError, match="on_chunk is async, and callbacks are plain functions; to await"):
        Callbacks(on_chunk=function)


def test_what_cannot_be_called_is_refused() -> None:
    """By name, where it is given."""
    with pytest.raises(InvalidSettingError, match="Callbacks: on_start must be a function, not str"):
        Callbacks(on_start="print")  # type: ignore[arg-type]
    with pytest.raises(InvalidSettingError, match="errors must be log or raise, not 'ignore'"):
        Callbacks(errors="ignore")  # type: ignore[arg-type]


@pytest.mark.parametrize("given", [print, [print], {"on_start": print}, "on_start"])
def test_what_are_no_callbacks_is_refused(given: object) -> None:
    """By the client and by the call."""
    with pytest.raises(InvalidSettingError, match="callbacks must be Callbacks, such as"):
        Client(config=config(), callbacks=given)  # type: ignore[arg-type]
    with pytest.raises(InvalidSettingError, match="callbacks must be Callbacks, such as"):
        Client(config=config(), providers=[Tiny]).stream("tiny:m", "Hi", callbacks=given)  # type: ignore[call-overload]
