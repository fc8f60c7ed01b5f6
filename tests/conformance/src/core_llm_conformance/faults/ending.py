"""Faults of the end: an answer that stops too early, cleanly or not, and the one moment from which on it is whole."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Iterator

from pydantic import JsonValue

from core_llm import Response, StreamInterruptedError, TextDelta, ToolCallPart
from core_llm_conformance.applicability import streams
from core_llm_conformance.compare import differences
from core_llm_conformance.failure import fail
from core_llm_conformance.faults import rules
from core_llm_conformance.faults.framed import Framed, Piece, discriminator, leaves, with_leaf
from core_llm_conformance.faults.rules import Broken, Played, shortened, told_call
from core_llm_conformance.faults.same import content_of, differing
from core_llm_conformance.faults.subject import POSITIONS, Grown, Subject
from core_llm_conformance.faults.trials import Judge, Trial, run, subjects
from core_llm_conformance.replay import Ending
from core_llm_conformance.scenario import Shown
from core_llm_conformance.target import Target
from core_llm_conformance.walk import Expected

OFFSETS = 16
"""At how many places inside frames a body is cut off."""
FEW = 9
"""At how many the connection breaks: what comes of it differs only in the error."""
SURE = 3
"""Streams that must end alike before it is said that all do."""
ENDINGS: dict[Ending, str] = {
    "end": "a clean end",
    "reset": "a connection reset",
    "short": "fewer bytes than the content length says",
}


def check_truncation(target: Target, shown: Shown) -> None:
    """Check that an answer that ends cleanly is a success only if its terminal marker has come: after every frame."""
    for subject in subjects(target, shown):
        _check_done(target, subject)
        trials = [*_cut_off(subject, "end"), *_cut_inside(subject, "end"), *_cut_arguments(subject)]
        run(subject, [*trials, *_stopped(subject)])


def _check_done(target: Target, subject: Subject) -> None:
    """Raise if a decoder waits for more after a frame that is the last one wherever it comes.

    A wire may have none such: then it has to be read until the server closes the connection.
    """
    data = [number for number, piece in enumerate(subject.framed.pieces) if piece.data]
    last = subject.framed.pieces[data[-1]]
    if subject.done < len(subject.framed.pieces) or (last.is_object and subject.marker != data[-1]):
        return
    field = discriminator(piece.value for piece in subject.framed.pieces)
    kind, seen = _kind(last, field), 0
    for case in streams(target):
        for interaction in case.value.interactions if isinstance(case.value, Shown) else ():
            pieces = Framed.of(interaction.body, subject.framed.framing).pieces
            kinds = [_kind(piece, field) for piece in pieces if piece.data]
            if kind is None or kinds[-1:] != [kind] or kind in kinds[:-1]:
                return
            seen += 1
    if seen >= SURE:
        raise fail(
            rules.DONE,
            f"the decoder is not done with {kind}, which ends all {seen} recorded streams and comes nowhere else",
            scenario=subject.test_id,
            event=data[-1],
            received=subject.framed.body.decode("utf-8", "replace"),
            look_at="is_done: set it where the last frame is read; a server may leave the connection open",
        )


def _kind(piece: Piece, field: str | None) -> str | None:
    """Return what a frame says it is; None if it says nothing."""
    value = piece.value
    if not isinstance(value, dict):
        return (piece.data or b"").decode("utf-8", "replace")
    kind = piece.name or value.get(field or "")
    return kind if isinstance(kind, str) else None


def check_reset(target: Target, shown: Shown) -> None:
    """Check the same of a connection that breaks, and of an answer that is shorter than it said."""
    for subject in subjects(target, shown):
        run(subject, [*_cut_off(subject, "reset", FEW), *_cut_inside(subject, "short", FEW)])


def _cut_off(subject: Subject, ending: Ending, most: int = POSITIONS) -> Iterator[Trial]:
    framed = subject.framed
    around = range(max(0, subject.marker - 1), min(len(framed.pieces), subject.marker + 3))
    for count in sorted({*subject.positions(len(framed.pieces), most), *around}):
        body = framed.first(count)
        fault = f"cut off after {count} of {len(framed.pieces)} frames, {ENDINGS[ending]}"
        yield _trial(subject, body.body, count, ending, fault)


def _cut_inside(subject: Subject, ending: Ending, most: int = OFFSETS) -> Iterator[Trial]:
    body, ends = subject.framed.body, subject.framed.ends
    chance = random.Random(len(body))  # noqa: S311  # repeatable, not secret
    for offset in sorted(chance.sample(range(1, len(body)), min(most, len(body) - 1))):
        fault = f"cut off after byte {offset} of {len(body)}, {ENDINGS[ending]}"
        yield _trial(subject, body[:offset], bisect_right(ends, offset), ending, fault)


def _cut_arguments(subject: Subject) -> Iterator[Trial]:
    """Cut the arguments of calls where the cassette's own frames do not: some mend what ends in the right place."""
    framed, grown = subject.framed, subject.grown
    for at, piece in enumerate(framed.pieces[: subject.marker]):
        came = grown[at + 1].arguments.removeprefix(grown[at].arguments)
        for path, leaf in leaves(piece.value) if came else ():
            if leaf != came:
                continue
            for length in range(1, len(came), len(came) // OFFSETS + 1):
                shorter = framed.piece(with_leaf(piece.value, path, came[:length]), piece.name)
                body = framed.with_pieces([*framed.pieces[:at], shorter], is_ended=False)
                told = grown[at].arguments + came[:length]
                yield _trial(subject, body.body, at, "end", f"cut off where the arguments of calls are {told!r}")


def _stopped(subject: Subject) -> Iterator[Trial]:
    """Let the limit of tokens stop the answer before the arguments of its only call: that is not complete then."""
    framed, grown, raw = subject.framed, subject.grown, subject.whole.raw_finish_reason
    word = _word_of_the_limit(subject)
    kept = [piece for at, piece in enumerate(framed.pieces) if grown[at].arguments == grown[at + 1].arguments]
    if word is None or raw is None or len(kept) == len(framed.pieces) or len(subject.whole.tool_calls) != 1:
        return

    def stopped(value: JsonValue) -> JsonValue:
        for path, leaf in leaves(value):
            value = with_leaf(value, path, word) if leaf == raw else value
        return value

    spoilt = framed.with_pieces(kept).with_changed(stopped)
    fault = f"without the arguments of calls, and with the reason {word!r}"
    yield Trial(rules.TRUE_CALLS, fault, subject.answer(spoilt), lambda _: None, spoilt)  # the rule holds always


def _word_of_the_limit(subject: Subject) -> str | None:
    """Return the word by which this provider says that the limit of tokens has stopped an answer, if it was shown."""
    if not subject.target.has_cassette("max_tokens"):
        return None
    heads = [interaction.head.expected for interaction in subject.target.cassette("max_tokens").of("stream")]
    return next((head.raw_finish_reason for head in heads if head is not None), None)


def _trial(subject: Subject, body: bytes, count: int, ending: Ending, fault: str) -> Trial:
    # A frame whose end did not come counts only where the answer came to a clean end.
    read = body if ending == "end" else subject.framed.first(count).body
    expected = None if subject.walk is None else subject.walk(read)
    return Trial(
        rules.NO_SUCCESS,
        fault,
        subject.answer(body, ending=ending),
        cut_judge(subject, count, expected),
        at=max(0, min(count, len(subject.framed.pieces)) - 1),
        look_at="where the decoder sets is_complete: only the wire's terminal marker may, never the end of the stream",
    )


def cut_judge(subject: Subject, count: int, expected: Expected | None = None) -> Judge:
    """Return the judge of an answer of which `count` frames came, and perhaps a part of the next.

    Args:
        subject: The whole answer.
        count: How many frames came whole.
        expected: What an independent reader makes of what came, where there is one.
    """

    def judge(played: Played) -> Broken | str | None:
        if played.is_success and played.response is not None:
            if expected is not None and not expected.is_complete:
                return f"the terminal marker had not come (it is in frame {subject.marker}), and it is {played}"
            return rest_of_success(subject, played.response, expected)
        if expected is not None and expected.is_complete:
            return Broken(rules.COMPLETE, f"the marker, in frame {subject.marker}, had come, and it is {played}")
        if expected is None and count > subject.marker:
            found = f"by its own decoder the answer was complete with frame {subject.marker}; it is {played}"
            return Broken(rules.COMPLETE, found)
        if not isinstance(played.error, StreamInterruptedError):
            return f"a cut stream must be a StreamInterruptedError, not {played}"
        return partial_fault(subject, played, count, expected)

    return judge


def rest_of_success(subject: Subject, response: Response, expected: Expected | None = None) -> str | None:
    """Return what is wrong with a success of an answer that was cut: all but the usage must be whole."""
    whole = subject.whole
    if expected is not None:
        found = differences(expected, response)
        name = next(iter(found), None)
        return None if name is None else f"{name} is {found[name][1]!r}; what came says {found[name][0]!r}"
    if content_of(response) != content_of(whole):
        wanted, got = shortened(whole.text), shortened(response.text)
        return f"a success ({response.finish_reason}) that leaves something out: text {got}, whole {wanted}"
    for name in ("finish_reason", "raw_finish_reason"):
        if found_difference := differing(getattr(whole, name), getattr(response, name), name):
            return f"a success before its reason had come: {found_difference}"
    return _false_usage(whole, response)


def _false_usage(whole: Response, response: Response) -> str | None:
    if response.usage is None:
        return None
    if whole.usage is None:
        return f"usage is {response.usage!r}, and the provider reported none"
    for name in ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens"):
        all_of_it, got = getattr(whole.usage, name), getattr(response.usage, name)
        if got is not None and (all_of_it is None or got > all_of_it):
            return f"usage.{name} is {got}, the whole answer has {all_of_it}"
    return None


def partial_fault(subject: Subject, played: Played, count: int, expected: Expected | None = None) -> Broken | None:
    """Return what is wrong with the partial response of an error that came after `count` frames."""
    found = _false_partial(subject, played, subject.grown[min(count, len(subject.framed.pieces))], expected)
    return None if found is None else Broken(rules.PARTIAL, found)


def _false_partial(subject: Subject, played: Played, came: Grown, expected: Expected | None) -> str | None:
    whole, partial = subject.whole, played.partial
    if partial is None and came == Grown() and not isinstance(played.error, StreamInterruptedError):
        return None
    if partial is None:
        return f"{type(played.error).__name__} has no partial response"
    taken = "".join(event.text for event in played.events if isinstance(event, TextDelta))
    for name, had, got, all_of_it in (
        ("text", came.text, partial.text, whole.text),
        ("text", taken, partial.text, whole.text),
        ("reasoning", came.reasoning, partial.reasoning, whole.reasoning),
    ):
        if not got.startswith(had) or not all_of_it.startswith(got):
            return f"its {name} is {shortened(got)}, there had come {shortened(had)}"
    if partial.is_complete or partial.finish_reason is not None:
        return f"it says that it is complete ({partial.finish_reason})"
    return _false_calls(whole, partial, expected)


def _false_calls(whole: Response, partial: Response, expected: Expected | None) -> str | None:
    made = [part for part in whole.parts if isinstance(part, ToolCallPart)]
    kept = [part for part in partial.parts if isinstance(part, ToolCallPart)]
    if len(kept) > len(made):
        return f"it has {len(kept)} calls, the whole answer {len(made)}"
    for call, full in zip(kept, made, strict=False):
        if call.is_complete and told_call(call) != told_call(full):
            return f"the call {call.name}({call.raw_arguments}) is said to be complete"
        if call.id and full.id and call.id != full.id:
            return f"a call's id is {call.id!r}, in the whole answer {full.id!r}"
    if expected is not None:
        finished = [(call.name, call.arguments) for call in expected.complete_calls]
        if finished != [told_call(call) for call in partial.tool_calls]:
            return f"the complete calls are {partial.tool_calls!r}, there had come {finished!r}"
    return None
