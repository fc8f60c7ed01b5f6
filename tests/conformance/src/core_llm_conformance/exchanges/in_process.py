"""In process: a model that runs here sends nothing that could be recorded, so it is asked itself.

It is asked what any model can; what only a large one says (a name remembered, an emoji repeated) is asked of none here.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import anyio

from core_llm import CallOptions, LocalProvider
from core_llm_conformance.applicability import may_show
from core_llm_conformance.conversation import Played, converse, converse_async
from core_llm_conformance.each import Case
from core_llm_conformance.exchanges.answers import check_expectations
from core_llm_conformance.failure import fail
from core_llm_conformance.scenario import Scenario
from core_llm_conformance.scenarios import BY_NAME
from core_llm_conformance.target import Target

ASKED = ("text", "max_tokens", "usage", "structured_output")


def asked_here(target: Target) -> Iterator[Case]:
    """Yield the scenarios that a model in this process is asked; none where there is a server."""
    if not isinstance(target.loaded, LocalProvider):
        return
    for name in ASKED:
        scenario = BY_NAME[name]
        untested = target.capabilities(scenario).untested
        if may_show(target, scenario) and not any(need in untested for need in scenario.needs):
            yield Case(name, scenario)


def check_in_process(target: Target, scenario: Scenario) -> None:
    """Check that a model in this process answers a scenario, sync and async, as any model can.

    Raises:
        ConformanceFailure: It does not, or its events break the grammar.
    """
    options: CallOptions = {}
    if target.capabilities(scenario).support("settings.temperature") != "unsupported":
        options["temperature"] = 0.0  # a small model that draws lots may go on until its context is full
    with target.client() as client:
        _check(target, converse(client, target, scenario, "stream", **options))
    _check(target, anyio.run(partial(_played, target, scenario, options)))


async def _played(target: Target, scenario: Scenario, options: CallOptions) -> Played:
    async with target.async_client() as client:
        return await converse_async(client, target, scenario, "stream", **options)


def _check(target: Target, played: Played) -> None:
    response = played.response
    check_expectations(played.scenario, response)
    if response.provider != target.name or not response.model:
        found = f"provider is {response.provider!r}, model is {response.model!r}"
        raise fail("a response says which provider and model it is of", found, scenario=played.scenario.name)
