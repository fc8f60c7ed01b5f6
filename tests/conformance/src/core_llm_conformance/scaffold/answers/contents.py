"""generateContent. Source: https://ai.google.dev/api/generate-content (checked 2026-11)."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from pydantic import JsonValue

from core_llm_conformance.scaffold.answers.said import ANSWER_ID, Called, Failed, JsonObject, Reason, Said
from core_llm_conformance.scaffold.answers.shape import Shape

REASONS: Final = MappingProxyType[Reason, str]({"stop": "STOP", "length": "MAX_TOKENS", "tool_calls": "STOP"})
"""Calls end with STOP as texts do."""
STATUSES: Final = MappingProxyType(
    {
        400: "INVALID_ARGUMENT",
        401: "UNAUTHENTICATED",
        404: "NOT_FOUND",
        429: "RESOURCE_EXHAUSTED",
        500: "INTERNAL",
    }
)


class Contents(Shape):
    """Pieces of candidates; each frame is a whole answer of its own form, and the last has the reason."""

    def streamed(self, said: Said) -> JsonObject:
        """Return a stream."""
        parts: list[JsonObject] = [{"text": piece} for piece in said.pieces]
        parts += [_call(call) for call in said.calls]
        frames: list[JsonValue] = [{"candidates": [_candidate([part])]} for part in parts[:-1]]
        last = _candidate(parts[-1:], REASONS[said.finish])
        return {"base": self._head(), "sse": [*frames, {"candidates": [last], "usageMetadata": _usage(said)}]}

    def plain(self, said: Said) -> JsonObject:
        """Return a plain body."""
        parts: list[JsonObject] = [{"text": said.text}] if said.text else []
        parts += [_call(call) for call in said.calls]
        candidate = _candidate(parts, REASONS[said.finish])
        return {"candidates": [candidate], "usageMetadata": _usage(said), **self._head()}

    def error(self, failed: Failed) -> JsonObject:
        """Return the body of an error."""
        told: JsonObject = {"code": failed.status, "message": failed.message, "status": STATUSES[failed.status]}
        return {"error": told}

    def broken_off(self, failed: Failed) -> JsonObject:
        """Return a stream that an error ends."""
        begun: JsonObject = {"candidates": [_candidate([{"text": failed.after}])], **self._head()}
        return {"sse": [begun, self.error(failed)]}

    def listing(self, models: tuple[str, ...]) -> JsonObject:
        """Return the body of a listing."""
        listed: list[JsonValue] = [{"name": f"models/{model}", "displayName": model} for model in models]
        return {"models": listed}

    def _head(self) -> JsonObject:
        return {"modelVersion": self.model, "responseId": ANSWER_ID}


def _candidate(parts: list[JsonObject], reason: str | None = None) -> JsonObject:
    candidate: JsonObject = {"content": {"parts": [*parts], "role": "model"}, "index": 0}
    return candidate if reason is None else {**candidate, "finishReason": reason}


def _call(call: Called) -> JsonObject:
    return {"functionCall": {"id": call.id, "name": call.name, "args": call.arguments}}


def _usage(said: Said) -> JsonObject:
    given, made = said.tokens
    return {"promptTokenCount": given, "candidatesTokenCount": made, "totalTokenCount": given + made}
