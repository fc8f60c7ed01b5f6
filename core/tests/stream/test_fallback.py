"""Fallback and routes: another model takes over, with its own key, wire and options, and the consumer is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Unpack

import pytest
from pydantic_core import from_json

from core_llm import (
    BadRequestError,
    Capabilities,
    Client,
    ConfigValues,
    ConnectError,
    Fallback,
    FellBack,
    FilePart,
    InvalidRequestError,
    InvalidSettingError,
    Limits,
    MissingAPIKeyError,
    OverloadedError,
    Retries,
    StreamConfig,
    StreamInterruptedError,
    UnknownProviderError,
    UnsupportedError,
)
from core_llm._calls import ClientOptions
from core_llm._json import JSONObject
from core_llm._options import CallOptions
from core_llm.testing import FakeProvider
from core_llm_conformance.script import Answer, Stall, json_answer, sse_answer
from core_llm_conformance.server import FaultServer

from .calls import Caller, Outcome, config
from .tiny import HELLO, Locked, Tiny, at, hello

BUSY = json_answer({"error": {"message": "busy"}}, 503)
CUT = sse_answer(HELLO[0])
DENIED = json_answer({"error": "wrong key"}, 401)
SLOW_DOWN = json_answer({"error": "slow down"}, 429)
ONCE: CallOptions = {"max_retries": 0}


class Other(Locked):
    """Another provider, with a key of its own."""

    name = "other"


class Blind(Tiny):
    """One that takes no pictures."""

    name = "blind"
    capabilities: ClassVar[Mapping[str, Capabilities]] = {"*": Capabilities(image_input="unsupported")}


def two(
    caller: Caller, server: FaultServer, client: ClientOptions | None = None, **call: Unpack[CallOptions]
) -> Outcome:
    """Stream from tiny, with other to fall back to."""
    options: ClientOptions = {
        "providers": [at(server.url), at(server.url, Other), at(server.url, Blind)],
        "api_keys": {"other": "others-key-0123"},
        **(client or {}),
    }
    return caller.stream(at(server.url), client=options, **{"fallback": ["other:n"], **call})  # type: ignore[arg-type]


def fell(outcome: Outcome) -> list[tuple[int, str, str, str]]:
    """Return attempt, error's class, provider and model of each FellBack."""
    found = [event for event in outcome.events if isinstance(event, FellBack)]
    return [(event.attempt, type(event.error).__name__, event.provider, event.model) for event in found]


# ---- before content


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (BUSY, "OverloadedError"),
        (DENIED, "AuthenticationError"),
        (json_answer({"error": "no such model"}, 404), "NotFoundError"),
        (sse_answer(b"data: nonsense\n\n"), "MalformedResponseError"),
        (sse_answer(), "StreamInterruptedError"),
    ],
    ids=["busy", "denied", "no model", "malformed", "nothing came"],
)
def test_another_model_takes_over(caller: Caller, failure: Answer, error: str) -> None:
    """Whatever its provider has done wrong; the consumer sees what and why, and then one answer."""
    with FaultServer(failure, hello()) as server:
        outcome = two(caller, server, max_retries=0)
    assert fell(outcome) == [(2, error, "other", "n")]
    assert outcome.response.text == "Hello"
    assert (outcome.response.provider, outcome.response.model) == ("other", "n")
    assert [(each.provider, each.model, each.error) for each in outcome.response.attempts] == [
        ("tiny", "m", error),
        ("other", "n", None),
    ]


def test_retries_come_first(caller: Caller) -> None:
    """And again at the model that takes over, each with its own number of them."""
    with FaultServer(*[BUSY] * 5, hello()) as server:
        outcome = two(caller, server)
    lifecycle = [each for each in outcome.types if each in ("retrying", "fell_back", "finish")]
    assert lifecycle == ["retrying", "retrying", "fell_back", "retrying", "retrying", "finish"]


def test_a_server_that_cannot_be_reached_is_left(caller: Caller) -> None:
    """And one that is too slow to begin: its limit does not count against the next."""
    with FaultServer(Answer(before=[Stall()]), hello()) as server:
        outcome = two(caller, server, limits=Limits(first_event=0.2))
        assert fell(outcome) == [(2, "TimeoutExceededError", "other", "n")]
        dead = at("http://127.0.0.1:9")
        outcome = two(caller, server, {"providers": [dead, FakeProvider("Hello", name="other")]}, max_retries=0)
    assert fell(outcome) == [(2, ConnectError.__name__, "other", "n")]
    assert outcome.response.text == "Hello"


def test_what_is_the_callers_own_doing_is_raised(caller: Caller) -> None:
    """A bad request would be one anywhere."""
    with FaultServer(json_answer({"error": "no such field"}, 400)) as server:
        outcome = two(caller, server)
        assert len(server.requests) == 1
    assert isinstance(outcome.error, BadRequestError)


def test_the_errors_that_count_can_be_named(caller: Caller) -> None:
    """Then a bad request can fall back, and nothing else does."""
    only = Fallback(models=("other:n",), on=(BadRequestError,))
    with FaultServer(json_answer({"error": "no such field"}, 400), hello(), BUSY) as server:
        assert two(caller, server, fallback=only).response.text == "Hello"
        assert isinstance(two(caller, server, max_retries=0, fallback=only).error, OverloadedError)


def test_when_all_fail_the_last_error_tells_of_the_others(caller: Caller) -> None:
    """It is raised, and the others are noted."""
    with FaultServer(DENIED, BUSY) as server:
        outcome = two(caller, server, max_retries=0)
    assert isinstance(outcome.error, OverloadedError)
    assert (outcome.error.provider, outcome.error.model, outcome.error.attempts) == ("other", "n", 2)
    assert outcome.error.__notes__ == ["before: tiny:m: AuthenticationError: HTTP 401: wrong key"]


def test_generate_falls_back_too(caller: Caller) -> None:
    """To a model in this process as well, which has no plain form."""
    with FaultServer(BUSY) as server:
        provider = at(server.url)
        client: ClientOptions = {"providers": [provider, FakeProvider("Hello", name="other")], "max_retries": 0}
        response = caller.generate(provider, client=client, fallback=["other:n"])
    assert (response.text, response.provider) == ("Hello", "other")


# ---- each for itself


def test_keys_and_options_of_one_never_reach_another(caller: Caller) -> None:
    """The body, the key and the address are those of who is asked."""
    options: Mapping[str, JSONObject] = {"tiny": {"secret_knob": 1}, "other": {"their_knob": 2}}
    with FaultServer(BUSY, hello()) as server:
        client: ClientOptions = {
            "providers": [at(server.url + "/a", Locked), at(server.url + "/b", Other)],
            "api_keys": {"tiny": "tinys-key-0123", "other": "others-key-0123"},
        }
        two(caller, server, client, max_retries=0, provider_options=options)
        first, second = server.requests
    assert (first.path, second.path) == ("/a/chat", "/b/chat")
    assert first.headers["authorization"] == "Bearer tinys-key-0123"
    assert second.headers["authorization"] == "Bearer others-key-0123"
    assert (
        from_json(first.body).get("their_knob", "none") == from_json(second.body).get("secret_knob", "none") == "none"
    )
    assert (from_json(first.body)["secret_knob"], from_json(second.body)["their_knob"]) == (1, 2)


def test_a_model_that_cannot_take_the_request_is_passed_over() -> None:
    """Nothing is sent to it; the next is asked."""
    picture = FilePart(media_type="image/png", data=b"png")
    with FaultServer(BUSY, hello()) as server:
        providers = [at(server.url), at(server.url, Blind), FakeProvider("Hello", name="other")]
        with Client(config=config(), providers=providers, max_retries=0, fallback=["blind:m", "other:n"]) as client:
            response = client.generate("tiny:m", ["What is it?", picture])
        assert len(server.requests) == 1
    assert (response.text, [each.provider for each in response.attempts]) == ("Hello", ["tiny", "other"])


def test_a_first_model_that_cannot_take_the_request_is_an_error() -> None:
    """It is what the caller asked for."""
    with (
        Client(config=config(), providers=[at("http://localhost", Blind), FakeProvider("Hello")]) as client,
        pytest.raises(UnsupportedError),
    ):
        client.generate("blind:m", FilePart(media_type="image/png", data=b"png"), fallback=["fake:m"])


# ---- after content


def test_after_content_another_takes_over_only_as_a_restart(caller: Caller) -> None:
    """The consumer is told that what came is void, and then who goes on."""
    with FaultServer(CUT, hello()) as server:
        outcome = two(caller, server, max_retries=0, recovery="restart")
    begun = ["stream_start", "part_start", "text_delta"]
    assert outcome.types == [*begun, "restarted", "fell_back", *begun, "text_delta", "part_end", "finish"]
    assert outcome.response.text == "Hello"


@pytest.mark.parametrize("recovery", ["raise", "continue"])
def test_otherwise_it_is_raised(caller: Caller, recovery: str) -> None:
    """Another model's words would not fit those of the first."""
    with FaultServer(CUT) as server:
        outcome = two(caller, server, recovery=recovery)  # type: ignore[arg-type]  # one of them
    assert isinstance(outcome.error, StreamInterruptedError)
    assert outcome.response.text == "Hel"


# ---- mistakes are told at once


@pytest.mark.parametrize(("asked_for_by", "is_whole"), [("tiny", True), ("other", False)])
def test_the_first_models_provider_says_what_happens_after_content(
    caller: Caller,
    asked_for_by: str,
    is_whole: bool,  # noqa: FBT001  # a parameter of the test
) -> None:
    """Recovery is the whole call's, whoever has taken over by then."""
    client: ClientOptions = {
        "per_provider": {asked_for_by: StreamConfig(recovery="restart")},
        "retries": Retries(base_delay=0, statuses=(500,)),
    }
    with FaultServer(BUSY, CUT, hello()) as server:
        outcome = two(caller, server, client)
        assert len(server.requests) == 2 + is_whole
    assert fell(outcome) == [(2, "OverloadedError", "other", "n")]
    assert (outcome.error is None) is is_whole


def test_an_unknown_model_fails_before_anything_is_sent() -> None:
    """At the client's making where the client is given it, else when the call is planned."""
    given = {"config": config(), "providers": [FakeProvider("Hello")]}
    with pytest.raises(UnknownProviderError, match="nobody"):
        Client(**given, fallback=["nobody:m"])  # type: ignore[arg-type]
    with Client(**given) as client:  # type: ignore[arg-type]
        with pytest.raises(UnknownProviderError, match="nobody"):
            client.generate("fake:m", "Hi", fallback=["nobody:m"])
        with pytest.raises(InvalidRequestError, match="not a model id"):
            client.generate("fake:m", "Hi", fallback=["gpt"])


def test_a_missing_key_fails_before_anything_is_sent() -> None:
    """A fallback that cannot work is none."""
    with pytest.raises(MissingAPIKeyError, match="other"):
        Client(config=config(), providers=[FakeProvider("Hello"), Other()], fallback=["other:n"])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"fallback": "a:b"}, "a list of models"),
        ({"fallback": ["a:b", "a:b"]}, "more than once"),
        ({"recovery": "again"}, "raise, restart, continue or resume"),
        ({"retries": 3}, "max_retries"),
        ({"retries": Retries(budget=5)}, "shared by all calls"),
        ({"retries": Retries(base_delay=20)}, r"base_delay \(20 s\) is longer than max_delay \(8 s\)"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, object], words: str) -> None:
    """Before anything is sent."""
    with (
        Client(config=config(), providers=[FakeProvider("Hello")]) as client,
        pytest.raises(InvalidSettingError, match=words),
    ):
        client.generate("fake:m", "Hi", **options)  # type: ignore[call-overload]  # the mistake in question


def test_a_configuration_that_contradicts_itself_fails_at_construction() -> None:
    """The client's, and one provider's."""
    with pytest.raises(InvalidSettingError, match="base_delay"):
        Client(config=config(), retries=Retries(base_delay=20))
    with pytest.raises(InvalidSettingError, match="base_delay"):
        Client(config=config().with_arguments({"providers": {"acme": {"retries": {"base_delay": 20}}}}))


def test_fallback_comes_from_the_configuration_too() -> None:
    """Its own models are not asked twice."""
    layer = {"fallback": {"models": ["fake:m", "other:n"], "on": ["OverloadedError"]}, "max_retries": 0}
    busy = FakeProvider(OverloadedError("busy", status_code=503))
    loaded = config().with_arguments(layer)
    assert isinstance(loaded.values, ConfigValues)
    with Client(config=loaded, providers=[busy, FakeProvider("Hello", name="other")]) as client:
        assert client.generate("fake:m", "Hi").provider == "other"
    assert len(busy.requests) == 1
