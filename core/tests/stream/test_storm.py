"""An outage is not multiplied: whatever many callers do, the server sees little more than one request for each."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import anyio
import pytest

from core_llm import AsyncClient, Client, OverloadedError, RateLimitError, Retries
from core_llm._calls import ClientOptions
from core_llm_conformance.script import json_answer
from core_llm_conformance.server import FaultServer

from .calls import NO_JITTER, config
from .tiny import at, hello

SLOW_DOWN = json_answer({"error": "slow down"}, 429)
CALLS = 60


def options(url: str, budget: float) -> ClientOptions:
    """Return a client's options with that many retries in hand."""
    retries = Retries(budget=budget, refill=0.5)
    return {"config": config(), "providers": [at(url)], "clock": NO_JITTER, "max_retries": 4, "retries": retries}


def test_a_storm_of_refusals_is_answered_with_few_retries() -> None:
    """Sixty calls from eight threads, each allowed four retries: the server sees ten more requests, not 240 more."""
    with FaultServer() as server:
        server.route("/chat", SLOW_DOWN)
        with Client(**options(server.url, 10)) as client, ThreadPoolExecutor(8) as threads:
            failed = [threads.submit(client.generate, "tiny:m", "Hi").exception() for _ in range(CALLS)]
        assert len(server.requests) == CALLS + 10
    assert {type(error) for error in failed} == {RateLimitError}


@pytest.mark.anyio
async def test_so_is_one_from_tasks() -> None:
    """The same, at once on one event loop."""
    errors: list[RateLimitError] = []

    async def call(client: AsyncClient) -> None:
        try:
            await client.generate("tiny:m", "Hi")
        except RateLimitError as error:
            errors.append(error)

    with FaultServer() as server:
        server.route("/chat", SLOW_DOWN)
        async with AsyncClient(**options(server.url, 10)) as client, anyio.create_task_group() as tasks:
            for _ in range(CALLS):
                tasks.start_soon(call, client)
        assert len(server.requests) == CALLS + 10
    assert sum(bool(getattr(error, "__notes__", ())) for error in errors) == CALLS


def test_without_a_bound_every_call_retries() -> None:
    """That it is the budget that holds the others back."""
    with FaultServer() as server:
        server.route("/chat", SLOW_DOWN)
        with Client(**options(server.url, math.inf)) as client:
            for _ in range(3):
                with pytest.raises(RateLimitError):
                    client.generate("tiny:m", "Hi")
        assert len(server.requests) == 15


def test_what_succeeds_gives_back() -> None:
    """A retry that helps is free; two calls that need none give one back; an outage of one provider is its own."""
    busy = json_answer({"error": "busy"}, 503)
    with FaultServer(busy, hello(), busy, hello(), busy, busy, hello(), hello(), busy, hello()) as server:
        with Client(**options(server.url, 1)) as client:
            for _ in range(2):
                client.generate("tiny:m", "Hi", via_stream=True)
            with pytest.raises(OverloadedError):
                client.generate("tiny:m", "Hi")
            for _ in range(3):
                client.generate("tiny:m", "Hi", via_stream=True)
        assert server.unused == 0


def test_the_budget_of_a_provider_is_its_own() -> None:
    """An outage of one leaves the retries for the other as they were."""
    busy = json_answer({"error": "busy"}, 503)
    with FaultServer(busy, busy) as out, FaultServer(busy, hello()) as up:
        given = options(out.url, 1)
        other = type(at(up.url))
        given["providers"] = [at(out.url), type("Other", (other,), {"name": "other"})]
        with Client(**given) as client:
            with pytest.raises(OverloadedError):
                client.generate("tiny:m", "Hi")
            assert client.generate("other:m", "Hi", via_stream=True).text == "Hello"
