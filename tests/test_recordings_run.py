"""Recorded conversations with tools go through the loop: what we ask next is what was asked next.

Where a file holds an answer that calls tools and, after it, the request that gives their results, a run is answered
with both recorded answers; its handlers return the recorded results, and the request that the run makes of them is
compared, as JSON in the one form of the wire, with the recorded one.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest

from core_llm import (
    Capabilities,
    Client,
    CoreLLMError,
    Message,
    Provider,
    Request,
    RunLimits,
    Tool,
    ToolCallPart,
    ToolManager,
    ToolResultPart,
)
from core_llm.wire import JSONObject
from core_llm_conformance.corpus import find_corpus, missing_reason
from core_llm_conformance.cuts import truncations
from core_llm_conformance.replay import ReplayAnswer, ReplayTransport
from core_llm_conformance.requests import FORMS, UnreadableError
from core_llm_conformance.through import KEY
from core_llm_conformance.wires import Case, cases

ROOT = Path(__file__).resolve().parents[1]
CORPUS = find_corpus(ROOT)
if CORPUS is None:
    pytest.skip(missing_reason(ROOT), allow_module_level=True)

CASES = {case.test_id: case for case in cases(CORPUS)}


@dataclass(frozen=True, slots=True)
class Pair:
    """An answer that calls tools, and the exchange that follows it in the same file."""

    asked: Case
    then: Case


def pairs() -> Iterator[Pair]:
    """Yield every recorded call of tools whose results were recorded too."""
    by_place = {(case.recording.file, case.recording.interaction_index): case for case in CASES.values()}
    for (file, index), case in by_place.items():
        following = by_place.get((file, index + 1))
        if following is None or following.wire is not case.wire or not case.recording.request_body:
            continue
        if case.expected().complete_calls and new_results(Pair(case, following)):
            yield Pair(case, following)


@cache
def read(test_id: str) -> Request | None:
    """Return the Request that says what was sent; None if none does (test_encoding says why)."""
    case = CASES[test_id]
    body, read_body = json.loads(case.recording.request_body), FORMS[case.wire.name][0]
    wire = case.speaker.load().wire("m")
    blank = Request(model="m", messages=(Message.user("Hi"),))

    def answered(answer: JSONObject) -> Message:
        return wire.decode_response(answer, blank).message

    try:
        return read_body(body | {"model": body.get("model") or "m"}, answered).model_copy(update={"model": "m"})
    except UnreadableError:
        return None


def results_in(request: Request | None) -> list[ToolResultPart]:
    """Return the results of tools in a request."""
    messages = () if request is None else request.messages
    return [part for message in messages for part in message.parts if isinstance(part, ToolResultPart)]


def new_results(pair: Pair) -> list[ToolResultPart]:
    """Return the results that the second request has and the first has not."""
    if read(pair.asked.test_id) is None:
        return []
    return results_in(read(pair.then.test_id))[len(results_in(read(pair.asked.test_id))) :]


PAIRS = {pair.asked.test_id: pair for pair in pairs()}


def speaking(case: Case) -> Provider:
    """Return who understands a recording; one that asks for a plain answer where a plain one was recorded."""
    provider = copy.copy(case.speaker.load())
    if not case.recording.is_streaming:
        plain: Any = {**provider.capabilities, "?*": Capabilities(streaming="unsupported")}
        provider.capabilities = plain  # type: ignore[misc]  # of this copy alone
    return provider


def answers(pair: Pair) -> list[ToolResultPart]:
    """Return the recorded results in the order of the calls: by their ids, or as they stand where there are none."""
    recorded = new_results(pair)
    ids = [call.id for call in pair.asked.expected().complete_calls]
    by_id = {result.tool_call_id: result for result in recorded}
    return [by_id[str(call_id)] for call_id in ids] if set(ids) <= set(by_id) else recorded


def tools_of(request: Request, results: list[ToolResultPart]) -> ToolManager:
    """Return the tools of a request, which answer one after the other with `results`."""
    left = iter(results)

    def tool(name: str, parameters: JSONObject, description: str, *, is_strict: bool | None) -> Tool[..., object]:
        return Tool.from_schema(
            name, parameters, lambda **_: next(left), description=description, is_strict=is_strict, max_retries=0
        )

    specs = request.tools
    made = [tool(spec.name, spec.parameters, spec.description, is_strict=spec.is_strict) for spec in specs]
    return ToolManager(made, max_parallel=1)


def second_request(pair: Pair) -> JSONObject:
    """Return what a run asks after the recorded calls."""
    request = read(pair.asked.test_id)
    assert request is not None
    provider = speaking(pair.asked)
    replies = [ReplayAnswer.of(pair.asked.recording), ReplayAnswer.of(pair.then.recording)]
    with httpx.Client(transport=(transport := ReplayTransport(replies))) as http:
        client = Client(providers=[provider], http_client=http, max_retries=0, api_keys={provider.endpoint: KEY})
        with client.run(
            f"{provider.endpoint}:m",
            list(request.messages),
            tools=tools_of(request, answers(pair)),
            tool_choice=request.tool_choice,
            settings=request.settings,
            provider_options=request.provider_options,
            on_unsupported="send",
            run_limits=RunLimits(max_turns=2, max_repeats=None),
        ) as run:
            for event in run:
                if event.type == "turn_start" and event.turn == 2:
                    break
            with suppress(CoreLLMError):  # some of the second answers are errors
                next(iter(run))
    sent = transport.replay.requests[1].json
    assert isinstance(sent, dict)
    return sent


def told(request: Request) -> list[tuple[str, object]]:
    """Return what a conversation says: texts, calls, and which call each result answers, without the providers' ids.

    Ids that the client made up, opaque state and white space around texts are what clients differ in and providers do
    not mind; what becomes of opaque state is `test_round_trip`'s business.
    """
    said: list[tuple[str, object]] = []
    waiting: list[tuple[int, ToolCallPart]] = []
    number = 0
    for message in request.messages:
        if text := message.text.strip():
            said.append((message.role, text))
        for part in message.parts:
            if isinstance(part, ToolCallPart):
                waiting.append((number, part))
                number += 1
                said.append(("call", (part.name, part.arguments)))
            elif isinstance(part, ToolResultPart):  # on some wires by its name, having no id
                key = part.tool_call_id
                answered = next(entry for entry in waiting if key in (entry[1].id, entry[1].name))
                waiting.remove(answered)
                said.append(("result", (answered[0], plain(part.content))))
    return said


REFUSALS = ("1 validation error:", "The arguments do not fit this tool.")
"""How a recorded client told a model that its arguments do not fit, and how ours does."""


def plain(content: object) -> object:
    """Return the text of a result, parsed where it is JSON, since some wires want it as an object.

    Who refuses a call's arguments does so in words of his own: that it was refused is what is compared.
    """
    text = content if isinstance(content, str) else "".join(getattr(part, "text", "") for part in content)  # type: ignore[attr-defined]
    if any(words in text for words in REFUSALS):
        return REFUSALS
    try:
        return json.loads(text)
    except ValueError:
        return text


KNOWN = {
    "TestAnthropicComputerUse": "the computer is a tool of the provider's, which no caller's tool answers",
    "multi_turn_tool_run_records_distinct_raw_blocking.906fac": "left out what the model said beside its call",
    "two_tools_nonstreaming.6ab51e.norm.yaml#2": "the same",
    "openai_agents__test_responses.92d429": "hands over to another agent, with another system prompt",
    "raw_responses_stream_preserves_tool_then_followup_text_ordering": "the second request has another prompt",
    "test_cross_provider_capability_replay": "begins with another provider; results have no ids here",
    "multi-turn_streaming_conversations.718489.norm.yaml#3": "results of earlier turns have no ids here",
    "direct-binary-audio-google_vertex.e93b43.norm.yaml#0": "calls a tool that is not there; ours says so",
    "direct-uploaded_file-video-google_vert.2f5910.norm.yaml#0": "the same",
    "tool_return_content-uploaded_file-vide.b06da2.norm.yaml#0": "the same",
    "tool_return_content-url-image-google_v.738bd4.norm.yaml#0": "the same",
}
"""Part of a recording's name → why what followed is not what a run asks."""


@pytest.mark.parametrize("test_id", PAIRS)
def test_the_run_asks_what_was_asked(test_id: str) -> None:
    """Calls, a result for each and texts come back as recorded; a client may have said more after them."""
    pair, is_known = PAIRS[test_id], any(part in test_id for part in KNOWN)
    recorded = read(pair.then.test_id)
    assert recorded is not None
    with pytest.raises((AssertionError, CoreLLMError, StopIteration)) if is_known else nullcontext():
        ours, theirs = told(asked_by_run(pair)), told(recorded)
        assert theirs[: len(ours)] == ours
        kinds = [kind for kind, _ in ours]
        assert (kinds[-1], kinds.count("result")) == ("result", kinds.count("call"))


def asked_by_run(pair: Pair) -> Request:
    """Return what a run asks after the recorded calls, read as recorded requests are."""
    wire, blank = pair.asked.speaker.load().wire("m"), Request(model="m", messages=(Message.user("Hi"),))
    read_body = FORMS[pair.asked.wire.name][0]
    sent = {**second_request(pair), "model": "m"}
    return read_body(sent, lambda answer: wire.decode_response(answer, blank).message)


def test_what_is_listed_is_there() -> None:
    """No reason stays when the last recording that it excuses is gone."""
    assert [part for part in KNOWN if not any(part in test_id for test_id in PAIRS)] == []


CUT = {case.test_id: case for case in CASES.values() if case.recording.is_streaming and case.expected().tool_calls}
MOST_CUTS = 20


def cuts_of(case: Case) -> Iterator[bytes]:
    """Yield beginnings of a body, cut after frames and within them, evenly spread over a long one; and the whole."""
    body = case.recording.body
    whole_frames = list(truncations(body, case.wire.ends(body)))
    yield from whole_frames[:: len(whole_frames) // MOST_CUTS + 1]
    chance = random.Random(len(body))  # noqa: S311  # repeatable, not secret
    yield from (body[: chance.randrange(1, len(body))] for _ in range(MOST_CUTS))
    yield body


@pytest.mark.parametrize("test_id", CUT)
def test_no_cut_lets_half_a_call_run(test_id: str) -> None:
    """Cut anywhere, an answer that is not whole runs no tool; a whole one runs its whole calls, and all of them."""
    case, ran = CUT[test_id], list[JSONObject]()
    provider, whole = case.speaker.load(), case.expected()
    names = {call.name for call in whole.tool_calls if call.name}
    tools = [Tool.from_schema(name, {"type": "object"}, lambda **given: ran.append(given)) for name in sorted(names)]
    for body in cuts_of(case):
        ran.clear()
        with httpx.Client(transport=ReplayTransport([ReplayAnswer.of(case.recording, body=body)])) as http:
            client = Client(providers=[provider], http_client=http, max_retries=0, api_keys={provider.endpoint: KEY})
            limits = RunLimits(max_turns=1, max_repeats=None)
            with (
                suppress(CoreLLMError),
                client.run(f"{provider.endpoint}:m", "Go.", tools=tools, run_limits=limits) as run,
            ):
                run.finish()
        expected = case.expected(body)
        runs = expected.is_complete and expected.finish_reason == "tool_calls"
        wanted = [call.arguments for call in expected.complete_calls] if runs else []
        assert sorted(map(json.dumps, ran)) == sorted(map(json.dumps, wanted)), f"{ran} after {len(body)} bytes"
