"""Every real Chat Completions recording goes through both clients and comes out as what the recording holds.

What it holds is walked from its JSON by code that shares nothing with the decoder (`core_llm_conformance.walk`).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from core_llm import Provider
from core_llm.wire import ChatCompletions
from core_llm_conformance.compare import check_outcome
from core_llm_conformance.corpus import CASSETTE, RESPONSE_ONLY, Recording, find_corpus, missing_reason
from core_llm_conformance.replay import ReplayAnswer
from core_llm_conformance.through import through_async_client, through_client, through_httpx2_client
from core_llm_conformance.walk import walk_chat_completions

ROOT = Path(__file__).resolve().parents[1]
CORPUS = find_corpus(ROOT)
if CORPUS is None:
    pytest.skip(missing_reason(ROOT), allow_module_level=True)

FAMILIES = (
    "openai-chat groq deepseek together cerebras moonshot zai llamacpp other-openai-compat mistral perplexity "
    "huggingface xai openrouter azure-openai vercel-gateway gemini-openai-compat"
).split()
NOT_REPLAYED: dict[str, str] = {}
"""Recording → why it cannot be replayed. Nothing is left out at present."""
RECORDINGS = [
    recording
    for recording in CORPUS.recordings(*FAMILIES, formats=(CASSETTE, *RESPONSE_ONLY))
    if recording.is_chat_completions and recording.test_id not in NOT_REPLAYED
]
each_recording = pytest.mark.parametrize("recording", RECORDINGS, ids=lambda recording: recording.test_id)


class Recorded(Provider):
    """Whoever was recorded."""

    name = "recorded"
    base_url = "https://recorded.test/v1"
    needs_api_key = False
    wire_format = ChatCompletions


@each_recording
def test_through_the_client(recording: Recording) -> None:
    """An answer is what was recorded, and a stream's events keep the grammar."""
    expected = walk_chat_completions(recording.body, status=recording.status)
    outcome = through_client(ReplayAnswer.of(recording), Recorded, is_stream=recording.is_streaming)
    check_outcome(expected, outcome)


@pytest.mark.anyio
@each_recording
async def test_through_the_async_client(recording: Recording) -> None:
    """The same on asyncio and trio."""
    expected = walk_chat_completions(recording.body, status=recording.status)
    outcome = await through_async_client(ReplayAnswer.of(recording), Recorded, is_stream=recording.is_streaming)
    check_outcome(expected, outcome)


@each_recording
def test_through_the_other_library(recording: Recording) -> None:
    """The same with httpx2 in place of httpx."""
    expected = walk_chat_completions(recording.body, status=recording.status)
    outcome = through_httpx2_client(ReplayAnswer.of(recording), Recorded, is_stream=recording.is_streaming)
    check_outcome(expected, outcome)


@pytest.mark.parametrize("family", FAMILIES)
def test_each_family_has_recordings(family: str) -> None:
    """No family passes for want of recordings."""
    assert any(recording.family == family for recording in RECORDINGS)
