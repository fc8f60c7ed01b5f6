"""OpenAI's own library and ours read the same Responses streams."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx2
import openai
import pytest
from openai.types.responses import Response

from core_llm_conformance.beside import Difference, Read, check_cut, check_same, parsed, unused
from core_llm_conformance.corpus import find_corpus, missing_reason
from core_llm_conformance.replay import ReplayAnswer
from core_llm_conformance.replay_httpx2 import Httpx2ReplayTransport
from core_llm_conformance.through import KEY
from core_llm_conformance.wires import RESPONSES, Case, cases

ROOT = Path(__file__).resolve().parents[2]
CORPUS = find_corpus(ROOT)
if CORPUS is None:
    pytest.skip(missing_reason(ROOT), allow_module_level=True)

STREAMS = [case for case in cases(CORPUS) if case.wire is RESPONSES and case.recording.is_streaming]
each_stream = pytest.mark.parametrize("case", STREAMS, ids=lambda case: case.test_id)

Count = Callable[[str, str], None]
"""Notes one outcome under a heading, for the summary."""
KNOWN = [
    Difference(
        r"azure-reasoning-encrypted-content",
        "calls reasoning text usage",
        "four answers glued together: ours ends with the first, the events of the library go on to the last",
    ),
    Difference(
        r"chatgpt_codex_sessions.*#0$",
        "calls",
        "the last event of the ChatGPT backend has no items, and the library takes nothing else for the answer",
    ),
    Difference(r"chatgpt_codex_sessions.*#1$", "text", "the same"),
]


def read_by_openai(answer: ReplayAnswer) -> Read:
    """Return what OpenAI's library makes of an answer: the response that it has at the end."""
    http = httpx2.Client(transport=Httpx2ReplayTransport([answer]))
    client = openai.OpenAI(api_key=KEY, http_client=http, max_retries=0)
    response: Response | None = None
    try:
        with client.responses.create(model="m", input="Hi", stream=True) as stream:
            for event in stream:
                if event.type in ("response.completed", "response.incomplete"):
                    response = event.response
    except Exception:  # noqa: BLE001  # an error of its own or a crash: either way there is no answer
        return Read(failed=True)
    if response is None:
        return Read(failed=True)
    details, usage = response.incomplete_details, response.usage
    reasoning = [item for item in response.output if item.type == "reasoning"]
    return Read(
        text=response.output_text,
        reasoning="".join(piece.text for item in reasoning for piece in [*item.summary, *(item.content or ())]),
        calls=tuple((item.name, parsed(item.arguments)) for item in response.output if item.type == "function_call"),
        finish_reason=details.reason if details and details.reason else response.status,
        usage=None if usage is None else (usage.input_tokens, usage.output_tokens),
    )


@each_stream
def test_both_read_the_same(case: Case, count: Count) -> None:
    """Text, reasoning, calls, finish reason and usage are the same, apart from what is known."""
    difference = check_same(case, read_by_openai, KNOWN)
    count("whole streams", f"differing: {difference.reason}" if difference else "same")


@each_stream
def test_a_cut_stream_is_no_success_of_ours(case: Case, count: Count) -> None:
    """Cut off before its terminal marker it fails here, and is counted as what it is there."""
    theirs = check_cut(case, read_by_openai)
    count("cut streams", "an error" if theirs.failed else "a success")


def test_every_known_difference_is_there() -> None:
    """None is listed in advance."""
    assert unused(KNOWN, [case.test_id for case in STREAMS]) == []
