"""Other values than were recorded, in texts, arguments, ids and names: they must come out as they are.

A decoder that is right on what was recorded may still tidy a text, round a number, or say a name that it was not told.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial

from pydantic import JsonValue

from core_llm_conformance.faults import rules
from core_llm_conformance.faults.framed import Framed, leaves
from core_llm_conformance.faults.reread import rereading_trials
from core_llm_conformance.faults.rules import Played, shortened
from core_llm_conformance.faults.same import MARK
from core_llm_conformance.faults.subject import Subject
from core_llm_conformance.faults.trials import Judge, Trial, run, subjects
from core_llm_conformance.scenario import Shown
from core_llm_conformance.target import Target

ODD_TEXT = " \n e\u0301 &amp; <b>%41</b> \\u0041 \"'\r\n\t\u2028\U0001f1f3\U0001f1f4\N{NO-BREAK SPACE} "
"""White space on both sides, letters that can be composed, and what looks as if it were escaped."""
BRACE: dict[str, JsonValue] = {f"{MARK}_brace": "}"}
"""Comes first in the arguments: who counts brackets finds them closed in the middle."""
ODD_ARGUMENTS: dict[str, JsonValue] = {
    f"{MARK}_long": 12_345_678_901_234_567_890,
    f"{MARK}_whole": 7,
    f"{MARK}_float": 1.5,
    f"{MARK}_null": None,
    f"{MARK}_false": False,
    f"{MARK}_list": [1, {"a": []}],
    f"{MARK}_text": 'é "\\u00e9" {',
}
SHORTEST = 4
"""Characters of an id or a model's name that is told from other words."""


def check_values_are_exact(target: Target, shown: Shown) -> None:
    """Check that an answer with other texts, arguments, id and model comes to exactly those.

    Raises:
        ConformanceFailure: Something was changed, or is not what the answer says.
    """
    for subject in subjects(target, shown):
        said = [*_texts(subject, "text"), *_texts(subject, "reasoning"), *_names(subject), *_arguments(subject)]
        if trials := [*said, *rereading_trials(subject)]:
            run(subject, trials)


def _texts(subject: Subject, name: str) -> Iterator[Trial]:
    """Yield the answer with an odd text in place of its first piece and of its last."""
    framed, grown = subject.framed, subject.grown
    whole = getattr(subject.whole, name)
    found: list[tuple[int, str, str]] = []
    for at, piece in enumerate(framed.pieces):
        before, after = getattr(grown[at], name), getattr(grown[at + 1], name)
        came = after[len(before) :]
        if came and after.startswith(before) and any(leaf == came for _, leaf in leaves(piece.value)):
            found.append((at, before, came))
    for at, before, came in {found[0][0]: found[0], found[-1][0]: found[-1]}.values() if found else ():
        odd = f"{ODD_TEXT}{came}{ODD_TEXT}"
        wanted = before + odd + whole[len(before) + len(came) :]
        piece = framed.pieces[at]
        spoilt = framed.with_replaced(at, framed.piece(_with(piece.value, came, odd), piece.name))
        spoilt = spoilt.with_changed(partial(_with, old=whole, new=wanted)) if whole != came else spoilt
        yield _trial(subject, f"frame {at} says {odd!r}", spoilt, _is(name, wanted), at)


def _names(subject: Subject) -> Iterator[Trial]:
    """Yield the answer with another id and model, and with each of them said once, in the first frame that has it."""
    for name in ("id", "model"):
        told = getattr(subject.whole, name) or ""
        where = [at for at, piece in enumerate(subject.framed.pieces) if _has(piece.value, told)]
        if len(told) < SHORTEST or not where:
            continue
        other = f"other-{told}"
        spoilt = subject.framed.with_changed(partial(_with, old=told, new=other))
        yield _trial(subject, f"its {name} is {other!r}", spoilt, _is(name, other), where[0])
        for at in where[1:]:
            piece = spoilt.pieces[at]
            spoilt = spoilt.with_replaced(at, spoilt.piece(_with(piece.value, other, ""), piece.name))
        if len(where) > 1:
            yield _trial(
                subject, f"its {name} is {other!r}, and later frames say none", spoilt, _is(name, other), where[0]
            )


def _arguments(subject: Subject) -> Iterator[Trial]:
    """Yield the answer with more in the arguments of its only call, in whatever form the wire has them."""
    call = subject.whole.tool_calls[0] if len(subject.whole.tool_calls) == 1 else None
    if call is None or not call.arguments:
        return
    framed, grown = subject.framed, subject.grown
    wanted: dict[str, JsonValue] = {**BRACE, **call.arguments, **ODD_ARGUMENTS}
    as_text = f"{{{json.dumps(BRACE)[1:-1]}, {call.raw_arguments.strip()[1:-1]}, {json.dumps(ODD_ARGUMENTS)[1:]}\n"
    came = [(at, grown[at + 1].arguments.removeprefix(grown[at].arguments)) for at in range(len(framed.pieces))]
    pieces = [(at, text) for at, text in came if text and _has(framed.pieces[at].value, text)]
    spoilt = framed
    if pieces and "".join(text for _, text in pieces) == call.raw_arguments and json.loads(as_text) == wanted:
        for number, (at, text) in enumerate(pieces):
            new = text
            if number == 0:
                new = new.replace("{", f"{{{json.dumps(BRACE)[1:-1]}, ", 1)
            if number == len(pieces) - 1:
                new = f"{new.rstrip().removesuffix('}')}, {json.dumps(ODD_ARGUMENTS)[1:]}\n"
            piece = spoilt.pieces[at]
            spoilt = spoilt.with_replaced(at, spoilt.piece(_with(piece.value, text, new), piece.name))
        if len(pieces) > 1:
            spoilt = spoilt.with_changed(partial(_with, old=call.raw_arguments, new=as_text))
    spoilt = spoilt.with_changed(partial(_with, old=call.arguments, new=wanted))
    if spoilt.body != framed.with_changed(lambda value: value).body:
        yield _trial(subject, f"the arguments are {json.dumps(wanted)}", spoilt, _has_arguments(wanted), 0)


def _trial(subject: Subject, fault: str, spoilt: Framed, judge: Judge, at: int) -> Trial:
    look_at = (
        "what the decoder does to a value on its way: strip, normalise, unescape, parse, or take it from elsewhere"
    )
    answer = subject.answer(spoilt)
    return Trial(rules.EXACT, fault, answer, judge, spoilt, at, may_differ=True, look_at=look_at)


def _is(name: str, wanted: str) -> Judge:
    def judge(played: Played) -> str | None:
        if not played.is_success or played.response is None:
            return f"no answer: {played}"
        got = getattr(played.response, name)
        return None if got == wanted else f"{name} is {shortened(repr(got))}, not {shortened(repr(wanted))}"

    return judge


def _has_arguments(wanted: dict[str, JsonValue]) -> Judge:
    def judge(played: Played) -> str | None:
        if not played.is_success or played.response is None:
            return f"no answer: {played}"
        calls = [call.arguments for call in played.response.tool_calls]
        told, due = json.dumps(calls, sort_keys=True), json.dumps([wanted], sort_keys=True)
        return None if told == due else f"the arguments of the calls are {told}, not {due}"

    return judge


def _with(value: JsonValue, old: JsonValue, new: JsonValue) -> JsonValue:
    """Return a JSON value with `new` wherever `old` is in it, whole."""
    if value == old and type(value) is type(old):
        return new
    if isinstance(value, dict):
        return {name: _with(item, old, new) for name, item in value.items()}
    return [_with(item, old, new) for item in value] if isinstance(value, list) else value


def _has(value: JsonValue, wanted: str) -> bool:
    return any(leaf == wanted for _, leaf in leaves(value))
