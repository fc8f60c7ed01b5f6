"""Chat Completions, as its documentation has it (OpenAI API reference, "Chat", checked 2026-11), and hooks for more.

A provider's own is a subclass that overrides the methods without an underscore: what stands beside the choices, in a
message, in a delta, in the usage, and how it puts an error.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from struct import pack
from typing import ClassVar

from pydantic import JsonValue

from core_llm_conformance.documented.bodies import Bodies, Vectors
from core_llm_conformance.documented.said import FIRST_ERROR, Called, Failed, JsonObject, Said
from core_llm_conformance.documented.usual import MODELS, VECTOR_TOKENS
from core_llm_conformance.recording.descriptions import Reply, json_reply, sse

GOOD = 200
CREATED = 1_760_000_000
CITED = "The prize"
"""The title of the page that a text relies on."""


class ChatBodies(Bodies):
    """Chunks of choices, ended by ``[DONE]``."""

    answer_id: ClassVar[str | None] = "chatcmpl-1"
    listed: ClassVar[Sequence[str]] = MODELS
    owner: ClassVar[str] = "system"
    reasons: ClassVar[Mapping[str, str]] = {"content_filter": "stop"}
    """Normalised finish reason → the wire's word, where it is another; a refusal ends with ``stop``."""
    embeds_base64: ClassVar[bool] = False
    ends_with_done: ClassVar[bool] = True

    @property
    def served(self) -> str:
        """The model as the answer names it."""
        return self.model

    def beside(self, kind: str) -> JsonObject:  # noqa: ARG002  # for overriding
        """Return what stands beside the choices of a ``chat.completion``, or of a ``chat.completion.chunk``."""
        return {}

    def beside_choice(self, kind: str, said: Said) -> JsonObject:  # noqa: ARG002  # for overriding
        """Return what stands beside a message or delta."""
        return {}

    def reasoning(self, text: str, seal: str) -> JsonObject:  # noqa: ARG002  # for overriding
        """Return the fields that a message or delta has for reasoning; `seal` is given with the last piece."""
        return {}

    def message(self, said: Said) -> JsonObject:
        """Return the message of a plain answer."""
        message: JsonObject = {"role": "assistant", "content": said.text or None}
        if said.reasoning:
            message |= self.reasoning(said.reasoning, said.seal)
        if said.refusal:
            message["refusal"] = said.refusal
        if said.calls:
            message["tool_calls"] = [self.call(call, call.arguments or "{}") for call in said.calls]
        if said.source:
            message["annotations"] = [self.annotation(said)]
        return message

    def deltas(self, said: Said) -> Iterator[JsonObject]:
        """Yield what a stream adds, one chunk each, but for the last."""
        yield {"role": "assistant", "content": ""}
        for number, piece in enumerate(said.thoughts, start=1):
            if fields := self.reasoning(piece, said.seal if number == len(said.thoughts) else ""):
                yield fields
        for piece in said.pieces:
            yield {"content": piece}
        for piece in said.refusals:
            yield {"refusal": piece}
        if said.source:
            yield {"annotations": [self.annotation(said)]}
        for index, call in enumerate(said.calls):
            yield {"tool_calls": [{"index": index, **self.call(call, "")}]}
            for piece in call.pieces:
                yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}

    def last_delta(self, said: Said) -> JsonObject:  # noqa: ARG002  # for overriding
        """Return the delta beside the finish reason."""
        return {}

    def call(self, call: Called, arguments: str) -> JsonObject:
        """Return a tool call with some of its arguments."""
        return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}

    def annotation(self, said: Said) -> JsonObject:
        """Return the source that a text relies on."""
        cited: JsonObject = {"url": said.source, "title": CITED, "start_index": 0, "end_index": len(said.text)}
        return {"type": "url_citation", "url_citation": cited}

    def usage(self, said: Said) -> JsonObject:
        """Return the usage."""
        given, made = said.counts
        usage: JsonObject = {"prompt_tokens": given, "completion_tokens": made, "total_tokens": given + made}
        if said.cached is not None:
            usage["prompt_tokens_details"] = {"cached_tokens": said.cached}
        if said.thought is not None:
            usage["completion_tokens_details"] = {"reasoning_tokens": said.thought}
        return usage

    def usage_chunk(self, said: Said) -> JsonObject:
        """Return the chunk that has the usage, after the finish reason."""
        return {**self._head("chat.completion.chunk"), "choices": [], "usage": self.usage(said)}

    def error_object(self, failed: Failed) -> JsonObject:
        """Return an error as a body."""
        error: JsonObject = {"message": failed.message, "type": failed.type, "param": failed.param, "code": failed.code}
        return {"error": error}

    def model_entry(self, model: str) -> JsonObject:
        """Return one model of a listing."""
        return {"id": model, "object": "model", "created": CREATED, "owned_by": self.owner}

    def plain(self, said: Said, turn: int) -> Reply:  # noqa: ARG002  # for overriding
        """Return a plain answer."""
        choice: JsonObject = {
            "index": 0,
            "message": self.message(said),
            **self.beside_choice("chat.completion", said),
            "finish_reason": self._reason(said),
        }
        return json_reply({**self._head("chat.completion"), "choices": [choice], "usage": self.usage(said)})

    def streamed(self, said: Said, turn: int) -> Reply:  # noqa: ARG002  # for overriding
        """Return a stream."""
        chunks = [self.chunk(delta, said) for delta in self.deltas(said)]
        chunks += [self.chunk(self.last_delta(said), said, self._reason(said)), self.usage_chunk(said)]
        return sse(*chunks, *(["[DONE]"] if self.ends_with_done else []))

    def chunk(self, delta: JsonObject, said: Said, reason: str | None = None) -> JsonObject:
        """Return one chunk of a stream."""
        kind = "chat.completion.chunk"
        choice: JsonObject = {"index": 0, "delta": delta, **self.beside_choice(kind, said), "finish_reason": reason}
        return {**self._head(kind), "choices": [choice]}

    def error(self, failed: Failed) -> Reply:
        """Return an error at the front door, or in a plain answer whose status is good."""
        return json_reply(self.error_object(failed), status=max(failed.status, GOOD))

    def broken_off(self, failed: Failed) -> Reply:
        """Return a stream that an error ends, or that is nothing but one."""
        if failed.status >= FIRST_ERROR:
            return self.error(failed)
        said = Said(failed.after)
        begun = [self.chunk(delta, said) for delta in self.deltas(said)] if failed.after else []
        return sse(*begun, self.failure(failed))

    def failure(self, failed: Failed) -> JsonObject:
        """Return the frame by which a stream fails."""
        return self.error_object(failed)

    def models(self) -> Sequence[Reply]:
        """Return the listing, all on one page."""
        return [json_reply({"object": "list", "data": [self.model_entry(model) for model in self.listed]})]

    def embeddings(self, vectors: Vectors) -> Reply:
        """Return vectors."""
        data: list[JsonValue] = [
            {"object": "embedding", "index": index, "embedding": self._vector(vector)}
            for index, vector in enumerate(vectors)
        ]
        usage: JsonObject = {"prompt_tokens": VECTOR_TOKENS, "total_tokens": VECTOR_TOKENS}
        return json_reply({"object": "list", "data": data, "model": self.model, "usage": usage})

    def expected(self, said: Said) -> JsonObject:
        """Return what a plugin has to make of an answer."""
        usage: JsonObject = {"input_tokens": said.counts[0], "output_tokens": said.counts[1]}
        calls: list[JsonValue] = [{"id": call.id, "name": call.name, "arguments": call.parsed} for call in said.calls]
        return {
            "text": said.text,
            "tool_calls": calls,
            "refusal": said.refusal or None,
            "finish_reason": said.finish,
            "raw_finish_reason": self._reason(said),
            "usage": usage | self.expected_usage(said),
            "is_complete": True,
            "id": self.answer_id,
            "model": self.served,
            **({"reasoning": said.reasoning} if self.reasoning("shown", "") else {}),
        }

    def expected_usage(self, said: Said) -> JsonObject:
        """Return the figures beside those of input and output."""
        return {"cache_read_tokens": said.cached, "reasoning_tokens": said.thought}

    def expected_error(self, failed: Failed) -> JsonObject:
        """Return what a plugin has to make of an error."""
        error: JsonObject = {"kind": "provider", "message": failed.message, "type": failed.type, "code": failed.code}
        if failed.status >= FIRST_ERROR:
            error["status"] = failed.status
        return {"text": failed.after, "error": error}

    def _head(self, kind: str) -> JsonObject:
        return {"id": self.answer_id, "object": kind, "created": CREATED, "model": self.served, **self.beside(kind)}

    def _reason(self, said: Said) -> str:
        return self.reasons.get(said.finish, said.finish)

    def _vector(self, vector: Sequence[float]) -> JsonValue:
        if not self.embeds_base64:
            return list(vector)
        return b64encode(pack(f"<{len(vector)}f", *vector)).decode()
