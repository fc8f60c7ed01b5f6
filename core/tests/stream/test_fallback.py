"""Fallback and routes: another model takes over, with its own key, wire and options, and the consumer is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Unpack

import pytest
from pydantic_core import from_json

from core_llm import (
    Attempt,
    AttemptPolicy,
    AuthenticationError,
    BadRequestError,
    Capabilities,
    Client,
    ConfigError,
    ConfigValues,
    ConnectError,
    FailedAttempt,
    Fallback,
    FellBack,
    FilePart,
    InvalidRequestError,
    InvalidSettingError,
    Limits,
    MissingAPIKeyError,
    OverloadedError,
    PluginError,
    RateLimitError,
    Retries,
    Route,
    RoutedCall,
    StreamInterruptedError,
    UnknownProviderError,
    UnsupportedError,
    hookimpl,
)
from core_llm._calls import ClientOptions
from core_llm._options import CallOptions
from core_llm.testing import Cut, FakeProvider
from core_llm_conformance.script import Answer, Stall, json_answer, sse_answer
from core_llm_conformance.server import FaultServer, RecordedRequest

from .calls import NO_JITTER, Caller, Outcome, config
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
        **(client or {}),  # type: ignore[typeddict-item]  # the same type
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
    options = {"tiny": {"secret_knob": 1}, "other": {"their_knob": 2}}
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
        provider = at(server.url)
        client: ClientOptions = {"providers": [provider, at(server.url, Blind), FakeProvider("Hello", name="other")]}
        with Client(config=config(), max_retries=0, fallback=["blind:m", "other:n"], **client) as sync:
            response = sync.generate("tiny:m", ["What is it?", picture])
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
        client.generate("fake:m", "Hi", **options)  # type: ignore[arg-type]  # the mistake in question


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


# ---- several keys


def test_the_keys_of_a_provider_take_turns(caller: Caller) -> None:
    """One that is used up is followed by the next, and the next call begins with the one that worked."""

    def only_second(request: RecordedRequest) -> Answer:
        return hello() if request.headers["authorization"] == "Bearer second-key-01" else SLOW_DOWN

    with FaultServer(*[only_second] * 3) as server:
        client: ClientOptions = {"api_keys": {"tiny": ["first-key-001", "second-key-01"]}, "max_retries": 0}
        caller.streams(at(server.url, Locked), [{}, {}], client=client)
        keys = [request.headers["authorization"].removeprefix("Bearer ") for request in server.requests]
    assert keys == ["first-key-001", "second-key-01", "second-key-01"]


def test_when_all_keys_are_refused_it_is_raised(caller: Caller) -> None:
    """Each was tried once, and none is in the error."""
    keys = [f"key-number-{number}" for number in range(3)]
    with FaultServer(*[DENIED] * 3) as server:
        outcome = caller.stream(at(server.url, Locked), client={"api_keys": {"tiny": keys}})
    assert isinstance(outcome.error, AuthenticationError)
    assert outcome.error.attempts == 3
    assert not any(key in f"{outcome.error!r} {outcome.events!r}" for key in keys)


@pytest.mark.parametrize("keys", [[], ["  "], ["good-key-012", ""]])
def test_a_list_of_keys_without_a_key_is_refused(keys: list[str]) -> None:
    """When the client is made."""
    with pytest.raises(InvalidSettingError, match=r"api_keys=\{'tiny': \[\.\.\.\]\}"):
        Client(config=config(), providers=[Locked()], api_keys={"tiny": keys})


# ---- routes


class Cheapest(Route):
    """Asks the models in the order of their names, those first that can see, if the request has a picture."""

    def __init__(self, *names: str) -> None:
        self.names = names
        self.policies: list[Asking] = []

    @property
    def models(self) -> Sequence[str]:
        """Whom it may lead to."""
        return self.names

    def policy(self, call: RoutedCall) -> AttemptPolicy:
        """Return a policy that can be looked at."""
        wants_sight = any(isinstance(part, FilePart) for message in call.request.messages for part in message.parts)
        fit = [name for name in self.names if not wants_sight or call.capabilities(name).image_input != "unsupported"]
        self.policies.append(Asking(sorted(fit), call.standard))
        return self.policies[-1]


class Asking(AttemptPolicy):
    """One after the other, retries included."""

    def __init__(self, names: list[str], standard: AttemptPolicy) -> None:
        self.names = names
        self.standard = standard
        self.worked: list[Attempt] = []

    def next_attempt(self, history: Sequence[FailedAttempt]) -> Attempt | None:
        """Ask the standard policy first."""
        again = self.standard.next_attempt(history) if history else None
        return again or (Attempt(model=self.names.pop(0)) if self.names else None)

    def succeeded(self, attempt: Attempt) -> None:
        """Note it."""
        self.worked.append(attempt)


def test_a_route_decides_where_a_call_goes() -> None:
    """From the first attempt on, by what is asked and what is declared."""
    blind = FakeProvider("Hello", name="a", capabilities=Capabilities(image_input="unsupported"))
    route = Cheapest("b:m", "a:m")
    with Client(config=config(), providers=[blind, FakeProvider("I see", name="b")], routes={"fast": route}) as client:
        assert client.generate("fast", "Hi").provider == "a"
        assert client.generate("fast", FilePart(media_type="image/png", data=b"png")).provider == "b"
    assert [len(policy.worked) for policy in route.policies] == [1, 1]


def test_a_route_is_told_of_failures_and_goes_on() -> None:
    """Retries are made by the standard policy that it asks, and the consumer is told as of any fallback."""
    route = Cheapest("tiny:m", "zed:n")
    with FaultServer(BUSY, BUSY, BUSY) as server:
        providers = [at(server.url), FakeProvider("Hello", name="zed")]
        with (
            Client(config=config(), clock=NO_JITTER, providers=providers, routes={"r": route}) as client,
            client.stream("r", "Hi") as stream,
        ):
            types = [event.type for event in stream]
    assert types[:4] == ["retrying", "retrying", "fell_back", "stream_start"]
    assert stream.response.provider == "zed"


def test_routes_nest_and_fall_back() -> None:
    """A route's model may be a route, and so may a fallback."""
    busy = OverloadedError("busy", status_code=503)
    providers = [FakeProvider(busy, name=name) for name in ("a", "b", "c")] + [FakeProvider("Hello", name="d")]
    routes = {"inner": Cheapest("a:m", "b:m"), "outer": Cheapest("inner"), "last": Cheapest("d:m")}
    with Client(config=config(), providers=providers, routes=routes, max_retries=0) as client:
        response = client.generate("outer", "Hi", fallback=["c:m", "last"])
    assert [each.provider for each in response.attempts] == ["a", "b", "c", "d"]


def test_a_route_that_leads_to_itself_fails_at_construction() -> None:
    """So does one with an unknown model in it."""
    with pytest.raises(ConfigError, match="leads to itself: a → b → a"):
        Client(config=config(), routes={"a": Cheapest("b"), "b": Cheapest("a")})
    with pytest.raises(UnknownProviderError, match="nobody"):
        Client(config=config(), routes={"a": Cheapest("nobody:m")})


def test_a_route_that_leads_nowhere_is_an_error() -> None:
    """It is the plugin's."""
    with (
        Client(config=config(), providers=[FakeProvider("Hello")], routes={"r": Cheapest()}) as client,
        pytest.raises(PluginError, match="names no model"),
    ):
        client.generate("r", "Hi")


class Piped:
    """Reads ``a:x | b:y``."""

    @hookimpl
    def core_llm_find_route(self, model: str) -> Route | None:
        """Make a route of it."""
        return Cheapest(*(name.strip() for name in model.split("|"))) if "|" in model else None


def test_a_plugin_can_offer_routes() -> None:
    """For names that are no models; a role may stand for one."""
    providers = [FakeProvider(RateLimitError("slow down", status_code=429), name="a"), FakeProvider("Hello", name="b")]
    layer = {"roles": {"quick": "a:x | b:y"}, "max_retries": 0}
    with Client(config=config().with_arguments(layer), providers=providers, plugins=[Piped()]) as client:
        assert client.generate("a:x | b:y", "Hi").provider == "b"
        assert client.generate("quick", "Hi").provider == "b"
        assert client.generate("b:y", "Hi").attempts == ()


def test_two_plugins_that_offer_one_route_are_an_error() -> None:
    """It names both."""
    with (
        Client(config=config(), providers=[FakeProvider("Hello")], plugins=[Piped(), Piped()]) as client,
        pytest.raises(PluginError, match="offered twice"),
    ):
        client.generate("fake:x | fake:y", "Hi")


class Careless(Route):
    """Goes on with another model, come what may."""

    models = ("a:m", "b:m")

    def policy(self, call: RoutedCall) -> AttemptPolicy:  # noqa: ARG002  # the contract's signature
        """Ask a, then b."""
        return Asking(["a:m", "b:m"], Giving())


class Giving(AttemptPolicy):
    """Gives up at once, or fails at it."""

    def __init__(self, problem: str = "") -> None:
        self.problem = problem

    def next_attempt(self, history: Sequence[FailedAttempt]) -> Attempt | None:
        """Give up."""
        if self.problem and history:
            raise LookupError(self.problem)
        return None


def test_a_policy_cannot_replay_in_silence() -> None:
    """After content another model is refused, whatever a route says, unless a restart is wanted."""
    providers = [FakeProvider(["Hel", Cut()], name="a"), FakeProvider("Hello", name="b")]
    with (
        Client(config=config(), providers=providers, routes={"r": Careless()}) as client,
        client.stream("r", "Hi") as stream,
        pytest.raises(StreamInterruptedError) as caught,
    ):
        stream.finish()
    assert caught.value.partial is not None
    assert caught.value.partial.text == "Hel"


def test_a_policy_that_fails_does_not_hide_what_the_call_failed_with() -> None:
    """Its own failure is noted."""

    class Broken(Careless):
        def policy(self, call: RoutedCall) -> AttemptPolicy:  # noqa: ARG002  # as above
            return Asking(["a:m"], Giving("no such breaker"))

    providers = [FakeProvider(OverloadedError("busy", status_code=503), name="a"), FakeProvider("Hello", name="b")]
    with (
        Client(config=config(), providers=providers, routes={"r": Broken()}) as client,
        pytest.raises(OverloadedError) as caught,
    ):
        client.generate("r", "Hi")
    assert caught.value.__notes__ == ["the policy of the call failed in its turn: LookupError: no such breaker"]
