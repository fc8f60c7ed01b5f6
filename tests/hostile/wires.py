"""The five wires of the matrix: whose provider speaks each, and what on it says something, or nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from core_llm._json import JSONObject, JSONValue
from core_llm_conformance.answering import answer_to, break_off
from core_llm_conformance.script import Gate, Send, sse_event
from core_llm_conformance.server import RecordedRequest

TEXT = "The sky is blue because air scatters blue light."
BEGUN = "The sky is blue"
KEY = "made-up-0123456789"


@dataclass(frozen=True)
class Wire:
    """One wire.

    Attributes:
        name: As the matrix shows it.
        model: A model that is spoken to on it.
        idle: Name → a frame that says nothing, however often it comes.
        base: What stands between the server and the wire's own paths.
        media: The type of its streams.
    """

    name: str
    model: str
    idle: Mapping[str, bytes]
    base: str = ""
    media: str = "text/event-stream"

    @property
    def provider(self) -> str:
        """The name of who speaks it."""
        return self.model.partition(":")[0]

    def section(self, url: str) -> dict[str, str]:
        """Return the provider's configuration, so that it is the server at `url`."""
        return {"base_url": url + self.base, "api_key": KEY}

    def layer(self, url: str) -> dict[str, dict[str, dict[str, str]]]:
        """Return the configuration for this provider alone."""
        return {"providers": {self.provider: self.section(url)}}


@dataclass(frozen=True)
class Words:
    """What a script may say on one wire.

    Attributes:
        wire: That wire.
        begun: The frames of the first words, `BEGUN`.
        whole: The frames of the whole answer, `TEXT`.
        gate: Opened by the caller as soon as it has the first words.
        said: Reached by a script that has said all, and never opened.
        elsewhere: The address of a server that nobody should speak to.
    """

    wire: Wire
    begun: bytes
    whole: bytes
    gate: Gate
    said: Gate
    elsewhere: str

    @property
    def more(self) -> bytes:
        """A frame with more text, which may come any number of times."""
        end = b"\n" if self.wire.name == "ollama" else b"\n\n"
        return self.begun.split(end)[-2] + end

    @property
    def half(self) -> bytes:
        """The beginning of a frame."""
        return self.more[: len(self.more) // 2]


def words(wire: Wire, request: RecordedRequest, gate: Gate, said: Gate, elsewhere: str) -> Words:
    """Return what can be said in answer to a request."""
    steps = answer_to(request).steps
    whole = b"".join(step.data for step in steps if isinstance(step, Send))
    return Words(wire, break_off(request), whole, gate, said, elsewhere)


def _chunk(delta: JSONValue) -> bytes:
    return sse_event({"id": "c1", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta}]})


_EMPTY_DELTA: JSONObject = {"type": "response.output_text.delta", "item_id": "m1", "output_index": 0, "delta": ""}
_EMPTY_BLOCK: JSONObject = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": ""}}
_EMPTY_PARTS: JSONObject = {"candidates": [{"index": 0, "content": {"role": "model", "parts": [{"text": ""}]}}]}
_EMPTY_LINE: JSONObject = {"model": "m", "message": {"role": "assistant", "content": ""}, "done": False}

COMMENT = b": still here\n\n"
WIRES = [
    Wire(
        "chat",
        "openai-compatible:small",
        {"comment": COMMENT, "ping": sse_event({"type": "ping"}), "empty delta": _chunk({"content": ""})},
        "/v1",
    ),
    Wire(
        "responses",
        "openai:gpt-5-mini",
        {
            "comment": COMMENT,
            "ping": sse_event({"type": "keepalive", "sequence_number": 3}, "keepalive"),
            "empty delta": sse_event(_EMPTY_DELTA, "response.output_text.delta"),
        },
        "/v1",
    ),
    Wire(
        "anthropic",
        "anthropic:claude-sonnet-4-5",
        {"comment": COMMENT, "ping": sse_event({"type": "ping"}, "ping"), "empty delta": sse_event(_EMPTY_BLOCK)},
        "/v1",
    ),
    Wire(
        "gemini",
        "gemini:gemini-2.5-flash",
        {
            "comment": COMMENT,
            "ping": sse_event({"usageMetadata": {"totalTokenCount": 4}}),
            "empty delta": sse_event(_EMPTY_PARTS),
        },
    ),
    Wire(
        "ollama",
        "ollama:llama3.2",
        {"comment": b"\n", "ping": b" \n", "empty delta": json.dumps(_EMPTY_LINE).encode() + b"\n"},
        media="application/x-ndjson",
    ),
]
