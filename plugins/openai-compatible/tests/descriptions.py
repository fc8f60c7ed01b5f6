"""What compatible servers answer where no recording of one is at hand, after the reference of llama.cpp's server."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import ClassVar

from core_llm_conformance.documented import ChatBodies, Failed, describe
from core_llm_conformance.documented.said import JsonObject
from core_llm_conformance.recording import Description
from core_llm_conformance.target import Target

DATE = dt.date(2026, 11, 22)
REFERENCE = "https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md"
BROKEN = Failed(200, "The model could not go on.", "server_error", "500")
ERRORS = {
    "error_400": Failed(400, "temperature is out of range.", "invalid_request_error", "400"),
    "error_401": Failed(401, "The API key is wrong.", "authentication_error", "401"),
    "error_404": Failed(404, "There is no such model.", "not_found_error", "404"),
    "error_429": Failed(429, "Too many requests are waiting.", "rate_limit_error", "429"),
    "error_500": Failed(500, "The model could not be run.", "server_error", "500"),
    "error_mid_stream": replace(BROKEN, after="Hello, it"),
    "error_first_event": BROKEN,
}
NEVER = ("error_in_200", "citations", "refusal", "video_input", "document_input")
"""No server that runs open models has these."""


class CompatibleBodies(ChatBodies):
    """Reasoning has a field of its own, vectors are lists, and an error has its number in its code."""

    owner: ClassVar[str] = "llamacpp"
    reasons: ClassVar[Mapping[str, str]] = {}

    def beside(self, kind: str) -> JsonObject:  # noqa: ARG002  # the base's
        """Return which build answers."""
        return {"system_fingerprint": "b10434"}

    def reasoning(self, text: str, seal: str) -> JsonObject:  # noqa: ARG002  # nothing is sealed
        """Return the text of reasoning."""
        return {"reasoning_content": text}

    def error_object(self, failed: Failed) -> JsonObject:
        """Return an error."""
        return {"error": {"code": int(failed.code or "500"), "message": failed.message, "type": failed.type}}

    def expected_error(self, failed: Failed) -> JsonObject:
        """Return what a plugin has to make of an error."""
        error: JsonObject = {"kind": "provider", "message": failed.message, "code": failed.code}
        return {"text": failed.after, "error": {**error, "status": int(failed.code or "500")}}


def described(target: Target) -> Iterator[Description]:
    """Describe everything; where a cassette was recorded, that one stays."""
    return describe(target, CompatibleBodies, source=REFERENCE, date=DATE, errors=ERRORS, without=NEVER)
