"""Faults of tomorrow: what a later version of the API may send that this plugin has never heard of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

from pydantic import JsonValue

from core_llm import StreamInterruptedError, ToolCallPart
from core_llm_conformance import cuts
from core_llm_conformance.faults import rules
from core_llm_conformance.faults.framed import Framed, Piece, discriminator, leaves, with_leaf
from core_llm_conformance.faults.rules import Broken, Played
from core_llm_conformance.faults.same import MARK, content_of, same_answer, same_response
from core_llm_conformance.faults.subject import Subject
from core_llm_conformance.faults.trials import Judge, Trial, run, subjects
from core_llm_conformance.scenario import Shown
from core_llm_conformance.target import Target

_REASON = re.compile(r"reason|status|stop", re.IGNORECASE)
NOTE: JsonValue = {"note": ["a later version", {"of": "this API"}], "count": 1}


def check_unknown_events(target: Target, shown: Shown) -> None:
    """Check that events of unknown names and types are passed over, wherever they come."""
    for subject in subjects(target, shown):
        run(subject, _event_trials(subject))


def _event_trials(subject: Subject) -> Iterator[Trial]:
    framed = subject.framed
    before = min(subject.done, len(framed.pieces) - 1) + 1
    for what, unknown in unknown_pieces(framed).items():
        pieces = [each for piece in framed.pieces[:before] for each in (unknown, piece)]
        everywhere = framed.with_pieces((*pieces, *framed.pieces[before:]))
        yield _event_trial(subject, f"{what} before each frame", everywhere, 0)
        for at in subject.positions(before):
            yield _event_trial(subject, f"{what} before frame {at}", framed.with_inserted(at, unknown), at)


def _event_trial(subject: Subject, fault: str, spoilt: Framed, at: int) -> Trial:
    return Trial(
        rules.UNKNOWN,
        fault,
        subject.answer(spoilt, cut=cuts.whole),
        same_response(subject),
        spoilt,
        at,
        look_at="feed() of the decoder: what it does not know becomes a RawEvent, or nothing",
    )


def unknown_pieces(framed: Framed) -> dict[str, Piece]:
    """Return frames that nobody knows, in the style of the wire."""
    field = discriminator([piece.value for piece in framed.pieces])
    name = f"{MARK}.happened"
    value: JsonValue = {MARK: NOTE} if field is None else {field: name, MARK: NOTE}
    said = "an object of unknown fields" if field is None else f"an object of an unknown {field!r}"
    pieces = {said: framed.piece(value, name if framed.has_names else "")}
    if framed.framing == "sse":
        pieces["an event of an unknown name"] = framed.piece({MARK: NOTE}, name)
    return pieces


def check_unknown_fields(target: Target, shown: Shown) -> None:
    """Check that unknown fields are passed over, in every object of every frame."""
    for subject in subjects(target, shown):
        run(subject, _field_trials(subject))


def _field_trials(subject: Subject) -> Iterator[Trial]:
    framed = subject.framed
    arguments = [call.arguments for call in subject.whole.tool_calls]

    def grown(value: JsonValue) -> JsonValue:
        if isinstance(value, list):
            return [grown(item) for item in value]
        if not isinstance(value, dict) or value in arguments:
            return value
        return {f"{MARK}_first": None, **{name: grown(item) for name, item in value.items()}, MARK: NOTE}

    everywhere = framed.with_changed(grown)
    judge = same_answer(subject)
    answer = subject.answer(everywhere, cut=everywhere.per_frame)
    yield Trial(rules.UNKNOWN, "unknown fields in every object of every frame", answer, judge, everywhere, 0)
    for at in subject.positions(len(framed.pieces)):
        piece = framed.pieces[at]
        if piece.is_object:
            spoilt = framed.with_replaced(at, framed.piece(grown(piece.value), piece.name))
            fault = f"unknown fields in every object of frame {at}"
            yield Trial(rules.UNKNOWN, fault, subject.answer(spoilt), judge, spoilt, at)


def check_unknown_values(target: Target, shown: Shown) -> None:
    """Check that a finish reason that nobody knows is ``other``, kept as it came, and leaves the answer whole."""
    for subject in subjects(target, shown):
        run(subject, _reason_trials(subject))


def _reason_trials(subject: Subject) -> Iterator[Trial]:
    raw, framed, names = subject.whole.raw_finish_reason, subject.framed, _names_of(subject)
    new = f"{MARK}_reason"
    for name in names:
        spoilt = framed.with_changed(partial(_with_reason, name=name, raw=raw, new=new))
        at = next(number for number, piece in enumerate(spoilt.pieces) if new.encode() in piece.raw)
        yield Trial(
            rules.UNKNOWN,
            f"the finish reason {raw!r} in the field {name!r} of frame {at} changed to {new!r}",
            subject.answer(spoilt),
            _is_other(subject, new, is_certain=len(names) == 1 and _REASON.search(name) is not None),
            spoilt,
            at,
            look_at="the wire's table of finish reasons: a word that is not in it is 'other'",
        )


def _names_of(subject: Subject) -> list[str]:
    """Return the names of the fields that may say the finish reason: those of such a name, else all with the word.

    None if a call was not finished: whether it may be run then hangs on the reason.
    """
    raw = subject.whole.raw_finish_reason
    if raw is None or any(isinstance(part, ToolCallPart) and not part.is_complete for part in subject.whole.parts):
        return []
    found = {
        str(path[-1]): None
        for piece in subject.framed.pieces
        for path, leaf in leaves(piece.value)
        if leaf == raw and path and isinstance(path[-1], str)
    }
    return [name for name in found if _REASON.search(name)] or list(found)


def _with_reason(value: JsonValue, name: str, raw: str | None, new: str) -> JsonValue:
    for path, leaf in leaves(value):
        if leaf == raw and path[-1:] == (name,):
            value = with_leaf(value, path, new)
    return value


def _is_other(subject: Subject, new: str, *, is_certain: bool) -> Judge:
    def judge(played: Played) -> Broken | str | None:
        response = played.response
        if not is_certain and _says_something_else(subject, played):
            return None
        if not played.is_success or response is None:
            return f"no answer: {played}"
        if content_of(response) != content_of(subject.whole):
            return f"the content changed: {played}"
        if response.raw_finish_reason != new:
            return f"raw_finish_reason is {response.raw_finish_reason!r}, the server said {new!r}"
        allowed = {"tool_calls", "content_filter"} & {subject.whole.finish_reason}  # what the parts say themselves
        if response.finish_reason not in {"other", *allowed}:
            return f"finish_reason is {response.finish_reason!r} for a word that nobody knows; it must be 'other'"
        return None

    return judge


def _says_something_else(subject: Subject, played: Played) -> bool:
    """Whether a field of an unusual name turned out to say no finish reason: the end itself, a text, nothing."""
    if isinstance(played.error, StreamInterruptedError) or played.response is None:
        return True
    has_same_content = content_of(played.response) == content_of(subject.whole)
    is_same_reason = played.response.raw_finish_reason == subject.whole.raw_finish_reason
    return played.is_success and (is_same_reason or not has_same_content)
