"""Broken in errors: swallowed, hidden, of another class, at another time, with the key in them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from core_llm import BadRequestError, ServerError, StatusError, StreamEvent
from core_llm.wire import ChatDecoder, Frame, JSONObject, JSONValue, as_object, as_text, make_status_error

from ..twin.acme import AcmeWire
from ..twin.zenith import ZenithDecoder, ZenithWire
from .bugs import bug


def as_vllm_says_it(cassettes: Path) -> None:
    """Let the error in mid-stream be told by its object, as vLLM does."""
    path = cassettes / "error_mid_stream.yaml"
    text = path.read_text(encoding="utf-8")
    head, _, stream = text.rpartition('data: {"error": {')
    end = stream.index("}}")
    told = f'data: {{"object": "error", {stream[:end]}}}{stream[end + 2 :]}'
    path.write_text(head + told, encoding="utf-8")


@bug(
    "the measured field: mid-stream errors, 4 of 6 swallow them",
    "test_error[error_mid_stream-stream]",
    says="StreamInterru",
)
class SwallowedError(AcmeWire):
    """An error in the stream is a frame without choices, and passed over."""

    def find_error(self, frame: JSONObject, event: str = "") -> JSONValue:  # noqa: ARG002  # of the contract
        """Find none."""
        return None


@bug(
    "wire-quirks, OpenAI Chat: vLLM's form `{'object': 'error'}`",
    "test_error[error_mid_stream-stream]",
    says="an error of the provider is raised as what it is",
    edit=as_vllm_says_it,
)
class SwallowedErrorObject(AcmeWire):
    """An error that calls itself one in `object`, and has no field `error`, is passed over."""

    def find_error(self, frame: JSONObject, event: str = "") -> JSONValue:  # noqa: ARG002  # of the contract
        """Look into one field alone."""
        return frame.get("error")


@bug("users-pains 6: langchainjs#11699", "test_error[error_mid_stream-stream]", says="success")
class ErrorIsText(ZenithDecoder):
    """The words of an error are handed on as the answer's text."""

    def feed_object(self, line: JSONObject) -> Sequence[StreamEvent]:
        """Take a line."""
        if line.get("line") != "error":
            return super().feed_object(line)
        self.is_complete = self.is_done = True
        self.finish_reason = "stop"
        return self.parts.text(as_text(line.get("words")))


@bug("users-pains 31: Portkey#1047", "test_error[error_in_200-plain]", says="MalformedResponseError")
class PlainErrorUnseen(ZenithWire):
    """An error inside of a 200 is looked for in streams alone."""

    def decode_response(self, body: JSONObject, request: object) -> object:  # type: ignore[override]  # the bug
        """Return the answer."""
        return super().decode_response({**body, "line": None}, request)  # type: ignore[arg-type]  # it is a Request


@bug("users-pains 10: ruby_llm#751", "test_error_status[400]", says="words")
class MessageHidden(AcmeWire):
    """Every error says that something went wrong."""

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> StatusError:  # noqa: ARG002
        """Return an error with words of its own."""
        return make_status_error(status, "Error from the provider", headers=headers)


@bug("users-pains 29, 31: ruby_llm#688", "test_error_status[429]", says="RateLimitError")
class RateLimitIsABadRequest(AcmeWire):
    """A 429 is the caller's mistake, as every other 4xx."""

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> StatusError:
        """Return an error of one of two classes."""
        error = super().decode_error(status, headers, body)
        kind = BadRequestError if status < 500 else ServerError
        return _as(kind, error)


@bug("wire-quirks, Anthropic: overloaded would be 529", "test_error_status[529]", says="OverloadedError")
class OverloadIsABreakdown(AcmeWire):
    """A 529 is a failure of the server, and no overload."""

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> StatusError:
        """Return an error."""
        error = super().decode_error(status, headers, body)
        return _as(ServerError, error) if status == 529 else error


@bug("users-pains 13: reported as APIConnectionError", "test_error_status[404]", says="NotFoundError")
class NotFoundIsTheServers(AcmeWire):
    """A model that is not there is a failure of the server, which is tried again."""

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> StatusError:
        """Return an error."""
        error = super().decode_error(status, headers, body)
        return _as(ServerError, error) if status == 404 else error


@bug("users-pains 29: Retry-After misread", "test_error_status[429-milliseconds]", says="retry_after is 1500.0")
class MillisecondsAsSeconds(AcmeWire):
    """A time to wait in milliseconds is taken for seconds."""

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> StatusError:
        """Return an error that says how long to wait."""
        error = super().decode_error(status, headers, body)
        wait = headers.get("retry-after-ms", headers.get("retry-after", ""))
        error.retry_after = float(wait) if wait.isdigit() else None
        return error


@bug("users-pains 29: litellm#4387", "test_error_status[429-date]", says="retry_after is 0.0")
class DateIgnored(AcmeWire):
    """A time to wait that is a date is no time."""

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> StatusError:
        """Return an error that says how long to wait."""
        error = super().decode_error(status, headers, body)
        if wait := headers.get("retry-after"):
            error.retry_after = float(wait) if wait.isdigit() else 0.0
        return error


@bug("users-pains 13 of the recommendations: request id", "test_error_status[500]", says="request_id is None")
class RequestIdLost(AcmeWire):
    """What the support would ask for first is thrown away."""

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> StatusError:
        """Return an error without the headers that nobody reads."""
        told = {name: value for name, value in headers.items() if name.startswith(("retry", "content"))}
        return super().decode_error(status, told, body)


@bug("users-pains 10: NoMethodError instead of error", "test_error_of_any_shape_is_decoded", says="JSONDecodeError")
class OnlyJsonErrors(AcmeWire):
    """An error whose body is a proxy's page raises of its own."""

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> StatusError:
        """Return an error."""
        message = json.loads(body)["error"]["message"]
        return make_status_error(status, message, headers=headers)


@bug("users-pains 29: what must not be tried again is", "test_error_status[400]", says="is_retryable is True")
class EverythingIsTriedAgain(AcmeWire):
    """A bad request is said to be worth trying again."""

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> StatusError:
        """Return an error."""
        return super().decode_error(status, {**headers, "x-should-retry": "true"}, body)


@bug("users-pains 4: litellm#29223, errors yielded as events", "test_error[error_first_event-stream]", says="success")
class FirstErrorIsPreamble(ChatDecoder):
    """The first frame is taken for the announcement of the answer, whatever it says."""

    _has_begun_reading = False

    def feed(self, frame: Frame) -> Sequence[StreamEvent]:
        """Take the next frame, not the first."""
        if not self._has_begun_reading:
            self._has_begun_reading = True
            self.is_complete = b"error" in frame.data
            return ()
        return super().feed(frame)


@bug(
    "wire-quirks, OpenRouter: an error after the reason",
    "test_error_after_any_event[text-stream]",
    says="swallowed: a success",
)
class ErrorOnlyWithoutText(ZenithDecoder):
    """An error that comes when something was said already ends the answer as if it were whole."""

    _has_said = False

    def feed_object(self, line: JSONObject) -> Sequence[StreamEvent]:
        """Take a line."""
        if line.get("line") == "error" and self._has_said:
            self.is_complete = self.is_done = True
            self.finish_reason = "stop"
            return ()
        self._has_said = self._has_said or line.get("line") == "say"
        return super().feed_object(line)


@bug("users-pains 10: a nested object is shown in place of its words", "test_error[error_400-plain]", says="words")
class ErrorTypeForMessage(ZenithWire):
    """What an error is called is taken for what it says."""

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> StatusError:
        """Return an error."""
        try:
            error = as_object(json.loads(body).get("error"))
        except (ValueError, AttributeError):
            return super().decode_error(status, headers, body)
        what = as_text(error.get("what"))
        return (
            make_status_error(status, what, code=what, headers=headers)
            if what
            else super().decode_error(status, headers, body)
        )


def _as(kind: type[StatusError], error: StatusError) -> StatusError:
    return kind(
        error.message,
        status_code=error.status_code,
        headers=error.headers,
        body=error.body,
        code=error.code,
        request_id=error.request_id,
        phase=error.phase,
    )
