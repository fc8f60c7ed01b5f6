"""Ollama's own library and ours read the same streams of ``/api/chat``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import ollama
import pytest

from core_llm_conformance.beside import Difference, Read, check_cut, check_same, unused
from core_llm_conformance.corpus import find_corpus, missing_reason
from core_llm_conformance.replay import ReplayAnswer, ReplayTransport
from core_llm_conformance.wires import OLLAMA, Case, cases

ROOT = Path(__file__).resolve().parents[2]
CORPUS = find_corpus(ROOT)
if CORPUS is None:
    pytest.skip(missing_reason(ROOT), allow_module_level=True)

STREAMS = [case for case in cases(CORPUS) if case.wire is OLLAMA and case.recording.is_streaming]
each_stream = pytest.mark.parametrize("case", STREAMS, ids=lambda case: case.test_id)

Count = Callable[[str, str], None]
"""Notes one outcome under a heading, for the summary."""
KNOWN: list[Difference] = []


def read_by_ollama(answer: ReplayAnswer) -> Read:
    """Return what Ollama's library makes of an answer: it joins nothing, so its lines are joined here."""
    client = ollama.Client(transport=ReplayTransport([answer]))
    try:
        lines = list(client.chat(model="m", messages=[{"role": "user", "content": "Hi"}], stream=True))
    except Exception:  # noqa: BLE001  # an error of its own or a crash: either way there is no answer
        return Read(failed=True)
    calls = [call.function for line in lines for call in line.message.tool_calls or ()]
    counts = (lines[-1].prompt_eval_count, lines[-1].eval_count)
    return Read(
        text="".join(line.message.content or "" for line in lines),
        reasoning="".join(line.message.thinking or "" for line in lines),
        calls=tuple((call.name, dict(call.arguments)) for call in calls),
        finish_reason=lines[-1].done_reason,
        usage=None if counts == (None, None) else counts,
    )


@each_stream
def test_both_read_the_same(case: Case, count: Count) -> None:
    """Text, reasoning, calls, finish reason and usage are the same, apart from what is known."""
    difference = check_same(case, read_by_ollama, KNOWN)
    count("whole streams", f"differing: {difference.reason}" if difference else "same")


@each_stream
def test_a_cut_stream_is_no_success_of_ours(case: Case, count: Count) -> None:
    """Cut off before its terminal marker it fails here, and is counted as what it is there."""
    theirs = check_cut(case, read_by_ollama)
    count("cut streams", "an error" if theirs.failed else "a success")


def test_every_known_difference_is_there() -> None:
    """None is listed in advance."""
    assert unused(KNOWN, [case.test_id for case in STREAMS]) == []
