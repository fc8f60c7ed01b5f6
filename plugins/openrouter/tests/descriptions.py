"""What OpenRouter answers, after its API reference. `tests/cassettes` is composed of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from core_llm_conformance.documented import ChatBodies, Failed, Said, describe
from core_llm_conformance.documented.chat import CREATED
from core_llm_conformance.documented.said import JsonObject
from core_llm_conformance.documented.usual import ANSWERS
from core_llm_conformance.recording import Description, Reply, json_reply
from core_llm_conformance.target import Target

DATE = dt.date(2026, 11, 22)
REFERENCE = "https://openrouter.ai/docs/api-reference/chat-completion"
SOURCES = {
    "model_listing": "https://openrouter.ai/docs/api-reference/list-available-models",
    "embeddings": "https://openrouter.ai/docs/api-reference/embeddings",
    "reasoning": "https://openrouter.ai/docs/use-cases/reasoning-tokens",
    "reasoning_replay": "https://openrouter.ai/docs/use-cases/reasoning-tokens",
    "citations": "https://openrouter.ai/docs/features/web-search",
    "cached_usage": "https://openrouter.ai/docs/features/prompt-caching",
    "audio_input": "https://openrouter.ai/docs/features/multimodal/audio",
    "video_input": "https://openrouter.ai/docs/features/multimodal/videos",
    "document_input": "https://openrouter.ai/docs/features/multimodal/pdfs",
    "image_input": "https://openrouter.ai/docs/features/multimodal/images",
    "error_mid_stream": "https://openrouter.ai/docs/api-reference/streaming#handling-errors-during-streaming",
    **{
        f"error_{name}": "https://openrouter.ai/docs/api-reference/errors"
        for name in ("400", "401", "404", "429", "500", "first_event", "in_200")
    },
}
SERVED_BY = {"openai": "OpenAI", "anthropic": "Anthropic", "google": "Google AI Studio"}
NATIVE: Mapping[str, Mapping[str, str]] = {
    "openai": {"stop": "completed", "tool_calls": "completed", "length": "max_output_tokens"},
    "anthropic": {"stop": "end_turn", "tool_calls": "tool_use", "length": "max_tokens"},
    "google": {"stop": "STOP", "tool_calls": "STOP", "length": "MAX_TOKENS"},
}
"""Whose model → the word by which the provider behind ends an answer."""
BROKEN = Failed(200, "The provider was disconnected.", "502")
ERRORS = {
    "error_400": Failed(400, "The provider refuses the request: temperature must be at most 2.", "400"),
    "error_401": Failed(401, "There is no account with this key.", "401"),
    "error_404": Failed(404, "There are no endpoints for no-such-model.", "404"),
    "error_429": Failed(429, "The limit of requests a minute is reached.", "429"),
    "error_500": Failed(500, "Something went wrong here.", "500"),
    "error_mid_stream": replace(BROKEN, after="Hello, it"),
    "error_first_event": BROKEN,
    "error_in_200": BROKEN,
}
"""The code of an error is the status that it stands for."""
SAID = {
    **ANSWERS,
    "refusal": (Said("You had better", finish="content_filter", counts=(20, 4)),),
}


class OpenRouterBodies(ChatBodies):
    """Every delta has the role, reasoning comes with its details, and the usage says what it cost."""

    answer_id: ClassVar[str | None] = "gen-1"
    listed: ClassVar[Sequence[str]] = ("anthropic/claude-sonnet-4.5", "openai/gpt-4.1-mini")
    reasons: ClassVar[Mapping[str, str]] = {}

    @property
    def maker(self) -> str:
        """Whose model it is."""
        return self.model.partition("/")[0]

    def beside(self, kind: str) -> JsonObject:  # noqa: ARG002  # the base's
        """Return who served the request."""
        return {"provider": SERVED_BY.get(self.maker, "OpenAI")}

    def beside_choice(self, kind: str, said: Said) -> JsonObject:
        """Return the word of the provider behind; in a stream only the last chunk has it."""
        native = NATIVE.get(self.maker, {}).get(said.finish, said.finish)
        return {"native_finish_reason": native} if kind == "chat.completion" else {}

    def reasoning(self, text: str, seal: str) -> JsonObject:
        """Return reasoning as text, and as what goes back."""
        detail: JsonObject = {"type": "reasoning.text", "text": text, "format": "anthropic-claude-v1", "index": 0}
        if seal:
            detail["signature"] = seal
        return {"reasoning": text, "reasoning_details": [detail]}

    def message(self, said: Said) -> JsonObject:
        """Return the message; a call's text is null, and so is what was neither refused nor thought."""
        return {"refusal": None, "reasoning": None, **super().message(said)}

    def deltas(self, said: Said) -> Iterator[JsonObject]:
        """Yield deltas, each with the role and with text; a seal comes in a delta of its own."""
        role: JsonObject = {"role": "assistant", "content": ""}
        for piece in said.thoughts:
            yield {**role, **self.reasoning(piece, "")}
        if said.seal:
            sealed: JsonObject = {"type": "reasoning.text", "signature": said.seal, "format": "anthropic-claude-v1"}
            yield {**role, "reasoning": None, "reasoning_details": [{**sealed, "index": 0}]}
        for piece in said.pieces:
            yield {**role, "content": piece}
        if said.source:
            yield {**role, "annotations": [self.annotation(said)]}
        for index, call in enumerate(said.calls):
            yield {"role": "assistant", "content": None, "tool_calls": [{"index": index, **self.call(call, "")}]}
            for piece in call.pieces or ["{}"]:
                fragment: JsonObject = {"index": index, "type": "function", "function": {"arguments": piece}}
                yield {"role": "assistant", "content": None, "tool_calls": [fragment]}

    def last_delta(self, said: Said) -> JsonObject:  # noqa: ARG002  # the base's
        """Return the delta beside the finish reason."""
        return {"role": "assistant", "content": ""}

    def chunk(self, delta: JsonObject, said: Said, reason: str | None = None) -> JsonObject:
        """Return one chunk, with the word of the provider behind."""
        native = NATIVE.get(self.maker, {}).get(said.finish, said.finish)
        made = super().chunk(delta, said, reason)
        choice: JsonObject = {
            "index": 0,
            "delta": delta,
            "finish_reason": reason,
            "native_finish_reason": None if reason is None else native,
        }
        return {**made, "choices": [choice]}

    def usage_chunk(self, said: Said) -> JsonObject:
        """Return the last chunk, which ends the answer once more."""
        reason = self.reasons.get(said.finish, said.finish)
        return {**self.chunk(self.last_delta(said), said, reason), "usage": self.usage(said)}

    def usage(self, said: Said) -> JsonObject:
        """Return the usage, with what was paid."""
        return {
            **super().usage(said),
            "prompt_tokens_details": {"cached_tokens": said.cached or 0, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": said.thought or 0, "image_tokens": 0},
            "cost": 0.00012,
            "is_byok": False,
            "cost_details": {"upstream_inference_cost": None},
        }

    def error_object(self, failed: Failed) -> JsonObject:
        """Return an error: a number and words."""
        return {"error": {"code": int(failed.type), "message": failed.message}}

    def failure(self, failed: Failed) -> JsonObject:
        """Return the frame by which a stream fails: the error alone, or beside a chunk where text had come."""
        if not failed.after:
            return self.error_object(failed)
        return {**self.chunk({"role": "assistant", "content": ""}, Said()), **self.error_object(failed)}

    def expected_error(self, failed: Failed) -> JsonObject:
        """Return what a plugin has to make of an error."""
        error: JsonObject = {"kind": "provider", "message": failed.message, "code": failed.type}
        return {"text": failed.after, "error": {**error, "status": int(failed.type)}}

    def expected_usage(self, said: Said) -> JsonObject:
        """Return the figures that are told even if they are nothing."""
        return {"cache_read_tokens": said.cached or 0, "reasoning_tokens": said.thought or 0}

    def models(self) -> Sequence[Reply]:
        """Return the listing, all on one page."""
        return [json_reply({"data": [self.model_entry(model) for model in self.listed]})]

    def model_entry(self, model: str) -> JsonObject:
        """Return one model of a listing."""
        architecture: JsonObject = {
            "modality": "text+image->text",
            "input_modalities": ["text", "image"],
            "output_modalities": ["text"],
            "tokenizer": "Other",
            "instruct_type": None,
        }
        return {
            "id": model,
            "canonical_slug": model,
            "name": model,
            "created": CREATED,
            "description": "A model.",
            "context_length": 200_000,
            "architecture": architecture,
            "pricing": {"prompt": "0.000003", "completion": "0.000015"},
            "top_provider": {"context_length": 200_000, "max_completion_tokens": 64_000, "is_moderated": False},
            "per_request_limits": None,
            "supported_parameters": ["max_tokens", "temperature", "tools"],
        }


def described(target: Target) -> Iterator[Description]:
    """Describe everything."""
    return describe(target, OpenRouterBodies, source=REFERENCE, date=DATE, answers=SAID, errors=ERRORS, sources=SOURCES)
