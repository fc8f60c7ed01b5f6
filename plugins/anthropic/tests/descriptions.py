"""What Anthropic answers, after its API reference. `tests/cassettes` is composed of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import ClassVar

from core_llm.wire import JSONObject, JSONValue
from core_llm_conformance.documented import Failed, MessagesBodies, Said, describe
from core_llm_conformance.documented.usual import ANSWERS
from core_llm_conformance.recording import Description
from core_llm_conformance.target import Target

DATE = dt.date(2026, 11, 21)
DOCS = "https://platform.claude.com/docs/en"
SOURCE = f"{DOCS}/api/messages"
SOURCES = {
    "citations": f"{DOCS}/agents-and-tools/tool-use/web-search-tool",
    "refusal": f"{DOCS}/test-and-evaluate/strengthen-guardrails/handle-streaming-refusals",
    "model_listing": f"{DOCS}/api/models-list",
    "token_count": f"{DOCS}/api/messages-count-tokens",
    "error_mid_stream": f"{DOCS}/build-with-claude/streaming",
    "error_first_event": f"{DOCS}/build-with-claude/streaming",
    **{f"error_{status}": f"{DOCS}/api/errors" for status in (400, 401, 404, 429, 500)},
}
OVERLOADED = Failed(200, "Overloaded", "overloaded_error")
ANSWERED = {
    **ANSWERS,
    # What had come when the classifier stepped in is kept; there are no words of refusal.
    "refusal": (Said("Dear neighbour,", finish="content_filter", counts=(20, 4)),),
}
ERRORS = {
    "error_400": Failed(400, "temperature: must be from 0 to 1", "invalid_request_error"),
    "error_401": Failed(401, "the x-api-key is not valid", "authentication_error"),
    "error_404": Failed(404, "model: no-such-model", "not_found_error"),
    "error_429": Failed(429, "More tokens a minute than the organisation's limit.", "rate_limit_error"),
    "error_500": Failed(500, "Internal server error", "api_error"),
    "error_mid_stream": Failed(200, OVERLOADED.message, OVERLOADED.type, after="Hello, it"),
    "error_first_event": OVERLOADED,
}
SEARCH = "srvtoolu_1"


class AnthropicBodies(MessagesBodies):
    """Where and at which rate a request was served stands beside the counts; web search comes with its results."""

    listed: ClassVar[Sequence[str]] = ("claude-sonnet-4-5-20250929", "claude-opus-4-1-20250805")

    @property
    def served(self) -> str:
        """The snapshot."""
        return "claude-sonnet-4-5-20250929"

    def beside_usage(self) -> JSONObject:
        """Return how the request was served."""
        return {"service_tier": "standard", "inference_geo": "not_available"}

    def before(self, said: Said) -> Sequence[JSONObject]:
        """Return the search and what it found."""
        if not said.source:
            return ()
        found: JSONObject = {
            "type": "web_search_result",
            "title": "The prize",
            "url": said.source,
            "encrypted_content": "RW5jcnlwdGVk",
            "page_age": "October 9, 2026",
        }
        query: JSONObject = {"query": "Nobel Prize in Literature"}
        return (
            {"type": "server_tool_use", "id": SEARCH, "name": "web_search", "input": query},
            {"type": "web_search_tool_result", "tool_use_id": SEARCH, "content": [found]},
        )

    def citation(self, said: Said) -> JSONObject:
        """Return the place in a page that was found."""
        cited: JSONObject = {"type": "web_search_result_location", "cited_text": said.text, "url": said.source}
        return {**cited, "title": "The prize", "encrypted_index": "SW5kZXg="}

    def stop_details(self, said: Said) -> JSONValue:
        """Return why an answer was refused."""
        if said.finish != "content_filter":
            return None
        return {"type": "refusal", "category": "harassment", "explanation": "This would threaten somebody."}


def described(target: Target) -> Iterator[Description]:
    """Describe every scenario. An error in a plain answer with status 200 is one that the API does not send."""
    return describe(
        target,
        AnthropicBodies,
        source=SOURCE,
        date=DATE,
        answers=ANSWERED,
        errors=ERRORS,
        sources=SOURCES,
        without=("error_in_200",),
    )
