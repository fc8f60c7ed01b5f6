"""Real streams arrive cut anywhere, dressed otherwise, and end too early: the same answer, or never a success.

Every stream of the corpus is replayed through `Client` and the provider it is of. What the whole and each truncated
body hold is walked from its JSON, so "complete" is the recording's own terminal marker and not the decoder's opinion.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from core_llm import MalformedResponseError, StreamInterruptedError
from core_llm_conformance import cuts
from core_llm_conformance.compare import check_outcome
from core_llm_conformance.corpus import find_corpus, missing_reason
from core_llm_conformance.replay import ReplayAnswer
from core_llm_conformance.through import Outcome, through_client
from core_llm_conformance.wires import CHANGES, Case, cases

ROOT = Path(__file__).resolve().parents[1]
CORPUS = find_corpus(ROOT)
if CORPUS is None:
    pytest.skip(missing_reason(ROOT), allow_module_level=True)

LONG = 8192
"""Bytes."""
THIRD = 12
"""A stream of more than three times as many events is cut off after some of them only."""
ANSWERS = [case for case in cases(CORPUS) if case.recording.status == 200 and case.recording.body]
STREAMS = [case for case in ANSWERS if case.recording.is_streaming]
each_stream = pytest.mark.parametrize("case", STREAMS, ids=lambda case: case.test_id)
each_plain = pytest.mark.parametrize(
    "case", [case for case in ANSWERS if not case.recording.is_streaming], ids=lambda case: case.test_id
)
each_change = pytest.mark.parametrize(
    ("case", "change"),
    [(case, change) for case in STREAMS for change in CHANGES[case.wire.framing]],
    ids=lambda value: value if isinstance(value, str) else value.test_id,
)


def called(case: Case, answer: ReplayAnswer) -> Outcome:
    """Return what a call came to that was answered so."""
    return through_client(answer, case.speaker.load(), is_stream=case.recording.is_streaming)


def some_offsets(body: bytes, count: int) -> list[int]:
    """Return offsets inside the body, the same for the same body."""
    chance = random.Random(len(body))  # noqa: S311  # repeatable, not secret
    return [chance.randrange(1, len(body)) for _ in range(count)]


def some_ends(ends: list[int]) -> list[int]:
    """Return the first and the last ends and as many between, evenly spread: a long stream is not cut at each."""
    between = ends[THIRD:-THIRD]
    return [*ends[:THIRD], *between[:: len(between) // THIRD + 1], *ends[-THIRD:]]


@each_stream
def test_cut_anywhere_it_is_the_same_answer(case: Case) -> None:
    """One byte at a time, inside characters and line ends, and at 50 times seeded places, 10 times in a long one."""
    expected = case.expected()
    seeds = cuts.SEEDS if len(case.recording.body) < LONG else cuts.SEEDS[::5]
    for cut in cuts.every_cut(seeds).values():
        check_outcome(expected, called(case, ReplayAnswer.of(case.recording, cut=cut)))


@each_change
def test_dressed_otherwise_it_is_the_same_answer(case: Case, change: str) -> None:
    """What the grammar of the framing allows changes nothing, also with CR and LF in different reads."""
    body = CHANGES[case.wire.framing][change](case.recording.body)
    check_outcome(case.expected(), called(case, ReplayAnswer.of(case.recording, body=body, cut=cuts.inside_line_ends)))


@each_stream
def test_cut_off_after_each_event_it_succeeds_only_after_the_marker(case: Case) -> None:
    """A clean end and a reset: before the terminal marker an error with what came, after it the whole answer."""
    for body in cuts.truncations(case.recording.body, some_ends(case.wire.ends(case.recording.body))):
        expected = case.expected(body)
        for answer in (
            ReplayAnswer.of(case.recording, body=body),
            ReplayAnswer.of(case.recording, body=body, ending="reset"),
        ):
            outcome = called(case, answer)
            check_outcome(expected, outcome)
            assert expected.is_complete or expected.error or isinstance(outcome, StreamInterruptedError)


@each_stream
def test_cut_off_inside_an_event_it_succeeds_only_after_the_marker(case: Case) -> None:
    """An event that was cut off counts for nothing, whatever part of it came: at 20 places, at 10 in a long stream."""
    for offset in some_offsets(case.recording.body, 20 if len(case.recording.body) < LONG else 10):
        body = case.recording.body[:offset]
        check_outcome(case.expected(body), called(case, ReplayAnswer.of(case.recording, body=body)))


@each_plain
def test_a_plain_answer_cut_off_is_never_a_success(case: Case) -> None:
    """Half a JSON body is malformed after a clean end, and interrupted after a reset."""
    whole = case.recording.body.rstrip()
    for offset in some_offsets(whole, 5):
        assert isinstance(called(case, ReplayAnswer.of(case.recording, body=whole[:offset])), MalformedResponseError)
        broken = ReplayAnswer.of(case.recording, body=whole[:offset], ending="reset")
        assert isinstance(called(case, broken), StreamInterruptedError)
