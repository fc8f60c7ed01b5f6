"""What Azure OpenAI answers, on both wires, after its REST reference. `tests/cassettes` is composed of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import ClassVar

from pydantic import JsonValue

from core_llm_conformance.documented import Failed, FullChatBodies, FullResponsesBodies, Said, describe
from core_llm_conformance.documented.said import JsonObject
from core_llm_conformance.documented.usual import ANSWERS
from core_llm_conformance.recording import Description, Reply, sse
from core_llm_conformance.target import Target

DATE = dt.date(2026, 11, 22)
CHAT = "https://learn.microsoft.com/azure/ai-foundry/openai/latest#create-chat-completion"
RESPONSES = "https://learn.microsoft.com/azure/ai-foundry/openai/how-to/responses"
SOURCES = {
    "refusal": "https://learn.microsoft.com/azure/ai-foundry/openai/concepts/content-filter",
    "embeddings": "https://learn.microsoft.com/azure/ai-foundry/openai/latest#create-embedding",
}
SNAPSHOTS = {"gpt-4.1-mini": "gpt-4.1-mini-2025-04-14", "gpt-5-mini": "gpt-5-mini-2025-08-07"}
"""Model → the snapshot of it that answers, whatever the deployment is called."""
BROKEN = Failed(200, "The server had an error while it worked on your request.", "server_error", "server_error")
ERRORS = {
    "error_400": Failed(
        400,
        "'temperature' must not be greater than 2.",
        "invalid_request_error",
        "decimal_above_max_value",
        "temperature",
    ),
    "error_401": Failed(401, "Access denied: the key is wrong, or is one for another address.", "", "401"),
    "error_404": Failed(
        404, "There is no such deployment at this resource.", "invalid_request_error", "DeploymentNotFound"
    ),
    "error_429": Failed(429, "The deployment's limit of tokens a minute is reached.", "", "RateLimitReached"),
    "error_500": Failed(500, "The server had an error while it worked on your request.", "server_error", "500"),
    "error_mid_stream": replace(BROKEN, after="Hello, it"),
}
FILTERED = {**ANSWERS, "refusal": (Said("You had better", finish="content_filter", counts=(20, 4)),)}
"""What is filtered stops, and says so in its finish reason."""
KINDS = ("hate", "self_harm", "sexual", "violence")
NEVER = ("error_first_event", "error_in_200", "citations", "audio_input", "document_input", "video_input")
"""Not documented for these models, or, for files, not for all models of Azure's alike."""


class AzureChatBodies(FullChatBodies):
    """Filters tell what they found, of the prompt first."""

    reasons: ClassVar[Mapping[str, str]] = {}

    @property
    def served(self) -> str:
        """The snapshot."""
        return SNAPSHOTS.get(self.model, self.model)

    def beside(self, kind: str) -> JsonObject:
        """Return how the request was served; a plain answer says what was found in the prompt."""
        told = super().beside(kind)
        return {**told, "prompt_filter_results": [prompt_results()]} if kind == "chat.completion" else told

    def beside_choice(self, kind: str, said: Said) -> JsonObject:
        """Return what was found in the answer."""
        return {**super().beside_choice(kind, said), "content_filter_results": results(said)}

    def streamed(self, said: Said, turn: int) -> Reply:
        """Return a stream; what was found in the prompt comes first, in a chunk of its own."""
        found: list[JsonValue] = [prompt_results()]
        first: JsonObject = {"choices": [], "created": 0, "id": "", "model": "", "object": ""}
        told = sse({**first, "prompt_filter_results": found})
        answer = super().streamed(said, turn)
        return replace(answer, body=told.body + answer.body)

    def error_object(self, failed: Failed) -> JsonObject:
        """Return an error."""
        return error_object(failed)

    def expected_error(self, failed: Failed) -> JsonObject:
        """Return what a plugin has to make of an error."""
        return expected_error(failed)


class AzureResponsesBodies(FullResponsesBodies):
    """Filters tell what they found when the response is done."""

    @property
    def served(self) -> str:
        """The snapshot."""
        return SNAPSHOTS.get(self.model, self.model)

    def beside(self, status: str) -> JsonObject:
        """Return the settings, and what was found."""
        found: list[JsonValue] = [
            {
                "blocked": False,
                "source_type": source,
                "content_filter_raw": [],
                "content_filter_results": results(Said()),
                "content_filter_offsets": {"start_offset": 0, "end_offset": 30, "check_offset": 0},
            }
            for source in ("prompt", "completion")
        ]
        return {**super().beside(status), "content_filters": found if status == "completed" else None}

    def response(self, said: Said, status: str, turn: int) -> JsonObject:
        """Return a response; one that the filter has stopped is incomplete."""
        made = super().response(said, status, turn)
        return {**made, "incomplete_details": {"reason": "content_filter"}} if is_filtered(said, status) else made

    def status(self, said: Said) -> str:
        """Return the status of a response that is done."""
        return "incomplete" if said.finish == "content_filter" else super().status(said)

    def error_object(self, failed: Failed) -> JsonObject:
        """Return an error."""
        return error_object(failed)

    def expected_error(self, failed: Failed) -> JsonObject:
        """Return what a plugin has to make of an error."""
        return expected_error(failed)


def is_filtered(said: Said, status: str) -> bool:
    """Whether the filter has stopped a response."""
    return said.finish == "content_filter" and status == "incomplete"


def results(said: Said) -> JsonObject:
    """Return what was found in an answer."""
    found: JsonObject = {kind: {"filtered": False, "severity": "safe"} for kind in KINDS}
    if said.finish == "content_filter":
        found["violence"] = {"filtered": True, "severity": "medium"}
    return found


def prompt_results() -> JsonObject:
    """Return what was found in the prompt: nothing."""
    found: JsonObject = {**results(Said()), "jailbreak": {"filtered": False, "detected": False}}
    return {"prompt_index": 0, "content_filter_results": found}


def error_object(failed: Failed) -> JsonObject:
    """Return an error: OpenAI's, or that of the gateway in front, which has a code and words."""
    error: JsonObject = {"code": failed.code, "message": failed.message}
    if failed.type:
        error["type"] = failed.type
    if failed.param:
        error["param"] = failed.param
    return {"error": error}


def expected_error(failed: Failed) -> JsonObject:
    """Return what a plugin has to make of an error."""
    error: JsonObject = {"kind": "provider", "message": failed.message, "code": failed.code}
    if failed.status >= 400:
        error["status"] = failed.status
    return {"text": failed.after, "error": error}


def described_chat(target: Target) -> Iterator[Description]:
    """Describe Chat Completions."""
    return describe(
        target,
        AzureChatBodies,
        source=CHAT,
        date=DATE,
        answers=FILTERED,
        errors=ERRORS,
        sources=SOURCES,
        without=NEVER,
    )


def described_responses(target: Target) -> Iterator[Description]:
    """Describe Responses."""
    return describe(
        target,
        AzureResponsesBodies,
        source=RESPONSES,
        date=DATE,
        answers=FILTERED,
        errors=ERRORS,
        sources=SOURCES,
        without=NEVER,
    )
