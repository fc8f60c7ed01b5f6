"""Where a key could show: a server echoes it in every place that an error takes something from."""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import replace

import httpx

from core_llm import CoreLLMError, LocalProvider
from core_llm_conformance.applicability import streams
from core_llm_conformance.each import Case
from core_llm_conformance.failure import fail
from core_llm_conformance.faults import rules
from core_llm_conformance.faults.damage import injected_error
from core_llm_conformance.faults.framed import Framed, leaves, with_leaf
from core_llm_conformance.faults.rules import Played
from core_llm_conformance.faults.statuses import asked_of
from core_llm_conformance.faults.subject import Asked, Subject
from core_llm_conformance.faults.trials import Player, subjects
from core_llm_conformance.replay import ReplayAnswer
from core_llm_conformance.scenario import Shown
from core_llm_conformance.target import KEY, Target

ECHO = f"you sent Authorization: Bearer {KEY}, x-api-key: {KEY}"
Fault = Callable[[Target], tuple[Asked, ReplayAnswer | Exception]]
"""Makes what is asked and how it is answered, or what the HTTP library raises in place of an answer."""


def secret_faults(target: Target) -> Iterator[Case]:
    """Yield the ways in which a key may come back; none for a model in this process, which has no key."""
    if isinstance(target.loaded, LocalProvider):
        return
    for name, fault in _FAULTS.items():
        yield Case(name, fault)
    if any(True for _ in streams(target)):
        for name, spoil in _IN_STREAM.items():
            yield Case(name, _in_first_stream(spoil))


def check_no_secret(target: Target, fault: Fault) -> None:
    """Check that the key is in no text of the error, and in nothing that is logged or printed meanwhile."""
    asked, answer = fault(target)
    log = io.StringIO()
    with _everything_to(log):
        for play in (_streamed, _plain):
            played = play(asked, answer)
            if played.is_success:
                continue  # whether it may be one is another test's question
            if not isinstance(played.error, CoreLLMError):
                raise _failure(f"it must be an error of core_llm, and is {played}", played)
            if place := rules.key_in(played.error):
                raise _failure(f"the key is in {place} of {type(played.error).__name__}", played)
    if rules.shows_key(log.getvalue()):
        line = next(line for line in log.getvalue().splitlines() if rules.shows_key(line))
        raise fail(rules.NO_SECRET, f"the key was logged, warned of or printed: {line[:200]}")


def _failure(found: str, played: Played) -> Exception:
    look_at = "attributes and messages that the plugin gives an error of its own; those of core_llm are redacted"
    return fail(rules.NO_SECRET, f"{found}\ndone: the server echoed the key ({played.runner})", look_at=look_at)


def _streamed(asked: Asked, answer: ReplayAnswer | Exception) -> Played:
    return _played(asked, answer, is_stream=True)


def _plain(asked: Asked, answer: ReplayAnswer | Exception) -> Played:
    """Return what a plain call comes to; a streamed body is no plain answer, which is an error too."""
    return _played(asked, answer, is_stream=False)


def _played(asked: Asked, answer: ReplayAnswer | Exception, *, is_stream: bool) -> Played:
    if isinstance(answer, ReplayAnswer):
        with Player(asked) as player:
            return player.play(answer) if is_stream else player.generate(answer)
    played = Played(runner="sync" if is_stream else "sync, plain")
    with httpx.Client(transport=_Failing(answer), trust_env=False) as http, asked.target.client(http) as client:
        try:
            if is_stream:
                with client.stream(asked.model_id, asked.prompt, **asked.options()):
                    played.is_success = True
            else:
                client.generate(asked.model_id, asked.prompt, **asked.options())
                played.is_success = True
        except Exception as error:  # noqa: BLE001  # whatever comes out is judged
            played.error = error
    return played


class _Failing(httpx.BaseTransport):
    """Fails as the HTTP library does, without an answer."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def handle_request(self, request: httpx.Request) -> httpx.Response:  # noqa: ARG002  # the library's signature
        raise self._error


def _status(status: int, body: bytes, **headers: str) -> Fault:
    return lambda target: (asked_of(target), ReplayAnswer(body, status, headers))


def _raises(error: Exception) -> Fault:
    return lambda target: (asked_of(target), error)


_JSON_ECHO = json.dumps({"error": {"message": ECHO, "type": ECHO, "code": KEY, "param": {"key": KEY}}}).encode()
_FAULTS: dict[str, Fault] = {
    "401-json": _status(401, _JSON_ECHO),
    "400-text": _status(400, ECHO.encode()),
    "500-html": _status(500, f"<html><title>{ECHO}</title></html>".encode()),
    "429-headers": _status(429, b"{}", **{"x-request-id": KEY, "retry-after": KEY, "x-ratelimit-key": KEY}),
    "302-location": _status(302, b"", location=f"https://elsewhere.example/?key={KEY}"),
    "200-json-error": _status(200, _JSON_ECHO, **{"content-type": "application/json"}),
    "200-rubbish": _status(200, ECHO.encode()),
    "connect": _raises(httpx.ConnectError(ECHO)),
    "protocol": _raises(httpx.RemoteProtocolError(ECHO)),
    "timeout": _raises(httpx.ReadTimeout(ECHO)),
}


def _in_first_stream(spoil: Callable[[Subject], Framed]) -> Fault:
    def fault(target: Target) -> tuple[Asked, ReplayAnswer]:
        case = next(streams(target))
        assert isinstance(case.value, Shown)
        subject = next(subjects(target, case.value))
        return subject, replace(subject.answer(spoil(subject)), status=200)

    return fault


def _with_error(subject: Subject) -> Framed:
    """Return the stream with the provider's own error in its middle, every text of which is an echo."""
    error, at = injected_error(subject), min(subject.marker, (subject.delta() or 0) + 1)
    value = error.piece.value
    for path, leaf in leaves(value):
        if leaf == error.message:
            value = with_leaf(value, path, ECHO)
    return subject.framed.first(at).with_inserted(at, subject.framed.piece(value, error.piece.name))


def _with_rubbish(subject: Subject) -> Framed:
    """Return the stream with a frame that is no JSON and holds the key."""
    at = min(subject.marker, (subject.delta() or 0) + 1)
    rubbish = subject.framed.piece_of(f'{{"key": "{KEY}", '.encode())
    return subject.framed.first(at).with_inserted(at, rubbish)


def _with_wrong_types(subject: Subject) -> Framed:
    """Return the stream with a frame whose texts are all objects that hold the key: what raises will show some."""
    at = subject.delta() or 0
    value = subject.framed.pieces[at].value
    for path, leaf in leaves(value):
        if isinstance(leaf, str) and path[-1:] != ("type",):
            value = with_leaf(value, path, {KEY: [KEY]})
    spoilt = subject.framed.piece(value, subject.framed.pieces[at].name)
    return subject.framed.first(at).with_inserted(at, spoilt)


_IN_STREAM: dict[str, Callable[[Subject], Framed]] = {
    "error-in-stream": _with_error,
    "rubbish-in-stream": _with_rubbish,
    "wrong-types-in-stream": _with_wrong_types,
}


@contextmanager
def _everything_to(log: io.StringIO) -> Iterator[None]:
    """Gather what is logged by anybody at any level, printed, and warned of."""
    root = logging.getLogger()
    handler, level = logging.StreamHandler(log), root.level
    with redirect_stdout(log), redirect_stderr(log), warnings.catch_warnings(record=True) as warned:
        root.addHandler(handler)
        root.setLevel(logging.DEBUG)
        try:
            yield
        finally:
            root.removeHandler(handler)
            root.setLevel(level)
    log.writelines(f"{warning.message}\n" for warning in warned)
