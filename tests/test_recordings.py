"""Every real recording goes through both clients and the provider it is of, and comes out as what it holds.

What it holds is walked from its JSON by code that shares nothing with the decoder (`core_llm_conformance.walk`); which
provider it is of, `core_llm_conformance.wires` says.
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from core_llm import Message, Request, StatusError
from core_llm_conformance.compare import check_outcome
from core_llm_conformance.corpus import CASSETTE, RESPONSE_ONLY, find_corpus, missing_reason
from core_llm_conformance.replay import ReplayAnswer
from core_llm_conformance.through import through_async_client, through_client, through_httpx2_client
from core_llm_conformance.wires import NOT_REPLAYED, SPEAKERS, WIRES, Case, Speaker, cases, reason_not_replayed, wire_of

ROOT = Path(__file__).resolve().parents[1]
CORPUS = find_corpus(ROOT)
if CORPUS is None:
    pytest.skip(missing_reason(ROOT), allow_module_level=True)

FAMILIES = (
    "anthropic-messages gemini-generatecontent vertex-gemini ollama openai-responses openai-chat xai openrouter "
    "azure-openai groq deepseek together cerebras moonshot zai llamacpp other-openai-compat mistral perplexity "
    "huggingface vercel-gateway gemini-openai-compat"
).split()
"""Families of which every exchange is replayed, or has a reason why not. Of others, what speaks a wire is replayed."""
EXCHANGES = list(CORPUS.recordings(formats=(CASSETTE, *RESPONSE_ONLY)))
CASES = list(cases(CORPUS))


def request_ids(case: Case) -> list[str]:
    """Return the ids that a recorded answer has for its request."""
    return [value for name, value in case.recording.headers.items() if name.endswith("request-id")]


IDENTIFIED = [case for case in CASES if case.recording.status >= 400 and request_ids(case)]
each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.test_id)


@each_case
def test_through_the_client(case: Case) -> None:
    """An answer is what was recorded, and a stream's events keep the grammar."""
    answer = ReplayAnswer.of(case.recording)
    outcome = through_client(answer, case.speaker.load(), is_stream=case.recording.is_streaming)
    check_outcome(case.expected(), outcome)


@pytest.mark.anyio
@each_case
async def test_through_the_async_client(case: Case) -> None:
    """The same on asyncio and trio."""
    answer = ReplayAnswer.of(case.recording)
    outcome = await through_async_client(answer, case.speaker.load(), is_stream=case.recording.is_streaming)
    check_outcome(case.expected(), outcome)


@each_case
def test_through_the_other_library(case: Case) -> None:
    """The same with httpx2 in place of httpx."""
    answer = ReplayAnswer.of(case.recording)
    outcome = through_httpx2_client(answer, case.speaker.load(), is_stream=case.recording.is_streaming)
    check_outcome(case.expected(), outcome)


@pytest.mark.parametrize("case", IDENTIFIED, ids=lambda case: case.test_id)
def test_an_error_names_its_request(case: Case) -> None:
    """So that its provider can be asked about it."""
    error = through_client(ReplayAnswer.of(case.recording), case.speaker.load(), is_stream=case.recording.is_streaming)
    assert isinstance(error, StatusError)
    assert error.request_id in request_ids(case)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_exchange_is_replayed_or_has_a_reason(family: str) -> None:
    """No family passes for want of recordings, and nothing of it is left out in silence."""
    exchanges = [exchange for exchange in EXCHANGES if exchange.family == family]
    assert any(map(wire_of, exchanges))
    rest = [exchange for exchange in exchanges if not wire_of(exchange) and not reason_not_replayed(exchange)]
    assert [f"{exchange.test_id} {exchange.method} {exchange.url}" for exchange in rest] == []


def test_what_is_not_replayed_exists() -> None:
    """Each reason to leave a recording out names one that is there."""
    assert set(NOT_REPLAYED) <= {exchange.test_id for exchange in EXCHANGES}


@pytest.mark.parametrize(("name", "speaker"), [(name, speaker) for (name, _), speaker in SPEAKERS.items()])
def test_every_provider_speaks_the_wire_that_it_is_replayed_with(name: str, speaker: Speaker) -> None:
    """What it sends goes to an address like those that were recorded, so its decoder is the one that is tested."""
    [wire] = [wire for wire in WIRES if wire.name == name]
    provider = speaker.load()
    path = provider.wire("m").encode_request(Request(model="m", messages=(Message.user("Hi"),))).path
    assert re.search(wire.path + "$", urlsplit(provider.url(path)).path)
