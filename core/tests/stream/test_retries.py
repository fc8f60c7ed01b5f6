"""Which failures are tried again, how long it is waited, and that nothing is ever replayed in silence."""

from __future__ import annotations

import email.utils
import itertools
import socket
from collections.abc import Callable, Iterator

import pytest
from pydantic import SecretStr

from core_llm import (
    AuthenticationError,
    BadRequestError,
    ConnectError,
    Limits,
    MissingAPIKeyError,
    OverloadedError,
    PartStart,
    RateLimitError,
    Retrying,
    ServerError,
    StreamInterruptedError,
    TransportError,
    Usage,
)
from core_llm._stream.plan import Clock
from core_llm.testing import Cut, FakeProvider
from core_llm_conformance.script import Answer, Reset, Stall, json_answer, sse_answer
from core_llm_conformance.server import FaultServer, RecordedRequest

from .calls import Caller, Outcome
from .tiny import HELLO, Locked, at, event, hello, plain

BUSY = json_answer({"error": {"message": "busy"}}, 503)
NOW = 1_700_000_000.0


def retries(outcome: Outcome) -> list[tuple[int, float, str]]:
    """Return attempt, delay and error's class of each Retrying event."""
    found = [event for event in outcome.events if isinstance(event, Retrying)]
    return [(event.attempt, event.delay, type(event.error).__name__) for event in found]


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (json_answer({"error": "slow down"}, 429), "RateLimitError"),
        (json_answer({"error": "oops"}, 500), "ServerError"),
        (BUSY, "OverloadedError"),
        (Answer(before=[Reset()]), "TransportError"),
        (sse_answer(Reset()), "StreamInterruptedError"),
        (sse_answer(event(error={"message": "busy", "code": 503})), "OverloadedError"),
    ],
    ids=["429", "500", "503", "reset before the head", "reset before content", "error before content"],
)
def test_what_fails_before_content_is_sent_again(caller: Caller, failure: Answer, error: str) -> None:
    """The consumer sees that another attempt follows, and then the answer as if nothing had been."""
    with FaultServer(failure, hello()) as server:
        outcome = caller.stream(at(server.url))
    assert retries(outcome) == [(2, 0.0, error)]
    assert outcome.types[:2] == ["retrying", "stream_start"]
    assert outcome.response.text == "Hello"


@pytest.mark.parametrize("failure", [OverloadedError("busy", status_code=529), Cut()], ids=["overloaded", "cut"])
def test_a_part_that_has_only_begun_is_no_content(caller: Caller, failure: OverloadedError | Cut) -> None:
    """Some providers say early which part will come, and may fail before the first word of it."""
    provider = FakeProvider([PartStart(0, "reasoning"), failure], "Hello", name="tiny")
    outcome = caller.stream(provider)
    assert len(retries(outcome)) == 1
    assert outcome.types[-4:] == ["part_start", "text_delta", "part_end", "finish"]
    assert outcome.types.count("part_start") == 1


def test_a_refused_connection_is_tried_again(wired: Caller) -> None:
    """Nobody listens: as often as is configured, then the error says where."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    outcome = wired.stream(at(url), max_retries=1)
    assert retries(outcome) == [(2, 0.0, "ConnectError")]
    assert isinstance(outcome.error, ConnectError)
    assert url in outcome.error.message
    assert (outcome.error.attempts, outcome.error.phase) == (2, "connect")


def test_what_fails_after_content_is_not_sent_again(caller: Caller) -> None:
    """The consumer has had a part of the answer, and gets the error with it."""
    with FaultServer(sse_answer(HELLO[0]), hello()) as server:
        outcome = caller.stream(at(server.url))
        assert server.unused == 1
    assert isinstance(outcome.error, StreamInterruptedError)
    assert (outcome.error.attempts, outcome.response.text) == (1, "Hel")


def test_usage_alone_is_no_content(caller: Caller) -> None:
    """An attempt that gave only a count is made again; what it has cost is counted."""
    with FaultServer(sse_answer(event(usage={"in": 3})), hello()) as server:
        outcome = caller.stream(at(server.url))
    assert outcome.types[:4] == ["stream_start", "usage_update", "retrying", "stream_start"]
    assert outcome.response.usage == Usage(input_tokens=3)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422])
def test_what_is_wrong_with_the_request_is_not_sent_again(caller: Caller, status: int) -> None:
    """The same request would fail again."""
    with FaultServer(json_answer({"error": "no"}, status)) as server:
        outcome = caller.stream(at(server.url))
    assert outcome.error is not None
    assert outcome.error.attempts == 1  # type: ignore[attr-defined]
    assert outcome.types == []


def test_no_retries_means_none(caller: Caller) -> None:
    """0 switches them off, for the client or for the call."""
    with FaultServer(BUSY, BUSY) as server:
        provider = at(server.url)
        for outcome in (caller.stream(provider, client={"max_retries": 0}), caller.stream(provider, max_retries=0)):
            assert isinstance(outcome.error, OverloadedError)
            assert outcome.types == []


def test_the_last_error_is_raised_when_all_attempts_fail(caller: Caller) -> None:
    """Two retries by default, each visible; the error says how many attempts there were."""
    with FaultServer(json_answer({}, 500), json_answer({}, 502), BUSY) as server:
        outcome = caller.stream(at(server.url))
    assert retries(outcome) == [(2, 0.0, "ServerError"), (3, 0.0, "ServerError")]
    assert isinstance(outcome.error, OverloadedError)
    assert outcome.error.attempts == 3


def test_generate_tries_again_too(caller: Caller) -> None:
    """A plain request is under the same policy."""
    with FaultServer(BUSY, json_answer(plain("Hello"))) as server:
        assert caller.generate(at(server.url)).text == "Hello"


@pytest.mark.parametrize(
    ("headers", "delay"),
    [
        ({"retry-after": "0.05"}, 0.05),
        ({"retry-after-ms": "50", "retry-after": "7"}, 0.05),
        ({"retry-after": email.utils.formatdate(NOW - 5, usegmt=True)}, 0.0),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "50ms"}, 0.05),
        ({"retry-after": "0", "x-ratelimit-reset": "9"}, 0.0),
    ],
    ids=["seconds", "milliseconds", "a date", "a limit's reset", "a wish and a reset"],
)
def test_the_wait_that_the_provider_asks_for_is_kept(caller: Caller, headers: dict[str, str], delay: float) -> None:
    """In each of its forms; without one, a limit that is used up says when it is reset."""
    clock = Clock(now=lambda: NOW, random=lambda: 1.0)
    with FaultServer(json_answer({}, 429, headers), hello()) as server:
        outcome = caller.stream(at(server.url), client={"clock": clock})
    assert retries(outcome) == [(2, delay, "RateLimitError")]


def test_a_wait_beyond_a_minute_is_left_to_the_caller(caller: Caller) -> None:
    """The error says how long the provider asks for."""
    with FaultServer(json_answer({}, 429, {"retry-after": "61"})) as server:
        outcome = caller.stream(at(server.url))
    assert isinstance(outcome.error, RateLimitError)
    assert (outcome.error.retry_after, outcome.error.attempts) == (61, 1)


def test_without_the_providers_wish_the_wait_is_random_and_grows(caller: Caller) -> None:
    """Full jitter: a random share of a time that doubles."""
    clock = Clock(random=lambda: 0.02)
    with FaultServer(BUSY, BUSY, hello()) as server:
        outcome = caller.stream(at(server.url), client={"clock": clock})
    assert [delay for _, delay, _ in retries(outcome)] == [0.01, 0.02]


def test_attempts_end_with_the_total_limit(caller: Caller) -> None:
    """An attempt that would begin after the end is not made."""
    clock = Clock(random=lambda: 1.0)
    with FaultServer(BUSY) as server:
        outcome = caller.stream(at(server.url), client={"clock": clock}, limits=Limits(total=0.3))
    assert isinstance(outcome.error, OverloadedError)
    assert outcome.error.attempts == 1


def test_a_limit_that_was_exceeded_is_not_tried_again(caller: Caller) -> None:
    """Only connecting is: a server that is too slow once is not asked to be so twice."""
    with FaultServer(Answer(before=[Stall()])) as server:
        outcome = caller.stream(at(server.url), limits=Limits(first_event=0.1))
        assert len(server.requests) == 1
    assert isinstance(outcome.error, TransportError)


# ---- credentials


def only(token: str) -> Callable[[RecordedRequest], Answer]:
    """Return what answers only requests with that token."""

    def answer(request: RecordedRequest) -> Answer:
        is_known = request.headers.get("authorization") == f"Bearer {token}"
        return hello() if is_known else json_answer({"error": "expired"}, 401)

    return answer


def numbered() -> Iterator[str]:
    """Yield token-000001, token-000002 and so on."""
    return (f"token-{number:06}" for number in itertools.count(1))


def sync_callable(tokens: Iterator[str]) -> Callable[[], str]:
    """Return a plain function that gives the next token."""
    return lambda: next(tokens)


def secret_callable(tokens: Iterator[str]) -> Callable[[], SecretStr]:
    """Return one that gives it as a secret."""
    return lambda: SecretStr(next(tokens))


@pytest.mark.parametrize("kind", [sync_callable, secret_callable])
def test_a_rejected_token_is_renewed_once(caller: Caller, kind: Callable[[Iterator[str]], Callable[[], str]]) -> None:
    """After a 401 the callable is asked again; the consumer sees nothing of it."""
    with FaultServer(*[only("token-000002")] * 2) as server:
        outcome = caller.stream(at(server.url, Locked), client={"api_keys": {"tiny": kind(numbered())}})
        tokens = [request.headers["authorization"] for request in server.requests]
    assert tokens == ["Bearer token-000001", "Bearer token-000002"]
    assert outcome.types[0] == "stream_start"
    assert outcome.response.text == "Hello"


def test_a_token_that_is_rejected_twice_is_an_error(caller: Caller) -> None:
    """It is renewed once, not for ever."""
    with FaultServer(*[only("no such")] * 2) as server:
        outcome = caller.stream(at(server.url, Locked), client={"api_keys": {"tiny": sync_callable(numbered())}})
    assert isinstance(outcome.error, AuthenticationError)
    assert outcome.error.attempts == 2


def test_an_async_callable_is_awaited(caller: Caller) -> None:
    """Under the async client; the sync one says that it cannot, and sends nothing."""

    async def token() -> str:  # its being async is the point
        return "token-000001"

    with FaultServer(only("token-000001")) as server:
        outcome = caller.stream(at(server.url, Locked), client={"api_keys": {"tiny": token}})
        if caller.mode == "sync":
            assert server.requests == []
    if caller.mode == "sync":
        assert isinstance(outcome.error, MissingAPIKeyError)
        assert "AsyncClient" in outcome.error.message
    else:
        assert outcome.response.text == "Hello"


def test_a_callable_that_raises_is_an_error_that_names_the_provider(caller: Caller) -> None:
    """Nothing is sent; its exception is kept as a stand-in."""

    def broken() -> str:
        raise LookupError("the vault is sealed")

    with FaultServer() as server:
        outcome = caller.stream(at(server.url, Locked), client={"api_keys": {"tiny": broken}})
        assert server.requests == []
    assert isinstance(outcome.error, MissingAPIKeyError)
    assert "tiny" in outcome.error.message
    assert "the vault is sealed" in outcome.error.message


@pytest.mark.parametrize("given", ["", None, 42])
def test_a_callable_that_gives_no_key_is_an_error(caller: Caller, given: object) -> None:
    """What is no key is not sent, where the provider needs one."""
    with FaultServer() as server:
        outcome = caller.stream(at(server.url, Locked), client={"api_keys": {"tiny": lambda: given}})  # type: ignore[arg-type]
        assert server.requests == []
    assert isinstance(outcome.error, MissingAPIKeyError)


def test_errors_say_whose_they_are(caller: Caller) -> None:
    """Provider, model, phase and whether it may help to send the request again."""
    answer = json_answer({"error": {"message": "no such parameter", "code": "bad"}}, 400, {"x-request-id": "req-1"})
    with FaultServer(answer) as server:
        error = caller.stream(at(server.url)).error
    assert isinstance(error, BadRequestError)
    assert (error.provider, error.model, error.phase, error.is_retryable) == ("tiny", "m", "headers", False)
    assert (error.request_id, error.code, error.status_code) == ("req-1", "bad", 400)
    assert not isinstance(error, ServerError)
