"""What xAI answers, on both wires, after its API reference. `tests/cassettes` is composed of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import ClassVar

from pydantic import JsonValue

from core_llm import OutputSchema
from core_llm_conformance.documented import ChatBodies, Failed, ResponsesBodies, Said, describe
from core_llm_conformance.documented.responses import QUERY
from core_llm_conformance.documented.said import JsonObject
from core_llm_conformance.recording import Description
from core_llm_conformance.target import Target

DATE = dt.date(2026, 11, 22)
CHAT = "https://docs.x.ai/docs/api-reference#chat-completions"
RESPONSES = "https://docs.x.ai/docs/api-reference#create-new-response"
SOURCES = {
    "model_listing": "https://docs.x.ai/docs/api-reference#list-models",
    **{
        f"error_{status}": "https://docs.x.ai/docs/key-information/debugging"
        for status in ("400", "401", "404", "429", "500")
    },
}
NEVER = ("error_first_event", "error_in_200")
BAD = "Client specified an invalid argument"
BROKEN = Failed(200, "The service could not finish the answer.", "Internal error")
ERRORS = {
    "error_400": Failed(400, "temperature must be between 0 and 2.", BAD),
    "error_401": Failed(400, "Incorrect API key provided. Keys are made at https://console.x.ai.", "invalid-argument"),
    "error_404": Failed(404, "The model no-such-model does not exist.", "Some requested entity was not found"),
    "error_429": Failed(429, "Too many requests a minute.", "Some resource has been exhausted"),
    "error_500": Failed(500, BROKEN.message, BROKEN.type),
    "error_mid_stream": replace(BROKEN, after="Hello, it"),
}
"""What is called `type` here is the field `code` of xAI's errors."""
LISTED = ("grok-3-mini", "grok-4-fast-non-reasoning", "grok-4-fast-reasoning")


class GrokChatBodies(ChatBodies):
    """Calls come whole, tokens of reasoning are no output tokens, and nothing is null."""

    listed: ClassVar[Sequence[str]] = LISTED
    owner: ClassVar[str] = "xai"

    def beside(self, kind: str) -> JsonObject:  # noqa: ARG002  # the base's
        """Return which build served the request."""
        return {"system_fingerprint": "fp_1"}

    def reasoning(self, text: str, seal: str) -> JsonObject:  # noqa: ARG002  # xAI seals nothing here
        """Return the text of reasoning."""
        return {"reasoning_content": text}

    def message(self, said: Said) -> JsonObject:
        """Return the message; its text is never null."""
        return {**super().message(said), "content": said.text, "refusal": None}

    def deltas(self, said: Said) -> Iterator[JsonObject]:
        """Yield deltas, each with the role; a call comes whole."""
        role: JsonObject = {"role": "assistant"}
        for piece in said.thoughts:
            yield {**role, "reasoning_content": piece}
        for piece in said.pieces:
            yield {**role, "content": piece}
        if said.calls:
            calls: list[JsonValue] = [
                {"index": index, **self.call(call, call.arguments or "{}")} for index, call in enumerate(said.calls)
            ]
            yield {**role, "content": "", "tool_calls": calls}

    def last_delta(self, said: Said) -> JsonObject:  # noqa: ARG002  # the base's
        """Return the delta beside the finish reason."""
        return {"role": "assistant", "content": ""}

    def chunk(self, delta: JsonObject, said: Said, reason: str | None = None) -> JsonObject:
        """Return one chunk; only the last one of the answer has a finish reason."""
        made = super().chunk(delta, said, reason)
        choice: JsonObject = {"index": 0, "delta": delta}
        return made if reason is not None else {**made, "choices": [choice]}

    def usage(self, said: Said) -> JsonObject:
        """Return the usage with all of its details."""
        given, made = said.counts
        thought = said.thought or 0
        return {
            "prompt_tokens": given,
            "completion_tokens": made - thought,
            "total_tokens": given + made,
            "prompt_tokens_details": {
                "text_tokens": given,
                "audio_tokens": 0,
                "image_tokens": 0,
                "cached_tokens": said.cached or 0,
            },
            "completion_tokens_details": {
                "reasoning_tokens": thought,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
            "num_sources_used": 0,
        }

    def error_object(self, failed: Failed) -> JsonObject:
        """Return an error: a kind, and the words."""
        return {"code": failed.type, "error": failed.message}

    def expected_usage(self, said: Said) -> JsonObject:
        """Return the figures that are told even if they are nothing."""
        return {"cache_read_tokens": said.cached or 0, "reasoning_tokens": said.thought or 0}

    def expected_error(self, failed: Failed) -> JsonObject:
        """Return what a plugin has to make of an error."""
        return expected_error(failed)


class GrokResponsesBodies(ResponsesBodies):
    """Every item has a state, and the usage says what it cost."""

    listed: ClassVar[Sequence[str]] = LISTED
    owner: ClassVar[str] = "xai"

    def item_status(self, item: JsonObject) -> JsonObject:  # noqa: ARG002  # the base's
        """Return the state of an item that is done."""
        return {"status": "completed"}

    def items(self, said: Said) -> list[JsonObject]:
        """Return the items; a search says what it looked for."""
        search: JsonObject = {"type": "search", "query": QUERY, "sources": []}
        return [
            {**item, "action": search} if item["type"] == "web_search_call" else item for item in super().items(said)
        ]

    def bare(self, item: JsonObject) -> JsonObject:
        """Return an item as it is when it begins; a search is told whole, a seal at the end."""
        if item["type"] == "web_search_call":
            return {**item, "status": "in_progress"}
        return {name: value for name, value in super().bare(item).items() if name != "encrypted_content"}

    def format(self) -> JsonObject:
        """Return the format that was asked for; a schema has no name here."""
        output = self.options.get("output")
        if isinstance(output, OutputSchema):
            return {"type": "json_schema", "schema": output.json_schema}
        return super().format()

    def beside(self, status: str) -> JsonObject:
        """Return the settings."""
        return {
            "background": False,
            "completed_at": None if status == "in_progress" else 1_760_000_002,
            "frequency_penalty": 0.0,
            "instructions": None,
            "max_output_tokens": self.options.get("max_tokens"),
            "max_tool_calls": None,
            "metadata": {},
            "presence_penalty": 0.0,
            "previous_response_id": None,
            "prompt_cache_key": None,
            "reasoning": {"effort": None, "summary": None},
            "safety_identifier": None,
            "service_tier": "default",
            "store": True,
            "temperature": 0.7,
            "tool_choice": "auto",
            "top_logprobs": 0,
            "top_p": 0.95,
            "truncation": "disabled",
            "user": None,
        }

    def usage(self, said: Said) -> JsonObject:
        """Return the usage."""
        searches = 1 if said.source else 0
        return {
            **super().usage(said),
            "num_sources_used": 0,
            "num_server_side_tools_used": searches,
            "cost_in_usd_ticks": 12_345_000,
        }

    def error_object(self, failed: Failed) -> JsonObject:
        """Return an error: a kind, and the words."""
        return {"code": failed.type, "error": failed.message}

    def failures(self, failed: Failed) -> list[JsonObject]:
        """Return the event by which a stream fails, as the reference of the wire has it."""
        return [{"type": "error", "code": failed.type, "message": failed.message, "param": None}]

    def expected_error(self, failed: Failed) -> JsonObject:
        """Return what a plugin has to make of an error."""
        return expected_error(failed)


def expected_error(failed: Failed) -> JsonObject:
    """Return what a plugin has to make of an error of either wire."""
    error: JsonObject = {"kind": "provider", "message": failed.message, "code": failed.type}
    if failed.status >= 400:
        error["status"] = failed.status
    return {"text": failed.after, "error": error}


def described_chat(target: Target) -> Iterator[Description]:
    """Describe Chat Completions; that xAI's models decline in a field of its own is nowhere documented."""
    return describe(
        target, GrokChatBodies, source=CHAT, date=DATE, errors=ERRORS, sources=SOURCES, without=(*NEVER, "refusal")
    )


def described_responses(target: Target) -> Iterator[Description]:
    """Describe Responses, likewise."""
    return describe(
        target,
        GrokResponsesBodies,
        source=RESPONSES,
        date=DATE,
        errors=ERRORS,
        sources=SOURCES,
        without=(*NEVER, "refusal", "document_input"),
    )
