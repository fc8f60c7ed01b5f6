"""What decoding costs: counted, never timed. A frame must not cost more because many came before it.

One frame that adds to the answer is fed again and again. Now and then, while one is fed, the lines of Python that run
and the memory that is allocated are counted; the least of a few neighbours is taken, so that a list that happens to
grow does not show.
"""

from __future__ import annotations

import gc
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from core_llm import ReasoningDelta, TextDelta, ToolCallDelta
from core_llm.wire import Decoder
from core_llm_conformance.failure import ConformanceFailure, fail
from core_llm_conformance.faults import rules
from core_llm_conformance.faults.framed import Piece, leaves, with_leaf
from core_llm_conformance.faults.subject import Subject
from core_llm_conformance.faults.trials import subjects
from core_llm_conformance.scenario import Shown
from core_llm_conformance.target import Target

FEW, MANY = 2_000, 4_000
"""How often the frame has come when its cost is counted."""
NEIGHBOURS = 6
"""Of how many frames the least cost is taken."""
PADDING = "lorem ipsum dolor sit amet " * 2
"""Added to the text of the frame, so that what is glued together shows."""
MORE_LINES = 200
"""Lines of Python by which a frame may cost more after `MANY` than after `FEW`."""
MORE_BYTES = 20_000
"""Bytes likewise; the text that came between is five times as long."""
_DELTAS = (TextDelta, ReasoningDelta, ToolCallDelta)
_WAITING = frozenset(("_socket", "select", "_ssl", "_posixsubprocess", "_winapi"))
"""Modules of C whose functions may all wait."""
_WAITING_NAMES = {
    "time": frozenset(("sleep",)),
    "builtins": frozenset(("open", "input")),
    "io": frozenset(("open",)),
    "_io": frozenset(("open", "open_code")),
    "posix": frozenset("open read write system popen fsync waitpid".split()),
    "nt": frozenset("open read write system popen fsync waitpid".split()),
}
"""Other modules → those of their functions that may."""


@dataclass(frozen=True, slots=True)
class _Cost:
    lines: int
    allocated: int


def check_cost_is_linear(target: Target, shown: Shown) -> None:
    """Check that what a frame costs does not grow with the number of those before it."""
    for subject in subjects(target, shown):
        found = _repeatable(subject)
        if found is None:
            continue  # an answer without anything that could be said twice
        number, piece = found
        few, many = _costs(subject, number, piece)
        _check_end(subject, number, piece)
        for name, less, more, allowed in (
            ("lines of Python run", few.lines, many.lines, MORE_LINES),
            ("bytes are allocated at once", few.allocated, many.allocated, MORE_BYTES),
        ):
            if more - less > allowed:
                raise _failure(subject, number, f"{less} {name} for one frame after {FEW} like it, {more} after {MANY}")


def _check_end(subject: Subject, number: int, piece: Piece) -> None:
    """Check that the end of an answer costs what its length is, and not its square."""
    lines = []
    for count in (FEW // 2, FEW):
        decoder = _fed(subject, number)
        for _ in range(count):
            subject.feed(decoder, piece)
        lines.append(_lines(decoder.close))
    less, more = lines
    if more > 3 * less + MORE_LINES:
        found = f"{less} lines of Python run in close() after {FEW // 2} frames, {more} after {FEW}"
        raise _failure(subject, number, found)


def _failure(subject: Subject, number: int, found: str) -> ConformanceFailure:
    return fail(
        rules.LINEAR,
        f"{found}\ndone: frame {number} fed again and again",
        scenario=subject.test_id,
        event=number,
        received=subject.framed.body.decode("utf-8", "replace"),
        look_at="what is joined, copied, parsed again or walked through at each frame: keep pieces in a list, and join "
        "them when the part closes",
    )


def _repeatable(subject: Subject) -> tuple[int, Piece] | None:
    """Return a frame that adds to a text when it comes again, with its number, made longer if that can be done."""
    for number in range(min(subject.marker, len(subject.framed.pieces))):
        if subject.grown[number] == subject.grown[number + 1]:
            continue
        for piece in _longer(subject, number):
            try:
                decoder = _fed(subject, number)
                made = [event for _ in range(3) for event in subject.feed(decoder, piece)]
            except Exception:  # noqa: BLE001, S112  # a wire that numbers its frames may refuse one that comes again
                continue
            if sum(isinstance(event, _DELTAS) for event in made) >= 3 and not decoder.is_complete:  # noqa: PLR2004
                return number, piece
    return None


def _longer(subject: Subject, number: int) -> Iterator[Piece]:
    piece = subject.framed.pieces[number]
    before, after = subject.grown[number], subject.grown[number + 1]
    added = {
        after.text[len(before.text) :],
        after.reasoning[len(before.reasoning) :],
        after.arguments[len(before.arguments) :],
    } - {""}
    for path, leaf in leaves(piece.value):
        if isinstance(leaf, str) and leaf in added:
            yield subject.framed.piece(with_leaf(piece.value, path, leaf + PADDING), piece.name)
    yield piece


def _fed(subject: Subject, count: int) -> Decoder:
    decoder = subject.decoder()
    for piece in subject.framed.pieces[:count]:
        subject.feed(decoder, piece)
    return decoder


def _costs(subject: Subject, number: int, piece: Piece) -> tuple[_Cost, _Cost]:
    decoder, costs = _fed(subject, number), []
    for start, end in ((0, FEW), (FEW, MANY)):
        for _ in range(start, end - 2 * NEIGHBOURS):
            subject.feed(decoder, piece)
        lines = min(_lines(lambda: subject.feed(decoder, piece)) for _ in range(NEIGHBOURS))
        allocated = min(_allocated(lambda: subject.feed(decoder, piece)) for _ in range(NEIGHBOURS))
        costs.append(_Cost(lines, allocated))
    return costs[0], costs[1]


def _lines(feed: Callable[[], object]) -> int:
    """Return how many lines of Python run; what the garbage collector would run in between is not counted."""
    count = 0

    def trace(frame: FrameType, event: str, argument: object) -> object:  # noqa: ARG001  # sys.settrace's signature
        nonlocal count
        count += event == "line"
        return trace

    before, collects = sys.gettrace(), gc.isenabled()
    gc.disable()
    sys.settrace(trace)  # type: ignore[arg-type]  # it returns itself
    try:
        feed()
    finally:
        sys.settrace(before)
        if collects:
            gc.enable()
    return count


def _allocated(feed: Callable[[], object]) -> int:
    """Return how many bytes were allocated at the same time, at most."""
    was_tracing = tracemalloc.is_tracing()
    if not was_tracing:
        tracemalloc.start()
    try:
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        feed()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        if not was_tracing:
            tracemalloc.stop()
    return peak - before


def check_decoding_does_not_block(target: Target, shown: Shown) -> None:
    """Check that a decoder sleeps, reads, writes and waits for nothing."""
    for subject in subjects(target, shown):
        decoder = subject.decoder()
        for number, piece in enumerate(subject.framed.pieces):
            with _watched() as blocking:
                if not decoder.is_done:
                    subject.feed(decoder, piece)
                if number == len(subject.framed.pieces) - 1:
                    decoder.close()
            if blocking:
                raise fail(
                    rules.NO_WAITING,
                    f"the decoder called {blocking[0]}",
                    scenario=subject.test_id,
                    event=number,
                    received=subject.framed.body.decode("utf-8", "replace"),
                    look_at="feed() and close() of the decoder: whatever waits stops every other call of the loop",
                )


@contextmanager
def _watched() -> Iterator[list[str]]:
    """Gather the calls of C functions that may block."""
    found: list[str] = []

    def profile(frame: FrameType, event: str, function: object) -> None:  # noqa: ARG001  # sys.setprofile's signature
        if event != "c_call":
            return
        name, owner = getattr(function, "__name__", ""), getattr(function, "__self__", None)
        module = getattr(function, "__module__", None) or type(owner).__module__
        if module in _WAITING or name in _WAITING_NAMES.get(module, ()):
            found.append(f"{module}.{name}")

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        yield found
    finally:
        sys.setprofile(before)
