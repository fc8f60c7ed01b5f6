"""Responses: the wire of OpenAI's Responses API and of the servers compatible with it.

Here are the tables, and what is not a chat stream: fetching and cancelling a response that runs in the background,
counting tokens, errors. `responses_encode` writes requests, `responses_decode` and `responses_items` read answers.
Source: OpenAI API reference, "Responses" (checked 2026-11), and recordings of nine compatible servers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import quote

from pydantic_core import to_json

from core_llm._errors import MalformedResponseError, StatusError
from core_llm._json import JSONObject
from core_llm._request import Request
from core_llm._response import FinishReason, Response, Usage
from core_llm.wire.base import Exchange, ModelInfo, WireRequest, response_from
from core_llm.wire.embeddings import EmbeddingsEndpoint
from core_llm.wire.errors import error_from_object, make_status_error
from core_llm.wire.guards import FRAME_SHOWN, as_index, as_object, as_text, parse_object
from core_llm.wire.listing import read_listing
from core_llm.wire.merging import merged_options
from core_llm.wire.responses_decode import ResponsesDecoder
from core_llm.wire.responses_encode import ResponsesEncoding
from core_llm.wire.usage import UsageFields, usage_from

COUNTED = frozenset(
    "model input instructions tools tool_choice text reasoning truncation parallel_tool_calls previous_response_id "
    "conversation".split()
)
"""Fields of a request that the endpoint for counting takes."""


class Responses(ResponsesEncoding, EmbeddingsEndpoint):
    """The Responses wire.

    Besides the attributes of requests (see `ResponsesEncoding`):

    Attributes:
        models_path: Where models are listed.
        incomplete_reasons: The wire's word for why an answer is incomplete → the normalised one; any other is
            ``other``, and so is the end of an answer that was cancelled.
        usage_fields: Where the figures of usage are.
        error_statuses: Code of an error object → the HTTP status that it stands for, where its words do not tell.
        decoder_type: The class that decodes one answer.
    """

    models_path: str = "/models"
    incomplete_reasons: ClassVar[Mapping[str, FinishReason]] = {
        "max_output_tokens": "length",
        "content_filter": "content_filter",
    }
    usage_fields: ClassVar[UsageFields] = {
        "input_tokens": ("input_tokens",),
        "output_tokens": ("output_tokens",),
        "cache_read_tokens": ("input_tokens_details.cached_tokens",),
        "cache_write_tokens": ("input_tokens_details.cache_write_tokens",),
        "reasoning_tokens": ("output_tokens_details.reasoning_tokens",),
    }
    error_statuses: ClassVar[Mapping[str, int]] = {
        "server_error": 500,
        "vector_store_timeout": 504,
        **dict.fromkeys(
            "data_residency_mismatch bio_policy misalignment_policy_violation image_too_small image_too_large "
            "image_file_too_large image_parse_error image_content_policy_violation image_file_not_found "
            "unsupported_image_media_type empty_image_file failed_to_download_image".split(),
            400,
        ),
    }
    decoder_type: ClassVar[type[ResponsesDecoder]] = ResponsesDecoder

    def decoder(self, request: Request) -> ResponsesDecoder:
        """Return a fresh decoder for one streamed answer to `request`."""
        return self.decoder_type(self, request)

    def decode_response(self, body: JSONObject, request: Request) -> Response:
        """Return the answer that a plain body holds; one that still runs in the background is not complete.

        Raises:
            ProviderError: The body is an error object in spite of its status, or the response failed.
            MalformedResponseError: It has no output.
        """
        error = self.find_error(body)
        if error is not None:
            raise error
        if not isinstance(body.get("output"), list):
            shown = to_json(body).decode()[:FRAME_SHOWN]
            raise MalformedResponseError(f"{self.provider} answered without output: {shown[:80]}", frame=shown)
        decoder = self.decoder(request)
        events = decoder.feed_response(body)
        response = response_from(decoder, [*events, *decoder.close()])
        return response if decoder.is_complete else response.model_copy(update={"is_complete": False})

    def find_error(self, frame: JSONObject, kind: str = "") -> StatusError | None:
        """Return the error that a frame or body with status 200 is, or None if it is none.

        Args:
            frame: The whole object.
            kind: The type of the event, empty for a plain body.
        """
        response = as_object(frame.get("response")) if kind == "response.failed" else frame
        error = response.get("error")
        if not error and kind != "error":
            if kind != "response.failed" and response.get("status") != "failed":
                return None
            return make_status_error(500, "the response failed, and nothing says why", body=to_json(response).decode())
        said = error if isinstance(error, dict) else frame
        code = as_text(said.get("code"))
        status = self.error_statuses.get(code)
        if status is None:
            return error_from_object(said)
        shown = to_json(said).decode()
        return make_status_error(status, as_text(said.get("message")) or shown, code=code, body=shown)

    def read_usage(self, raw: JSONObject) -> Usage:
        """Return the usage that `raw` reports."""
        return usage_from(raw, self.usage_fields)

    def encode_resume(self, response_id: str, cursor: int | None) -> WireRequest:
        """Return the request that resumes the stream of a response in the background after event `cursor`."""
        query = {"stream": "true"} if cursor is None else {"stream": "true", "starting_after": str(cursor)}
        return WireRequest("GET", self._path(response_id), query=query, headers=self.headers(), framing=self.framing)

    def retrieve_response(self, response_id: str) -> Exchange[Response]:
        """Fetch a response that the provider keeps, finished or not, as a sans-I/O generator.

        Raises:
            ProviderError: The response failed.
        """
        return self._fetch(WireRequest("GET", self._path(response_id), headers=self.headers()))

    def cancel_response(self, response_id: str) -> Exchange[Response]:
        """Stop a response that runs in the background, and return what it has come to, as a sans-I/O generator."""
        return self._fetch(WireRequest("POST", f"{self._path(response_id)}/cancel", headers=self.headers()))

    def count_tokens(self, request: Request) -> Exchange[int]:
        """Count the input tokens of `request` at the provider, as a sans-I/O generator."""
        whole = merged_options(self.encode_body(request), request.provider_options.get(self.provider, {}))
        body: JSONObject = {name: value for name, value in whole.items() if name in COUNTED}
        response = yield WireRequest("POST", f"{self.responses_path}/input_tokens", headers=self.headers(), body=body)
        counted = as_index(parse_object(response.body, self.provider).get("input_tokens"))
        if counted is None:
            shown = response.body[:FRAME_SHOWN].decode("utf-8", "replace")
            raise MalformedResponseError(f"{self.provider} did not say how many tokens it counted", frame=shown)
        return counted

    def list_models(self) -> Exchange[tuple[ModelInfo, ...]]:
        """List the provider's models, as a sans-I/O generator."""
        response = yield WireRequest("GET", self.models_path, headers=self.headers())
        return read_listing(response, self.provider)

    def _fetch(self, wired: WireRequest) -> Exchange[Response]:
        answered = yield wired
        request = Request(model="", messages=(), is_stream=False)
        response = self.decode_response(parse_object(answered.body, self.provider), request)
        return response.model_copy(update={"provider": self.provider})

    def _path(self, response_id: str) -> str:
        return f"{self.responses_path}/{quote(response_id, safe='')}"
