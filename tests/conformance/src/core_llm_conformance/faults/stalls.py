"""Faults of time: a server that says nothing more, or nothing of use for ever. Each limit must hold, by its own name.

These trials wait for real, some hundredths of a second each, so all of a cassette wait at the same time.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Literal

from core_llm import Limits, RawEvent, StreamStart, TextDelta, TimeoutExceededError, UsageUpdate
from core_llm_conformance.cuts import Cut
from core_llm_conformance.faults import rules
from core_llm_conformance.faults.cutting import own_pings
from core_llm_conformance.faults.ending import partial_fault, rest_of_success
from core_llm_conformance.faults.framed import Piece, leaves, with_leaf
from core_llm_conformance.faults.rules import Broken, Played
from core_llm_conformance.faults.subject import Subject
from core_llm_conformance.faults.trials import Judge, Player, Trial, judge, run_async, subjects
from core_llm_conformance.scenario import Shown
from core_llm_conformance.target import Target

SHORT = 0.04
"""Seconds of the limit that must hold."""
LONG = 2.0
"""Seconds of the others, so long that no slow machine makes one of them strike first."""
BETWEEN_DRIPS = 0.004
OPAQUE = 40
"""Characters of a text beside the model's own from which on it is something to be kept."""
_NO_CONTENT = (StreamStart, UsageUpdate, RawEvent)
NoProgress = dict[str, Piece]
LimitName = Literal["first_event", "between_events", "total"]
_LIMITS: dict[LimitName, Limits] = {
    "first_event": Limits(first_event=SHORT, between_events=LONG, total=LONG),
    "between_events": Limits(first_event=LONG, between_events=SHORT, total=LONG),
    "total": Limits(total=SHORT),
}
"""The limit that must hold, and the others out of reach."""


def check_stall(target: Target, shown: Shown) -> None:
    """Check that silence, and what brings no content, ends by the limit that it breaks and not by a later one."""
    for subject in subjects(target, shown):
        trials = [*_stalls(subject)]
        with ThreadPoolExecutor(len(trials)) as pool:
            played = list(pool.map(partial(_play, subject), trials))
        for trial, result in zip(trials, played, strict=True):
            judge(subject, trial, result)
        run_async(subject, trials, "asyncio", at_once=True)


def _play(subject: Subject, trial: Trial) -> Played:
    with Player(subject) as player:
        return player.play(trial.answer, trial.limits)


def _stalls(subject: Subject) -> Iterator[Trial]:
    framed, delta = subject.framed, subject.delta()
    yield _stall(subject, 0, "first_event", None)
    for what, piece in _no_progress(subject).items():
        yield _stall(subject, 0, "first_event", (what, piece))
    if delta is None or delta >= subject.marker:
        return  # nothing comes between the first content and the terminal marker
    after = delta + 1
    yield _stall(subject, after, "between_events", None)
    for what, piece in {**_no_progress(subject), **_empty_deltas(subject, delta)}.items():
        yield _stall(subject, after, "between_events", (what, piece))
    yield _stall(subject, after, "total", None)
    yield _stall(subject, after, "total", ("the same content again", framed.pieces[delta]))
    if subject.marker < subject.done and subject.marker + 1 < len(framed.pieces):
        yield _stall(subject, subject.marker + 1, "between_events", None)


def _stall(subject: Subject, after: int, limit: LimitName, filler: tuple[str, Piece] | None) -> Trial:
    body = subject.framed.first(after)
    if filler is None:
        what, answer = "silence", subject.answer(body, ending="hang")
    else:
        what, piece = filler
        raw = (b",\n" if subject.framed.framing == "json_array" and after else b"") + piece.raw
        answer = replace(subject.answer(body, cut=_and_then(raw)), interval=BETWEEN_DRIPS)
    if after > subject.marker:
        found, rule = _complete(subject), rules.COMPLETE
    else:
        found, rule = _timed_out(subject, after, limit), rules.DEADLINE
    return Trial(
        rule,
        f"after {after} of {len(subject.framed.pieces)} frames {what} for ever, {limit}={SHORT} s",
        answer,
        found,
        at=max(0, after - 1),
        limits=_LIMITS[limit],
        may_differ=what.startswith("the same"),
        look_at="events that the decoder makes of frames without content: each counts as progress",
    )


def _and_then(raw: bytes) -> Cut:
    """Return the cut that has a body in one piece, and `raw` again and again after it."""
    return lambda body: itertools.chain([body] if body else [], itertools.repeat(raw))


def _no_progress(subject: Subject) -> NoProgress:
    """Return frames that keep a connection alive and bring nothing."""
    match subject.framed.framing:
        case "sse":
            found = {"comments": Piece(b": keep-alive\n\n", None)}
        case "ndjson":
            found = {"blank lines": Piece(b"\n", None)}
        case _:
            return {}
    if pings := own_pings(subject):
        found["the server's own pings"] = pings[0]
    return found


def _empty_deltas(subject: Subject, delta: int) -> NoProgress:
    """Return the frame with the first content, if that is a text, with nothing in place of it.

    None if it brings something else beside the text, such as a signature: that is content too.
    """
    piece = subject.framed.pieces[delta]
    added = subject.grown[delta + 1].text[len(subject.grown[delta].text) :]
    found = dict(leaves(piece.value))
    path = next((path for path, leaf in found.items() if added and leaf == added), None)
    if path is None:
        return {}
    beside = (leaf for other, leaf in found.items() if other[:-1] == path[:-1] and other != path)
    if any(isinstance(leaf, str) and len(leaf) > OPAQUE for leaf in beside):
        return {}
    return {"empty deltas": subject.framed.piece(with_leaf(piece.value, path, ""), piece.name)}


def _timed_out(subject: Subject, after: int, limit: LimitName) -> Judge:
    made = 0 if limit == "total" else _content_events(subject, after)

    def found(played: Played) -> Broken | str | None:
        error = played.error
        content = [event for event in played.events if not isinstance(event, _NO_CONTENT)]
        if limit != "total" and len(content) > made:
            return f"it is no progress, and made {content[-1].type} events, {len(content) - made} in all"
        if not isinstance(error, TimeoutExceededError):
            return f"it must be a TimeoutExceededError of {limit!r}, and is {played}"
        if error.limit != limit or error.seconds != SHORT:
            return (
                f"the error says the limit {error.limit!r} of {error.seconds} s, and {limit!r} of {SHORT} s was broken"
            )
        if limit == "total":  # which may strike before all has come
            taken = "".join(event.text for event in played.events if isinstance(event, TextDelta))
            return None if error.partial and error.partial.text == taken else "the partial is not what was taken"
        return partial_fault(subject, played, after)

    return found


def _content_events(subject: Subject, count: int) -> int:
    """Return how many events the first frames make that are content."""
    decoder = subject.decoder()
    events = [event for piece in subject.framed.pieces[:count] for event in subject.feed(decoder, piece)]
    return sum(not isinstance(event, _NO_CONTENT) for event in events)


def _complete(subject: Subject) -> Judge:
    def found(played: Played) -> Broken | str | None:
        if not played.is_success or played.response is None:
            return f"the terminal marker had come, and it is {played}"
        return rest_of_success(subject, played.response)

    return found
