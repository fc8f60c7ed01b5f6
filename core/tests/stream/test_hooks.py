"""Hooks around a call: rewriting the request, observing what happens, transforming events."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

import anyio
import pytest

from core_llm import (
    AbortedError,
    AsyncClient,
    AttemptEvent,
    Client,
    CoreLLMError,
    Finish,
    Message,
    OverloadedError,
    PartEnd,
    PluginError,
    Request,
    Response,
    StreamEvent,
    StreamInterruptedError,
    StreamStart,
    TextDelta,
    hookimpl,
)
from core_llm.hookspecs import EventTransform, RequestRewriter, StreamObserver
from core_llm_conformance.script import Stall, json_answer, sse_answer
from core_llm_conformance.server import FaultServer

from .calls import Caller, config, stream_sync
from .tiny import HELLO, Locked, at, event, hello, plain

BUSY = json_answer({"error": "busy"}, 503)


class Rewriting:
    """A plugin that rewrites requests."""

    def __init__(self, rewrite: RequestRewriter) -> None:
        self._rewrite = rewrite

    @hookimpl
    def core_llm_rewrite_request(self) -> RequestRewriter:
        return self._rewrite


class Transforming:
    """A plugin that replaces events."""

    def __init__(self, transform: EventTransform) -> None:
        self._transform = transform

    @hookimpl
    def core_llm_transform_events(self) -> EventTransform:
        return self._transform


@dataclass
class Notes:
    """What an observer was told, as words."""

    told: list[str] = field(default_factory=list)
    partial: Response | None = None

    def on_start(self, request: Request) -> None:
        """Note the prompt."""
        self.told.append(f"start {request.messages[-1].text}")

    def on_event(self, event: StreamEvent) -> None:
        """Note the type."""
        self.told.append(event.type)

    def on_retry(self, retrying: AttemptEvent) -> None:
        """Note the attempt."""
        self.told.append(f"retry {retrying.attempt}")

    def on_error(self, error: CoreLLMError, partial: Response) -> None:
        """Note the class, and keep what came."""
        self.told.append(f"error {type(error).__name__}")
        self.partial = partial

    def on_finish(self, response: Response) -> None:
        """Note the text."""
        self.told.append(f"finish {response.text}")


class Observing:
    """A plugin that observes every call through one object."""

    def __init__(self, observer: StreamObserver) -> None:
        self.observer = observer
        self.asked: list[tuple[str, str]] = []

    @hookimpl
    def core_llm_observe_stream(self, provider: str, model: str) -> StreamObserver:
        self.asked.append((provider, model))
        return self.observer


def appending(word: str) -> RequestRewriter:
    """Return what adds a word to the last message."""

    def rewrite(request: Request) -> Request:
        last = Message.user(request.messages[-1].text + word)
        return request.model_copy(update={"messages": (*request.messages[:-1], last)})

    return rewrite


def shouting(event: StreamEvent) -> Iterable[StreamEvent]:
    """Yield deltas in capitals, and everything else as it is."""
    yield replace(event, text=event.text.upper()) if isinstance(event, TextDelta) else event


# ---- rewriting


def test_requests_are_rewritten_in_the_order_of_the_plugins(caller: Caller) -> None:
    """Each gets what the one before returned."""
    with FaultServer(hello()) as server:
        caller.stream(at(server.url), client={"plugins": [Rewriting(appending(" there")), Rewriting(appending("!"))]})
        assert server.last_request.json == {"texts": ["Hi there!"], "stream": True}


@pytest.mark.parametrize("result", [None, "a text"])
def test_a_rewriter_that_returns_no_request_stops_the_call(caller: Caller, result: object) -> None:
    """The call must not go out without what the plugin would have changed."""
    with FaultServer() as server, pytest.raises(PluginError, match="not a Request"):
        caller.stream(at(server.url), client={"plugins": [Rewriting(lambda _: result)]})  # type: ignore[arg-type, return-value]


def test_a_rewriter_that_raises_stops_the_call(caller: Caller) -> None:
    """As an error of this package, in which its own is a stand-in."""

    def fail(_: Request) -> Request:
        raise LookupError("no policy for this user")

    with FaultServer() as server, pytest.raises(PluginError, match="no policy for this user"):
        caller.stream(at(server.url), client={"plugins": [Rewriting(fail)]})


# ---- observing


def test_an_observer_is_told_of_everything_in_order(caller: Caller) -> None:
    """The request as it goes out, the retry, each event, the end."""
    notes = Notes()
    observing = Observing(notes)
    with FaultServer(BUSY, hello()) as server:
        caller.stream(at(server.url), client={"plugins": [Rewriting(appending("!")), observing]})
    events = ["stream_start", "part_start", "text_delta", "text_delta", "part_end", "finish"]
    assert notes.told == ["start Hi!", "retry 2", *events, "finish Hello"]
    assert observing.asked == [("tiny", "m")]


def test_an_observer_of_a_plain_answer_is_told_of_its_end(caller: Caller) -> None:
    """There are no events between."""
    notes = Notes()
    with FaultServer(json_answer(plain())) as server:
        caller.generate(at(server.url), client={"plugins": [Observing(notes)]})
    assert notes.told == ["start Hi", "finish", "finish Hello"]


def test_an_observer_is_told_of_a_failure_with_what_came(caller: Caller) -> None:
    """Once, after the last event."""
    notes = Notes()
    with FaultServer(sse_answer(HELLO[0])) as server:
        caller.stream(at(server.url), client={"plugins": [Observing(notes)]})
    assert notes.told == ["start Hi", "stream_start", "part_start", "text_delta", "error StreamInterruptedError"]
    assert notes.partial is not None
    assert notes.partial.text == "Hel"


def test_an_observer_is_told_of_a_failure_before_anything_is_sent(caller: Caller) -> None:
    """A credentials callable that gives nothing, say."""
    notes = Notes()
    client = {"plugins": [Observing(notes)], "api_keys": {"tiny": lambda: ""}}
    with FaultServer() as server:
        caller.stream(at(server.url, Locked), client=client)  # type: ignore[arg-type]
    assert notes.told == ["start Hi", "error MissingAPIKeyError"]


def test_an_observer_is_told_when_the_stream_is_left(caller: Caller) -> None:
    """A call that is begun also ends, for whoever counts them."""
    notes = Notes()
    with FaultServer(sse_answer(HELLO[0], Stall())) as server:
        caller.stream(at(server.url), take=3, client={"plugins": [Observing(notes)]})
    assert notes.told == ["start Hi", "stream_start", "part_start", "text_delta", "error AbortedError"]
    assert notes.partial is not None
    assert notes.partial.text == "Hel"


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_an_observer_is_told_when_the_task_is_cancelled(backend: str) -> None:
    """Also where no error of this package is raised."""
    notes = Notes()

    async def main(url: str) -> None:
        async with AsyncClient(config=config(), providers=[at(url)], plugins=[Observing(notes)]) as client:
            with anyio.move_on_after(0.1):
                await client.generate("tiny:m", "Hi", via_stream=True)

    with FaultServer(sse_answer(HELLO[0], Stall())) as server:
        anyio.run(main, server.url, backend=backend)
    assert notes.told[-1] == "error AbortedError"


def test_an_observer_that_raises_is_logged_and_harms_nothing(caller: Caller, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever method it is in; what it says is redacted."""

    class Broken(Notes):
        def on_event(self, event: StreamEvent) -> None:
            raise ValueError(f"cannot store {event.type} with tiny-secret-4711")

        def on_finish(self, response: Response) -> None:
            raise OSError(f"disk full at {response.text}")

    with FaultServer(hello()) as server, caplog.at_level(logging.WARNING, "core_llm"):
        outcome = caller.stream(
            at(server.url, Locked), client={"plugins": [Observing(Broken())], "api_keys": {"tiny": "tiny-secret-4711"}}
        )
    assert outcome.response.text == "Hello"
    assert "cannot store text_delta" in caplog.text
    assert "disk full" in caplog.text
    assert "tiny-secret-4711" not in caplog.text


def test_a_call_that_nobody_observes_pays_nothing() -> None:
    """Without observers and transforms there is no pipeline, and where a plugin declines there is none either."""

    class Declining:
        @hookimpl
        def core_llm_observe_stream(self) -> None:
            return None

    for plugins in ([], [Declining()]):
        client = Client(config=config(), providers=[at("http://127.0.0.1:9")], plugins=plugins)
        assert client.stream("tiny:m", "Hi")._call.pipeline is None


# ---- transforming


def test_events_are_transformed_and_the_response_says_the_same(caller: Caller) -> None:
    """The part's end and the response follow the deltas."""
    with FaultServer(hello()) as server:
        outcome = caller.stream(at(server.url), client={"plugins": [Transforming(shouting)]})
    assert outcome.texts == ["HEL", "LO"]
    assert outcome.response.text == "HELLO"
    assert [each.part.text for each in outcome.events if isinstance(each, PartEnd)] == ["HELLO"]  # type: ignore[union-attr]


def test_transforms_are_folded_in_the_order_of_the_plugins(caller: Caller) -> None:
    """Each event that one yields goes through the next."""

    def doubled(event: StreamEvent) -> Iterable[StreamEvent]:
        return (event, event) if isinstance(event, TextDelta) else (event,)

    def numbered() -> Callable[[StreamEvent], Iterable[StreamEvent]]:
        count = iter(range(100))
        return lambda event: [replace(event, text=f"{next(count)}")] if isinstance(event, TextDelta) else [event]

    with FaultServer(hello()) as server:
        plugins = [Transforming(doubled), Transforming(numbered())]
        outcome = caller.stream(at(server.url), client={"plugins": plugins})
    assert outcome.response.text == "0123"


def test_a_transform_may_leave_events_out(caller: Caller) -> None:
    """Without its deltas a text is empty; lifecycle events do not pass through it."""
    seen: list[str] = []

    def silent(event: StreamEvent) -> Iterable[StreamEvent]:
        seen.append(event.type)
        return () if isinstance(event, TextDelta) else (event,)

    with FaultServer(BUSY, hello()) as server:
        outcome = caller.stream(at(server.url), client={"plugins": [Transforming(silent)]})
    assert outcome.types == ["retrying", "stream_start", "part_start", "part_end", "finish"]
    assert outcome.response.text == ""
    assert seen == ["part_start", "text_delta", "text_delta", "part_end"]


def test_a_plain_answer_is_transformed_too(caller: Caller) -> None:
    """`generate` says what the stream would have said."""
    with FaultServer(json_answer(plain())) as server:
        assert caller.generate(at(server.url), client={"plugins": [Transforming(shouting)]}).text == "HELLO"


def test_the_partial_response_of_a_broken_stream_is_transformed(caller: Caller) -> None:
    """What a transform takes out of the events must not come back through the error."""

    def masked(event: StreamEvent) -> Iterable[StreamEvent]:
        return [replace(event, text="***")] if isinstance(event, TextDelta) else [event]

    with FaultServer(sse_answer(event(text="4111 1111"))) as server:
        outcome = caller.stream(at(server.url), client={"plugins": [Transforming(masked)]})
    assert isinstance(outcome.error, StreamInterruptedError)
    assert outcome.error.partial is not None
    assert outcome.error.partial.text == outcome.response.text == "***"


def test_a_transform_that_raises_ends_the_call(caller: Caller) -> None:
    """Its events are not handed on as they were; the connection is closed, and observers learn of it."""
    notes = Notes()

    def fail(event: StreamEvent) -> Iterable[StreamEvent]:
        if event.type == "text_delta":
            raise RuntimeError("no rule for this")
        return (event,)

    with FaultServer(sse_answer(*HELLO[:1], Stall())) as server:
        plugins = [Transforming(fail), Observing(notes)]
        outcome = caller.stream(at(server.url), client={"plugins": plugins})
        server.connections[0].closed_by_client.wait()
    assert isinstance(outcome.error, PluginError)
    assert "no rule for this" in outcome.error.message
    assert outcome.response.text == ""
    assert notes.told == ["start Hi", "error PluginError"]


def test_observers_see_transformed_events(caller: Caller) -> None:
    """As the consumer has them."""
    texts: list[str] = []

    class Reading(Notes):
        def on_event(self, event: StreamEvent) -> None:
            if isinstance(event, TextDelta):
                texts.append(event.text)

    with FaultServer(hello()) as server:
        caller.stream(at(server.url), client={"plugins": [Transforming(shouting), Observing(Reading())]})
    assert texts == ["HEL", "LO"]


def test_each_call_has_its_own_state() -> None:
    """The hooks are asked anew for every call."""
    observing = Observing(Notes())
    with FaultServer(hello(), hello()) as server:
        client = Client(config=config(), providers=[at(server.url)], plugins=[observing])
        for _ in range(2):
            stream_sync(client, "tiny:m")
    assert observing.asked == [("tiny", "m")] * 2


def test_an_abort_is_told_as_what_it_is() -> None:
    """With the error that the consumer gets."""
    notes = Notes()
    with FaultServer(sse_answer(HELLO[0], Stall())) as server:
        client = Client(config=config(), providers=[at(server.url)], plugins=[Observing(notes)])
        with pytest.raises(AbortedError), client.stream("tiny:m", "Hi") as stream:
            for each in stream:
                if isinstance(each, TextDelta):
                    stream.abort("enough")
    assert notes.told[-1] == "error AbortedError"
    assert notes.told.count("error AbortedError") == 1


def test_the_types_of_the_events_are_told_apart() -> None:
    """What is observed first and last are the ends of the answer."""
    seen: list[StreamEvent] = []

    class Keeping(Notes):
        def on_event(self, event: StreamEvent) -> None:
            seen.append(event)

    with FaultServer(hello()) as server:
        client = Client(config=config(), providers=[at(server.url)], plugins=[Observing(Keeping())])
        stream_sync(client, "tiny:m")
    assert isinstance(seen[0], StreamStart)
    assert isinstance(seen[-1], Finish)


def test_what_stays_of_a_status_error_is_told() -> None:
    """An error before any event has an empty partial."""
    notes = Notes()
    with FaultServer(BUSY) as server:
        client = Client(config=config(), providers=[at(server.url)], plugins=[Observing(notes)], max_retries=0)
        with pytest.raises(OverloadedError):
            client.generate("tiny:m", "Hi")
    assert notes.told == ["start Hi", "error OverloadedError"]
    assert notes.partial is not None
    assert notes.partial.parts == ()
