"""OpenAI's own library and ours read the same Chat Completions streams, of OpenAI and of who speaks like it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx2
import openai
import pytest
from openai.types.chat import ChatCompletion

from core_llm_conformance.beside import Difference, Read, check_cut, check_same, parsed, unused
from core_llm_conformance.corpus import find_corpus, missing_reason
from core_llm_conformance.replay import ReplayAnswer
from core_llm_conformance.replay_httpx2 import Httpx2ReplayTransport
from core_llm_conformance.through import KEY
from core_llm_conformance.wires import CHAT, Case, cases

ROOT = Path(__file__).resolve().parents[2]
CORPUS = find_corpus(ROOT)
if CORPUS is None:
    pytest.skip(missing_reason(ROOT), allow_module_level=True)

STREAMS = [case for case in cases(CORPUS) if case.wire is CHAT and case.recording.is_streaming]
each_stream = pytest.mark.parametrize("case", STREAMS, ids=lambda case: case.test_id)

Count = Callable[[str, str], None]
"""Notes one outcome under a heading, for the summary."""
KNOWN = [
    Difference(
        r"^xai/fantasy.*(grok-4-fast|grok-code-fast|grok-3-mini).*stream",
        "usage",
        "xAI counts reasoning beside the completion; ours includes it, as the total of xAI does",
    ),
    Difference(
        r"^xai/prism__xai__stream-with-tools-responses-1", "reasoning", "ours takes xAI's repeated placeholder once"
    ),
    Difference(
        r"^groq/(openinf.*test_groq|openllm.*chat_streaming_with|pydantic.*web_search_tool_stream|ruby-openai.*streamed)",
        "usage",
        "Groq's usage is in x_groq, which the library does not know",
    ),
    Difference(
        r"^mistral/rig.*streaming_agent_sends_audio", "usage", "Mistral counts the audio of a prompt beside its tokens"
    ),
    Difference(
        r"^perplexity/", "finish_reason", "the library skips Perplexity's last chunk, whose object has another name"
    ),
    Difference(
        r"^mistral/(dd-trace.*post_ccfa08da)", "reasoning", "the library keeps Mistral's thinking as a list of content"
    ),
    Difference(
        r"^mistral/ruby_llm.*hybrid_reasoning_streams",
        "reasoning text",
        "content is a list at first and text then; the library replaces what it cannot add",
    ),
    Difference(
        r"^openai-chat/llm.*tools_streaming_variant_a.*#0$",
        "calls",
        "the head of a call comes twice; the library adds its name to its name",
    ),
    Difference(
        r"^azure-openai/dd-trace.*azure_chat_completion_streamed",
        "failed finish_reason text",
        "the library's helper raises: a choice of the filter has no delta",
    ),
    Difference(
        r"^mistral/openinf.*synchronous_streaming_chat_completions_with_tool_call",
        "calls failed finish_reason usage",
        "the library's helper raises: Mistral's calls had no index then",
    ),
    Difference(
        r"^moonshot/.*moonshotai-stream",
        "failed finish_reason reasoning text usage",
        "the library's helper raises: chunks that do not name their object are skipped, and none is left",
    ),
    Difference(
        r"^openrouter/logfire.*openrouter_streaming_reasoning",
        "failed finish_reason reasoning text usage",
        "the library's helper raises: these reasoning_details have no index",
    ),
]


def read_by_openai(answer: ReplayAnswer) -> Read:
    """Return what OpenAI's library makes of an answer."""
    http = httpx2.Client(transport=Httpx2ReplayTransport([answer]))
    client = openai.OpenAI(api_key=KEY, http_client=http, max_retries=0)
    try:
        completion: ChatCompletion
        with client.chat.completions.stream(model="m", messages=[{"role": "user", "content": "Hi"}]) as stream:
            completion = stream.get_final_completion()
    except (openai.LengthFinishReasonError, openai.ContentFilterFinishReasonError) as stopped:
        if stopped.completion is None:
            return Read(failed=True)
        completion = stopped.completion  # raised for want of a whole answer; what came is in it
    except Exception:  # noqa: BLE001  # an error of its own or a crash: either way there is no answer
        return Read(failed=True)
    [choice, *_] = completion.choices
    message, usage = choice.message, completion.usage
    calls = [call.function for call in message.tool_calls or () if call.type != "custom"]
    return Read(
        text=message.content or "",
        reasoning=getattr(message, "reasoning_content", None) or getattr(message, "reasoning", None) or "",
        calls=tuple((call.name, parsed(call.arguments)) for call in calls),
        finish_reason=choice.finish_reason,
        usage=None if usage is None else (usage.prompt_tokens, usage.completion_tokens),
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
