"""What is no chat: a sans-I/O generator, driven under the same limits, retries and credentials."""

from __future__ import annotations

import pytest

from core_llm import (
    AuthenticationError,
    ConfigError,
    CoreLLMError,
    Limits,
    MalformedResponseError,
    MissingAPIKeyError,
    NotFoundError,
    OverloadedError,
    StatusError,
    StreamInterruptedError,
    TimeoutExceededError,
    UnsupportedError,
)
from core_llm._timers import watchdog
from core_llm.wire import Exchange, ModelInfo, WireFormat, WireRequest
from core_llm_conformance.script import Answer, Reset, Send, Stall, json_answer
from core_llm_conformance.server import FaultServer, RecordedRequest

from .calls import Caller
from .tiny import Locked, TinyWire, at

BUSY = json_answer({"error": "busy"}, 503)
PAGES = [json_answer({"models": ["a", "b"], "next": "2"}), json_answer({"models": ["c"]})]


def test_a_listing_of_several_pages_is_gathered(wired: Caller) -> None:
    """Each answer leads to the next request, on one connection."""
    with FaultServer(*PAGES) as server:
        models = wired.models(at(server.url))
        assert [(request.method, request.path, request.query) for request in server.requests] == [
            ("GET", "/models", {"page": ["1"]}),
            ("GET", "/models", {"page": ["2"]}),
        ]
        assert len(server.connections) == 1
    assert models == (ModelInfo(id="a"), ModelInfo(id="b"), ModelInfo(id="c"))


def test_each_request_is_tried_again_by_itself(caller: Caller) -> None:
    """A failure on the second page does not ask for the first again."""
    with FaultServer(BUSY, PAGES[0], Answer(before=[Reset()]), BUSY, PAGES[1]) as server:
        assert len(caller.models(at(server.url))) == 3
        assert [request.query["page"] for request in server.requests] == [["1"], ["1"], ["2"], ["2"], ["2"]]


def test_the_last_error_is_raised_and_counts_its_attempts(caller: Caller) -> None:
    """With the provider's name."""
    with FaultServer(BUSY, BUSY, BUSY) as server, pytest.raises(OverloadedError) as raised:
        caller.models(at(server.url))
    assert (raised.value.attempts, raised.value.provider) == (3, "tiny")


def test_an_error_whose_body_never_ends_is_tried_again(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its status says enough, as for any other call."""
    monkeypatch.setattr("core_llm._stream.engine.ERROR_BODY_SECONDS", 0.2)
    with FaultServer(Answer(503, {}, [Send(b"busy"), Stall()]), *PAGES) as server:
        assert len(caller.models(at(server.url))) == 3


def test_no_retries_means_none(caller: Caller) -> None:
    """As the client says."""
    with FaultServer(BUSY) as server, pytest.raises(OverloadedError):
        caller.models(at(server.url), client={"max_retries": 0})


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (json_answer({"error": "no"}, 404), NotFoundError),
        (Answer(302, {"location": "https://elsewhere.test"}), StatusError),
        (Answer(200, {}, [Send(b"<html>")]), MalformedResponseError),
        (json_answer({"data": []}), MalformedResponseError),
        (Answer(200, {}, [Send(b"{"), Reset()]), StreamInterruptedError),
    ],
    ids=["status", "redirect", "a page", "another shape", "cut"],
)
def test_what_goes_wrong_is_an_error_of_this_package(caller: Caller, answer: Answer, kind: type[CoreLLMError]) -> None:
    """Whatever the wire's generator raises, too."""
    with FaultServer(answer) as server, pytest.raises(kind) as raised:
        caller.models(at(server.url), client={"max_retries": 0})
    assert raised.value.provider == "tiny"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "answer", [Answer(before=[Stall()]), Answer(200, {}, [Send(b"{"), Stall()])], ids=["head", "body"]
)
def test_limits_hold(wired: Caller, answer: Answer) -> None:
    """A listing does not hang either."""
    with FaultServer(answer) as server, pytest.raises(TimeoutExceededError) as raised:
        wired.models(at(server.url), client={"limits": Limits(first_event=0.1)})
    assert raised.value.limit == "first_event"


def test_the_total_limit_bounds_all_of_it(caller: Caller) -> None:
    """Waiting for another attempt included."""
    with FaultServer(json_answer({}, 429, {"retry-after": "30"})) as server, pytest.raises(StatusError):
        caller.models(at(server.url), client={"limits": Limits(total=1)})


def test_a_rejected_token_is_renewed_once(caller: Caller) -> None:
    """As for a chat, and each request is signed with what was resolved."""
    tokens = iter(["token-000001", "token-000002", "token-000003"])

    def only_second(request: RecordedRequest) -> Answer:
        is_known = request.headers["authorization"] == "Bearer token-000002"
        return PAGES[1] if is_known else json_answer({}, 401)

    client = {"api_keys": {"tiny": lambda: next(tokens)}}
    with FaultServer(*[only_second] * 2) as server:
        assert len(caller.models(at(server.url, Locked), client=client)) == 1  # type: ignore[arg-type]
    with FaultServer(json_answer({}, 401), json_answer({}, 401)) as server, pytest.raises(AuthenticationError):
        tokens = iter(["token-000001", "token-000002"])
        caller.models(at(server.url, Locked), client=client)  # type: ignore[arg-type]


def test_a_token_that_cannot_be_had_is_an_error_before_anything_is_sent(caller: Caller) -> None:
    """Likewise a provider that nobody knows, and an address that is none."""
    with FaultServer() as server:
        with pytest.raises(MissingAPIKeyError):
            caller.models(at(server.url, Locked), client={"api_keys": {"tiny": lambda: ""}})
        with pytest.raises(ConfigError):
            caller.models(at("", Locked), client={"api_keys": {"tiny": "k" * 8}})


def test_a_wire_without_a_listing_says_so(caller: Caller) -> None:
    """Nothing is sent."""

    class Bare(TinyWire):
        list_models = WireFormat.list_models

    with FaultServer() as server, pytest.raises(UnsupportedError, match="model listing"):
        caller.models(at(server.url, wire=Bare))


def test_a_generator_that_gives_up_is_closed(caller: Caller) -> None:
    """What it holds is let go, however the exchange ends."""
    closed: list[str] = []

    class Holding(TinyWire):
        def list_models(self) -> Exchange[tuple[ModelInfo, ...]]:
            try:
                yield WireRequest("GET", "/models")
            finally:
                closed.append("yes")
            return ()

    with FaultServer(json_answer({}, 400)) as server, pytest.raises(StatusError):
        caller.models(at(server.url, wire=Holding))
    assert closed == ["yes"]


def test_nothing_is_left_with_the_watchdog(caller: Caller) -> None:
    """The deadlines of an exchange that is over are void."""
    with FaultServer(PAGES[1]) as server:
        caller.models(at(server.url))
    assert watchdog.left() == []
