"""What Google answers, after its API references. `tests/cassettes` is composed of it, a folder for each service."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import ClassVar

from core_llm.wire import JSONObject, JSONValue
from core_llm_conformance.documented import ContentsBodies, Failed, Said, describe
from core_llm_conformance.documented.bodies import Vectors
from core_llm_conformance.documented.usual import ANSWERS, VECTOR_TOKENS
from core_llm_conformance.recording import Description, Reply, json_reply
from core_llm_conformance.target import Target

DATE = dt.date(2026, 11, 21)
GEMINI_DOCS = "https://ai.google.dev/gemini-api/docs"
GEMINI_SOURCES = {
    "citations": f"{GEMINI_DOCS}/google-search",
    "refusal": f"{GEMINI_DOCS}/safety-settings",
    "reasoning": f"{GEMINI_DOCS}/thinking",
    "reasoning_replay": f"{GEMINI_DOCS}/thought-signatures",
    "cached_usage": f"{GEMINI_DOCS}/caching",
    "model_listing": "https://ai.google.dev/api/models",
    "token_count": "https://ai.google.dev/api/tokens",
    "embeddings": "https://ai.google.dev/api/embeddings",
    **{f"error_{kind}": f"{GEMINI_DOCS}/troubleshooting" for kind in (400, 401, 404, 429, 500, "mid_stream")},
}
VERTEX_DOCS = "https://cloud.google.com/vertex-ai/generative-ai/docs"
VERTEX_SOURCES = {
    "citations": f"{VERTEX_DOCS}/grounding/grounding-with-google-search",
    "cached_usage": f"{VERTEX_DOCS}/context-cache/context-cache-overview",
    "model_listing": "https://cloud.google.com/vertex-ai/docs/reference/rest/v1beta1/publishers.models/list",
    "token_count": f"{VERTEX_DOCS}/model-reference/count-tokens",
    "embeddings": f"{VERTEX_DOCS}/model-reference/text-embeddings-api",
    **{
        f"error_{kind}": f"{VERTEX_DOCS}/model-reference/api-errors" for kind in (400, 401, 404, 429, 500, "mid_stream")
    },
}
ANSWERED = {**ANSWERS, "refusal": (Said(finish="content_filter", counts=(20, 0)),)}
"""A filter that steps in leaves no words."""
OVERLOADED = "The model is overloaded. Try again later."
ERRORS = {
    "error_400": Failed(400, "temperature must be in the range from 0 to 2.", "INVALID_ARGUMENT"),
    "error_404": Failed(404, "models/no-such-model is not found for this version of the API.", "NOT_FOUND"),
    "error_429": Failed(429, "The resource is exhausted; look at the quota.", "RESOURCE_EXHAUSTED"),
    "error_500": Failed(500, "An internal error has occurred.", "INTERNAL"),
    "error_mid_stream": Failed(200, OVERLOADED, "UNAVAILABLE", after="Hello, it"),
}
NO_KEY = Failed(400, "The API key is not valid.", "INVALID_ARGUMENT", "API_KEY_INVALID")
NO_TOKEN = Failed(401, "The request has no valid credentials.", "UNAUTHENTICATED", "ACCESS_TOKEN_EXPIRED")
NEVER = ("error_first_event", "error_in_200")
"""What is not documented, and nobody has seen."""


class GeminiBodies(ContentsBodies):
    """A model of the third generation on the Gemini API: calls have ids, the first of them is always signed."""

    listed: ClassVar[Sequence[str]] = ("gemini-3.5-flash", "gemini-2.5-flash", "gemini-embedding-001")

    def seal(self, said: Said) -> str:
        """Return the signature; a call is always signed."""
        return said.seal or ("c2lnbmVk" if said.calls else "")

    def ending(self, said: Said) -> JSONObject:
        """Return the end, which says in words that there are calls."""
        told: JSONObject = {"finishMessage": "Model generated function call(s)."} if said.calls else {}
        return {**super().ending(said), **told}

    def usage(self, said: Said) -> JSONObject:
        """Return the usage, with how the request was served."""
        return {**super().usage(said), "serviceTier": "standard"}

    def details(self, failed: Failed) -> Sequence[JSONObject]:
        """Return what else is said of a key that is not valid."""
        words: JSONObject = {"@type": "type.googleapis.com/google.rpc.LocalizedMessage", "locale": "en-US"}
        info = _error_info(failed, "generativelanguage.googleapis.com")
        return [*info, {**words, "message": failed.message}] if info else ()


class VertexBodies(ContentsBodies):
    """A model of the generation before on Vertex AI: calls have no ids, and interim frames no counts."""

    listed: ClassVar[Sequence[str]] = ("gemini-2.5-flash", "text-embedding-005")
    calls_have_ids: ClassVar[bool] = False

    def beside(self) -> JSONObject:
        """Return what stands beside the candidates."""
        return {**super().beside(), "createTime": "2026-11-21T09:00:00.000000Z"}

    def candidate(self) -> JSONObject:
        """Return nothing: the one candidate has no index."""
        return {}

    def usage(self, said: Said) -> JSONObject:
        """Return the usage, with what was said by modality."""
        usage = {**super().usage(said), "trafficType": "ON_DEMAND"}
        details: JSONValue = [{"modality": "TEXT", "tokenCount": usage["candidatesTokenCount"]}]
        return {**usage, "candidatesTokensDetails": details}

    def usage_so_far(self, said: Said, made: int) -> JSONObject:  # noqa: ARG002  # the base's
        """Return no count."""
        return {"trafficType": "ON_DEMAND"}

    def details(self, failed: Failed) -> Sequence[JSONObject]:
        """Return what else is said of a token that is not valid."""
        return _error_info(failed, "aiplatform.googleapis.com")

    def models(self) -> Sequence[Reply]:
        """Return the listing, whose models are their publisher's."""
        listed: list[JSONValue] = [
            {"name": f"publishers/google/models/{model}", "versionId": "default", "launchStage": "GA"}
            for model in self.listed
        ]
        return [json_reply({"publisherModels": listed})]

    def embeddings(self, vectors: Vectors) -> Reply:
        """Return vectors, each with the tokens of its text."""
        told: JSONObject = {"truncated": False, "token_count": VECTOR_TOKENS // len(vectors)}
        predictions: list[JSONValue] = [{"embeddings": {"statistics": told, "values": [*vector]}} for vector in vectors]
        return json_reply({"predictions": predictions})

    def embedded_tokens(self) -> int | None:
        """Return the sum of the tokens."""
        return VECTOR_TOKENS

    def token_count(self, tokens: int) -> Reply:
        """Return a count, and what it costs."""
        details: JSONValue = [{"modality": "TEXT", "tokenCount": tokens}]
        return json_reply({"totalTokens": tokens, "totalBillableCharacters": 29, "promptTokensDetails": details})


def _error_info(failed: Failed, service: str) -> Sequence[JSONObject]:
    if failed.code is None:
        return ()
    info: JSONObject = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": failed.code}
    return [{**info, "domain": "googleapis.com", "metadata": {"service": service}}]


def described_gemini(target: Target) -> Iterator[Description]:
    """Describe the Gemini API, which answers a wrong key with status 400."""
    return describe(
        target,
        GeminiBodies,
        source="https://ai.google.dev/api/generate-content",
        date=DATE,
        answers=ANSWERED,
        errors={**ERRORS, "error_401": NO_KEY},
        sources=GEMINI_SOURCES,
        without=NEVER,
    )


def described_vertex(target: Target) -> Iterator[Description]:
    """Describe Vertex AI."""
    return describe(
        target,
        VertexBodies,
        source=f"{VERTEX_DOCS}/model-reference/inference",
        date=DATE,
        answers=ANSWERED,
        errors={**ERRORS, "error_401": NO_TOKEN},
        sources=VERTEX_SOURCES,
        without=NEVER,
    )
