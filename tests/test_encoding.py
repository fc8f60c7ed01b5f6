"""What we send is what other clients were recorded to send for the same: text, tools, files, schemas, reasoning.

Each recorded request is read into a Request by code that shares nothing with the encoders
(`core_llm_conformance.requests`, whose modules say what counts as the same), encoded by the provider it was sent to,
and compared as JSON.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

import pytest

from core_llm import (
    FilePart,
    Message,
    OutputSchema,
    ProviderPart,
    ReasoningPart,
    Request,
    ToolResultPart,
    UnsupportedError,
)
from core_llm.wire import JSONObject
from core_llm_conformance.corpus import find_corpus, missing_reason
from core_llm_conformance.requests import FORMS, UnreadableError
from core_llm_conformance.wires import Case, cases

ROOT = Path(__file__).resolve().parents[1]
CORPUS = find_corpus(ROOT)
if CORPUS is None:
    pytest.skip(missing_reason(ROOT), allow_module_level=True)

UNREADABLE = {
    "a file's bytes were replaced when it was recorded": "there is nothing to compare",
    "a function's response has a field parts": "files in it, which a ToolResultPart has otherwise",
    "a message has the role tool": "not of this wire: the recorded answer is an error that says so",
    "a message holds a container_upload": "a file for code execution; provider_options",
    "a message holds a document_url": "Mistral's own",
    "a message holds a input_audio": "by address, which the wire does not document",
    "a message holds a tool_reference": "a tool that was found by a tool of Anthropic's",
    "a message holds a video_url": "not of the wire that OpenAI documents",
    "a part has a field videoMetadata": "how densely a video is looked at; no part of ours says it",
    "a tool is written as in Chat Completions": "not of this wire: the recorded answers are errors that say so",
    "a tool's result has more than text": "ours sends its files in a message of the user after it, as servers want it",
    "a tool's schema is no object": "not of this wire: the recorded answer is an error that says so",
    "it goes on with a prompt or an answer that the provider has kept": "provider_options",
    "it has functions, as before tools": "given up by OpenAI in 2023",
    "reasoning_effort has a value that is none of ours": "provider_options",
    "the input has an item of type additional_tools": "a tool that was found by a tool of OpenAI's",
    "thinking is adaptive, without an effort": "provider_options; ours says it with an effort",
    "thinking is switched on, without an effort": "provider_options; ours says it with an effort",
}
"""Why a recorded request cannot be read into a Request, and what it is about."""
REFUSED = {
    "recorded has no field for the setting 'cache_key'": "a compatible server's own; provider_options",
    "openrouter takes application files as bytes, not by address": "the recorded address holds a file that is none",
    "the structured output of anthropic cannot express a schema that is no object, at $.properties.value": "the"
    " recorded answer is an error that says so",
}
"""What an encoder says before anything is sent, and why that is right."""
KNOWN = {
    "openrouter/req_llm__openrouter_mistralai_mistral_small_3_1_24b_instruct__tool_round_trip_2.280bef.norm.yaml#0": (
        "ours gives Mistral's models ids of the nine letters and digits that they want"
    ),
    "anthropic-messages/req_llm__anthropic_claude_haiku_4_5_20251001__object_basic.174be3.norm.yaml#0": "the model"
    " refuses the keyword minimum, as the recorded answer says; ours says it in words",
    "openai-chat/mirascope__strict-tool_openai_completions__handles-optional-properties-in-strict-mode."
    "4dd4c4.norm.yaml#0": "strict mode wants closed objects, as the recorded answer says; ours closes them",
    "anthropic-messages/pydantic-ai__models_test_anthropic__test_anthropic_explicit_effort_xhigh_unsupported_model_errors."
    "df627a.norm.yaml#0": "the model refuses xhigh, as the recorded answer says; ours sends the highest it takes",
    "anthropic-messages/rig__anthropic_opus_4_8__messages_preserve_system_role_after_server_tool_result."
    "f107d3.norm.yaml#1": "ours sends what the system says in between before all messages, where every model takes it",
}
"""Recording → why ours differs, rightly."""

ASKED = {case.test_id: case for case in cases(CORPUS) if case.recording.request_body}
each_request = pytest.mark.parametrize("test_id", ASKED)


def recorded_body(case: Case) -> JSONObject:
    """Return the body that was sent, with the name of the model, which some wires have in the address."""
    body: JSONObject = json.loads(case.recording.request_body)
    found = re.search(r"/(?:models|deployments)/([^/:]+)", case.recording.path)
    return body if body.get("model") else body | {"model": found[1] if found else "m"}


@cache
def read(test_id: str) -> Request | str:
    """Return the Request that says what was sent, or why none does."""
    case = ASKED[test_id]
    body, (read_body, _) = recorded_body(case), FORMS[case.wire.name]
    model = str(body["model"])
    wire = case.speaker.load().wire(model)
    blank = Request(model=model, messages=(Message.user("Hi"),))

    def answered(answer: JSONObject) -> Message:
        return wire.decode_response(answer, blank).message

    try:
        return read_body(body, answered).model_copy(update={"model": model})
    except UnreadableError as error:
        return str(error)


def sent_body(case: Case, request: Request) -> JSONObject | str:
    """Return the body that we send, or what is said before anything is sent."""
    try:
        sent = case.speaker.load().wire(request.model).encode_request(request).body
    except UnsupportedError as error:
        return str(error).partition(";")[0]
    body: JSONObject = json.loads(json.dumps(sent))
    return body


@each_request
def test_we_send_the_same(test_id: str) -> None:
    """As JSON, in the one form of the wire; or it is listed why there is nothing to compare."""
    request, case = read(test_id), ASKED[test_id]
    if isinstance(request, str):
        assert request in UNREADABLE
        return
    ours, normal = sent_body(case, request), FORMS[case.wire.name][1]
    if isinstance(ours, str):
        assert ours in REFUSED
        return
    theirs = recorded_body(case)
    assert (normal(ours) == normal(theirs)) != (test_id in KNOWN), f"{normal(ours)}\n{normal(theirs)}"


def features(request: Request) -> dict[str, bool]:
    """Return what a request may have in it, and whether it has."""
    parts = [part for message in request.messages for part in message.parts]
    return {
        "a system prompt": any(message.role == "system" for message in request.messages),
        "tools": bool(request.tools),
        "a choice of tools": request.tool_choice is not None,
        "results of tools": any(isinstance(part, ToolResultPart) for part in parts),
        "images": any(isinstance(part, FilePart) and part.major_type == "image" for part in parts),
        "documents": any(isinstance(part, FilePart) and part.major_type == "application" for part in parts),
        "a schema": isinstance(request.output, OutputSchema),
        "reasoning asked for": bool(request.settings.model_fields_set & {"reasoning_effort", "reasoning_budget"}),
        "reasoning given back": any(isinstance(part, ReasoningPart) and part.provider_state for part in parts),
        "server tools' items": any(isinstance(part, ProviderPart) for part in parts),
    }


NOT_RECORDED = {
    ("ollama", "a choice of tools"),
    ("ollama", "images"),
    ("ollama", "documents"),
    ("ollama", "reasoning given back"),
    ("ollama", "server tools' items"),
    ("chat", "server tools' items"),
    ("gemini", "reasoning given back"),
}
"""Wire and feature that no recorded request has."""


@pytest.mark.parametrize("wire", FORMS)
def test_every_feature_is_compared(wire: str) -> None:
    """Each that the wire has is in some recorded request, so that nothing passes for want of one."""
    of_wire = [read(test_id) for test_id, case in ASKED.items() if case.wire.name == wire]
    every = [features(request) for request in of_wire if isinstance(request, Request)]
    missing = {name for name in every[0] if not any(has[name] for has in every)}
    assert missing == {name for recorded_wire, name in NOT_RECORDED if recorded_wire == wire}


def test_what_is_listed_is_there() -> None:
    """No reason stays when the last recording that it excuses is gone."""
    assert {request for request in map(read, ASKED) if isinstance(request, str)} == set(UNREADABLE)
    assert set(KNOWN) <= set(ASKED)
