"""EmbeddingsEndpoint: the endpoint `/embeddings` of OpenAI and of the many servers compatible with it.

It stands beside the chat wires of OpenAI, which both have it. Source: OpenAI API reference, "Embeddings" (checked
2026-11), and recordings of ten compatible servers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from core_llm._embeddings import EmbedRequest
from core_llm._errors import MalformedResponseError
from core_llm._json import JSONObject, JSONValue
from core_llm._response import Usage
from core_llm.wire.base import WireRequest
from core_llm.wire.embed import EmbedAnswer, EmbeddingWire, read_vector
from core_llm.wire.errors import error_from_object
from core_llm.wire.guards import FRAME_SHOWN, as_object, as_text
from core_llm.wire.usage import UsageFields, usage_from

KNOWN_FIELDS = frozenset("object data model usage".split())
"""Fields of an answer that are read; the others are its metadata."""


class EmbeddingsEndpoint(EmbeddingWire):
    """Embeddings as OpenAI has them.

    Attributes:
        embeddings_path: Where texts are embedded.
        embed_encoding: How vectors are asked for: ``base64`` is half as long and exact; None leaves it to the server,
            since not every one knows the field.
        embed_usage_fields: Where the figures of usage may be.
    """

    embeddings_path: str = "/embeddings"
    embed_encoding: str | None = None
    embed_fields: Mapping[str, str] = {"dimensions": "dimensions"}
    max_embed_inputs: int | None = 2048
    max_embed_bytes: int | None = 300_000  # OpenAI takes as many tokens in one request
    embed_usage_fields: ClassVar[UsageFields] = {
        "input_tokens": ("prompt_tokens", "input_tokens", "total_tokens"),  # the last alone at Voyage
        "output_tokens": ("completion_tokens",),
        "cache_read_tokens": ("prompt_tokens_details.cached_tokens",),
    }

    def headers(self) -> dict[str, str]:
        """Return headers, in lower case, that every request of this wire carries; never a key."""
        return {}

    def encode_embed(self, request: EmbedRequest) -> WireRequest:
        """Return the HTTP request for one batch of texts."""
        body: JSONObject = {"model": request.model, "input": list(request.inputs), **self.encode_embed_knobs(request)}
        if self.embed_encoding is not None:
            body["encoding_format"] = self.embed_encoding
        return WireRequest("POST", self.embeddings_path, headers=self.headers(), body=body)

    def decode_embed(self, body: JSONObject, request: EmbedRequest) -> EmbedAnswer:
        """Return what the answer to one batch holds.

        Raises:
            ProviderError: It is an error object in spite of its status.
            MalformedResponseError: It has no vector for one of the texts, or two.
        """
        data = body.get("data")
        if body.get("error") or body.get("object") == "error" or (body.get("detail") and data is None):
            raise error_from_object(body)
        if not isinstance(data, list):
            raise MalformedResponseError(f"{self.provider} answered without any vector", frame=str(body)[:FRAME_SHOWN])
        options = request.provider_options.get(self.provider, {})
        encoding = as_text(options.get("encoding_format", self.embed_encoding)) or None
        ordered = in_order(data, len(request.inputs), self.provider)
        usage = as_object(body.get("usage"))
        return EmbedAnswer(
            vectors=[read_vector(item.get("embedding"), self.provider, encoding) for item in ordered],
            model=as_text(body.get("model")) or None,
            usage=self.read_embed_usage(usage) if usage else None,
            metadata={name: value for name, value in body.items() if name not in KNOWN_FIELDS},
        )

    def read_embed_usage(self, raw: JSONObject) -> Usage:
        """Return the usage that `raw` reports."""
        return usage_from(raw, self.embed_usage_fields)


def in_order(items: Sequence[JSONValue], count: int, provider: str) -> Sequence[Mapping[str, JSONValue]]:
    """Return the items of an answer by their `index`, which must be 0 to `count` - 1, each once.

    Raises:
        MalformedResponseError: One is missing, comes twice, or is beyond the texts.
    """
    ordered: list[JSONObject | None] = [None] * count
    for item in items:
        index = item.get("index") if isinstance(item, dict) else None
        if not isinstance(item, dict) or type(index) is not int:
            raise MalformedResponseError(f"{provider} sent a vector without an index", frame=str(item)[:FRAME_SHOWN])
        if not 0 <= index < count:
            raise MalformedResponseError(f"{provider} sent a vector for text {index} of {count}")
        if ordered[index] is not None:
            raise MalformedResponseError(f"{provider} sent two vectors for text {index}")
        ordered[index] = item
    found = [item for item in ordered if item is not None]
    if len(found) < count:
        missing = ordered.index(None)
        raise MalformedResponseError(f"{provider} sent no vector for text {missing} of {count}")
    return found
