"""Answers that no server should send, and some do: odd fields, missing ones, bodies that hold no answer at all.

The frames of the plugin's own cassettes are changed one field at a time, each kind of field once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import httpx

from core_llm import (
    CoreLLMError,
    MalformedResponseError,
    Response,
    StatusError,
    StreamGrammarError,
    check_events,
)
from core_llm.wire import Frame, Framing
from core_llm_conformance.contract.guard import HangingError, guarded
from core_llm_conformance.contract.purity import ERRORS, decode
from core_llm_conformance.contract.samples import Answer, answers
from core_llm_conformance.failure import fail
from core_llm_conformance.faults.framed import DISCRIMINATORS, discriminator
from core_llm_conformance.replay import Replay, ReplayAnswer, ReplayTransport
from core_llm_conformance.target import Target

Steps = tuple[str | int, ...]
ODD: Mapping[str, object] = {
    "null": None,
    "a text": "odd",
    "a number": 7,
    "a truth": True,
    "a list": [[]],
    "an object": {"odd": 1},
}
"""What a field is replaced with."""
MISSING = "missing"
ABSENT = (MISSING, "null")
CHANGES = (MISSING, *ODD)
UNGUARDED = (AttributeError, TypeError, KeyError, IndexError, NameError, UnboundLocalError, RecursionError)
"""What reading without a guard ends in."""
GARBAGE: Mapping[str, bytes] = {
    "nothing": b"",
    "blank lines": b"\n\n\n",
    "an empty object": b"{}",
    "null": b"null",
    "a list": b"[]",
    "a text": b'"hello"',
    "a number": b"0",
    "a page of HTML": b"<!doctype html><html><body>502 Bad Gateway</body></html>",
    "bytes that are no UTF-8": b"\xff\xfe\x00\x01",
    "half an object": b'{"id": "x", "cho',
    "lists in lists": b"[" * 500 + b"]" * 500,
}
BODIES: Sequence[bytes] = (
    *GARBAGE.values(),
    b'{"error": null}',
    b'{"error": "no"}',
    b'{"error": []}',
    b'{"error": {"message": null, "code": {}, "type": 1}}',
    b'{"error": {"message": ["a", "b"], "details": [null, 1, "x", {"@type": 3}]}}',
    b'{"message": {"error": {"error": {}}}}',
    b'{"detail": [{"loc": null, "msg": 3}]}',
    b'[{"error": {"message": "in a list"}}]',
)
HEADERS: Sequence[Mapping[str, str]] = (
    {},
    {"retry-after": "soon"},
    {"retry-after": "-1"},
    {"retry-after": "Wed, 99 Nov 2026 07:28:00 GMT"},
    {"retry-after-ms": "x"},
    {"content-type": "text/html", "x-request-id": ""},
)


@dataclass(frozen=True, slots=True)
class Odd:
    """One changed answer.

    Attributes:
        what: Which field was changed, and into what.
        number: Of the frame.
        frames: All of them.
    """

    what: str
    number: int
    frames: tuple[Frame, ...]


def as_body(frames: Sequence[Frame], framing: Framing) -> bytes:
    """Return frames as the bytes that they would come in."""
    match framing:
        case "sse":
            return b"".join(_event(frame) for frame in frames)
        case "json_array":
            return b"[" + b",".join(frame.data for frame in frames) + b"]"
        case _:
            return b"".join(frame.data + b"\n" for frame in frames)


def _event(frame: Frame) -> bytes:
    name = f"event: {frame.event}\n".encode() if frame.event else b""
    return name + b"".join(b"data: " + line + b"\n" for line in frame.data.split(b"\n")) + b"\n"


def odd_answers(found: Iterator[Answer], changes: Sequence[str] = CHANGES) -> Iterator[tuple[Answer, Odd]]:
    """Yield every answer with one field changed; a field of the same place, in objects of the same kinds, only once."""
    seen: set[tuple[object, ...]] = set()
    for answer in found:
        frames = answer.frames or (Frame(answer.body),)
        values = [_parsed(frame.data) for frame in frames]
        words = tuple(dict.fromkeys((*DISCRIMINATORS, discriminator(values) or "")))
        for number, value in enumerate(values):
            for path, place in _places(value, words) if isinstance(value, dict) else ():
                key = (answer.mode, frames[number].event, place)
                if key not in seen:
                    seen.add(key)
                    yield from ((answer, _changed(frames, number, value, path, how)) for how in changes)


def _parsed(data: bytes) -> Any:  # noqa: ANN401  # JSON
    try:
        return json.loads(data)
    except ValueError:
        return None


def _places(
    value: Any,  # noqa: ANN401  # JSON
    words: Sequence[str],
    path: Steps = (),
    around: tuple[object, ...] = (),
) -> Iterator[tuple[Steps, object]]:
    """Yield the path of everything in a value, and what tells its place from others.

    That is the way there without positions in lists, and of each object on it the names of its fields and what it says
    it is, in the fields `words`: a decoder reads the same field of two kinds of objects in two places.
    """
    if isinstance(value, dict):
        kinds = tuple(value[word] for word in words if isinstance(value.get(word), str))
        around = (*around, tuple(sorted(value)), kinds)
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, one in inner:
        place = (*around, step if isinstance(step, str) else "*")
        yield (*path, step), place
        yield from _places(one, words, (*path, step), place)


def _changed(frames: Sequence[Frame], number: int, value: object, path: Steps, how: str) -> Odd:
    frame = Frame(json.dumps(_with(value, path, how)).encode(), frames[number].event)
    return Odd(
        f"{'.'.join(map(str, path))} {'is ' if how != MISSING else ''}{how}",
        number,
        (*frames[:number], frame, *frames[number + 1 :]),
    )


def _with(value: Any, path: Steps, how: str) -> object:  # noqa: ANN401  # JSON
    """Return a value with one place in it changed; what is beside the way there is not copied."""
    changed, step, rest = value.copy(), path[0], path[1:]
    if rest:
        changed[step] = _with(value[step], rest, how)
    elif how == MISSING:
        del changed[step]
    else:
        changed[step] = ODD[how]
    return changed


class _Player:
    """A client of the plugin that is answered with one body after the other."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._transport = ReplayTransport(Replay())
        self._http = httpx.Client(transport=self._transport, trust_env=False)
        self._client = target.client(self._http)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()
        self._http.close()

    def play(self, body: bytes, *, model: str, is_stream: bool, headers: Mapping[str, str]) -> Response | CoreLLMError:
        """Answer a call with a body; return what it came to."""
        self._transport.replay = Replay(ReplayAnswer(body, headers=headers))
        try:
            with guarded():
                if not is_stream:
                    return self._client.generate(f"{self._target.name}:{model}", "Hi")
                with self._client.stream(f"{self._target.name}:{model}", "Hi") as stream:
                    for _ in check_events(stream):
                        pass
        except StreamGrammarError:
            raise
        except CoreLLMError as error:
            return error
        return stream.response


def check_odd_fields_break_nothing(target: Target) -> None:
    """Raise unless an answer with one odd field is an error of the core's tree, or a response whose values are sound.

    Raises:
        ConformanceFailure: It is something else.
    """
    rule = "an answer with an odd field is malformed at worst: no other exception, no response with wrong values in it"
    with _Player(target) as player:
        for answer, odd in odd_answers(answers(target)):
            body = as_body(odd.frames, answer.framing) if answer.mode == "stream" else odd.frames[0].data
            problem = _played(player, answer, body)
            if problem is not None:
                raise fail(
                    rule,
                    f"{odd.what}: {problem}",
                    scenario=f"{answer.name}-{answer.mode}",
                    event=odd.number,
                    received=odd.frames[odd.number].data.decode("utf-8", "replace"),
                    look_at="the decoder: core_llm.wire has as_object, as_objects, as_text for what may be anything",
                )


def _played(player: _Player, answer: Answer, body: bytes) -> str | None:
    is_stream, headers = answer.mode == "stream", dict(answer.headers)
    try:
        outcome = player.play(body, model=answer.request.model, is_stream=is_stream, headers=headers)
    except (Exception, HangingError) as error:  # noqa: BLE001  # a plugin may raise anything
        return f"{type(error).__name__}: {error}"
    return unsound(outcome) if isinstance(outcome, Response) else None


def unsound(response: Response) -> str | None:
    """Return what is wrong with the values of a response, None if nothing: it must survive being stored."""
    try:
        stored = response.model_dump_json(warnings="error")
        if Response.model_validate_json(stored) != response:
            return "the response is another after it was stored and read"
    except ValueError as error:  # pydantic's own are
        return f"the response has a value of a wrong type: {' '.join(str(error).split())[:300]}"
    return None


def check_fields_are_read_with_guards(target: Target) -> None:
    """Raise if a field that is null or missing makes the decoder stumble, in place of passing over it or saying so.

    Raises:
        ConformanceFailure: It stumbles: the user would read of an AttributeError.
    """
    rule = "a field that is null or missing is passed over, or is an error that says what is missing"
    for answer, odd in odd_answers(answers(target), ABSENT):
        changed = Answer(
            answer.name,
            answer.mode,
            answer.request,
            answer.framing,
            answer.status,
            answer.headers,
            odd.frames[0].data,
            odd.frames,
        )
        try:
            with guarded():
                decode(target, changed)
        except (*UNGUARDED, HangingError) as error:
            raise fail(
                rule,
                f"{odd.what}: {type(error).__name__}: {error}",
                scenario=f"{answer.name}-{answer.mode}",
                event=odd.number,
                received=odd.frames[odd.number].data.decode("utf-8", "replace"),
                look_at=_line_of(error),
            ) from None
        except Exception:  # noqa: BLE001, S112  # an error in words, or one that the other test judges
            continue


def _line_of(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace is not None else ""


def check_garbage_is_no_answer(target: Target) -> None:
    """Raise unless a body with status 200 that holds no answer is an error.

    Raises:
        ConformanceFailure: It is a success, or something else than an error of the core's tree.
    """
    rule = "a body that holds no answer is an error, never a response without text"
    with _Player(target) as player:
        for what, body in GARBAGE.items():
            for is_stream in (True, False):
                for as_event in (False, True) if is_stream else (False,):
                    played = b"data: " + body.replace(b"\n", b" ") + b"\n\n" if as_event else body
                    kind = "text/event-stream" if is_stream else "application/json"
                    try:
                        outcome: object = player.play(
                            played, model=target.model, is_stream=is_stream, headers={"content-type": kind}
                        )
                    except (Exception, HangingError) as error:  # noqa: BLE001  # a plugin may raise anything
                        outcome = error
                    if not isinstance(outcome, CoreLLMError):
                        form = "a stream" if is_stream else "a plain answer"
                        found = f"{form} of {what} comes to {_told(outcome)}"
                        raise fail(
                            rule, found, received=played[:200].decode("utf-8", "replace"), look_at=_advice(is_stream)
                        )


def _told(outcome: object) -> str:
    if isinstance(outcome, Response):
        return f"a success: finish_reason={outcome.finish_reason!r}, text={outcome.text!r}"
    return f"{type(outcome).__name__}: {outcome}"


def _advice(is_stream: bool) -> str:  # noqa: FBT001  # a word for a truth
    if is_stream:
        return "the decoder: is_complete is set by the wire's terminal marker alone"
    return (
        f"decode_response: raise {MalformedResponseError.__name__} where the field that holds the answer is not there"
    )


def check_error_of_any_shape_is_decoded(target: Target) -> None:
    """Raise unless `decode_error` makes a StatusError of any status, headers and body.

    Raises:
        ConformanceFailure: It raises, or returns something else.
    """
    rule = "decode_error never raises: whatever a proxy or a server sends is a StatusError of that status"
    wire = target.loaded.wire(target.model)
    where = f"{type(wire).__qualname__}.decode_error"
    recorded = [answer.body for answer in answers(target, statuses=ERRORS)]
    for status in (*ERRORS, 418, 599):
        for headers in HEADERS:
            for body in (*BODIES, *recorded):
                try:
                    with guarded():
                        error: object = wire.decode_error(status, headers, body)
                except (Exception, HangingError) as raised:  # noqa: BLE001  # a plugin may raise anything
                    found = f"{type(raised).__name__}: {raised}"
                    raise fail(
                        rule, found, received=f"{status} {dict(headers)} {body!r}", look_at=_line_of(raised)
                    ) from None
                if not isinstance(error, StatusError) or error.status_code != status:
                    raise fail(rule, f"it returns {error!r}", received=f"{status} {body!r}", look_at=where)
