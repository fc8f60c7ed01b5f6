"""Several keys for one provider take turns."""

from __future__ import annotations

import pytest

from core_llm import (
    AuthenticationError,
    Client,
    InvalidSettingError,
    OverloadedError,
    Retries,
)
from core_llm._calls import ClientOptions
from core_llm_conformance.script import Answer, json_answer
from core_llm_conformance.server import FaultServer, RecordedRequest

from .calls import Caller, config
from .tiny import Locked, at, hello

BUSY = json_answer({"error": "busy"}, 503)
DENIED = json_answer({"error": "wrong key"}, 401)
SLOW_DOWN = json_answer({"error": "slow down"}, 429)


def test_the_keys_of_a_provider_take_turns(caller: Caller) -> None:
    """One that is used up is followed by the next, and the next call begins with the one that worked."""

    def only_second(request: RecordedRequest) -> Answer:
        return hello() if request.headers["authorization"] == "Bearer second-key-01" else SLOW_DOWN

    with FaultServer(*[only_second] * 3) as server:
        client: ClientOptions = {"api_keys": {"tiny": ["first-key-001", "second-key-01"]}, "max_retries": 0}
        caller.streams(at(server.url, Locked), [{}, {}], client=client)
        keys = [request.headers["authorization"].removeprefix("Bearer ") for request in server.requests]
    assert keys == ["first-key-001", "second-key-01", "second-key-01"]


def test_another_key_gives_no_retry_back() -> None:
    """It took none from the budget, so what it brings is a success like any other."""
    retries = Retries(base_delay=0, budget=10, refill=0.5)
    keys = {"tiny": ["first-key-001", "second-key-01"]}
    with (
        FaultServer(BUSY, BUSY, BUSY, SLOW_DOWN, hello()) as server,
        Client(config=config(), providers=[at(server.url, Locked)], api_keys=keys, retries=retries) as client,
    ):
        with pytest.raises(OverloadedError):
            client.generate("tiny:m", "Hi")
        assert client.generate("tiny:m", "Hi", via_stream=True).text == "Hello"
        [budget] = client._calls._targets._budgets.values()
    assert budget.left == 8.5


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
