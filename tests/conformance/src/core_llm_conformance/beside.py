"""Two readers of one recorded stream beside each other: ours, and the software development kit of its vendor.

What is compared is what an application acts on. Knows no kit: each has a test file that says how its values read.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields

from pydantic import JsonValue

from core_llm import CoreLLMError, Response, ToolCallPart
from core_llm_conformance.replay import ReplayAnswer
from core_llm_conformance.through import through_client
from core_llm_conformance.wires import Case


@dataclass(frozen=True, slots=True)
class Read:
    """What a reader made of a stream.

    Attributes:
        text: All text.
        reasoning: All reasoning text.
        calls: Name and arguments of each tool call, the incomplete ones too.
        finish_reason: The wire's own word.
        usage: Input and output tokens, in the sense of `core_llm.Usage`; None if unknown.
        failed: Whether it raised, in place of all of the above.
    """

    text: str = ""
    reasoning: str = ""
    calls: tuple[tuple[str, JsonValue], ...] = ()
    finish_reason: str | None = None
    usage: tuple[int | None, int | None] | None = None
    failed: bool = False


Reader = Callable[[ReplayAnswer], Read]
"""Reads one answer."""


def read_by_us(outcome: Response | CoreLLMError) -> Read:
    """Return what ours made of it."""
    if isinstance(outcome, CoreLLMError):
        return Read(failed=True)
    usage = outcome.usage
    return Read(
        text=outcome.text,
        reasoning=outcome.reasoning,
        calls=tuple(
            (part.name, part.arguments if part.is_complete else parsed(part.raw_arguments))
            for part in outcome.parts
            if isinstance(part, ToolCallPart)
        ),
        finish_reason=outcome.raw_finish_reason,
        usage=None if usage is None else (usage.input_tokens, usage.output_tokens),
    )


def parsed(arguments: str) -> JsonValue:
    """Return a call's arguments as JSON: an empty text is an empty object, one that is no JSON stands as it is."""
    try:
        value: JsonValue = json.loads(arguments or "{}")
    except ValueError:
        return arguments
    return value


def differing(theirs: Read, ours: Read) -> frozenset[str]:
    """Return the names of the fields in which two readings differ."""
    return frozenset(field.name for field in fields(Read) if getattr(theirs, field.name) != getattr(ours, field.name))


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference that is known.

    Attributes:
        recordings: A regular expression; the recordings whose ids it finds a match in all differ so.
        fields: The names of the fields that differ, in alphabetical order and joined by blanks.
        reason: Why ours is right.
    """

    recordings: str
    fields: str
    reason: str


def check_same(case: Case, read_by_them: Reader, known: Sequence[Difference]) -> Difference | None:
    """Assert that both readings are the same, apart from the difference that is known of the recording; that must be.

    Args:
        case: The recording, a stream.
        read_by_them: Reads an answer with the kit.
        known: Differences, of which at most one fits the recording, and is returned then.
    """
    answer = ReplayAnswer.of(case.recording)
    theirs = _read_quietly(read_by_them, answer)
    ours = read_by_us(through_client(answer, case.speaker.load(), is_stream=True))
    fitting = [difference for difference in known if re.search(difference.recordings, case.test_id)]
    assert len(fitting) <= 1, f"{case.test_id} is listed more than once: {fitting}"
    found, listed = differing(theirs, ours), fitting[0].fields if fitting else ""
    shown = "\n".join(f"{name}: theirs {getattr(theirs, name)!r}, ours {getattr(ours, name)!r}" for name in found)
    assert " ".join(sorted(found)) == listed, f"known to differ in {listed or 'nothing'!r}, found\n{shown}"
    return fitting[0] if fitting else None


def check_cut(case: Case, read_by_them: Reader) -> Read:
    """Assert that ours fails where the stream is cut off before its marker; return what the kit makes of that."""
    ends = [0, *case.wire.ends(case.recording.body)]
    bodies = [case.recording.body[:end] for end in reversed(ends)]
    cut = next(body for body in bodies if not case.expected(body).is_complete)
    answer = ReplayAnswer.of(case.recording, body=cut)
    assert read_by_us(through_client(answer, case.speaker.load(), is_stream=True)).failed
    return _read_quietly(read_by_them, answer)


def _read_quietly(read_by_them: Reader, answer: ReplayAnswer) -> Read:
    """Return what a kit makes of an answer; what it warns of is no error, as in an application."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return read_by_them(answer)


def unused(known: Sequence[Difference], test_ids: Iterable[str]) -> list[Difference]:
    """Return the differences that no recording has."""
    return [difference for difference in known if not any(re.search(difference.recordings, test) for test in test_ids)]
