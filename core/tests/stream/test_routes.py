"""Routes: a policy decides where a call goes, attempt by attempt; they nest, and plugins offer them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from core_llm import (
    Attempt,
    AttemptPolicy,
    Capabilities,
    Client,
    ConfigError,
    FailedAttempt,
    FilePart,
    OverloadedError,
    PluginError,
    RateLimitError,
    Retries,
    Route,
    RoutedCall,
    StreamInterruptedError,
    UnknownProviderError,
    hookimpl,
)
from core_llm.testing import Cut, FakeProvider
from core_llm_conformance.script import json_answer
from core_llm_conformance.server import FaultServer

from .calls import NO_JITTER, config
from .tiny import at

BUSY = json_answer({"error": {"message": "busy"}}, 503)


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


def test_what_a_route_has_given_up_is_not_tried_again_around_it() -> None:
    """Each model has its own retries and no more, however deep the routes nest."""
    busy = OverloadedError("busy", status_code=503)
    providers = [FakeProvider(busy, name=name) for name in ("a", "b", "c")]
    routes = {"inner": Cheapest("a:m", "b:m"), "outer": Cheapest("inner")}
    settings = {"providers": providers, "routes": routes, "max_retries": 2, "retries": Retries(base_delay=0)}
    with Client(config=config(), **settings) as client, pytest.raises(OverloadedError):  # type: ignore[arg-type]
        client.generate("outer", "Hi", fallback=["c:m"])
    assert [len(provider.requests) for provider in providers] == [3, 3, 3]


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


def test_a_route_that_fails_is_an_error_of_this_package() -> None:
    """Whatever it raises: here a model that its table of prices lacks."""

    class Failing(Cheapest):
        def policy(self, call: RoutedCall) -> AttemptPolicy:  # noqa: ARG002  # the contract's signature
            raise KeyError(self.names[0])

    with (
        Client(config=config(), providers=[FakeProvider("Hello")], routes={"r": Failing("fake:m")}) as client,
        pytest.raises(PluginError, match=r"the route 'r' failed to begin: KeyError: 'fake:m'"),
    ):
        client.generate("r", "Hi")


class Piped:
    """Reads ``a:x | b:y``."""

    @hookimpl
    def core_llm_find_route(self, model: str) -> Route | None:
        """Make a route of it."""
        return Cheapest(*(name.strip() for name in model.split(">>"))) if ">>" in model else None


def test_a_plugin_can_offer_routes() -> None:
    """For names that are no models; a role may stand for one."""
    providers = [FakeProvider(RateLimitError("slow down", status_code=429), name="a"), FakeProvider("Hello", name="b")]
    layer = {"roles": {"quick": "a:x >> b:y"}, "max_retries": 0}
    with Client(config=config().with_arguments(layer), providers=providers, plugins=[Piped()]) as client:
        assert client.generate("a:x >> b:y", "Hi").provider == "b"
        assert client.generate("quick", "Hi").provider == "b"
        assert client.generate("b:y", "Hi").attempts == ()


def test_two_plugins_that_offer_one_route_are_an_error() -> None:
    """It names both."""
    with (
        Client(config=config(), providers=[FakeProvider("Hello")], plugins=[Piped(), Piped()]) as client,
        pytest.raises(PluginError, match="offered twice"),
    ):
        client.generate("fake:x >> fake:y", "Hi")


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


def test_a_policy_cannot_go_on_with_nothing() -> None:
    """Before any content there is no answer to continue: the error is raised."""

    class Eager(Giving):
        def next_attempt(self, history: Sequence[FailedAttempt]) -> Attempt | None:
            return Attempt(mode="continue") if history else None

    class Hasty(Careless):
        def policy(self, call: RoutedCall) -> AttemptPolicy:  # noqa: ARG002  # the contract's signature
            return Asking(["a:m"], Eager())

    providers = [FakeProvider(OverloadedError("busy", status_code=503), name="a"), FakeProvider("Hello", name="b")]
    with (
        Client(config=config(), providers=providers, routes={"r": Hasty()}) as client,
        pytest.raises(OverloadedError),
    ):
        client.generate("r", "Hi")
    assert len(providers[0].requests) == 1


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
