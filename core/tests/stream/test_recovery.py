"""An answer that breaks after its first content: it is raised, starts anew, is continued, or is taken up again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial as partially
from typing import ClassVar

import pytest
from pydantic_core import from_json

from core_llm import (
    AttemptEvent,
    Capabilities,
    Client,
    CoreLLMError,
    Limits,
    OverloadedError,
    PartEnd,
    Response,
    Restarted,
    Resumed,
    Retries,
    ServerError,
    StreamEvent,
    StreamInterruptedError,
    TextDelta,
    TimeoutExceededError,
    Usage,
    hookimpl,
)
from core_llm._request import Request
from core_llm.hookspecs import StreamObserver
from core_llm_conformance.script import Answer, Reset, Stall, json_answer, sse_answer
from core_llm_conformance.server import FaultServer

from .calls import Caller, config
from .tiny import DONE, HELLO, Tiny, at, event, hello, tool

CUT = sse_answer(event(id="r1", text="Hel"), event(usage={"in": 3, "out": 1}))
WHOLE = sse_answer(HELLO[0], HELLO[1], event(usage={"in": 3, "out": 2}), *HELLO[2:])
BUSY = json_answer({"error": {"message": "busy"}}, 503)


class Prefilled(Tiny):
    """Goes on from the beginning of an answer."""

    capabilities: ClassVar[Mapping[str, Capabilities]] = {"*": Capabilities(continuation="supported")}


def texts_sent(server: FaultServer) -> list[object]:
    """Return the texts of each request."""
    return [from_json(request.body)["texts"] for request in server.requests if request.body]


def notes(error: CoreLLMError | None) -> list[str]:
    """Return what was added to an error."""
    return list(getattr(error, "__notes__", []))


# ---- restart


def test_a_restart_makes_void_what_came(caller: Caller) -> None:
    """The consumer is told at once, and then has the whole answer and nothing else."""
    with FaultServer(CUT, hello()) as server:
        outcome = caller.stream(at(server.url), recovery="restart")
    begun = ["stream_start", "part_start", "text_delta"]
    assert outcome.types == [*begun, "usage_update", "restarted", *begun, "text_delta", "part_end", "finish"]
    [restarted] = [each for each in outcome.events if isinstance(each, Restarted)]
    assert (restarted.attempt, restarted.delay, restarted.provider) == (2, 0.0, "tiny")
    assert isinstance(restarted.error, StreamInterruptedError)
    assert restarted.error.partial is not None
    assert restarted.error.partial.text == "Hel"
    assert (outcome.response.text, outcome.response.is_complete) == ("Hello", True)


def test_every_attempt_is_paid_for(caller: Caller) -> None:
    """Usage is the sum of what was reported, and each attempt's own can be seen, with the text that is void."""
    with FaultServer(CUT, BUSY, WHOLE) as server:
        response = caller.stream(at(server.url), recovery="restart").response
    assert response.usage is not None
    assert (response.usage.input_tokens, response.usage.output_tokens) == (6, 3)
    assert [(each.mode, each.error, each.usage and each.usage.output_tokens) for each in response.attempts] == [
        ("retry", "StreamInterruptedError", 1),
        ("restart", "OverloadedError", None),
        ("retry", None, 2),
    ]
    assert [each.voided_text for each in response.attempts] == ["Hel", "", ""]
    assert Response.from_json(response.to_json()) == response


def test_an_answer_of_one_attempt_has_no_list_of_them(caller: Caller) -> None:
    """Nothing is added where nothing went wrong."""
    with FaultServer(WHOLE) as server:
        response = caller.stream(at(server.url), recovery="restart").response
    assert response.attempts == ()
    assert response.usage == Usage(input_tokens=3, output_tokens=2)


def test_restarts_are_bounded(caller: Caller) -> None:
    """As retries are, two by default; then the error has what came last, and how many attempts there were."""
    with FaultServer(CUT, CUT, CUT) as server:
        outcome = caller.stream(at(server.url), recovery="restart")
    assert isinstance(outcome.error, StreamInterruptedError)
    assert outcome.error.attempts == 3
    assert outcome.error.partial is not None
    assert (outcome.error.partial.text, len(outcome.error.partial.attempts)) == ("Hel", 3)
    assert outcome.error.partial.usage is not None
    assert outcome.error.partial.usage.output_tokens == 3


@pytest.mark.parametrize(
    ("broken", "error"),
    [
        (sse_answer(HELLO[0], Reset()), StreamInterruptedError),
        (sse_answer(HELLO[0], event(error={"message": "busy", "code": 503})), OverloadedError),
        (sse_answer(HELLO[0], Stall()), TimeoutExceededError),
    ],
    ids=["reset", "an error", "silence"],
)
def test_what_breaks_in_the_middle_can_start_anew(caller: Caller, broken: Answer, error: type[CoreLLMError]) -> None:
    """A broken connection, the server's own failure, and a server that falls silent."""
    with FaultServer(broken, hello()) as server:
        outcome = caller.stream(at(server.url), recovery="restart", limits=Limits(between_events=0.2))
    [restarted] = [each for each in outcome.events if isinstance(each, Restarted)]
    assert type(restarted.error) is error
    assert outcome.response.text == "Hello"


def test_a_transform_begins_anew_with_the_answer(caller: Caller) -> None:
    """What one held back of the answer that broke is not part of the other."""

    class Held:
        """Hands texts on one late."""

        @hookimpl
        def core_llm_transform_events(self) -> Callable[[StreamEvent], Sequence[StreamEvent]]:
            return partially(_one_late, [])

    with FaultServer(sse_answer(HELLO[0], event(text="p!")), hello()) as server:
        outcome = caller.stream(at(server.url), recovery="restart", client={"plugins": [Held()]})
    assert outcome.texts == ["Hel", "Hel", "lo"]
    assert outcome.response.text == "Hello"


def _one_late(held: list[StreamEvent], event: StreamEvent) -> Sequence[StreamEvent]:
    if isinstance(event, TextDelta):
        held.append(event)
        return [held.pop(0)] if len(held) > 1 else []
    if isinstance(event, PartEnd):
        rest, held[:] = list(held), []
        return [*rest, event]
    return [event]


def test_texts_alone_cannot_start_anew() -> None:
    """`iter_text` raises what the answer broke with: going on would join two answers in silence."""
    with FaultServer(CUT, hello()) as server, Client(config=config(), providers=[at(server.url)]) as client:
        stream = client.stream("tiny:m", "Hi", recovery="restart", retries=Retries(base_delay=0))
        got: list[str] = []
        with stream, pytest.raises(StreamInterruptedError) as caught:
            for text in stream.iter_text():
                got.append(text)  # noqa: PERF402  # what came before the error is wanted
    assert got == ["Hel"]
    assert "starts anew" in caught.value.__notes__[-1]


# ---- continue


def test_an_answer_is_continued_without_a_seam(caller: Caller) -> None:
    """What was said goes back as the assistant's beginning, and the rest joins it in the same part."""
    with FaultServer(CUT, sse_answer(event(text="lo"), *HELLO[2:])) as server:
        outcome = caller.stream(at(server.url, Prefilled), recovery="continue")
        assert texts_sent(server) == [["Hi"], ["Hi", "Hel"]]
    begun = ["stream_start", "part_start", "text_delta", "usage_update"]
    assert outcome.types == [*begun, "resumed", "text_delta", "part_end", "finish"]
    [resumed] = [each for each in outcome.events if isinstance(each, Resumed)]
    assert (resumed.attempt, resumed.mode) == (2, "continue")
    assert outcome.texts == ["Hel", "lo"]
    assert (outcome.response.text, len(outcome.response.parts)) == ("Hello", 1)
    assert outcome.response.usage == Usage(input_tokens=3, output_tokens=1)


def test_an_answer_can_be_continued_more_than_once(caller: Caller) -> None:
    """Each time from all that was said; blanks at the end stay with the consumer and are not sent."""
    second = sse_answer(event(text=" two "), event(usage={"in": 4, "out": 1}))
    with FaultServer(sse_answer(event(id="r1", text="One")), second, sse_answer(event(text=" three"), DONE)) as server:
        outcome = caller.stream(at(server.url, Prefilled), recovery="continue")
        assert texts_sent(server) == [["Hi"], ["Hi", "One"], ["Hi", "One two"]]
    assert outcome.texts == ["One", " two ", "three"]
    assert outcome.response.text == "One two three"
    assert outcome.response.usage == Usage(input_tokens=4, output_tokens=1)
    assert [each.mode for each in outcome.response.attempts] == ["retry", "continue", "continue"]


def test_a_failed_continuation_is_tried_again(caller: Caller) -> None:
    """The answer is still broken, so it is not begun anew but continued."""
    with FaultServer(CUT, BUSY, sse_answer(event(text="lo"), *HELLO[2:])) as server:
        outcome = caller.stream(at(server.url, Prefilled), recovery="continue")
    assert outcome.types.count("resumed") == 2
    assert outcome.response.text == "Hello"
    assert outcome.response.usage == Usage(input_tokens=3, output_tokens=1)


def test_a_continuation_that_fails_for_good_keeps_all_that_came(caller: Caller) -> None:
    """The partial response has both halves, and what both have cost."""
    rest = sse_answer(event(text="lo, wor"), event(usage={"in": 4, "out": 2}))
    with FaultServer(CUT, rest) as server:
        outcome = caller.stream(at(server.url, Prefilled), recovery="continue", max_retries=1)
    assert isinstance(outcome.error, StreamInterruptedError)
    assert outcome.error.partial is not None
    assert (outcome.error.partial.text, len(outcome.error.partial.parts)) == ("Hello, wor", 1)
    assert outcome.error.partial.usage is not None
    assert outcome.error.partial.usage.output_tokens == 3


def test_what_is_transformed_is_continued_from_what_was_said(caller: Caller) -> None:
    """The model gets its own words back, and the consumer the transformed ones, whole."""

    class Loud:
        """Shouts."""

        @hookimpl
        def core_llm_transform_events(self) -> Callable[[StreamEvent], Sequence[StreamEvent]]:
            return _shouted

    with FaultServer(CUT, sse_answer(event(text="lo"), *HELLO[2:])) as server:
        outcome = caller.stream(at(server.url, Prefilled), recovery="continue", client={"plugins": [Loud()]})
        assert texts_sent(server)[1] == ["Hi", "Hel"]
    assert outcome.texts == ["HEL", "LO"]
    assert outcome.response.text == "HELLO"


def _shouted(event: StreamEvent) -> Sequence[StreamEvent]:
    return [TextDelta(event.part_index, event.text.upper())] if isinstance(event, TextDelta) else [event]


@pytest.mark.parametrize(
    ("provider", "broken", "why"),
    [
        (Tiny, CUT, "tiny:m is not declared to go on"),
        (Prefilled, sse_answer(event(text="Let me see. "), tool('{"city": "Os')), "a part of kind 'tool_call'"),
        (Prefilled, sse_answer(event(thought="hm"), event(text="So")), "a part of kind 'reasoning'"),
        (Prefilled, sse_answer(event(text=" \n")), "nothing was said yet but blanks"),
    ],
    ids=["not declared", "a tool call", "reasoning", "blanks"],
)
def test_what_cannot_be_continued_is_raised_with_the_reason(
    caller: Caller, provider: type[Tiny], broken: Answer, why: str
) -> None:
    """With what had arrived; nothing else is tried."""
    with FaultServer(broken) as server:
        outcome = caller.stream(at(server.url, provider), recovery="continue")
        assert len(server.requests) == 1
    assert isinstance(outcome.error, StreamInterruptedError)
    assert outcome.error.partial is not None
    assert outcome.error.partial.parts
    [note] = notes(outcome.error)
    assert note.startswith("recovery='continue' was not possible: ")
    assert why in note


def test_structured_output_is_not_continued(caller: Caller) -> None:
    """Its grammar would begin anew in the middle of the text."""
    with FaultServer(sse_answer(event(text='{"city": "Os'))) as server:
        outcome = caller.stream(at(server.url, Prefilled), recovery="continue", output="json")
    assert "structured output" in notes(outcome.error)[0]


def test_a_refused_continuation_raises_what_the_answer_broke_with(caller: Caller) -> None:
    """The interruption is what went wrong with the call; the refusal is noted."""
    refusal = json_answer({"error": {"message": "the conversation must end with a user message"}}, 400)
    with FaultServer(CUT, refusal) as server:
        outcome = caller.stream(at(server.url, Prefilled), recovery="continue")
    assert isinstance(outcome.error, StreamInterruptedError)
    assert outcome.error.attempts == 2
    assert "must end with a user message" in notes(outcome.error)[0]
    assert outcome.response.text == "Hel"


# ---- whoever listens


def test_observers_are_told_of_every_attempt(caller: Caller) -> None:
    """By the event that the consumer has too."""
    seen: list[str] = []

    class Watching:
        """Notes what follows a failure."""

        @hookimpl
        def core_llm_observe_stream(self) -> StreamObserver:
            return _Noting(seen)

    with FaultServer(BUSY, CUT, hello()) as server:
        caller.stream(at(server.url), recovery="restart", client={"plugins": [Watching()]})
    assert seen == ["retrying 2", "restarted 3", "finished Hello"]


class _Noting:
    def __init__(self, seen: list[str]) -> None:
        self._seen = seen

    def on_start(self, request: Request) -> None:
        """Do nothing."""

    def on_event(self, event: StreamEvent) -> None:
        """Do nothing."""

    def on_retry(self, retrying: AttemptEvent) -> None:
        """Note it."""
        self._seen.append(f"{retrying.type} {retrying.attempt}")

    def on_error(self, error: CoreLLMError, partial: Response) -> None:
        """Note it."""
        self._seen.append(f"failed {error} {partial.text}")

    def on_finish(self, response: Response) -> None:
        """Note it."""
        self._seen.append(f"finished {response.text}")


def test_generate_recovers_too(caller: Caller) -> None:
    """Where it reads a stream; the response tells what it took."""
    with FaultServer(CUT, hello()) as server:
        provider = at(server.url)
        response = caller.generate(provider, via_stream=True, recovery="restart")
    assert response.text == "Hello"
    assert [each.error for each in response.attempts] == ["StreamInterruptedError", None]


# ---- configuration


def test_recovery_can_be_set_for_a_client(caller: Caller) -> None:
    """And a call can set it back."""
    with FaultServer(CUT, hello(), CUT) as server:
        provider = at(server.url)
        recovered = caller.stream(provider, client={"recovery": "restart"})
        raised = caller.stream(provider, client={"recovery": "restart"}, recovery="raise")
    assert recovered.response.text == "Hello"
    assert isinstance(raised.error, StreamInterruptedError)


def test_without_retries_nothing_is_recovered(caller: Caller) -> None:
    """A recovery is one more attempt, and counts as one."""
    with FaultServer(CUT) as server:
        outcome = caller.stream(at(server.url), recovery="restart", max_retries=0)
    assert isinstance(outcome.error, StreamInterruptedError)


def test_the_servers_own_word_in_the_middle_is_kept(caller: Caller) -> None:
    """When all recoveries failed, the error is the last one."""
    failing = sse_answer(HELLO[0], event(error={"message": "no GPU left"}))
    with FaultServer(*[failing] * 3) as server:
        outcome = caller.stream(at(server.url), recovery="restart")
    assert isinstance(outcome.error, ServerError)
    assert "no GPU left" in outcome.error.message
