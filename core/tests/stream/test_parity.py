"""Sync and async, in one piece or in many: the same bytes give the same events and the same response."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core_llm import AsyncClient, Client, Finish, Retrying, StreamEvent, event_to_dict
from core_llm_conformance.script import Answer, End, Reset, Send, json_answer, sse_answer, sse_event
from core_llm_conformance.server import FaultServer

from .calls import Caller, Outcome, config, stream_async, stream_sync
from .tiny import DONE, HELLO, at, event, hello, plain, tool

RICH = b"".join(
    [
        b": a comment\n\n",
        sse_event('{"id": "r1", "thought": "hm, ünïcödé"}'),
        event(text="Let me "),
        sse_event('{"text": "see 🌍. "}'),
        tool('{"city": ', call_id="a"),
        tool('"Oslo"}', call_id="a"),
        tool('{"city": "Rome"}', index=1, call_id="b"),
        event(text="And "),
        event(usage={"in": 7, "out": 3}),
        event(finish="tool_calls"),
        DONE,
        event(text="never seen"),
    ]
)
CUT = RICH[: RICH.index(b"Oslo")]
BROKEN = RICH.replace(b'"And "', b'"And ')
ERROR = RICH[: RICH.index(event(text="And "))] + event(error={"message": "no GPU left"})

BODIES = ["rich", "cut", "broken", "error", "nothing", "garbage"]


def told(outcome: Outcome) -> tuple[list[object], object, str]:
    """Return what a consumer had of a call, as comparable values."""
    return [event_to_dict(each) for each in outcome.events], outcome.response.model_dump(), repr(outcome.error)


@pytest.mark.parametrize("body", [RICH, CUT, BROKEN, ERROR, b"", b"Internal Server Error"], ids=BODIES)
def test_all_ways_of_calling_give_the_same(body: bytes) -> None:
    """Events, response and error, retries included."""
    outcomes = []
    for mode in ("sync", "asyncio", "trio"):
        for transport in ("httpx", "httpx2"):
            with FaultServer(*[sse_answer(body)] * 3) as server:
                outcomes.append(told(Caller(mode, transport).stream(at(server.url))))
    assert [outcome == outcomes[0] for outcome in outcomes] == [True] * 6


@pytest.mark.parametrize(
    "answers",
    [
        [json_answer({"error": "busy"}, 503, {"retry-after": "0"}), hello()],
        [json_answer({"error": "streaming is not supported"}, 400), json_answer(plain())],
        [Answer(before=[Reset()]), sse_answer(Reset()), hello()],
        [json_answer({"error": "no"}, 404)],
        [sse_answer(HELLO[0], Send(b"data: nonsense\n\n"), End())],
    ],
    ids=["retry", "refusal", "resets", "status", "malformed"],
)
def test_all_ways_of_calling_go_the_same_way(answers: list[Answer]) -> None:
    """Attempt by attempt."""

    def without_cause(each: StreamEvent) -> object:
        if isinstance(each, Finish):
            return each.type
        return event_to_dict(replace(each, error=None)) if isinstance(each, Retrying) else event_to_dict(each)  # type: ignore[arg-type]

    outcomes = []
    for mode in ("sync", "asyncio", "trio"):
        with FaultServer(*answers) as server:
            outcome = Caller(mode).stream(at(server.url))
            errors = [type(each.error).__name__ for each in outcome.events if isinstance(each, Retrying)]
            events = [without_cause(each) for each in outcome.events]
            attempts = [(each.mode, each.error, each.usage) for each in outcome.response.attempts]
            response = outcome.response.model_copy(update={"attempts": ()})  # their messages are the HTTP library's
            outcomes.append((events, errors, attempts, response, type(outcome.error), len(server.requests)))
    assert outcomes[1:] == outcomes[:1] * 2


class Cutting:
    """A server on which one connection stays open for many examples, and both clients that ask it."""

    def __init__(self, server: FaultServer) -> None:
        self.pieces: list[bytes] = []
        self.client = Client(config=config(), providers=[at(server.url)], max_retries=0)
        self.async_client = AsyncClient(config=config(), providers=[at(server.url)], max_retries=0)
        server.route("/chat", lambda _: sse_answer(*self.pieces))

    def both(self, pieces: list[bytes]) -> list[tuple[list[object], object, str]]:
        """Return what the sync and the async client make of an answer that comes in these pieces."""
        self.pieces = pieces

        async def ask() -> Outcome:
            async with self.async_client:
                return await stream_async(self.async_client, "tiny:m")

        return [told(stream_sync(self.client, "tiny:m")), told(anyio.run(ask))]


def pieces_of(body: bytes, cuts: set[int]) -> list[bytes]:
    """Return the body cut at these positions."""
    places = [0, *sorted(cuts), len(body)]
    return [body[start:end] for start, end in pairwise(places) if start < end]


Ask = Callable[[list[bytes]], list[tuple[list[object], object, str]]]


@pytest.fixture(scope="module")
def ask() -> object:
    """Give a way to ask with pieces."""
    with FaultServer() as server:
        cutting = Cutting(server)
        with cutting.client:
            yield cutting.both


@pytest.mark.parametrize("body", [RICH, CUT, ERROR], ids=["rich", "cut", "error"])
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_wherever_the_bytes_are_cut_the_same_comes_of_them(ask: Ask, body: bytes, data: st.DataObject) -> None:
    """Frames, characters and chunks may be cut anywhere."""
    cuts = data.draw(st.sets(st.integers(1, len(body) - 1), max_size=12))
    whole = ask([body])
    assert ask(pieces_of(body, cuts)) == whole
    assert whole[0] == whole[1]


def test_byte_by_byte_the_same_comes_of_it(ask: Ask) -> None:
    """The extreme."""
    assert ask([RICH[place : place + 1] for place in range(len(RICH))]) == ask([RICH])


@pytest.mark.parametrize("end", range(0, len(RICH), 41))
def test_cut_short_it_is_complete_only_after_the_marker(ask: Ask, end: int) -> None:
    """Before the terminal marker never a success; from it on always one."""
    [(_, response, error), _] = ask([RICH[:end]])
    is_marked = (
        b'"finish"' in RICH[:end] and RICH[:end].rindex(b'"finish"') + len(b'"finish": "tool_calls"}\n\n') <= end
    )
    assert response["is_complete"] is is_marked  # type: ignore[index]
    assert (error == "None") is is_marked
