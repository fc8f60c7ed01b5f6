"""Every provider's errors come as the right class, whatever the body: its own object, a page of HTML, nothing.

Composed, for few of these statuses were ever recorded; the recorded ones are in `test_recordings`.
"""

from __future__ import annotations

import json

import pytest

from core_llm import CoreLLMError, MalformedResponseError, Response, StatusError, StreamInterruptedError
from core_llm.wire import JSONObject
from core_llm_conformance.compare import ERROR_OF_STATUS
from core_llm_conformance.replay import ReplayAnswer
from core_llm_conformance.script import sse_event
from core_llm_conformance.through import through_client
from core_llm_conformance.wires import SPEAKERS, Speaker

STATUSES = (400, 401, 403, 404, 413, 429, 500, 503, 529)
HTML = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
OBJECTS: dict[str, JSONObject] = {
    "anthropic": {"type": "error", "error": {"type": "api_error", "message": "It broke."}},
    "chat": {"error": {"message": "It broke.", "type": "server_error", "param": None, "code": None}},
    "gemini": {"error": {"code": 500, "message": "It broke.", "status": "INTERNAL"}},
    "ollama": {"error": "It broke."},
    "responses": {"error": {"message": "It broke.", "type": "server_error", "param": None, "code": None}},
}
"""Wire → an error as its providers write it."""
PROVIDERS = [
    pytest.param(wire, speaker, id=f"{wire}-{speaker.provider or 'any'}") for (wire, _), speaker in SPEAKERS.items()
]
each_provider = pytest.mark.parametrize(("wire", "speaker"), PROVIDERS)
either_way = pytest.mark.parametrize("is_stream", [False, True], ids=["plain", "stream"])


def called(speaker: Speaker, answer: ReplayAnswer, *, is_stream: bool) -> Response | CoreLLMError:
    """Return what a call came to that was answered so."""
    return through_client(answer, speaker.load(), is_stream=is_stream)


@pytest.mark.parametrize("status", STATUSES)
@either_way
@each_provider
def test_each_status_has_its_class(wire: str, speaker: Speaker, status: int, *, is_stream: bool) -> None:
    """With the provider's words, the request's id and the time to wait, from an object; and from HTML and nothing."""
    headers = {"x-request-id": "req_1", "request-id": "req_1", "retry-after": "7"}
    for body in (json.dumps(OBJECTS[wire]).encode(), HTML, b""):
        error = called(speaker, ReplayAnswer(body, status, headers), is_stream=is_stream)
        assert isinstance(error, ERROR_OF_STATUS[status])
        assert (error.status_code, error.request_id, error.retry_after) == (status, "req_1", 7.0)
        assert body.startswith(b"{") == ("It broke." in error.message)


@either_way
@each_provider
def test_an_error_inside_a_success_raises(wire: str, speaker: Speaker, *, is_stream: bool) -> None:
    """The status says 200, and the only object of the answer is an error."""
    inside = OBJECTS[wire]
    body = json.dumps(inside).encode()
    if is_stream:
        event = {"type": "error", **inside} if wire == "responses" else inside
        body = body + b"\n" if wire == "ollama" else sse_event(event)
    error = called(speaker, ReplayAnswer(body, headers=_type_of(wire, is_stream=is_stream)), is_stream=is_stream)
    assert isinstance(error, StatusError)
    assert "It broke." in error.message


@pytest.mark.parametrize("body", [HTML, b""], ids=["HTML", "empty"])
@either_way
@each_provider
def test_what_is_no_answer_is_no_success(wire: str, speaker: Speaker, body: bytes, *, is_stream: bool) -> None:
    """A page of a proxy, or nothing, with status 200."""
    error = called(speaker, ReplayAnswer(body, headers=_type_of(wire, is_stream=is_stream)), is_stream=is_stream)
    assert isinstance(error, MalformedResponseError | StreamInterruptedError)


def _type_of(wire: str, *, is_stream: bool) -> dict[str, str]:
    streamed = "application/x-ndjson" if wire == "ollama" else "text/event-stream"
    return {"content-type": streamed if is_stream else "application/json"}
