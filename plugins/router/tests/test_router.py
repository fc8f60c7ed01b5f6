"""Which model a call goes to, and what takes over."""

from __future__ import annotations

from collections import Counter

import pytest

from core_llm import (
    BadRequestError,
    Capabilities,
    Client,
    ConfigError,
    CoreLLMError,
    FellBack,
    InvalidSettingError,
    Message,
    PluginError,
    Retries,
    ServerError,
    StreamInterruptedError,
    ToolSpec,
)
from core_llm.testing import Answer, Cut, FakeProvider
from plugin_router import Breaker, Router, _plugin

DOWN = ServerError("down", status_code=500, headers={}, body="")
WRONG = BadRequestError("wrong", status_code=400, headers={}, body="")
NO_TOOLS = Capabilities(tools="unsupported")


def client_of(*providers: FakeProvider, **routes: Router) -> Client:
    """Return a client with these providers and routes, which does not wait between retries."""
    retries = Retries(base_delay=0)
    return Client(providers=providers, plugins=[_plugin], routes=routes, max_retries=0, retries=retries)


def fake(name: str, *answers: Answer, **settings: object) -> FakeProvider:
    """Return a provider that says its name, or what it is told to."""
    return FakeProvider(*(answers or (lambda _: name,)), name=name, **settings)  # type: ignore[arg-type]


def test_bars_make_a_route() -> None:
    """The first model is asked; where it fails, the next one takes over, and an event says why."""
    with client_of(fake("a", DOWN), fake("b")) as client, client.stream("a:x | b:y", "Hi") as stream:
        [fell] = [event for event in stream if isinstance(event, FellBack)]

    assert stream.response.text == "b"
    assert (fell.provider, fell.model, str(fell.error)) == ("b", "y", "down")


def test_the_callers_own_mistake_is_not_hidden() -> None:
    """A bad request is one anywhere; named in `on`, it leads on all the same."""
    with client_of(fake("a", WRONG), fake("b")) as client, pytest.raises(BadRequestError):
        client.generate("a:x | b:y", "Hi")
    with client_of(fake("a", WRONG), fake("b"), told=Router(["a:x", "b:y"], on=[BadRequestError])) as client:
        assert client.generate("told", "Hi").text == "b"


def test_weights_share_the_calls() -> None:
    """A model of three times the weight gets about three times the calls."""
    route = Router(["a:x", "b:y"], order="weighted", weights={"a:x": 3})
    with client_of(fake("a"), fake("b"), shared=route) as client:
        answers = Counter(client.generate("shared", "Hi").text for _ in range(400))

    assert 230 < answers["a"] < 370


def test_a_session_stays_with_its_model() -> None:
    """Calls that begin alike go to one model; different sessions spread."""
    route = Router(["a:x", "b:y"], order="sticky")
    with client_of(fake("a"), fake("b"), session=route) as client:
        first = [client.generate("session", f"Session {number}").text for number in range(20)]
        again = [client.generate("session", f"Session {number}").text for number in range(20)]

    assert first == again
    assert set(first) == {"a", "b"}


def test_a_conversation_stays_with_its_model() -> None:
    """Its second call has an answer in it that the first had not, and goes to the same model all the same."""
    route = Router(["a:x", "b:y"], order="sticky")
    with client_of(fake("a"), fake("b"), session=route) as client:
        for number in range(20):
            first = [Message.system("Be brief."), Message.user(f"Session {number}")]
            answer = client.generate("session", first)
            again = client.generate("session", [*first, answer.message, Message.user("And?")])
            without_rule = client.generate("session", first[1:])
            later = client.generate("session", [first[1], without_rule.message, Message.user("And?")])
            assert (again.text, later.text) == (answer.text, without_rule.text)


def test_the_cheapest_that_can_do_it_is_asked() -> None:
    """The price decides among those that have what the request needs; what has no price comes last."""
    prices = {"a:x": 1.0, "b:y": 2.0}
    route = Router(["c:z", "b:y", "a:x"], order="cheapest", price=prices.get)
    providers = (fake("a", capabilities=NO_TOOLS), fake("b"), fake("c"))
    with client_of(*providers, cheap=route) as client:
        plain = client.generate("cheap", "Hi").text
        with_tools = client.generate("cheap", "Hi", tools=[ToolSpec(name="f")]).text

    assert (plain, with_tools) == ("a", "b")


def test_a_broken_answer_is_only_begun_anew_if_asked_for() -> None:
    """After content another model takes over with recovery='restart', and not without."""
    broken: Answer = ["Half", Cut()]
    with client_of(fake("a", broken), fake("b")) as client, pytest.raises(StreamInterruptedError):
        client.generate("a:x | b:y", "Hi", via_stream=True)
    with client_of(fake("a", broken), fake("b")) as client:
        assert client.generate("a:x | b:y", "Hi", via_stream=True, recovery="restart").text == "b"


def test_the_breaker_leaves_a_failing_model_alone() -> None:
    """After two failures it is not asked; where nothing else is left, it is."""
    broken = fake("a", lambda _: DOWN)
    route = Router(["a:x", "b:y"], breaker=Breaker(failures=2, seconds=3600))
    with client_of(broken, fake("b"), fast=route, alone=Router(["a:x"], breaker=route.breaker)) as client:
        answers = [client.generate("fast", "Hi").text for _ in range(5)]
        assert (answers, len(broken.requests)) == (["b"] * 5, 2)
        with pytest.raises(ServerError):
            client.generate("alone", "Hi")


def test_a_model_is_tried_again_by_one_call() -> None:
    """When its time has come one caller finds out; its success closes the circuit."""
    breaker = Breaker(failures=1, seconds=10)
    breaker.failed("a:x", now=100.0)

    assert not breaker.is_closed("a:x", now=105.0)
    assert [breaker.is_closed("a:x", now=110.0) for _ in range(2)] == [True, False]
    breaker.succeeded("a:x")
    assert breaker.is_closed("a:x", now=110.0)


def test_who_finds_out_and_says_nothing_does_not_keep_others_from_it() -> None:
    """A call that was stopped, or whose request was wrong, tells nothing; the next one finds out as long after."""
    breaker = Breaker(failures=1, seconds=10)
    breaker.failed("a:x", now=100.0)

    assert breaker.is_closed("a:x", now=110.0)
    assert [breaker.is_closed("a:x", now=now) for now in (119.0, 120.0, 121.0)] == [False, True, False]


def test_routes_nest() -> None:
    """A route may lead to another; when that has no model left, the outer one goes on."""
    routes = {"inner": Router(["a:x", "b:y"]), "outer": Router(["inner", "c:z"])}
    with client_of(fake("a", DOWN), fake("b", DOWN), fake("c"), **routes) as client:
        response = client.generate("outer", "Hi")

    assert response.text == "c"
    assert [attempt.provider for attempt in response.attempts] == ["a", "b", "c"]


def test_no_more_others_than_allowed() -> None:
    """With max_others=1 the third model is not asked."""
    third = fake("c")
    route = Router(["a:x", "b:y", "c:z"], max_others=1)
    with client_of(fake("a", DOWN), fake("b", DOWN), third, fast=route) as client, pytest.raises(ServerError):
        client.generate("fast", "Hi")

    assert third.requests == []


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"models": []}, "at least one model"),
        ({"models": "a:x"}, "models: 'str' instances are not allowed"),
        ({"models": ["a:x", "a:x"]}, "more than once"),
        ({"models": ["a:x"], "order": "best"}, "order must be one of"),
        ({"models": ["a:x"], "order": "cheapest"}, "needs price="),
        ({"models": ["a:x"], "weights": {"b:y": 1}}, "does not lead to"),
        ({"models": ["a:x"], "weights": {"a:x": 0}}, "above 0"),
        ({"models": ["a:x"], "max_others": -1}, "0 or more"),
        ({"models": ["a:x"], "on": ["NoSuchError"]}, "no error of this package"),
    ],
)
def test_what_contradicts_itself_is_refused(settings: dict[str, object], words: str) -> None:
    """A route that cannot work is refused where it is made."""
    with pytest.raises(InvalidSettingError, match=words):
        Router(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("settings", [{"failures": 0}, {"seconds": 0}, {"seconds": float("inf")}])
def test_absurd_breakers_are_refused(settings: dict[str, float]) -> None:
    """So is a breaker."""
    with pytest.raises(InvalidSettingError, match="breaker"):
        Breaker(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["a:x | nobody:y", "a:x | | b:y", "loop"])
def test_unknown_models_are_told_at_once(name: str) -> None:
    """A model that there is not, an empty place, a route to itself: nothing is sent."""
    first = fake("a")
    errors: tuple[type[CoreLLMError], ...] = (ConfigError, PluginError)
    with pytest.raises(errors), client_of(first, fake("b"), loop=Router(["loop"])) as client:
        client.generate(name, "Hi")

    assert first.requests == []
