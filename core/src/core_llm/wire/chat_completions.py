"""ChatCompletions: the wire of OpenAI's Chat Completions and of the many servers compatible with it.

Here are the tables and the methods by which a provider's quirk is told in a line; `chat_encode` writes requests,
`chat_decode` and `chat_deltas` read answers. The Responses API is another wire.
Source: OpenAI API reference, "Chat" (checked 2026-11), and recordings of some thirty compatible servers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic_core import to_json

from core_llm._errors import MalformedResponseError
from core_llm._json import JSONObject, JSONValue
from core_llm._request import Request
from core_llm._response import FinishReason, Response, Usage
from core_llm.wire.base import Exchange, ModelInfo, WireRequest, response_from
from core_llm.wire.chat_decode import FRAME_SHOWN, ChatDecoder
from core_llm.wire.chat_encode import ChatEncoding
from core_llm.wire.embeddings import EmbeddingsEndpoint
from core_llm.wire.guards import as_index, as_objects
from core_llm.wire.listing import read_listing
from core_llm.wire.usage import UsageFields, first_count, usage_from

FIRST_ERROR_STATUS = 400


class ChatCompletions(ChatEncoding, EmbeddingsEndpoint):
    """Chat Completions, for OpenAI and the compatible servers.

    Besides the attributes of requests (see `ChatEncoding`):

    Attributes:
        finish_reasons: The wire's word → the normalised one; any other is ``other``.
        usage_fields: Where the figures of usage may be.
        reasoning_fields: Fields of a message that have the text of its reasoning; the first that is not empty counts.
        decoder_type: The class that decodes one answer.
    """

    finish_reasons: ClassVar[Mapping[str, FinishReason]] = {
        "stop": "stop",
        "eos": "stop",  # Together
        "length": "length",
        "max_tokens": "length",  # finish_details of GPT-4 with vision
        "model_length": "length",  # Mistral: the context window is full
        "tool_calls": "tool_calls",
        "tool_call": "tool_calls",  # DeepSeek on Azure
        "function_call": "tool_calls",  # OpenAI before tools
        "content_filter": "content_filter",
        "sensitive": "content_filter",  # Z.ai
        "error": "error",  # OpenRouter, Mistral
        "network_error": "error",  # Z.ai
        "insufficient_system_resource": "error",  # DeepSeek
    }
    usage_fields: ClassVar[UsageFields] = {
        "input_tokens": ("prompt_tokens",),
        "output_tokens": ("completion_tokens",),
        "cache_read_tokens": (
            "prompt_tokens_details.cached_tokens",
            "cached_tokens",  # Together, Moonshot
            "num_cached_tokens",  # Mistral in 2025
            "prompt_cache_hit_tokens",  # DeepSeek
            "cache_read_input_tokens",  # Venice, Doubleword
        ),
        "cache_write_tokens": ("prompt_tokens_details.cache_write_tokens", "cache_creation_input_tokens"),
        "reasoning_tokens": ("completion_tokens_details.reasoning_tokens", "reasoning_tokens"),
    }
    reasoning_fields: ClassVar[tuple[str, ...]] = ("reasoning_content", "reasoning")
    decoder_type: ClassVar[type[ChatDecoder]] = ChatDecoder

    def decoder(self, request: Request) -> ChatDecoder:
        """Return a fresh decoder for one streamed answer to `request`."""
        return self.decoder_type(self, request)

    def decode_response(self, body: JSONObject, request: Request) -> Response:
        """Return the answer that a plain body holds.

        Raises:
            ProviderError: The body is an error object in spite of its status.
            MalformedResponseError: It has no choice.
        """
        decoder = self.decoder(request)
        events = list(decoder.feed_object(body, content="message"))
        if not as_objects(body.get("choices")):
            shown = to_json(body).decode()[:FRAME_SHOWN]
            raise MalformedResponseError(f"{self.provider} answered without any choice: {shown[:80]}", frame=shown)
        decoder.is_complete = True
        events += decoder.close()
        return response_from(decoder, events)

    def find_error(self, frame: JSONObject, event: str = "") -> JSONValue:
        """Return the error that a frame or body with status 200 is, or None if it is none.

        Args:
            frame: The whole object.
            event: The name of its server-sent event.
        """
        if frame.get("error") or event == "error" or frame.get("object") == "error":
            return frame
        if "choices" in frame:
            return None
        has_code = frame.get("code") not in (None, "", 0, 200, "0", "200")
        has_status = any((as_index(frame.get(name)) or 0) >= FIRST_ERROR_STATUS for name in ("status", "status_code"))
        if frame.get("detail") or ((has_code or has_status) and isinstance(frame.get("message"), str)):
            return frame
        return None

    def read_usage(self, raw: JSONObject) -> Usage:
        """Return the usage that `raw` reports, input and output together being the provider's own total.

        What the total counts and neither of the two does belongs to the output (reasoning at xAI and at Gemini's
        compatible endpoint), or to the input where it is exactly its audio (Mistral).
        """
        usage = usage_from(raw, self.usage_fields)
        total, known = first_count(raw, ("total_tokens",)), usage.total_tokens
        if total is None or known is None or total <= known:
            return usage
        left_out = total - known
        audio = first_count(raw, ("prompt_tokens_details.audio_tokens",))
        name = "input_tokens" if left_out == audio and left_out != usage.reasoning_tokens else "output_tokens"
        return usage.model_copy(update={name: getattr(usage, name) + left_out})

    def list_models(self) -> Exchange[tuple[ModelInfo, ...]]:
        """List the provider's models, as a sans-I/O generator."""
        response = yield WireRequest("GET", self.models_path, headers=self.headers())
        return read_listing(response, self.provider, self.find_error)
