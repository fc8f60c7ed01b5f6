"""Messages. Source: https://platform.claude.com/docs/en/api/messages (checked 2026-11)."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from pydantic import JsonValue

from core_llm_conformance.scaffold.answers.said import ANSWER_ID, Called, Failed, JsonObject, Reason, Said
from core_llm_conformance.scaffold.answers.shape import Shape

REASONS: Final = MappingProxyType[Reason, str]({"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"})


class Messages(Shape):
    """Blocks of content that begin and end, each event named by its type."""

    def streamed(self, said: Said) -> JsonObject:
        """Return a stream."""
        frames: list[JsonValue] = [self._start(said.tokens[0])]
        if said.text:
            frames += _block(0, {"type": "text", "text": ""}, [{"type": "text_delta", "text": p} for p in said.pieces])
        for index, call in enumerate(said.calls, start=1 if said.text else 0):
            deltas: list[JsonObject] = [{"type": "input_json_delta", "partial_json": piece} for piece in call.pieces]
            frames += _block(index, {**_call(call), "input": {}}, deltas)
        usage: JsonObject = {"output_tokens": said.tokens[1]}
        frames += [{"type": "message_delta", "delta": _ending(said), "usage": usage}, {"type": "message_stop"}]
        return {"named_by": "type", "sse": frames}

    def plain(self, said: Said) -> JsonObject:
        """Return a plain body."""
        content: list[JsonValue] = [{"type": "text", "text": said.text}] if said.text else []
        content += [_call(call) for call in said.calls]
        usage: JsonObject = {"input_tokens": said.tokens[0], "output_tokens": said.tokens[1]}
        return {**self._head(), "content": content, **_ending(said), "usage": usage}

    def error(self, failed: Failed) -> JsonObject:
        """Return the body of an error."""
        kind = "api_error" if failed.kind == "server_error" else failed.kind
        return {"type": "error", "error": {"type": kind, "message": failed.message}}

    def broken_off(self, failed: Failed) -> JsonObject:
        """Return a stream that an error ends."""
        block = _block(0, {"type": "text", "text": ""}, [{"type": "text_delta", "text": failed.after}])
        return {"named_by": "type", "sse": [self._start(14), *block[:-1], self.error(failed)]}

    def listing(self, models: tuple[str, ...]) -> JsonObject:
        """Return the body of a listing."""
        listed: list[JsonValue] = [
            {"type": "model", "id": model, "display_name": model, "created_at": "2026-01-01T00:00:00Z"}
            for model in models
        ]
        return {"data": listed, "has_more": False, "first_id": models[0], "last_id": models[-1]}

    def _head(self) -> JsonObject:
        return {"id": ANSWER_ID, "type": "message", "role": "assistant", "model": self.model}

    def _start(self, tokens: int) -> JsonObject:
        usage: JsonObject = {"input_tokens": tokens, "output_tokens": 1}
        begun: JsonObject = {"content": [], "stop_reason": None, "stop_sequence": None, "usage": usage}
        return {"type": "message_start", "message": {**self._head(), **begun}}


def _ending(said: Said) -> JsonObject:
    reason = "stop_sequence" if said.stopped_by else REASONS[said.finish]
    return {"stop_reason": reason, "stop_sequence": said.stopped_by}


def _call(call: Called) -> JsonObject:
    return {"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments}


def _block(index: int, block: JsonObject, deltas: list[JsonObject]) -> list[JsonObject]:
    frames: list[JsonObject] = [{"type": "content_block_start", "index": index, "content_block": block}]
    frames += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
    return [*frames, {"type": "content_block_stop", "index": index}]
