"""The two wires that the written modules make up: lines of JSON, and server-sent events with numbered parts.

They are documented in the templates of `_decode`.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from pydantic import JsonValue

from core_llm_conformance.scaffold.answers.said import ANSWER_ID, Called, Failed, JsonObject, Reason, Said
from core_llm_conformance.scaffold.answers.shape import Shape

REASONS: Final = MappingProxyType[Reason, str]({"stop": "stop", "length": "limit", "tool_calls": "tool_calls"})


class _Own(Shape):
    """What both have in common: everything that is not streamed."""

    def plain(self, said: Said) -> JsonObject:
        """Return a plain body."""
        content: list[JsonValue] = [{"type": "text", "text": said.text}] if said.text else []
        content += [{**_call(call), "arguments": call.arguments} for call in said.calls]
        return {**self._head(), "content": content, **_ending(said)}

    def error(self, failed: Failed) -> JsonObject:
        """Return the body of an error."""
        return {"error": {"code": failed.kind, "message": failed.message}}

    def listing(self, models: tuple[str, ...]) -> JsonObject:
        """Return the body of a listing."""
        return {"models": [{"id": model} for model in models]}

    def _head(self) -> JsonObject:
        return {"id": ANSWER_ID, "model": self.model}


class Lines(_Own):
    """One object a line, a call whole."""

    def streamed(self, said: Said) -> JsonObject:
        """Return a stream."""
        lines: list[JsonObject] = [self._start()]
        lines += [{"type": "text", "text": piece} for piece in said.pieces]
        lines += [{**_call(call), "arguments": call.arguments} for call in said.calls]
        return {"ndjson": [*lines, {"type": "end", **_ending(said)}]}

    def broken_off(self, failed: Failed) -> JsonObject:
        """Return a stream that an error ends."""
        begun: JsonObject = {"type": "text", "text": failed.after}
        return {"ndjson": [self._start(), begun, {"type": "error", **self.error(failed)}]}

    def _start(self) -> JsonObject:
        return {"type": "start", **self._head()}


class Events(_Own):
    """Named events, parts by their number."""

    def streamed(self, said: Said) -> JsonObject:
        """Return a stream."""
        frames = [_event("start", self._head())]
        if said.text:
            frames.append(_event("part", {"index": 0, "type": "text"}))
            frames += [_event("delta", {"index": 0, "text": piece}) for piece in said.pieces]
        for index, call in enumerate(said.calls, start=1 if said.text else 0):
            frames.append(_event("part", {"index": index, **_call(call)}))
            frames += [_event("delta", {"index": index, "arguments": piece}) for piece in call.pieces]
        return {"sse": [*frames, _event("end", _ending(said))]}

    def broken_off(self, failed: Failed) -> JsonObject:
        """Return a stream that an error ends."""
        begun = [_event("part", {"index": 0, "type": "text"}), _event("delta", {"index": 0, "text": failed.after})]
        return {"sse": [_event("start", self._head()), *begun, _event("error", self.error(failed))]}


def _event(name: str, data: JsonObject) -> JsonObject:
    return {"event": name, "data": data}


def _call(call: Called) -> JsonObject:
    return {"type": "tool_call", "id": call.id, "name": call.name}


def _ending(said: Said) -> JsonObject:
    usage: JsonObject = {"input_tokens": said.tokens[0], "output_tokens": said.tokens[1]}
    return {"reason": REASONS[said.finish], "usage": usage}
