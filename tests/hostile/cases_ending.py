"""Cases in which the connection ends, or falls silent, at every class of byte offset."""

from __future__ import annotations

from collections.abc import Callable

from core_llm_conformance.script import Answer, Close, Drip, Flood, HalfClose, Pause, Reset, Send, Stall, Step

from . import below
from .case import LAST, PACE, Case, Then, begun, broken, chunk, cut, head, limited, raw, whole
from .wires import Words

Where = Callable[[Words, Step], Answer]


def _in_head(part: bytes) -> Where:
    return lambda _, step: raw(part, step)


BEFORE_THE_HEAD: dict[str, Where] = {
    "before the head": lambda _, step: raw(step),
    "in the status line": _in_head(b"HTTP/1.1 20"),
    "in the headers": _in_head(b"HTTP/1.1 200 OK\r\ncontent-ty"),
}
BEFORE_CONTENT: dict[str, Where] = {
    "after the head": lambda words, step: raw(head(words), step),
    "in the first chunk's size": lambda words, step: raw(head(words), b"4", step),
    "in the first frame": lambda words, step: raw(head(words), chunk(words.begun[:5]), step),
}
AFTER_CONTENT: dict[str, Where] = {
    "in a chunk's size": lambda words, step: begun(words, b"4", step),
    "after a chunk's size": lambda words, step: begun(words, b"40\r\n", step),
    "in a chunk": lambda words, step: begun(words, b"%x\r\n%b" % (len(words.more), words.half), step),
    "in a frame": lambda words, step: begun(words, chunk(words.half), step),
    "between frames": begun,
}
AFTER_THE_MARKER: dict[str, Where] = {
    "after the marker": lambda words, step: raw(head(words), chunk(words.whole), step),
    "in the last chunk": lambda words, step: raw(head(words), chunk(words.whole) + b"0\r\n", step),
}


def endings(family: str, step: Step, *, then: Then = "closed") -> list[Case]:
    """Return the cases of one way to end a connection."""

    def script(where: Where) -> Callable[[Words], Answer]:
        # A half that is closed leaves the other one open: the server listens on.
        return lambda words: _with_stall(where(words, step)) if then == "left" else where(words, step)

    cases = [broken(f"{family}: {name}", script(where), then=then) for name, where in BEFORE_THE_HEAD.items()]
    cases += [cut(f"{family}: {name}", script(where), text="", then=then) for name, where in BEFORE_CONTENT.items()]
    cases += [cut(f"{family}: {name}", script(where), then=then) for name, where in AFTER_CONTENT.items()]
    cases += [whole(f"{family}: {name}", script(where), then=then) for name, where in AFTER_THE_MARKER.items()]
    return cases


def _with_stall(answer: Answer) -> Answer:
    return Answer(framing="raw", steps=[*answer.steps, Stall()])


def silences() -> list[Case]:
    """Return the cases in which nothing more comes and nothing is closed."""
    places = BEFORE_THE_HEAD | BEFORE_CONTENT
    cases = [limited("first_event", f"silence: {name}", _silent(where)) for name, where in places.items()]
    cases += [limited("between_events", f"silence: {name}", _silent(where)) for name, where in AFTER_CONTENT.items()]
    cases += [
        whole(f"silence: {name}", _silent(where), then="left", limit="between_events", seconds=0.5)
        for name, where in AFTER_THE_MARKER.items()
    ]
    return cases


def _silent(where: Where) -> Callable[[Words], Answer]:
    return lambda words: where(words, Stall())


def drips() -> list[Case]:
    """Return the cases in which bytes come one at a time, or frames that bring nothing."""
    cases = [
        limited("first_event", "drip: the head", lambda words: raw(Drip(head(words) * 20, 1, PACE), Stall())),
        limited(
            "first_event", "drip: the first frame", lambda words: raw(head(words), _dripped(words.begun[:60]), Stall())
        ),
        limited("between_events", "drip: a later frame", lambda words: begun(words, _dripped(words.half), Stall())),
        limited(
            "between_events", "drip: a chunk's size", lambda words: begun(words, Drip(b"0" * 15, 1, PACE), Stall())
        ),
        limited(
            "total",
            "drip: words without end",
            lambda words: begun(words, Flood(chunk(words.more), 5 * PACE)),
            text=None,
            seconds=0.5,
        ),
    ]
    for name in ("comment", "ping", "empty delta"):
        cases += [
            limited("first_event", f"no progress: {name} for ever, before content", _idle_before(name)),
            limited("between_events", f"no progress: {name} for ever, after content", _idle_after(name)),
        ]
    return cases


def _dripped(data: bytes) -> Drip:
    return Drip(b"".join(chunk(data[i : i + 1]) for i in range(len(data))), 6, PACE)


def _idle_before(name: str) -> Callable[[Words], Answer]:
    return lambda words: raw(head(words), Flood(chunk(words.wire.idle[name]), PACE))


def _idle_after(name: str) -> Callable[[Words], Answer]:
    return lambda words: begun(words, Flood(chunk(words.wire.idle[name]), PACE))


def connections() -> list[Case]:
    """Return the cases in which a server is hostile before it has read a request."""
    return [
        limited("connect", "accepting: the queue is full", None, is_full=True),
        limited("first_event", "accepting: nobody takes the connection", None, then=None),
        limited("first_event", "accepting: nobody reads", None, below=below.hold, then=None),
        limited("first_event", "accepting: nobody reads a big request", None, below=below.hold, is_big=True, then=None),
        broken("accepting: closed at the first byte", None, below=below.close),
        broken("accepting: reset at the first byte", None, below=below.reset),
    ]


def kept() -> list[Case]:
    """Return the cases about connections that are kept for the next call, which must not notice anything."""
    poison = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nPOISON"
    return [
        whole("kept: closed while idle", lambda words: raw(head(words), chunk(words.whole) + LAST, Close())),
        whole("kept: reset while idle", lambda words: raw(head(words), chunk(words.whole) + LAST, Reset())),
        whole(
            "kept: a second answer at once",
            lambda words: raw(head(words), chunk(words.whole) + LAST + poison, Stall()),
            then="left",
        ),
        whole(
            "kept: half a second answer at once",
            lambda words: raw(head(words), chunk(words.whole) + LAST + poison[:20], Stall()),
            then="left",
        ),
        whole(
            "kept: a second answer a moment later",
            lambda words: raw(head(words), chunk(words.whole) + LAST, Send(poison), Pause(words.said)),
            then="said",
        ),
        whole(
            "kept: closed where a request comes, and it is sent again",
            lambda _: raw(Close()),
            retries=1,
            tries=2,
            then=None,
        ),
    ]


def all_endings() -> list[Case]:
    """Return every case of this file."""
    return [
        *endings("reset", Reset()),
        *endings("close", Close()),
        *endings("half-closed", HalfClose(), then="left"),
        *silences(),
        *drips(),
        *connections(),
        *kept(),
    ]
