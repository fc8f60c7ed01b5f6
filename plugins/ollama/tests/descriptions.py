"""What Ollama answers, after its API reference. `tests/cassettes` is composed of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import ClassVar

from core_llm.wire import JSONObject, JSONValue
from core_llm_conformance.documented import Bodies, Called, Failed, Said, describe
from core_llm_conformance.documented.bodies import Vectors
from core_llm_conformance.documented.usual import VECTOR_TOKENS
from core_llm_conformance.recording import Description, Reply, json_reply, ndjson
from core_llm_conformance.target import Target

DATE = dt.date(2026, 11, 21)
DOCS = "https://docs.ollama.com"
SOURCES = {
    "model_listing": f"{DOCS}/api/tags",
    "embeddings": f"{DOCS}/api/embed",
    "reasoning": f"{DOCS}/capabilities/thinking",
    "reasoning_replay": f"{DOCS}/capabilities/thinking",
    **{f"error_{kind}": f"{DOCS}/api/errors" for kind in (400, 401, 404, 429, 500, "mid_stream")},
}
BROKEN = "the model failed to go on with its answer"
ERRORS = {
    "error_400": Failed(400, "option 'temperature' is out of its range", ""),
    "error_401": Failed(401, "unauthorized", ""),
    "error_404": Failed(404, "model 'no-such-model' not found", ""),
    "error_429": Failed(429, "too many requests, try again later", ""),
    "error_500": Failed(500, BROKEN, ""),
    "error_mid_stream": Failed(200, BROKEN, "", after="Hello, it"),
}
NEVER = ("error_first_event", "error_in_200")
"""What is not documented, and nobody has seen."""
REASONS = {"stop": "stop", "tool_calls": "stop", "length": "length"}
SECOND = 1_000_000_000
"""Nanoseconds."""


class OllamaBodies(Bodies):
    """A line for each piece; the last says that it is done, why, and what it took."""

    listed: ClassVar[Sequence[str]] = ("qwen3:latest", "gemma3:latest", "nomic-embed-text:latest")

    def plain(self, said: Said, turn: int) -> Reply:  # noqa: ARG002  # the base's
        """Return a plain answer."""
        message: JSONObject = {"content": said.text}
        if said.reasoning:
            message["thinking"] = said.reasoning
        if said.calls:
            message["tool_calls"] = [_call(index, call) for index, call in enumerate(said.calls)]
        return json_reply({**self._line(0, message), **_end(said)})

    def streamed(self, said: Said, turn: int) -> Reply:  # noqa: ARG002  # the base's
        """Return a stream."""
        messages: list[JSONObject] = [{"content": "", "thinking": piece} for piece in said.thoughts]
        messages += [{"content": piece} for piece in said.pieces]
        messages += [{"content": "", "tool_calls": [_call(*numbered)]} for numbered in enumerate(said.calls)]
        lines = [{**self._line(number, message), "done": False} for number, message in enumerate(messages)]
        return ndjson(*lines, {**self._line(len(lines), {"content": ""}), **_end(said)})

    def error(self, failed: Failed) -> Reply:
        """Return an error, of which nothing is told but a text."""
        return json_reply({"error": failed.message}, status=failed.status)

    def broken_off(self, failed: Failed) -> Reply:
        """Return a stream that an error ends."""
        pieces = enumerate(failed.pieces)
        lines = [{**self._line(number, {"content": piece}), "done": False} for number, piece in pieces]
        return ndjson(*lines, {"error": failed.message})

    def expected(self, said: Said) -> JSONObject:
        """Return what the plugin has to make of an answer."""
        calls: list[JSONValue] = [{"id": call.id, "name": call.name, "arguments": call.parsed} for call in said.calls]
        whole: list[JSONValue] = [
            {**call, "arguments_text": "", "is_complete": True} for call in calls if isinstance(call, dict)
        ]
        return {
            "text": said.text,
            "reasoning": said.reasoning,
            "tool_calls": whole,
            "finish_reason": said.finish,
            "raw_finish_reason": REASONS[said.finish],
            "usage": {"input_tokens": said.counts[0], "output_tokens": said.counts[1]},
            "is_complete": True,
            "model": self.model,
        }

    def expected_error(self, failed: Failed) -> JSONObject:
        """Return what the plugin has to make of an error."""
        error: JSONObject = {"kind": "provider", "message": failed.message}
        if not failed.after:
            error["status"] = failed.status
        return {"text": failed.after, "error": error}

    def models(self) -> Sequence[Reply]:
        """Return the listing."""
        return [json_reply({"models": [_model(model) for model in self.listed]})]

    def embeddings(self, vectors: Vectors) -> Reply:
        """Return vectors."""
        took: JSONObject = {"total_duration": SECOND // 8, "load_duration": SECOND // 1024}
        told: JSONObject = {**took, "prompt_eval_count": VECTOR_TOKENS}
        return json_reply({"model": self.model, "embeddings": [[*vector] for vector in vectors], **told})

    def _line(self, number: int, message: JSONObject) -> JSONObject:
        when = f"2026-11-21T09:{number // 60:02}:{number % 60:02}.5Z"
        return {"model": self.model, "created_at": when, "message": {"role": "assistant", **message}}


def _call(index: int, call: Called) -> JSONObject:
    return {"id": call.id, "function": {"index": index, "name": call.name, "arguments": call.parsed}}


def _end(said: Said) -> JSONObject:
    given, made = said.counts
    return {
        "done": True,
        "done_reason": REASONS[said.finish],
        "total_duration": 2 * SECOND,
        "load_duration": SECOND // 8,
        "prompt_eval_count": given,
        "prompt_eval_duration": SECOND // 4,
        "eval_count": made,
        "eval_duration": SECOND,
    }


def _model(name: str) -> JSONObject:
    details: JSONObject = {"parent_model": "", "format": "gguf", "family": "qwen3", "families": ["qwen3"]}
    return {
        "name": name,
        "model": name,
        "modified_at": "2026-11-01T09:00:00.5Z",
        "size": 5_225_388_164,
        "digest": "500a1f067a9f",
        "details": {**details, "parameter_size": "8.2B", "quantization_level": "Q4_K_M"},
    }


def described(target: Target) -> Iterator[Description]:
    """Describe every scenario."""
    return describe(
        target, OllamaBodies, source=f"{DOCS}/api/chat", date=DATE, errors=ERRORS, sources=SOURCES, without=NEVER
    )
