"""Decoders that trust what a server sends are found out by what none should send."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from core_llm import Request, Response, StatusError, StreamEvent, Usage
from core_llm.wire import ChatDecoder, Frame, JSONObject, JSONValue, decode_status_error
from core_llm_conformance.contract.broken_frames import (
    as_body,
    check_error_of_any_shape_is_decoded,
    check_fields_are_read_with_guards,
    check_garbage_is_no_answer,
    check_odd_fields_break_nothing,
    odd_answers,
    unsound,
)
from core_llm_conformance.contract.samples import answers, frames_of
from core_llm_conformance.target import Target

from .probing import finding, of
from .twin.acme import Acme, AcmeWire
from .twin.zenith import Zenith


def decoded_by(decoder: type[ChatDecoder]) -> Target:
    """Return the good twin with another decoder."""
    wire = type("Wire", (AcmeWire,), {"decoder_type": decoder})
    return of(type("Changed", (Acme,), {"wire_format": wire}))


def test_the_twins_stand_anything() -> None:
    """A wire of the core, and one of its own."""
    zenith = Target(Zenith, "zenith-1", cassettes=of(Acme).cassettes.parent / "zenith")
    for target in (of(Acme), zenith):
        check_error_of_any_shape_is_decoded(target)
        check_fields_are_read_with_guards(target)
        check_garbage_is_no_answer(target)
        check_odd_fields_break_nothing(target)


@pytest.mark.parametrize("framing", ["sse", "ndjson", "json_array"])
def test_frames_become_bytes_again(framing: str) -> None:
    """What was taken apart is put together."""
    frames = [Frame(b'{"a": 1}'), Frame(b'{"b": 2}')]
    assert frames_of(as_body(frames, framing), framing) == frames  # type: ignore[arg-type]  # one of the three


def test_every_field_is_changed_once() -> None:
    """Each kind of field is null, missing and of each other type, whichever cassette has it first."""
    changes = [odd.what for _, odd in odd_answers(answers(of(Acme)))]
    assert "choices.0.delta.content is null" in changes
    assert "choices.0.delta missing" in changes
    assert "choices.0.delta.tool_calls.0.index is a text" in changes
    assert 500 < len(changes) < 5_000


class Unguarded(ChatDecoder):
    """A decoder that takes choices and their index for granted."""

    def feed_object(self, chunk: JSONValue, event: str = "", *, content: str = "delta") -> Sequence[StreamEvent]:
        """Take a frame."""
        for choice in chunk.get("choices", []):  # type: ignore[union-attr]  # that is the fault
            choice["index"]  # type: ignore[index, call-overload]  # and that
        return super().feed_object(chunk, event, content=content)


def test_fields_without_guards() -> None:
    """A choice that is missing is no TypeError."""
    found = finding(lambda: check_fields_are_read_with_guards(decoded_by(Unguarded)))
    assert found.found == "choices is null: TypeError: 'NoneType' object is not iterable"
    assert found.look_at.startswith(__file__)


class Trusting(ChatDecoder):
    """A decoder that hands on whatever stands where the id should."""

    def feed(self, frame: Frame) -> Sequence[StreamEvent]:
        """Take a frame."""
        events = super().feed(frame)
        self.usage = Usage.model_construct(input_tokens="many")
        return events


def test_values_that_are_not_what_they_should_be() -> None:
    """A response must survive being stored."""
    found = finding(lambda: check_odd_fields_break_nothing(decoded_by(Trusting))).found
    assert "the response has a value of a wrong type" in found


def test_a_sound_response() -> None:
    """Nothing is wrong with an empty one."""
    assert unsound(Response(finish_reason="stop", is_complete=True)) is None


class Early(ChatDecoder):
    """A decoder that takes any frame for the last one."""

    def feed(self, frame: Frame) -> Sequence[StreamEvent]:
        """Take a frame."""
        self.is_complete, self.finish_reason = True, "stop"
        return super().feed(frame)


def test_a_success_of_nothing() -> None:
    """What has no marker is no answer, however it is framed."""
    found = finding(lambda: check_garbage_is_no_answer(decoded_by(Early))).found
    assert found == "a stream of blank lines comes to a success: finish_reason='stop', text=''"


def test_a_plain_success_of_nothing() -> None:
    """An empty object is no plain answer either."""

    class Wire(AcmeWire):
        def decode_response(self, body: JSONObject, request: Request) -> Response:
            return super().decode_response(body, request) if body else Response(is_complete=True)

    made = of(type("Changed", (Acme,), {"wire_format": Wire}))
    found = finding(lambda: check_garbage_is_no_answer(made)).found
    assert "of an empty object comes to a success: finish_reason=None" in found


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("body.decode()['error']", "TypeError"),
        ("__import__('json').loads(body)['error']['message']", "JSONDecodeError"),
        ("int(headers.get('retry-after', 0))", "ValueError"),
        ("{400: 1, 401: 1, 403: 1, 404: 1, 408: 1, 413: 1, 422: 1, 429: 1, 500: 1, 502: 1}[status]", "KeyError"),
    ],
)
def test_errors_that_make_errors(fault: str, told: str) -> None:
    """An HTML page, a date, an unknown status: none of them may hide what happened."""

    class Wire(AcmeWire):
        def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> StatusError:
            eval(fault, {"status": status, "headers": headers, "body": body})  # noqa: S307  # the test's own text
            return decode_status_error(status, headers, body)

    made = of(type("Changed", (Acme,), {"wire_format": Wire}))
    assert finding(lambda: check_error_of_any_shape_is_decoded(made)).found.startswith(told)
