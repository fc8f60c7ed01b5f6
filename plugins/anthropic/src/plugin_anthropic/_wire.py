"""Messages: the wire of Anthropic's Messages API, and of servers that are compatible with it.

Here are the tables and what is not a chat: counting tokens, listing models, errors. `_encode` writes requests,
`_decode` reads answers. Source: https://platform.claude.com/docs/en/api/messages (checked 2026-11).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

from core_llm import FinishReason, MalformedResponseError, Request, Response, StatusError, Usage
from core_llm.wire import (
    Exchange,
    JSONObject,
    JSONValue,
    ModelInfo,
    UsageFields,
    WireRequest,
    as_index,
    as_objects,
    as_text,
    decode_status_error,
    merged_options,
    parse_object,
    response_from,
    usage_from,
)
from plugin_anthropic._decode import MessagesDecoder, error_from
from plugin_anthropic._encode import MessagesEncoding

COUNTED = frozenset("model messages system tools tool_choice thinking output_config cache_control mcp_servers".split())
"""Fields of a request that the endpoint for counting takes."""
PAGE_SIZE = "1000"


class Messages(MessagesEncoding):
    """The Messages API.

    Attributes:
        finish_reasons: The wire's word → the normalised one. Any other is ``other``, so `pause_turn` too: the provider
            paused a long turn, which goes on when the answer is sent back as it is.
        usage_fields: Where the figures of usage are.
    """

    finish_reasons: ClassVar[Mapping[str, FinishReason]] = {
        "end_turn": "stop",
        "stop_sequence": "stop",
        "max_tokens": "length",
        "model_context_window_exceeded": "length",
        "tool_use": "tool_calls",
        "refusal": "content_filter",
    }
    usage_fields: ClassVar[UsageFields] = {
        "input_tokens": ("input_tokens",),
        "output_tokens": ("output_tokens",),
        "cache_read_tokens": ("cache_read_input_tokens",),
        "cache_write_tokens": ("cache_creation_input_tokens",),
        "reasoning_tokens": ("output_tokens_details.thinking_tokens",),
    }

    def decoder(self, request: Request) -> MessagesDecoder:
        """Return a fresh decoder for one streamed answer to `request`."""
        return MessagesDecoder(self, request)

    def decode_response(self, body: JSONObject, request: Request) -> Response:
        """Return the answer that a plain body holds.

        Raises:
            ProviderError: The body is an error object in spite of its status.
            MalformedResponseError: It has no content.
        """
        if body.get("type") == "error" or body.get("error"):
            raise error_from(body)
        if not isinstance(body.get("content"), list):
            raise MalformedResponseError(f"{self.provider} answered without content", frame=str(sorted(body)))
        decoder = self.decoder(request)
        events = decoder.feed_message(body)
        decoder.is_complete = True
        return response_from(decoder, [*events, *decoder.close()])

    def read_usage(self, raw: JSONObject) -> Usage:
        """Return the usage that `raw` reports; the wire counts what was cached beside the input, not in it."""
        usage = usage_from(raw, self.usage_fields)
        if usage.input_tokens is None:
            return usage
        cached = (usage.cache_read_tokens or 0) + (usage.cache_write_tokens or 0)
        return usage.model_copy(update={"input_tokens": usage.input_tokens + cached})

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> StatusError:
        """Return the error for an answer with status 400 or above; the request's id is in the body too."""
        error = decode_status_error(status, headers, body)
        if error.request_id is None:
            try:
                error.request_id = as_text(parse_object(body, self.provider).get("request_id")) or None
            except MalformedResponseError:
                return error
        return error

    def count_tokens(self, request: Request) -> Exchange[int]:
        """Count the input tokens of `request` at the provider, as a sans-I/O generator."""
        whole = merged_options(self.encode_body(request), request.provider_options.get(self.provider, {}))
        body = {name: value for name, value in whole.items() if name in COUNTED}
        response = yield WireRequest("POST", "/messages/count_tokens", headers=self.headers(request), body=body)
        counted = as_index(parse_object(response.body, self.provider).get("input_tokens"))
        if counted is None:
            shown = response.body[:500].decode("utf-8", "replace")
            raise MalformedResponseError(f"{self.provider} did not say how many tokens it counted", frame=shown)
        return counted

    def list_models(self) -> Exchange[tuple[ModelInfo, ...]]:
        """List the provider's models, page by page, as a sans-I/O generator."""
        models: list[ModelInfo] = []
        query = {"limit": PAGE_SIZE}
        while True:
            response = yield WireRequest("GET", "/models", query=dict(query), headers=self.headers())
            page = parse_object(response.body, self.provider)
            if not isinstance(page.get("data"), list):
                shown = response.body[:500].decode("utf-8", "replace")
                raise MalformedResponseError(f"{self.provider} answered with no list of models", frame=shown)
            models += [read_model(item) for item in as_objects(page["data"]) if as_text(item.get("id"))]
            last = as_text(page.get("last_id"))
            if not page.get("has_more") or not last or last == query.get("after_id"):
                return tuple(models)
            query["after_id"] = last


def read_model(item: JSONObject) -> ModelInfo:
    """Return what the listing says of one model."""
    return ModelInfo(
        id=as_text(item.get("id")),
        name=as_text(item.get("display_name")) or None,
        created=_seconds(item.get("created_at")),
        context_length=as_index(item.get("max_input_tokens")),
        max_output_tokens=as_index(item.get("max_tokens")),
        raw=item,
    )


def _seconds(when: JSONValue) -> int | None:
    """Return an RFC 3339 time as seconds since 1970; None for an unknown one, which the API gives as 1970 itself."""
    try:
        return int(datetime.fromisoformat(as_text(when)).timestamp()) or None
    except ValueError:
        return None
