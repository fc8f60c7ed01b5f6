"""Chat Completions. Source: https://platform.openai.com/docs/api-reference/chat (checked 2026-11)."""

from __future__ import annotations

from pydantic import JsonValue

from core_llm_conformance.scaffold.answers.said import ANSWER_ID, CREATED, Called, Failed, JsonObject, Said
from core_llm_conformance.scaffold.answers.shape import Shape


class Chat(Shape):
    """Chunks of choices, ended by ``[DONE]``."""

    def streamed(self, said: Said) -> JsonObject:
        """Return a stream."""
        deltas: list[JsonObject] = [{"role": "assistant", "content": ""}]
        deltas += [{"content": piece} for piece in said.pieces]
        deltas += [delta for index, call in enumerate(said.calls) for delta in _fragments(index, call)]
        frames: list[JsonValue] = [_choice("delta", delta) for delta in deltas]
        frames += [_choice("delta", {}, said.finish), {"choices": [], "usage": _usage(said)}, "[DONE]"]
        return {"base": self._head("chat.completion.chunk"), "sse": frames}

    def plain(self, said: Said) -> JsonObject:
        """Return a plain body."""
        message: JsonObject = {"role": "assistant", "content": said.text or None}
        if said.calls:
            message["tool_calls"] = [_call(call, "".join(call.pieces)) for call in said.calls]
        return {**self._head("chat.completion"), **_choice("message", message, said.finish), "usage": _usage(said)}

    def error(self, failed: Failed) -> JsonObject:
        """Return the body of an error."""
        return {"error": {"message": failed.message, "type": failed.kind, "param": None, "code": None}}

    def broken_off(self, failed: Failed) -> JsonObject:
        """Return a stream that an error ends."""
        begun = _choice("delta", {"role": "assistant", "content": failed.after})
        return {"sse": [{**self._head("chat.completion.chunk"), **begun}, self.error(failed)]}

    def listing(self, models: tuple[str, ...]) -> JsonObject:
        """Return the body of a listing."""
        listed: list[JsonValue] = [
            {"id": model, "object": "model", "created": CREATED, "owned_by": "made-up"} for model in models
        ]
        return {"object": "list", "data": listed}

    def _head(self, kind: str) -> JsonObject:
        return {"id": ANSWER_ID, "object": kind, "created": CREATED, "model": self.model}


def _choice(field: str, value: JsonObject, reason: str | None = None) -> JsonObject:
    return {"choices": [{"index": 0, field: value, "finish_reason": reason}]}


def _call(call: Called, arguments: str) -> JsonObject:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def _fragments(index: int, call: Called) -> list[JsonObject]:
    first: JsonObject = {"index": index, **_call(call, "")}
    later: list[JsonObject] = [{"index": index, "function": {"arguments": piece}} for piece in call.pieces]
    return [{"tool_calls": [fragment]} for fragment in (first, *later)]


def _usage(said: Said) -> JsonObject:
    given, made = said.tokens
    return {"prompt_tokens": given, "completion_tokens": made, "total_tokens": given + made}
