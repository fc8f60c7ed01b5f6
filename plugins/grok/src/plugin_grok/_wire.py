"""GrokChat and GrokResponses: the two wires as xAI has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from core_llm import Request, StreamEvent
from core_llm.wire import ChatCompletions, ChatDecoder, JSONObject, Responses, WireRequest

MIN_REPEATED = 8
"""A shorter piece of reasoning may well come twice in a row by right; a longer one is xAI's placeholder, said again."""


class GrokDecoder(ChatDecoder):
    """Decodes an answer, without what xAI says twice: a piece of reasoning, or the conversation's last message."""

    def __init__(self, wire: GrokChat, request: Request) -> None:
        super().__init__(wire, request)
        last = request.messages[-1] if request.messages else None
        self._echo: object = last.text if last is not None and last.role == "assistant" else None
        self._reasoning: object = None

    def read_delta(self, delta: JSONObject) -> Sequence[StreamEvent]:
        """Return the events of a delta."""
        reasoning, content = delta.get("reasoning_content"), delta.get("content")
        if isinstance(reasoning, str) and reasoning == self._reasoning and len(reasoning) >= MIN_REPEATED:
            delta = {**delta, "reasoning_content": None}
        if content:
            delta = {**delta, "content": None} if content == self._echo else delta
            self._echo = None
        self._reasoning = reasoning
        return super().read_delta(delta)


class GrokChat(ChatCompletions):
    """Chat Completions as xAI has it. Its output tokens leave reasoning out; the usage here has it, as the total."""

    decoder_type = GrokDecoder
    settings_fields: Mapping[str, str] = {
        name: field for name, field in ChatCompletions.settings_fields.items() if name not in ("top_k", "service_tier")
    }

    def encode_request(self, request: Request) -> WireRequest:
        """Return the HTTP request; requests with one cache key go to the server that has their beginning."""
        key = request.settings.cache_key
        settings = request.settings.model_copy(update={"cache_key": None})
        wired = super().encode_request(request.model_copy(update={"settings": settings}))
        if key is not None:
            wired.headers["x-grok-conv-id"] = key
        return wired


class GrokResponses(Responses):
    """The Responses wire as xAI has it: its server-side tools are there."""
