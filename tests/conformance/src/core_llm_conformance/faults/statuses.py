"""The matrix of errors: each status with the provider's own body, a page, nothing, far too much; and redirects.

What is derived of which cassette is in `scenarios.errors`; here it is made and played.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from functools import partial
from http import HTTPStatus

from pydantic import JsonValue, TypeAdapter

from core_llm import LocalProvider, ProviderError, StatusError
from core_llm._stream.plan import Clock  # noqa: PLC2701  # what a client takes as `clock`, for tests
from core_llm_conformance.cassette import Interaction
from core_llm_conformance.each import Case
from core_llm_conformance.failure import fail
from core_llm_conformance.faults import rules
from core_llm_conformance.faults.damage import HTML
from core_llm_conformance.faults.framed import leaves, with_leaf
from core_llm_conformance.faults.rules import Played
from core_llm_conformance.faults.same import MARK
from core_llm_conformance.faults.subject import Asked
from core_llm_conformance.faults.trials import AsyncPlayer, Player, in_loop
from core_llm_conformance.replay import ReplayAnswer
from core_llm_conformance.scenarios import BY_NAME
from core_llm_conformance.scenarios.errors import DERIVED, RETRY_AFTER_DATE, SHOWN_AS, DerivedError
from core_llm_conformance.target import KEY, Target

NOW = 1_760_000_000.0
"""The client's clock, in seconds since 1970."""
DATE_IN = 30
"""Seconds until the date of a Retry-After."""
REQUEST_ID = "req_conformance"
GIANT = 4 * 1024 * 1024
READ_OF_GIANT = 1024 * 1024
"""Bytes of an error's body that may be read, and less of it kept."""
MOST_SHOWN = 10_000
"""Characters of an error's text."""
_CLOCK = Clock(now=lambda: NOW)
_JSON: TypeAdapter[JsonValue] = TypeAdapter(JsonValue)
_ID_NAMES = ("x-request-id", "request-id", "apim-request-id", "x-ms-request-id")
REDIRECTS = (301, 302, 303, 307, 308)
_ELSEWHERE = "https://elsewhere.example/v1/chat"


def statuses(target: Target) -> Iterator[Case]:
    """Yield the errors to derive; none for a model in this process, which has no statuses."""
    if not isinstance(target.loaded, LocalProvider):
        for derived in DERIVED:
            yield Case(derived.id, derived)


def giants(target: Target) -> Iterator[Case]:
    """Yield the statuses of errors that come with a giant body; none for a model in this process."""
    if not isinstance(target.loaded, LocalProvider):
        for status in (400, 500):
            yield Case(str(status), status)


def redirects(target: Target) -> Iterator[Case]:
    """Yield the statuses of redirects; none for a model in this process."""
    if not isinstance(target.loaded, LocalProvider):
        for status in REDIRECTS:
            yield Case(str(status), status)


@dataclass(frozen=True, slots=True)
class _Made:
    """An error answer, and the provider's words in it (empty: it has none)."""

    answer: ReplayAnswer
    message: str


def asked_of(target: Target) -> Asked:
    """Return the plainest thing that can be asked."""
    return Asked(target, BY_NAME["text"])


def check_error_status(target: Target, derived: DerivedError) -> None:
    """Check that an error status is the error of its class, with everything that it says, streamed and plain."""
    made = _made(target, derived)
    asked = asked_of(target)
    with Player(asked, clock=_CLOCK) as player:
        results = [player.play(made.answer), player.generate(made.answer)]

    async def play() -> Played:
        async with AsyncPlayer(asked, clock=_CLOCK) as player:
            return await player.play(made.answer)

    for played in (*results, in_loop(play, "asyncio")):
        found = _always(played) or _false_status(played, derived, made)
        if found is not None:
            raise fail(
                rules.STATUS,
                f"{found}\ndone: answered with {derived.status} and {derived.body} body ({played.runner})",
                scenario=derived.id,
                received=made.answer.body.decode("utf-8", "replace"),
                look_at="decode_error of the wire format, if it has its own",
            )


def _always(played: Played) -> str | None:
    if not isinstance(played.error, StatusError):
        return f"it must be a StatusError, and is {played}"
    if place := rules.key_in(played.error):
        return f"the key is in {place}"
    if not all(body.is_closed for body in played.bodies):
        return "the answer's body is not closed"
    if len(played.requests) != 1:
        return f"{len(played.requests)} requests were sent"
    return None


def _false_status(played: Played, derived: DerivedError, made: _Made) -> str | None:
    error = played.error
    assert isinstance(error, StatusError)
    allowed = (derived.error, *SHOWN_AS.get(derived.of, ())) if _is_own(derived) else (derived.error,)
    wanted: dict[str, tuple[object, object]] = {
        "status_code": (derived.status, error.status_code),
        "phase": ("headers", error.phase),
        "request_id": (REQUEST_ID, error.request_id),
        "provider": (True, bool(error.provider)),
    }
    if not _is_own(derived) or not derived.is_retryable:  # an account that must be paid first is a 429 not retried
        wanted["is_retryable"] = (derived.is_retryable, error.is_retryable)
    if derived.retry_after is not None:
        wanted["retry_after"] = (derived.retry_after, error.retry_after)
    if not isinstance(error, allowed):
        return f"it must be a {derived.error.__name__}, and is {played}"
    for name, (right, got) in wanted.items():
        if right != got:
            return f"{name} is {got!r}, and must be {right!r}"
    if made.message not in error.message:
        return f"the provider's words, {made.message!r}, are not in the message {error.message!r}"
    return None


def _is_own(derived: DerivedError) -> bool:
    """Whether the cassette's status is that of the error, so that its words may make it a special one."""
    return derived.body == "cassette" and BY_NAME[derived.of].status == derived.status


def _made(target: Target, derived: DerivedError) -> _Made:
    shown = _error_of(target, derived.of)
    own = {} if shown is None else {name: value for name, value in shown.headers.items() if "content-type" in name}
    headers = {**own, **_request_id_header(shown), **derived.headers}
    if headers.get("retry-after") == RETRY_AFTER_DATE:
        headers["retry-after"] = formatdate(NOW + DATE_IN, usegmt=True)
    headers |= {"set-cookie": f"session={KEY}", "x-echo": f"Bearer {KEY}"}
    if derived.body == "html" or (shown is None and derived.body == "cassette"):
        page = HTML.replace(b"nginx", f"nginx saw {KEY}".encode())
        return _Made(ReplayAnswer(page, derived.status, {**headers, "content-type": "text/html"}), "")
    if derived.body == "empty" or shown is None:
        return _Made(ReplayAnswer(b"", derived.status, headers), "")
    body, message = _with_words(shown, derived)
    return _Made(ReplayAnswer(body, derived.status, headers), message)


def _error_of(target: Target, name: str) -> Interaction | None:
    """Return the provider's own answer of an error scenario, if there is a cassette."""
    if not target.has_cassette(name):
        return None
    return next(iter(target.cassette(name).interactions), None)


def _with_words(shown: Interaction, derived: DerivedError) -> tuple[bytes, str]:
    """Return the body for another status, with the key in its words, and the words.

    What in it names the old status, as a number or as the kind of error, is changed: an unknown kind leaves the status
    to say what it is.
    """
    expected = shown.head.expected
    error = None if expected is None else expected.error
    message = "" if error is None else error.message
    try:
        value = _JSON.validate_json(shown.body)
    except ValueError:
        return shown.body + f" (key {KEY})".encode(), message
    for path, leaf in leaves(value):
        if message and leaf == message:
            value = with_leaf(value, path, f"{message} (key {KEY})")
        elif derived.status != shown.status:
            if leaf == shown.status:
                value = with_leaf(value, path, derived.status)
            elif isinstance(leaf, str) and error is not None and leaf in (error.type, error.code, str(shown.status)):
                value = with_leaf(value, path, f"{MARK}_error")
    return _JSON.dump_json(value), message


def _request_id_header(shown: Interaction | None) -> Mapping[str, str]:
    """Return the request's id in the header that this provider has for it."""
    names = [name for name in _ID_NAMES if shown is not None and name in shown.headers]
    return {names[0] if names else _ID_NAMES[0]: REQUEST_ID}


def check_giant_error(target: Target, status: int) -> None:
    """Check that an error with a body without end is read and kept as far as is of use."""
    answer = ReplayAnswer(b"x" * GIANT, status, {"content-type": "text/plain"}, cut=partial(_in_blocks, size=64 * 1024))
    with Player(asked_of(target)) as player:
        played = player.play(answer)
    error, found = played.error, _always(played)
    if found is None:
        assert isinstance(error, StatusError)
        read, kept = sum(body.pieces_given for body in played.bodies) * 64 * 1024, len(f"{error!r}{error.body}")
        if read > READ_OF_GIANT or kept > MOST_SHOWN:
            found = f"{read} bytes of the body were read and {kept} characters kept"
    if found is not None:
        look_at = "decode_error of the wire format: it gets the start of the body, and keeps the start of that"
        raise fail(rules.STATUS, f"{found}\ndone: a {status} with {GIANT} bytes", look_at=look_at)


def _in_blocks(body: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


def check_redirect(target: Target, status: int) -> None:
    """Check that a redirect is an error, that nothing goes where it points, and that the key in it is not shown."""
    where = f"{_ELSEWHERE}?key={KEY}&next=1"
    answer = ReplayAnswer(HTML, status, {"location": where, "content-type": "text/html"})
    with Player(asked_of(target)) as player:
        results = [player.play(answer), player.generate(answer)]
    for played in results:
        found = _always(played)
        if found is None and isinstance(played.error, StatusError) and played.error.status_code != status:
            found = f"status_code is {played.error.status_code}"
        if found is None and isinstance(played.error, ProviderError) and played.error.is_retryable:
            found = "it says that it is worth trying again"
        if found is not None:
            name = HTTPStatus(status).phrase
            raise fail(rules.NO_REDIRECT, f"{found}\ndone: {status} {name} to another host ({played.runner})")
