"""Anthropic's own library and ours read the same Messages streams."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

import anthropic
import httpx2
import pytest
from anthropic.types import Usage
from pydantic import JsonValue

from core_llm_conformance.beside import Difference, Read, check_cut, check_same, unused
from core_llm_conformance.corpus import find_corpus, missing_reason
from core_llm_conformance.replay import ReplayAnswer
from core_llm_conformance.replay_httpx2 import Httpx2ReplayTransport
from core_llm_conformance.through import KEY
from core_llm_conformance.wires import ANTHROPIC, Case, cases

ROOT = Path(__file__).resolve().parents[2]
CORPUS = find_corpus(ROOT)
if CORPUS is None:
    pytest.skip(missing_reason(ROOT), allow_module_level=True)

STREAMS = [case for case in cases(CORPUS) if case.wire is ANTHROPIC and case.recording.is_streaming]
each_stream = pytest.mark.parametrize("case", STREAMS, ids=lambda case: case.test_id)

Count = Callable[[str, str], None]
"""Notes one outcome under a heading, for the summary."""
KNOWN = [
    Difference(
        r"gateway_message_delta_metadata",
        "failed finish_reason text usage",
        "the library reads on after the end, and fails at a [DONE] that this gateway sends",
    ),
    Difference(
        r"programmatic-tool-calling",
        "finish_reason usage",
        "fifteen answers glued together: ours ends with the first, the library takes all for one",
    ),
]


def read_by_anthropic(answer: ReplayAnswer) -> Read:
    """Return what Anthropic's library makes of an answer."""
    answer = replace(answer, body=with_names(answer.body))
    http = httpx2.Client(transport=Httpx2ReplayTransport([answer]))
    client = anthropic.Anthropic(api_key=KEY, http_client=http, max_retries=0)
    try:
        with client.messages.stream(model="m", max_tokens=9, messages=[{"role": "user", "content": "Hi"}]) as stream:
            message = stream.get_final_message()
    except Exception:  # noqa: BLE001  # an error of its own or a crash: either way there is no answer
        return Read(failed=True)
    blocks = message.content
    return Read(
        text="".join(block.text for block in blocks if block.type == "text"),
        reasoning="".join(block.thinking for block in blocks if block.type == "thinking"),
        calls=tuple((block.name, cast("JsonValue", block.input)) for block in blocks if block.type == "tool_use"),
        finish_reason=message.stop_reason,
        usage=(whole_input(message.usage), message.usage.output_tokens),
    )


def with_names(body: bytes) -> bytes:
    """Return a stream with the names of its events, which fixtures of parsed chunks lack: the library goes by them."""
    if b"event:" in body:
        return body
    return re.sub(rb'(?m)^data: (?=\{"type": ?"(\w+)")', rb"event: \1\ndata: ", body)


def whole_input(usage: Usage) -> int:
    """Return the input with what was read from the cache and written to it."""
    return usage.input_tokens + (usage.cache_read_input_tokens or 0) + (usage.cache_creation_input_tokens or 0)


@each_stream
def test_both_read_the_same(case: Case, count: Count) -> None:
    """Text, reasoning, calls, finish reason and usage are the same, apart from what is known."""
    difference = check_same(case, read_by_anthropic, KNOWN)
    count("whole streams", f"differing: {difference.reason}" if difference else "same")


@each_stream
def test_a_cut_stream_is_no_success_of_ours(case: Case, count: Count) -> None:
    """Cut off before its terminal marker it fails here, and is counted as what it is there."""
    theirs = check_cut(case, read_by_anthropic)
    count("cut streams", "an error" if theirs.failed else "a success")


def test_every_known_difference_is_there() -> None:
    """None is listed in advance."""
    assert unused(KNOWN, [case.test_id for case in STREAMS]) == []
