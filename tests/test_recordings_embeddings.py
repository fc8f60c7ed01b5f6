"""Every recorded embedding goes through both clients and the provider it is of, and comes out as what it holds."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from core_llm import AsyncClient, Client, CoreLLMError, Embeddings, MalformedResponseError, StatusError
from core_llm._embed_options import EmbedOptions
from core_llm_conformance.compare import check_provider_error
from core_llm_conformance.corpus import find_corpus, missing_reason
from core_llm_conformance.embedding import NOT_SPOKEN, SPEAKERS, EmbeddingCase, embedding_cases
from core_llm_conformance.replay import ReplayAnswer, ReplayTransport
from core_llm_conformance.walk import Expected

ROOT = Path(__file__).resolve().parents[1]
CORPUS = find_corpus(ROOT)
if CORPUS is None:
    pytest.skip(missing_reason(ROOT), allow_module_level=True)

KEY = "made-up-key"
CASES = list(embedding_cases(CORPUS))
ANSWERS = [case for case in CASES if case.recording.status == 200]
HTML = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.test_id)
each_answer = pytest.mark.parametrize("case", ANSWERS, ids=lambda case: case.test_id)


def options_of(case: EmbeddingCase, name: str) -> EmbedOptions:
    """Return what the recorded request had asked for, as a caller of ours asks for it."""
    options: EmbedOptions = {}
    if case.dimensions is not None:
        options["dimensions"] = case.dimensions
    if case.encoding is not None and case.speaker.provider == "openai-compatible":
        options["provider_options"] = {name: {"encoding_format": case.encoding}}
    return options


def embedded(case: EmbeddingCase, answer: ReplayAnswer) -> Embeddings | CoreLLMError:
    """Return what a call of the sync client came to that was answered so."""
    provider = case.speaker.load()
    with httpx.Client(transport=ReplayTransport([answer])) as http:
        client = Client(providers=[provider], http_client=http, max_retries=0, api_keys={provider.name: KEY})
        try:
            return client.embed(f"{provider.name}:m", case.texts, **options_of(case, provider.name))
        except CoreLLMError as error:
            return error


def check(case: EmbeddingCase, outcome: Embeddings | CoreLLMError) -> None:
    """Assert that a call came to what the walk says."""
    expected = case.expected()
    if expected.error is not None:
        assert isinstance(outcome, StatusError)
        check_provider_error(Expected(error=expected.error), outcome)
        return
    assert isinstance(outcome, Embeddings), repr(outcome)
    assert outcome.vectors == expected.vectors
    assert len(outcome.vectors) == len(case.texts)
    assert outcome.model == (expected.model or "m")
    assert (outcome.usage.input_tokens if outcome.usage else None) == expected.input_tokens


@each_case
def test_through_the_client(case: EmbeddingCase) -> None:
    """Every number, the count of tokens, and the provider's own errors."""
    check(case, embedded(case, ReplayAnswer.of(case.recording)))


@pytest.mark.anyio
@each_case
async def test_through_the_async_client(case: EmbeddingCase) -> None:
    """The same on asyncio and trio."""
    provider = case.speaker.load()
    outcome: Embeddings | CoreLLMError
    async with httpx.AsyncClient(transport=ReplayTransport([ReplayAnswer.of(case.recording)])) as http:
        client = AsyncClient(providers=[provider], http_client=http, max_retries=0, api_keys={provider.name: KEY})
        try:
            outcome = await client.embed(f"{provider.name}:m", case.texts, **options_of(case, provider.name))
        except CoreLLMError as error:
            outcome = error
    check(case, outcome)


@each_answer
def test_an_answer_that_was_cut_off_is_none(case: EmbeddingCase) -> None:
    """Wherever it was, even where the connection's end looks like the body's."""
    body = case.recording.body.rstrip()
    for length in (0, 1, len(body) // 3, len(body) // 2, len(body) - 1):
        outcome = embedded(case, ReplayAnswer.of(case.recording, body=body[:length]))
        assert isinstance(outcome, MalformedResponseError), length
        outcome = embedded(case, ReplayAnswer.of(case.recording, body=body[:length], ending="short"))
        assert isinstance(outcome, CoreLLMError), length


@each_answer
def test_a_vector_too_many_or_too_few_is_an_error(case: EmbeddingCase) -> None:
    """Which text it is of is never guessed."""
    answer = json.loads(case.recording.body)
    name = next(name for name in ("data", "predictions", "embeddings", "embedding") if name in answer)
    if name == "embedding":
        answer = {"embeddings": [answer["embedding"]]}
        name = "embeddings"
    for listed in (answer[name][:-1], [*answer[name], answer[name][-1]]):
        body = json.dumps({**answer, name: listed}).encode()
        assert isinstance(embedded(case, ReplayAnswer.of(case.recording, body=body)), MalformedResponseError)


@pytest.mark.parametrize("body", [HTML, b""], ids=["HTML", "empty"])
@pytest.mark.parametrize(
    "case", {case.speaker.provider: case for case in ANSWERS}.values(), ids=lambda case: case.speaker.provider
)
def test_what_is_no_answer_is_no_success(case: EmbeddingCase, body: bytes) -> None:
    """A page of a proxy, or nothing, as a success and as a failure."""
    assert isinstance(embedded(case, ReplayAnswer(body)), MalformedResponseError)
    assert isinstance(embedded(case, ReplayAnswer(body, 502)), StatusError)


def test_every_provider_has_recordings() -> None:
    """None passes for want of them, and no reason to leave one out has lost its recordings."""
    assert {case.speaker.provider for case in ANSWERS} == {speaker.provider for speaker in SPEAKERS.values()}
    assert len(CASES) > 40
    assert len(NOT_SPOKEN) == 3
