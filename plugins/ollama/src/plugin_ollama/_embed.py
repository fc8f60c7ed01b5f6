"""OllamaEmbedding: Ollama's `/api/embed`.

Source: https://docs.ollama.com/api/embed (checked 2026-11), and recordings.
"""

from __future__ import annotations

from collections.abc import Mapping

from core_llm import EmbedRequest, MalformedResponseError
from core_llm.wire import (
    EmbedAnswer,
    EmbeddingWire,
    JSONObject,
    WireRequest,
    as_text,
    error_from_object,
    read_vector,
    usage_from,
)

KNOWN_FIELDS = frozenset("model embeddings".split())
USAGE_FIELDS = {"input_tokens": ("prompt_eval_count",)}
FRAME_SHOWN = 500
"""Characters of an offending body that the error keeps."""


class OllamaEmbedding(EmbeddingWire):
    """The half of the wire that embeds.

    The server takes any number of texts, but answers when it has done them all: `max_embed_inputs` keeps a slow machine
    within the limit for the first event.
    """

    embed_fields: Mapping[str, str] = {"dimensions": "dimensions"}
    max_embed_inputs: int | None = 256

    def encode_embed(self, request: EmbedRequest) -> WireRequest:
        """Return the HTTP request for one batch of texts. A text that is too long shall be an error.

        By default the server cuts it off in silence, and the vector is that of its beginning.
        """
        body: JSONObject = {
            "model": request.model,
            "input": list(request.inputs),
            "truncate": False,
            **self.encode_embed_knobs(request),
        }
        if (keep_alive := self.options.get("keep_alive")) is not None:
            body["keep_alive"] = keep_alive
        if (context := self.options.get("num_ctx")) is not None:
            body["options"] = {"num_ctx": context}
        return WireRequest("POST", "/api/embed", body=body)

    def decode_embed(self, body: JSONObject, request: EmbedRequest) -> EmbedAnswer:  # noqa: ARG002  # no encodings here
        """Return what the answer to one batch holds; its vectors are in the order of the texts.

        Raises:
            ProviderError: It is an error object in spite of its status.
            MalformedResponseError: It has no vectors.
        """
        if body.get("error"):
            raise error_from_object(body)
        vectors = body.get("embeddings")
        if not isinstance(vectors, list):
            raise MalformedResponseError(f"{self.provider} answered without any vector", frame=str(body)[:FRAME_SHOWN])
        told = {name: value for name, value in body.items() if name not in KNOWN_FIELDS}
        usage = usage_from(told, USAGE_FIELDS)
        return EmbedAnswer(
            vectors=[read_vector(vector, self.provider) for vector in vectors],
            model=as_text(body.get("model")) or None,
            usage=None if usage.input_tokens is None else usage,
            metadata=told,
        )
