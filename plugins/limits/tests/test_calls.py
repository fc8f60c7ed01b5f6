"""Calls that are held back, with every kind of client."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from core_llm import CallOptions, Client, Limits, Provider, ProviderConfig, Request, Settings, SignalController
from core_llm.testing import FakeProvider
from core_llm.wire import ChatCompletions, JSONValue
from core_llm_conformance.script import json_answer
from core_llm_conformance.server import FaultServer
from plugin_limits import Limit, RateLimits

from .helping import MODES, Mode, answer, outcomes, until

BODY: JSONValue = {"choices": [{"index": 0, "message": {"content": "Blue."}, "finish_reason": "stop"}]}
HURRIED = CallOptions(on_busy="raise")
each_mode = pytest.mark.parametrize("mode", MODES)


def acme() -> FakeProvider:
    """Return a provider that answers every call, and tells that it took three tokens."""
    return FakeProvider(lambda _: answer(), name="acme")


@each_mode
def test_a_call_waits_for_its_turn(mode: Mode) -> None:
    """The third one would have to wait, and is answered if it does."""
    provider = acme()
    plugin = RateLimits({"acme:*": Limit(requests=2, per=1)})
    assert outcomes(mode, provider, plugin, HURRIED, HURRIED, HURRIED, {}) == ["Blue.", "Blue.", "BusyError", "Blue."]
    assert len(provider.requests) == 3


@each_mode
def test_a_plugin_may_let_all_calls_fail_at_once(mode: Mode) -> None:
    """Without a word from the call."""
    provider = acme()
    plugin = RateLimits({"acme:m": Limit(requests=1, per=3600)}, on_limit="raise")
    assert outcomes(mode, provider, plugin, {}, {}, {}) == ["Blue.", "BusyError", "BusyError"]
    assert len(provider.requests) == 1


@each_mode
def test_reported_usage_corrects_what_was_reserved(mode: Mode) -> None:
    """Three tokens each, with 81 reserved: seven calls fit where two estimates would not."""
    plugin = RateLimits({"acme:*": Limit(tokens=100, per=3600)})
    frugal = CallOptions(on_busy="raise", settings=Settings(max_tokens=80))
    assert outcomes(mode, acme(), plugin, *[frugal] * 8) == ["Blue."] * 7 + ["BusyError"]


@each_mode
def test_who_waits_can_be_stopped(mode: Mode) -> None:
    """By its own limit of time and by a signal; neither leaves anything in the line."""
    provider = acme()
    plugin = RateLimits({"acme:*": Limit(requests=1, per=3600)})
    controller = SignalController()
    timer = threading.Timer(0.05, controller.abort, ["not any more"])
    timer.start()
    calls = [CallOptions(), CallOptions(signal=controller.signal), CallOptions(limits=Limits(admission=0.05))]
    assert outcomes(mode, provider, plugin, *calls) == ["Blue.", "AbortedError", "TimeoutExceededError"]
    timer.join()
    assert len(provider.requests) == 1
    assert plugin._shared["acme:*"].line.first is None


@each_mode
def test_answers_teach_what_is_left(mode: Mode) -> None:
    """A provider that says that nothing is left is not asked again; nothing was configured."""
    headers = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1h"}
    with FaultServer(json_answer(BODY, 200, headers)) as server:
        provider = Served(server.url)
        assert outcomes(mode, provider, RateLimits(), HURRIED, HURRIED) == ["Blue.", "BusyError"]
        assert len(server.requests) == 1


@each_mode
def test_refusals_are_learned_from_and_tried_again(mode: Mode) -> None:
    """The retry of a call that was refused waits as it was told, and takes no tokens of the limit for the refusal."""
    refusal = json_answer({"error": {"message": "slowly"}}, 429, {"retry-after-ms": "30"})
    plugin = RateLimits({"served:*": Limit(tokens=100, per=3600)})
    with FaultServer(refusal, json_answer(BODY)) as server:
        outcome = outcomes(mode, Served(server.url), plugin, CallOptions(settings=Settings(max_tokens=80)))
        assert outcome == ["Blue."]
        assert len(server.requests) == 2


def test_threads_get_exactly_what_there_is() -> None:
    """A hundred calls from twenty threads: fifty are let through, and the others are told so."""
    plugin = RateLimits({"acme:*": Limit(requests=50, tokens=10_000, per=3600)}, on_limit="raise")
    provider = acme()
    with ThreadPoolExecutor(20) as pool:
        found = list(pool.map(lambda _: outcomes("sync", provider, plugin, {})[0], range(100)))
    assert (found.count("Blue."), found.count("BusyError")) == (50, 50)
    assert len(provider.requests) == 50


def test_threads_are_served_in_the_order_in_which_they_came() -> None:
    """Those who wait go out one after the other, whoever wakes first."""
    plugin = RateLimits({"acme:*": Limit(requests=2, per=1)})
    told: list[str] = []

    def note(request: Request) -> str:
        told.append(request.messages[0].text)
        return "Blue."

    with Client(providers=[FakeProvider(note, name="acme")], plugins=[plugin]) as client:
        client.generate("acme:m", "a")
        client.generate("acme:m", "b")
        line = plugin._shared["acme:*"].line
        with ThreadPoolExecutor(4) as pool:
            for number, text in enumerate("cdef"):
                pool.submit(client.generate, "acme:m", text)
                until(lambda number=number: len(line._waiters) > number or len(told) > 2)  # type: ignore[misc]
    assert told[:2] == ["a", "b"]
    assert sorted(told[2:4]) == ["c", "d"]
    assert sorted(told[4:]) == ["e", "f"]


class Served(Provider):
    """A server of the tests."""

    name = "served"
    needs_api_key = False
    wire_format = ChatCompletions

    def __init__(self, url: str) -> None:
        super().__init__(ProviderConfig(base_url=f"{url}/v1"))
