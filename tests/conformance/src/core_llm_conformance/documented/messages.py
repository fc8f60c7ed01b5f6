"""Messages, as Anthropic's documentation has it (API reference, "Messages", "Streaming", "Errors", checked 2026-11)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

from pydantic import JsonValue

from core_llm_conformance.documented.bodies import Bodies
from core_llm_conformance.documented.said import Called, Failed, JsonObject, Said, joined
from core_llm_conformance.documented.usual import MODELS
from core_llm_conformance.recording.descriptions import Reply, as_object, json_reply, sse

GOOD = 200
BITE = 10
"""Characters that a delta has at least."""
FRESH = 3
"""Tokens of a request that neither come from the cache nor go into it: what follows the last mark."""
PADDING = 16
"""Blanks before a frame's last bracket are fewer than that; how many says nothing."""


class MessagesBodies(Bodies):
    """Content blocks: each begins, grows by deltas and stops; ended by ``message_stop``.

    A provider's own is a subclass that overrides the methods without an underscore.
    """

    answer_id: ClassVar[str | None] = "msg_1"
    listed: ClassVar[Sequence[str]] = MODELS
    request_id: ClassVar[str] = "req_1"
    reasons: ClassVar[Mapping[str, str]] = {
        "stop": "end_turn",
        "length": "max_tokens",
        "tool_calls": "tool_use",
        "content_filter": "refusal",
    }

    @property
    def served(self) -> str:
        """The model as the answer names it."""
        return self.model

    def beside_usage(self) -> JsonObject:
        """Return what stands beside the counts where an answer begins, or is whole."""
        return {}

    def before(self, said: Said) -> Sequence[JsonObject]:  # noqa: ARG002  # for overriding
        """Return the blocks of the provider's own tools that come before a text."""
        return ()

    def citation(self, said: Said) -> JsonObject:
        """Return the source that a text relies on."""
        return {"type": "web_search_result_location", "url": said.source, "title": "", "cited_text": said.text}

    def stop_details(self, said: Said) -> JsonValue:  # noqa: ARG002  # for overriding
        """Return why an answer was refused; None of any other."""
        return None

    def plain(self, said: Said, turn: int) -> Reply:  # noqa: ARG002  # for overriding
        """Return a plain answer."""
        usage = {**self._input(said), **self.beside_usage(), **self._output(said)}
        return json_reply({**self._head([*self._blocks(said)]), **self._stop(said), "usage": usage})

    def streamed(self, said: Said, turn: int) -> Reply:  # noqa: ARG002  # for overriding
        """Return a stream."""
        frames = [self._begin(said)]
        for index, block in enumerate(self._blocks(said)):
            frames.append({"type": "content_block_start", "index": index, "content_block": _begun(block)})
            frames += [{"type": "ping"}] if index == 0 else []
            frames += [
                {"type": "content_block_delta", "index": index, "delta": delta} for delta in self._deltas(block, said)
            ]
            frames.append({"type": "content_block_stop", "index": index})
        frames.append({"type": "message_delta", "delta": self._stop(said), "usage": self._final(said)})
        frames.append({"type": "message_stop"})
        return sse(*map(_event, frames))

    def error(self, failed: Failed) -> Reply:
        """Return an error at the front door."""
        body: JsonObject = {**self._error(failed), "request_id": self.request_id}
        headers = {"request-id": self.request_id}
        return json_reply(body, status=max(failed.status, GOOD), headers=headers)

    def broken_off(self, failed: Failed) -> Reply:
        """Return a stream that an error ends."""
        frames = [*self._begun_by(failed)] if failed.after else []
        return sse(*map(_event, [*frames, self._error(failed)]))

    def expected(self, said: Said) -> JsonObject:
        """Return what a plugin has to make of an answer."""
        told = said.expected(raw=self._reason(said), answer_id=self.answer_id, model=self.served)
        return {**as_object(told), "usage": self._expected_counts(said)}

    def expected_error(self, failed: Failed) -> JsonObject:
        """Return what a plugin has to make of an error."""
        if not failed.after:
            return as_object(failed.expected(type_=failed.type))
        begun = failed.expected(type_=failed.type, answer_id=self.answer_id, model=self.served)
        usage = {**self._expected_counts(Said()), "output_tokens": 1}
        return {**as_object(begun), "usage": usage}

    def models(self) -> Sequence[Reply]:
        """Return the listing, a page for each model."""
        last = len(self.listed) - 1
        return [
            json_reply(
                {"data": [self.model_entry(model)], "has_more": number < last, "first_id": model, "last_id": model}
            )
            for number, model in enumerate(self.listed)
        ]

    def model_entry(self, model: str) -> JsonObject:
        """Return one model of a listing."""
        return {"type": "model", "id": model, "display_name": model.title(), "created_at": "2025-10-01T00:00:00Z"}

    def token_count(self, tokens: int) -> Reply:
        """Return a count."""
        return json_reply({"input_tokens": tokens})

    def _head(self, content: Sequence[JsonValue]) -> JsonObject:
        answer: JsonObject = {"model": self.served, "id": self.answer_id, "type": "message", "role": "assistant"}
        return {**answer, "content": [*content]}

    def _begin(self, said: Said) -> JsonObject:
        usage: JsonObject = {**self._input(said), **self.beside_usage(), "output_tokens": 1}
        stop: JsonObject = {"stop_reason": None, "stop_sequence": None, "usage": usage}
        return {"type": "message_start", "message": {**self._head([]), **stop}}

    def _begun_by(self, failed: Failed) -> Iterator[JsonObject]:
        yield self._begin(Said())
        yield {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
        for piece in failed.pieces:
            yield {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}

    def _blocks(self, said: Said) -> Iterator[JsonObject]:
        if said.reasoning:
            yield {"type": "thinking", "thinking": said.reasoning, "signature": said.seal}
        yield from self.before(said)
        if said.text:
            text: JsonObject = {"type": "text", "text": said.text}
            yield {"citations": [self.citation(said)], **text} if said.source else text
        for call in said.calls:
            yield self._call(call)

    def _call(self, call: Called) -> JsonObject:
        call_as: JsonObject = {"type": "tool_use", "id": call.id, "name": call.name, "input": call.parsed}
        return {**call_as, "caller": {"type": "direct"}}

    def _deltas(self, block: JsonObject, said: Said) -> Iterator[JsonObject]:
        """Yield what a block is made of, piece by piece; a source comes before the text that relies on it."""
        match block["type"]:
            case "thinking":
                for thought in joined(said.thoughts, BITE):
                    yield {"type": "thinking_delta", "thinking": thought}
                yield {"type": "signature_delta", "signature": said.seal}
            case "text":
                if said.source:
                    yield {"type": "citations_delta", "citation": self.citation(said)}
                for piece in joined(said.pieces, BITE):
                    yield {"type": "text_delta", "text": piece}
            case "tool_use" | "server_tool_use":
                call = next((call for call in said.calls if call.id == block["id"]), None)
                for piece in ["", *(call.pieces if call else [json.dumps(block["input"])])]:
                    yield {"type": "input_json_delta", "partial_json": piece}

    def _stop(self, said: Said) -> JsonObject:
        stop: JsonObject = {"stop_reason": self._reason(said), "stop_sequence": said.stopped_by}
        return {**stop, "stop_details": self.stop_details(said)}

    def _reason(self, said: Said) -> str:
        return "stop_sequence" if said.stopped_by is not None else self.reasons[said.finish]

    def _written(self, said: Said) -> int:
        """Return the tokens that went into the cache: all that did not come from it, where it was asked for."""
        return said.counts[0] - (said.cached or 0) - FRESH if "cache_ttl" in self.options else 0

    def _counts(self, said: Said) -> JsonObject:
        """Return the counts of the input; what went through the cache is beside the rest, not in it."""
        read, written = said.cached or 0, self._written(said)
        counts: JsonObject = {"input_tokens": said.counts[0] - read - written}
        return {**counts, "cache_creation_input_tokens": written, "cache_read_input_tokens": read}

    def _input(self, said: Said) -> JsonObject:
        ages: JsonObject = {"ephemeral_5m_input_tokens": self._written(said), "ephemeral_1h_input_tokens": 0}
        return {**self._counts(said), "cache_creation": ages}

    def _output(self, said: Said) -> JsonObject:
        thought: JsonObject = {"output_tokens_details": {"thinking_tokens": said.thought}}
        return {"output_tokens": said.counts[1], **(thought if said.thought is not None else {})}

    def _final(self, said: Said) -> JsonObject:
        return {**self._counts(said), **self._output(said)}

    def _expected_counts(self, said: Said) -> JsonObject:
        counts: JsonObject = {"input_tokens": said.counts[0], "output_tokens": said.counts[1]}
        counts |= {"cache_read_tokens": said.cached or 0, "cache_write_tokens": self._written(said)}
        return {**counts, "reasoning_tokens": said.thought}

    def _error(self, failed: Failed) -> JsonObject:
        return {"type": "error", "error": {"type": failed.type, "message": failed.message}}


def _begun(block: JsonObject) -> JsonObject:
    """Return a block as it begins in a stream: what grows is empty; what is whole at once stays."""
    empty: Mapping[str, JsonValue] = {"text": "", "thinking": "", "signature": "", "citations": [], "input": {}}
    return {name: empty.get(name, value) for name, value in block.items()}


def _event(frame: JsonObject) -> JsonObject:
    """Return a frame with its event's name, padded with blanks as the API does it."""
    text = json.dumps(frame, ensure_ascii=False, separators=(",", ":"))
    blanks = " " * (len(text) * 7 % PADDING)
    return {"event": frame["type"], "data": f"{text[:-1]}{blanks}}}"}
