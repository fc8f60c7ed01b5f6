"""GeminiWire: `generateContent` and `streamGenerateContent`, on the Gemini API and, as VertexWire, on Vertex AI.

Here are the tables, the addresses, and what is no chat (listing, counting, embedding); `_encode` and `_contents` write
requests, `_decode` reads answers, `_embed` has the bodies of embeddings.
Source: https://ai.google.dev/api/generate-content, the Vertex AI reference (checked 2026-11), and recordings of both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import quote

from pydantic_core import from_json, to_json

from core_llm import (
    ConfigError,
    EmbedRequest,
    FinishReason,
    InvalidRequestError,
    MalformedResponseError,
    Request,
    Response,
    StatusError,
    Usage,
)
from core_llm.wire import (
    EmbedAnswer,
    EmbeddingWire,
    Exchange,
    JSONObject,
    JSONValue,
    ModelInfo,
    WireRequest,
    as_object,
    as_objects,
    as_text,
    decode_status_error,
    error_from_object,
    merged_options,
    parse_object,
    response_from,
)
from plugin_gemini import _embed as embedding
from plugin_gemini._decode import GeminiDecoder
from plugin_gemini._encode import GeminiEncoding
from plugin_gemini._errors import told_in_full
from plugin_gemini._values import as_count, read_model

MAX_PAGES = 100
"""Pages of a model listing that are asked for; a listing that goes on is no listing."""
BODY_SHOWN = 500


class GeminiWire(GeminiEncoding, EmbeddingWire):
    """The wire as the Gemini API has it.

    Attributes:
        finish_reasons: The wire's word → the normalised one; any other is ``other``.
        api_version: What addresses begin with, unless the option says otherwise.
        models_field: The field of a listing that has the models.
    """

    finish_reasons: ClassVar[Mapping[str, FinishReason]] = {
        "STOP": "stop",
        "MAX_TOKENS": "length",
        "CONTINUATION": "length",
        "SAFETY": "content_filter",
        "RECITATION": "content_filter",
        "BLOCKLIST": "content_filter",
        "PROHIBITED_CONTENT": "content_filter",
        "SPII": "content_filter",
        "ESCALATION": "content_filter",
        "IMAGE_SAFETY": "content_filter",
        "IMAGE_PROHIBITED_CONTENT": "content_filter",
        "IMAGE_RECITATION": "content_filter",
        "MODEL_ARMOR": "content_filter",  # Vertex AI
        "MALFORMED_FUNCTION_CALL": "error",
        "UNEXPECTED_TOOL_CALL": "error",
        "TOO_MANY_TOOL_CALLS": "error",
        "MISSING_THOUGHT_SIGNATURE": "error",
        "MALFORMED_RESPONSE": "error",
        "PUP_LIMITED_DISABLED": "error",
        "FINISH_REASON_UNSPECIFIED": "other",
        "LANGUAGE": "other",
        "NO_IMAGE": "other",
        "IMAGE_OTHER": "other",
        "OTHER": "other",
    }
    files_base = "https://generativelanguage.googleapis.com/v1beta/files/"
    api_version: ClassVar[str] = "v1beta"
    models_field: ClassVar[str] = "models"
    embed_fields: Mapping[str, str] = embedding.FIELDS
    input_types: ClassVar[Mapping[str, str]] = embedding.TASKS
    max_embed_inputs: int | None = embedding.MAX_BATCH

    def encode_request(self, request: Request) -> WireRequest:
        """Return the HTTP request for `request`."""
        verb = "streamGenerateContent" if request.is_stream else "generateContent"
        return WireRequest(
            "POST",
            f"{self.model_path(request.model)}:{verb}",
            query={"alt": "sse"} if request.is_stream else {},
            body=self.encode_body(request),
            framing=self.framing if request.is_stream else "none",
        )

    def decoder(self, request: Request) -> GeminiDecoder:
        """Return a fresh decoder for one streamed answer to `request`."""
        return GeminiDecoder(self, request)

    def decode_response(self, body: JSONObject, request: Request) -> Response:
        """Return the answer that a plain body holds.

        Raises:
            ProviderError: The body is an error object in spite of its status.
            MalformedResponseError: It has neither a candidate nor a reason for having none.
        """
        decoder = self.decoder(request)
        events = decoder.feed_object(body)
        if not decoder.is_complete and not as_objects(body.get("candidates")):
            shown = to_json(body).decode()[:BODY_SHOWN]
            raise MalformedResponseError(f"{self.provider} answered without any candidate: {shown[:80]}", frame=shown)
        decoder.is_complete = True
        events += decoder.close()
        return response_from(decoder, events)

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> StatusError:
        """Return the error for an answer with status 400 or above."""
        error = decode_status_error(status, headers, body)
        try:
            return told_in_full(error, from_json(body))
        except ValueError:
            return error

    def read_error(self, frame: JSONObject) -> StatusError:
        """Return the error that a frame or body with status 200 is."""
        return told_in_full(error_from_object(frame), frame)

    def read_usage(self, raw: JSONObject) -> Usage:
        """Return the usage that `raw` reports, input and output together being the API's own total.

        Thoughts are counted beside the candidates, and what tools put into the prompt beside the prompt.
        """
        thoughts = as_count(raw.get("thoughtsTokenCount"))
        return Usage(
            input_tokens=_sum(raw.get("promptTokenCount"), raw.get("toolUsePromptTokenCount")),
            output_tokens=_sum(raw.get("candidatesTokenCount"), thoughts),
            cache_read_tokens=as_count(raw.get("cachedContentTokenCount")),
            reasoning_tokens=thoughts,
            raw=raw,
        )

    def list_models(self) -> Exchange[tuple[ModelInfo, ...]]:
        """List the provider's models, page by page, as a sans-I/O generator."""
        models: list[ModelInfo] = []
        query = {"pageSize": "1000"}
        for _ in range(MAX_PAGES):
            response = yield WireRequest("GET", self.models_path(), query=query)
            body = parse_object(response.body, self.provider)
            models += [model for item in as_objects(body.get(self.models_field)) if (model := read_model(item))]
            token = as_text(body.get("nextPageToken"))
            if not token:
                return tuple(models)
            query = query | {"pageToken": token}
        raise MalformedResponseError(f"{self.provider} lists its models without an end: {MAX_PAGES} pages")

    def count_tokens(self, request: Request) -> Exchange[int]:
        """Count the input tokens of `request`, tools and instructions included, as a sans-I/O generator."""
        body = merged_options(self.encode_body(request), request.provider_options.get(self.provider, {}))
        path = f"{self.model_path(request.model)}:countTokens"
        response = yield WireRequest("POST", path, body=self.encode_counting(request, body))
        total = as_count(parse_object(response.body, self.provider).get("totalTokens"))
        if total is None:
            shown = response.body[:BODY_SHOWN].decode("utf-8", "replace")
            raise MalformedResponseError(f"{self.provider} answered without a count of tokens", frame=shown)
        return total

    def encode_embed(self, request: EmbedRequest) -> WireRequest:
        """Return the HTTP request for one batch of texts."""
        name = _collected(request.model, "models")
        body = embedding.encode_batch(request, name, self.encode_embed_knobs(request))
        return WireRequest("POST", f"{self.model_path(request.model)}:batchEmbedContents", body=body)

    def merge_embed_options(self, body: JSONObject, options: JSONObject) -> JSONObject:
        """Return the body with the caller's own fields, which the API wants with each text."""
        return embedding.merged_into_each(body, options, "requests")

    def decode_embed(self, body: JSONObject, request: EmbedRequest) -> EmbedAnswer:  # noqa: ARG002  # not needed
        """Return what the answer to one batch holds.

        Raises:
            ProviderError: It is an error object in spite of its status.
            MalformedResponseError: It has no vectors.
        """
        if body.get("error"):
            raise self.read_error(body)
        return self.read_vectors(body)

    def read_vectors(self, body: JSONObject) -> EmbedAnswer:
        """Return the vectors of an answer that is no error, and what they cost."""
        usage = as_object(body.get("usageMetadata"))
        return embedding.read_contents(body, self.provider, self.read_usage(usage) if usage else None)

    def encode_counting(self, request: Request, body: JSONObject) -> JSONObject:
        """Return the body that asks how long `body` is."""
        return {"generateContentRequest": {"model": _collected(request.model, "models"), **body}}

    def model_path(self, model: str) -> str:
        """Return the address of a model: ``gemini-…``, or with its collection, such as ``tunedModels/…``."""
        return f"/{self.version()}/{_quoted(_collected(model, 'models'))}"

    def models_path(self) -> str:
        """Return the address of the listing."""
        return f"/{self.version()}/models"

    def version(self) -> str:
        """Return the version of the API that is spoken."""
        return as_text(self.options.get("api_version")) or self.api_version


class VertexWire(GeminiWire):
    """The wire as Vertex AI has it: the same bodies at addresses with project and location."""

    files_base = ""
    api_version = "v1"
    models_field = "publisherModels"
    counted_fields: ClassVar[tuple[str, ...]] = ("contents", "systemInstruction", "tools", "generationConfig")
    max_embed_inputs: int | None = embedding.MAX_INSTANCES
    max_embed_bytes: int | None = embedding.MAX_PREDICT_BYTES

    def encode_counting(self, request: Request, body: JSONObject) -> JSONObject:  # noqa: ARG002  # it is in the address
        """Return the body that asks how long `body` is."""
        return {name: body[name] for name in self.counted_fields if name in body}

    def encode_embed(self, request: EmbedRequest) -> WireRequest:
        """Return the HTTP request for one batch of texts."""
        body = embedding.encode_instances(request, self.encode_embed_knobs(request))
        return WireRequest("POST", f"{self.model_path(request.model)}:predict", body=body)

    def merge_embed_options(self, body: JSONObject, options: JSONObject) -> JSONObject:
        """Return the body with the caller's own fields: `parameters`, and what belongs to each text."""
        return embedding.merged_into_each(body, options, "instances")

    def read_vectors(self, body: JSONObject) -> EmbedAnswer:
        """Return the vectors of an answer that is no error, and what they cost."""
        return embedding.read_predictions(body, self.provider)

    def model_path(self, model: str) -> str:
        """Return the address of a model: Google's, another publisher's (``publisher/model``), or an endpoint.

        Raises:
            ConfigError: No project is configured.
        """
        if model.startswith("projects/"):
            return f"/{self.version()}/{_quoted(model)}"
        if not model.startswith(("publishers/", "endpoints/", "models/")):
            publisher, _, name = model.rpartition("/")
            model = f"publishers/{publisher or 'google'}/models/{name}"
        return f"/{self.version()}/projects/{self.project()}/locations/{self.location()}/{_quoted(model)}"

    def models_path(self) -> str:
        """Return the address of the listing of Google's models, which only v1beta1 has."""
        return "/v1beta1/publishers/google/models"

    def project(self) -> str:
        """Return the configured project.

        Raises:
            ConfigError: There is none.
        """
        project = as_text(self.options.get("project"))
        if not project:
            msg = f'{self.provider} needs a Google Cloud project: set providers.{self.provider}.options.project = "…"'
            raise ConfigError(msg)
        return _quoted(project)

    def location(self) -> str:
        """Return the configured location."""
        return _quoted(as_text(self.options.get("location")) or "global")


class GeminiEmbedding2(GeminiWire):
    """The wire for embedding models that take no task type: it is written into the text."""

    embed_fields: Mapping[str, str] = {"dimensions": embedding.FIELDS["dimensions"]}


class VertexGeminiEmbedding(VertexWire):
    """The wire for Gemini's first embedding models on Vertex AI, which take one text at a time."""

    max_embed_inputs: int | None = 1


class VertexEmbedding2(VertexGeminiEmbedding):
    """The wire for Gemini's second ones, which are asked by `embedContent`, as no others are."""

    embed_fields: Mapping[str, str] = GeminiEmbedding2.embed_fields

    def encode_embed(self, request: EmbedRequest) -> WireRequest:
        """Return the HTTP request for one text."""
        body = embedding.encode_content(request, self.encode_embed_knobs(request))
        return WireRequest("POST", f"{self.model_path(request.model)}:embedContent", body=body)

    def merge_embed_options(self, body: JSONObject, options: JSONObject) -> JSONObject:
        """Return the body with the caller's own fields."""
        return merged_options(body, options)

    def read_vectors(self, body: JSONObject) -> EmbedAnswer:
        """Return the vectors of an answer, as in the Gemini API."""
        return GeminiWire.read_vectors(self, body)


def _sum(*figures: JSONValue) -> int | None:
    """Return the sum of the figures that are known; None if none is."""
    known = [count for figure in figures if (count := as_count(figure)) is not None]
    return sum(known) if known else None


def _collected(model: str, collection: str) -> str:
    return model if "/" in model else f"{collection}/{model}"


def _quoted(path: str) -> str:
    """Return a path that cannot lead out of the folder it is put in.

    Raises:
        InvalidRequestError: It tries to.
    """
    if ".." in path.split("/"):
        raise InvalidRequestError(f"{path!r} is no name of a model")
    return quote(path, safe="/@")
