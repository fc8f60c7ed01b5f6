"""Other values than were recorded, in texts, arguments, ids and names: they must come out as they are.

A decoder that is right on what was recorded may still tidy a text, round a number, or say a name that it was not told.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import pairwise

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

ODD_TEXT = (
    " \n e\u0301 &amp; <b>%41</b> \\u0041\\n \"'\r\n\t\u2028\U0001f1f3\U0001f1f4"
    "\N{ZERO WIDTH SPACE}\a\N{NO-BREAK SPACE} "
)
"""White space on both sides, letters that can be composed, what looks as if it were escaped, and what nobody sees."""
ODD_PIECES = ("\n\n", "0", "null", "[DONE]")
"""Pieces of a text that look like nothing, or like an end, to who asks no further."""
ODD_NAME = "Get-Weather_2"
ODD_ID = "call/Of+Any.Form=|and-longer-than-sixty-four-characters-since-nobody-has-said-that-it-is-not"
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
"""Characters of an id, a tool's or a model's name that is told from other words."""


def check_values_are_exact(target: Target, shown: Shown) -> None:
    """Check that an answer with other texts, calls, id and model comes to exactly those.

    Raises:
        ConformanceFailure: Something was changed, or is not what the answer says.
    """
    for subject in subjects(target, shown):
        said = [*_texts(subject, "text"), *_texts(subject, "reasoning"), *_names(subject)]
        if trials := [*said, *_calls(subject), *_arguments(subject), *rereading_trials(subject)]:
            run(subject, trials)


def _texts(subject: Subject, name: str) -> Iterator[Trial]:
    """Yield the answer with an odd text in place of its first piece and of its last, and odd pieces between."""
    found = _pieces(subject, name)
    for at, came in {found[0][0]: found[0], found[-1][0]: found[-1]}.values() if found else ():
        yield _said_otherwise(subject, name, {at: f"{ODD_TEXT}{came}{ODD_TEXT}"})
    for (at, _), (following, _) in list(pairwise(found))[len(found) // 2 :][:1]:
        for odd in ODD_PIECES:
            yield _said_otherwise(subject, name, {at: odd})
        yield _said_otherwise(subject, name, {at: " ha", following: " ha"})


def _pieces(subject: Subject, name: str) -> list[tuple[int, str]]:
    """Return the pieces of the text or the reasoning, each with its frame, where they stand there as they are."""
    found: list[tuple[int, str]] = []
    for at, piece in enumerate(subject.framed.pieces):
        before, after = getattr(subject.grown[at], name), getattr(subject.grown[at + 1], name)
        came = after[len(before) :]
        if came and after.startswith(before) and _has(piece.value, came):
            found.append((at, came))
    return found


def _said_otherwise(subject: Subject, name: str, changes: Mapping[int, str]) -> Trial:
    """Return the answer with another piece of the text in some frames, and with another whole text where it says it."""
    framed, whole, wanted, known = subject.framed, getattr(subject.whole, name), "", 0
    spoilt = framed
    for at, odd in changes.items():
        before, after = getattr(subject.grown[at], name), getattr(subject.grown[at + 1], name)
        piece = framed.pieces[at]
        changed = framed.piece(_with(piece.value, after[len(before) :], odd), piece.name)
        spoilt = spoilt.with_replaced(at, changed)
        wanted, known = wanted + before[known:] + odd, len(after)
    wanted += whole[known:]
    if whole not in {getattr(subject.grown[at + 1], name)[len(getattr(subject.grown[at], name)) :] for at in changes}:
        spoilt = spoilt.with_changed(partial(_with, old=whole, new=wanted))
    said = " and ".join(f"frame {at} says {odd!r}" for at, odd in changes.items())
    return _trial(subject, said, spoilt, _is(name, wanted), min(changes))


def _names(subject: Subject) -> Iterator[Trial]:
    """Yield the answer with another id and model, and with each of them said once, in the first frame that has it."""
    for name in ("id", "model"):
        told = getattr(subject.whole, name) or ""
        where = [at for at, piece in enumerate(subject.framed.pieces) if _has(piece.value, told)]
        if len(told) < SHORTEST or not where:
            continue
        other = f"Other/{told}"
        spoilt = subject.framed.with_changed(partial(_with, old=told, new=other))
        yield _trial(subject, f"its {name} is {other!r}", spoilt, _is(name, other), where[0])
        for at in where[1:]:
            piece = spoilt.pieces[at]
            spoilt = spoilt.with_replaced(at, spoilt.piece(_with(piece.value, other, ""), piece.name))
        if len(where) > 1:
            yield _trial(
                subject, f"its {name} is {other!r}, and later frames say none", spoilt, _is(name, other), where[0]
            )


def _calls(subject: Subject) -> Iterator[Trial]:
    """Yield the answer with another id and another tool in each of its calls, wherever the frames have them."""
    for name, other in (("name", ODD_NAME), ("id", ODD_ID)):
        told = [getattr(call, name) for call in subject.whole.tool_calls]
        found = [at for at, piece in enumerate(subject.framed.pieces) if _has(piece.value, told[0])] if told else []
        if not found or len(told[0]) < SHORTEST:
            continue
        spoilt = subject.framed.with_changed(partial(_with, old=told[0], new=other))
        wanted = [other if one == told[0] else one for one in told]
        yield _trial(subject, f"the {name} of a call is {other!r}", spoilt, _has_calls(name, wanted), found[0])


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


def _has_calls(name: str, wanted: list[str]) -> Judge:
    def judge(played: Played) -> str | None:
        if not played.is_success or played.response is None:
            return f"no answer: {played}"
        got = [getattr(call, name) for call in played.response.tool_calls]
        return None if got == wanted else f"the {name} of the calls is {got}, not {wanted}"

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
