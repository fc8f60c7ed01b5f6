"""Answers of known wires with something that no recording has, where an independent reader says what is right.

A second choice, a total that is more than its parts, a count before the last one: what a decoder makes of them is held
to the walk of `core_llm_conformance.walk`. On a wire that has no such reader only the counts are tried.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import JsonValue

from core_llm import Usage
from core_llm_conformance.compare import differences
from core_llm_conformance.faults import rules
from core_llm_conformance.faults.framed import Framed, Piece, leaves, with_leaf
from core_llm_conformance.faults.rules import Played
from core_llm_conformance.faults.subject import Subject
from core_llm_conformance.faults.trials import Judge, Trial

MORE = 7
"""Tokens by which a total is more than its parts."""
_FIGURES = tuple(name for name in Usage.model_fields if name != "raw")


def rereading_trials(subject: Subject) -> Iterator[Trial]:
    """Yield the answer with each of these things in it."""
    yield from _counted_before(subject)
    if subject.walk is not None:
        yield from _second_choice(subject)
        yield from _larger_total(subject)


def _counted_before(subject: Subject) -> Iterator[Trial]:
    """Yield the answer with another count before its own: counts are replaced, whichever of them comes first."""
    usage, framed = subject.whole.usage, subject.framed
    count = None if usage is None else usage.output_tokens
    if usage is None or not count or count == 1:
        return
    for at, piece in enumerate(framed.pieces):
        where = [path for path, leaf in leaves(piece.value) if leaf == count and type(leaf) is int]
        if at == subject.marker or len(where) != 1 or subject.grown[at] != subject.grown[at + 1]:
            continue
        value = with_leaf(piece.value, where[0], 1)
        for path, leaf in leaves(value):
            if leaf == usage.total_tokens and type(leaf) is int:
                value = with_leaf(value, path, leaf - count + 1)
        spoilt = framed.with_inserted(at, framed.piece(value, piece.name))
        yield _trial(subject, f"frame {at} before, with 1 in place of {count}", spoilt, _counts(usage), at)


def _second_choice(subject: Subject) -> Iterator[Trial]:
    """Yield the answer with a second choice between, which says the same as the first."""
    spoilt: list[Piece] = []
    for piece in subject.framed.pieces:
        spoilt.append(piece)
        choices = piece.value.get("choices") if isinstance(piece.value, dict) else None
        if isinstance(choices, list) and choices and isinstance(choices[0], dict) and isinstance(piece.value, dict):
            other: JsonValue = {**piece.value, "choices": [{**choices[0], "index": 1}], "usage": None}
            spoilt.append(subject.framed.piece(other, piece.name))
    if len(spoilt) > len(subject.framed.pieces):
        framed = subject.framed.with_pieces(spoilt)
        yield _trial(subject, "a second choice between", framed, _as_walked(subject, framed), 0)


def _larger_total(subject: Subject) -> Iterator[Trial]:
    """Yield the answer with a total that counts something besides input and output."""
    for at, piece in enumerate(subject.framed.pieces):
        for path, leaf in leaves(piece.value):
            if path[-1:] == ("total_tokens",) and type(leaf) is int:
                larger = subject.framed.piece(with_leaf(piece.value, path, leaf + MORE), piece.name)
                framed = subject.framed.with_replaced(at, larger)
                yield _trial(subject, f"a total of {MORE} tokens more", framed, _as_walked(subject, framed), at)


def _trial(subject: Subject, fault: str, spoilt: Framed, judge: Judge, at: int) -> Trial:
    look_at = "the first choice alone is the answer; counts are replaced; input and output are the provider's own total"
    return Trial(rules.EXACT, fault, subject.answer(spoilt), judge, spoilt, at, may_differ=True, look_at=look_at)


def _counts(usage: Usage) -> Judge:
    def judge(played: Played) -> str | None:
        if not played.is_success or played.response is None:
            return f"no answer: {played}"
        got = played.response.usage
        for name in _FIGURES:
            if getattr(got, name, None) != getattr(usage, name):
                return f"usage.{name} is {getattr(got, name, None)}, not {getattr(usage, name)}"
        return None

    return judge


def _as_walked(subject: Subject, spoilt: Framed) -> Judge:
    assert subject.walk is not None
    expected = subject.walk(spoilt.body)

    def judge(played: Played) -> str | None:
        if not played.is_success or played.response is None:
            return f"no answer: {played}"
        for name, (wanted, got) in differences(expected, played.response).items():
            return f"{name} is {got!r}, not {wanted!r}"
        return None

    return judge
