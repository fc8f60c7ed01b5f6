"""An answer that its provider keeps is taken up where its stream broke."""

from __future__ import annotations

from collections.abc import Sequence

from core_llm import (
    CoreLLMError,
    NotFoundError,
    Resumed,
    StreamEvent,
    StreamInterruptedError,
    Usage,
)
from core_llm._request import Request
from core_llm.wire import Decoder, Frame, WireRequest
from core_llm_conformance.script import json_answer, sse_answer
from core_llm_conformance.server import FaultServer

from .calls import Caller
from .tiny import DONE, HELLO, TinyDecoder, TinyWire, at, event, tool

CUT = sse_answer(event(id="r1", text="Hel"))
BUSY = json_answer({"error": {"message": "busy"}}, 503)


class NumberingDecoder(TinyDecoder):
    """Counts the events."""

    count = 0

    @property
    def cursor(self) -> int | None:
        """How many came."""
        return self.count or None

    def feed(self, frame: Frame) -> Sequence[StreamEvent]:
        """Count one."""
        self.count += 1
        return super().feed(frame)


class KeepingWire(TinyWire):
    """Keeps its answers."""

    def decoder(self, request: Request) -> Decoder:  # noqa: ARG002  # the contract's signature
        """Return a decoder that counts."""
        return NumberingDecoder(self.provider)

    def encode_resume(self, response_id: str, cursor: int | None) -> WireRequest:
        """Ask for the rest."""
        return WireRequest("GET", f"/kept/{response_id}", query={"after": str(cursor)}, framing=self.framing)


def notes(error: CoreLLMError | None) -> list[str]:
    """Return what was added to an error."""
    return list(getattr(error, "__notes__", []))


def test_a_kept_answer_is_taken_up_where_it_broke(caller: Caller) -> None:
    """Its parts go on as they were, a tool call too; it is one answer, so it is paid for once."""
    first = sse_answer(event(id="r1", text="Let me see. "), tool('{"city": "Os'))
    rest = sse_answer(tool('lo"}'), event(usage={"in": 3, "out": 9}), event(finish="tool_calls"), DONE)
    with FaultServer(first, rest) as server:
        outcome = caller.stream(at(server.url, wire=KeepingWire), recovery="resume")
        assert [(each.method, each.path, each.query) for each in server.requests[1:]] == [
            ("GET", "/kept/r1", {"after": ["2"]})
        ]
    [resumed] = [each for each in outcome.events if isinstance(each, Resumed)]
    assert (resumed.attempt, resumed.mode) == (2, "resume")
    [call] = outcome.response.tool_calls
    assert call.arguments == {"city": "Oslo"}
    assert outcome.response.usage == Usage(input_tokens=3, output_tokens=9)
    assert [each.usage for each in outcome.response.attempts] == [None, outcome.response.usage]


def test_taking_up_can_fail_and_be_tried_again(caller: Caller) -> None:
    """From the same event."""
    with FaultServer(sse_answer(HELLO[0]), BUSY, sse_answer(*HELLO[1:])) as server:
        outcome = caller.stream(at(server.url, wire=KeepingWire), recovery="resume")
        assert [each.query for each in server.requests[1:]] == [{"after": ["1"]}] * 2
    assert outcome.response.text == "Hello"


def test_an_answer_that_is_not_kept_raises_what_it_broke_with(caller: Caller) -> None:
    """The 404 is noted, and what had arrived is there, its parts closed as far as they came."""
    with FaultServer(sse_answer(HELLO[0]), json_answer({"error": {"message": "no such answer"}}, 404)) as server:
        outcome = caller.stream(at(server.url, wire=KeepingWire), recovery="resume")
    assert isinstance(outcome.error, StreamInterruptedError)
    assert not isinstance(outcome.error, NotFoundError)
    assert "no such answer" in notes(outcome.error)[0]
    assert outcome.response.text == "Hel"


def test_a_wire_that_keeps_nothing_says_so(caller: Caller) -> None:
    """The error tells why it was not taken up."""
    with FaultServer(CUT) as server:
        outcome = caller.stream(at(server.url), recovery="resume")
    assert notes(outcome.error) == ["recovery='resume' was not possible: its provider keeps no answer to resume"]
