"""Google's own library and ours read the same Gemini streams, of the Gemini API and of Vertex AI."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from google import genai
from google.genai import types

from core_llm_conformance.beside import Difference, Read, check_cut, check_same, unused
from core_llm_conformance.corpus import find_corpus, missing_reason
from core_llm_conformance.replay import ReplayAnswer, ReplayTransport
from core_llm_conformance.through import KEY
from core_llm_conformance.wires import GEMINI, Case, cases

ROOT = Path(__file__).resolve().parents[2]
CORPUS = find_corpus(ROOT)
if CORPUS is None:
    pytest.skip(missing_reason(ROOT), allow_module_level=True)

STREAMS = [case for case in cases(CORPUS) if case.wire is GEMINI and case.recording.is_streaming]
each_stream = pytest.mark.parametrize("case", STREAMS, ids=lambda case: case.test_id)

Count = Callable[[str, str], None]
"""Notes one outcome under a heading, for the summary."""
KNOWN = [
    Difference(
        r"test_native_output_with_builtin_tools_stream",
        "usage",
        "the last chunk leaves out the candidates' count; ours keeps what the one before said",
    ),
]


def read_by_google(answer: ReplayAnswer) -> Read:
    """Return what Google's library makes of an answer: it joins nothing, so its chunks are joined here."""
    options = types.HttpOptions(httpx_client=httpx.Client(transport=ReplayTransport([answer])))
    client = genai.Client(api_key=KEY, http_options=options)
    try:
        chunks = list(client.models.generate_content_stream(model="m", contents="Hi"))
    except Exception:  # noqa: BLE001  # an error of its own or a crash: either way there is no answer
        return Read(failed=True)
    candidates = [chunk.candidates[0] for chunk in chunks if chunk.candidates]
    parts = [part for candidate in candidates if candidate.content for part in candidate.content.parts or ()]
    reasons = [candidate.finish_reason.value for candidate in candidates if candidate.finish_reason]
    blocks = [
        chunk.prompt_feedback.block_reason.value
        for chunk in chunks
        if chunk.prompt_feedback and chunk.prompt_feedback.block_reason
    ]
    return Read(
        text="".join(part.text or "" for part in parts if not part.thought),
        reasoning="".join(part.text or "" for part in parts if part.thought),
        calls=tuple(
            (part.function_call.name or "", part.function_call.args or {}) for part in parts if part.function_call
        ),
        finish_reason=next(reversed([*reasons, *blocks]), None),
        usage=last_usage(chunks),
    )


def last_usage(chunks: list[types.GenerateContentResponse]) -> tuple[int | None, int | None] | None:
    """Return the last counts: the input with what tools put into it, the output with its thoughts."""
    counted = [chunk.usage_metadata for chunk in chunks if chunk.usage_metadata]
    if not counted:
        return None
    usage = counted[-1]
    given = (usage.prompt_token_count, usage.tool_use_prompt_token_count)
    made = (usage.candidates_token_count, usage.thoughts_token_count)
    return total(given), total(made)


def total(counts: tuple[int | None, ...]) -> int | None:
    """Return the sum of what was counted."""
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


@each_stream
def test_both_read_the_same(case: Case, count: Count) -> None:
    """Text, reasoning, calls, finish reason and usage are the same, apart from what is known."""
    difference = check_same(case, read_by_google, KNOWN)
    count("whole streams", f"differing: {difference.reason}" if difference else "same")


@each_stream
def test_a_cut_stream_is_no_success_of_ours(case: Case, count: Count) -> None:
    """Cut off before its terminal marker it fails here, and is counted as what it is there."""
    theirs = check_cut(case, read_by_google)
    count("cut streams", "an error" if theirs.failed else "a success")


def test_every_known_difference_is_there() -> None:
    """None is listed in advance."""
    assert unused(KNOWN, [case.test_id for case in STREAMS]) == []
