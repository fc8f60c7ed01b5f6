"""Real streams arrive cut anywhere, dressed otherwise, and end too early: the same answer, or never a success.

Every Chat Completions stream of the corpus is replayed through `Client`. What the whole and each truncated body hold is
walked from its JSON, so "complete" is the recording's own terminal marker and not the decoder's opinion.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from core_llm import MalformedResponseError, Provider, StreamInterruptedError
from core_llm.wire import ChatCompletions
from core_llm_conformance import cuts
from core_llm_conformance.compare import check_outcome
from core_llm_conformance.corpus import CASSETTE, RESPONSE_ONLY, Recording, find_corpus, missing_reason
from core_llm_conformance.replay import ReplayAnswer
from core_llm_conformance.through import through_client
from core_llm_conformance.walk import walk_chat_completions

ROOT = Path(__file__).resolve().parents[1]
CORPUS = find_corpus(ROOT)
if CORPUS is None:
    pytest.skip(missing_reason(ROOT), allow_module_level=True)

FAMILIES = (
    "openai-chat groq deepseek together cerebras moonshot zai llamacpp other-openai-compat mistral perplexity "
    "huggingface xai openrouter azure-openai vercel-gateway gemini-openai-compat"
).split()
ANSWERS = [
    recording
    for recording in CORPUS.recordings(*FAMILIES, formats=(CASSETTE, *RESPONSE_ONLY))
    if recording.is_chat_completions and recording.status == 200 and recording.body
]
each_stream = pytest.mark.parametrize(
    "recording", [answer for answer in ANSWERS if answer.is_streaming], ids=lambda recording: recording.test_id
)
each_plain = pytest.mark.parametrize(
    "recording", [answer for answer in ANSWERS if not answer.is_streaming], ids=lambda recording: recording.test_id
)


class Recorded(Provider):
    """Whoever was recorded."""

    name = "recorded"
    base_url = "https://recorded.test/v1"
    needs_api_key = False
    wire_format = ChatCompletions


def some_offsets(body: bytes, count: int) -> list[int]:
    """Return offsets inside the body, the same for the same body."""
    chance = random.Random(len(body))  # noqa: S311  # repeatable, not secret
    return [chance.randrange(1, len(body)) for _ in range(count)]


@each_stream
def test_cut_anywhere_it_is_the_same_answer(recording: Recording) -> None:
    """One byte at a time, inside characters and line ends, and at 50 times seeded places."""
    expected = walk_chat_completions(recording.body)
    for cut in cuts.every_cut().values():
        check_outcome(expected, through_client(ReplayAnswer.of(recording, cut=cut), Recorded, is_stream=True))


@pytest.mark.parametrize(
    "change",
    [cuts.with_crlf, cuts.with_cr, cuts.with_bom, cuts.with_comments, cuts.without_spaces],
    ids=["CRLF", "CR", "BOM", "comments", "no spaces"],
)
@each_stream
def test_dressed_otherwise_it_is_the_same_answer(recording: Recording, change: Callable[[bytes], bytes]) -> None:
    """What the grammar of server-sent events allows changes nothing, also with CR and LF in different reads."""
    expected = walk_chat_completions(recording.body)
    answer = ReplayAnswer.of(recording, body=change(recording.body), cut=cuts.inside_line_ends)
    check_outcome(expected, through_client(answer, Recorded, is_stream=True))


@each_stream
def test_cut_off_after_each_event_it_succeeds_only_after_the_marker(recording: Recording) -> None:
    """A clean end and a reset: before the terminal marker an error with what came, after it the whole answer."""
    for body in cuts.truncations(recording.body, cuts.event_ends(recording.body)):
        expected = walk_chat_completions(body)
        for answer in (ReplayAnswer.of(recording, body=body), ReplayAnswer.of(recording, body=body, ending="reset")):
            outcome = through_client(answer, Recorded, is_stream=True)
            check_outcome(expected, outcome)
            assert expected.is_complete or expected.error or isinstance(outcome, StreamInterruptedError)


@each_stream
def test_cut_off_inside_an_event_it_succeeds_only_after_the_marker(recording: Recording) -> None:
    """An event that was cut off counts for nothing, whatever part of it came."""
    for offset in some_offsets(recording.body, 20):
        body = recording.body[:offset]
        outcome = through_client(ReplayAnswer.of(recording, body=body), Recorded, is_stream=True)
        check_outcome(walk_chat_completions(body), outcome)


@each_plain
def test_a_plain_answer_cut_off_is_never_a_success(recording: Recording) -> None:
    """Half a JSON body is malformed after a clean end, and interrupted after a reset."""
    whole = recording.body.rstrip()
    for offset in some_offsets(whole, 5):
        ended = through_client(ReplayAnswer.of(recording, body=whole[:offset]), Recorded, is_stream=False)
        assert isinstance(ended, MalformedResponseError)
        broken = ReplayAnswer.of(recording, body=whole[:offset], ending="reset")
        assert isinstance(through_client(broken, Recorded, is_stream=False), StreamInterruptedError)
