"""Which wire a request speaks, by its path, and which server here answers it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from core_llm_conformance.answering import _chat, _embeddings, _gemini, _messages, _ollama, _responses
from core_llm_conformance.answering._said import TEXT, Said
from core_llm_conformance.script import Answer, ScriptError
from core_llm_conformance.server import RecordedRequest


class ModelServer(Protocol):
    """What each module here has."""

    def answer(self, request: RecordedRequest) -> Answer:
        """Return the answer to a request."""
        ...

    def beginning(self, reply: Said) -> bytes:
        """Return the first words of a streamed answer."""
        ...

    def half_a_call(self) -> bytes:
        """Return a call of which the rest is missing."""
        ...

    def failure(self) -> bytes:
        """Return the error by which a running answer fails."""
        ...


BY_PATH: Mapping[str, ModelServer] = {
    "/chat/completions": _chat,
    "/responses": _responses,
    "/messages": _messages,
    "/api/": _ollama,
    "/models/": _gemini,
    "/publishers/": _gemini,
    "/v1beta/": _gemini,
}
"""Part of a path → the server of it; the first that fits."""


def server_of(request: RecordedRequest) -> ModelServer:
    """Return what answers a request.

    Raises:
        ScriptError: No server here knows such a path.
    """
    for part, server in BY_PATH.items():
        if part in request.path:
            return server
    raise ScriptError(f"no server here knows {request.method} {request.path}")


def answer_to(request: RecordedRequest) -> Answer:
    """Return what a well-behaved server of the provider that a request is for answers."""
    if request.path.endswith("/v1/models"):
        return _messages.models() if "anthropic-version" in request.headers else _chat.models()
    if _embeddings.PATH.search(request.path):
        return _embeddings.answer(request)
    return server_of(request).answer(request)


def break_off(request: RecordedRequest, *, why: str = "cut") -> bytes:
    """Return what a stream has said when it goes wrong.

    Args:
        request: On whose wire.
        why: ``cut``: the first words; ``failed``: these, and an error; ``call``: half a tool call.
    """
    server = server_of(request)
    if why == "call":
        return server.half_a_call()
    begun = server.beginning(Said(TEXT))
    return begun + server.failure() if why == "failed" else begun
