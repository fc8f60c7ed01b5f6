"""Faults that change nothing: the same bytes in other pieces, in another dress, compressed, or with more between."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial

from core_llm_conformance import cuts
from core_llm_conformance.cuts import Cut
from core_llm_conformance.faults import rules
from core_llm_conformance.faults.framed import Framed, Piece
from core_llm_conformance.faults.same import MARK, same_events, same_response
from core_llm_conformance.faults.subject import Subject
from core_llm_conformance.faults.trials import Trial, run, subjects
from core_llm_conformance.replay import ReplayAnswer
from core_llm_conformance.scenario import Shown
from core_llm_conformance.target import Target
from core_llm_conformance.wires import CHANGES

LONG = 8 * 1024
"""Bytes; a longer body is read byte by byte as far as this, and cut by fewer seeds."""
HUGE = 256 * 1024
"""Bytes of a line that is longer than any read."""
INTERVAL = 0.0005
"""Seconds between the pieces of an answer that drips."""
DRIPS = 12
"""How many pieces those are."""
_PING = re.compile(r"ping|keep.?alive|heart.?beat", re.IGNORECASE)


def check_any_cut(target: Target, shown: Shown) -> None:
    """Check that an answer is the same however it is cut, and is what the cassette expects."""
    for subject in subjects(target, shown):
        subject.check_head()
        run(subject, _cut_trials(subject))


def _cut_trials(subject: Subject) -> Iterator[Trial]:
    body = subject.interaction.body
    for name, cut in _cuts(body).items():
        yield Trial(
            rules.SAME,
            f"cut {name.replace('_', ' ')}",
            subject.answer(body, cut=cut),
            same_events(subject),
            look_at="what the decoder keeps between two frames; ids that it makes up must come of the answer alone",
        )


def _cuts(body: bytes) -> dict[str, Cut]:
    if len(body) <= LONG:
        return cuts.every_cut()
    bytewise = partial(cuts.at_offsets, offsets=range(LONG))
    return {**cuts.every_cut(cuts.SEEDS[::5]), "one_byte_at_a_time": bytewise}


def check_line_ends(target: Target, shown: Shown) -> None:
    """Check that line ends, a byte order mark and spaces are what the framing says."""
    for subject in subjects(target, shown):
        run(subject, _dressed_trials(subject, {**CHANGES, "json_array": _ARRAY_CHANGES}[subject.framed.framing]))


def _dressed_trials(subject: Subject, changes: Mapping[str, Callable[[bytes], bytes]]) -> Iterator[Trial]:
    for name, change in changes.items():
        if name != "comments":
            for cut in (cuts.whole, cuts.inside_line_ends):
                answer = subject.answer(change(subject.interaction.body), cut=cut)
                yield Trial(rules.DRESSED, f"with {name}, cut {cut.__name__}", answer, same_events(subject))


def _spaced(body: bytes) -> bytes:
    return b"\r\n ".join(Framed.of(body, "json_array").chunks) + b"\r\n"


_ARRAY_CHANGES: dict[str, Callable[[bytes], bytes]] = {"white space": _spaced, "BOM": cuts.with_bom}


def check_comments_and_pings(target: Target, shown: Shown) -> None:
    """Check that what keeps a connection alive changes nothing: comments, blank lines, the wire's own pings."""
    for subject in subjects(target, shown):
        run(subject, _ping_trials(subject, own_pings(subject)))


def own_pings(subject: Subject) -> list[Piece]:
    """Return the frames with which the server of this cassette keeps the connection alive, by their names."""
    found: dict[bytes, Piece] = {}
    for number in subject.silent():
        piece = subject.framed.pieces[number]
        value = piece.value
        kind = value.get("type") if isinstance(value, dict) else None
        if _PING.search(piece.name) or (isinstance(kind, str) and _PING.search(kind)):
            found[piece.raw] = piece
    return list(found.values())[:2]


def _ping_trials(subject: Subject, pings: list[Piece]) -> Iterator[Trial]:
    framed = subject.framed
    for what, filler in _fillers(framed).items():
        pieces = [between for piece in framed.pieces for between in (filler, piece)]
        spoilt = framed.with_pieces(pieces)
        for cut in (cuts.whole, spoilt.per_frame):
            yield Trial(
                rules.DRESSED, f"{what} before each frame", subject.answer(spoilt, cut=cut), same_events(subject)
            )
    for ping in pings:
        for at in subject.positions(subject.done):
            spoilt = framed.with_inserted(at, ping)
            fault = f"the server's own ping once more, before frame {at}"
            yield Trial(rules.DRESSED, fault, subject.answer(spoilt), same_response(subject), spoilt, at)


def _fillers(framed: Framed) -> dict[str, Piece]:
    match framed.framing:
        case "sse":
            texts = {"a comment": b": keep-alive\n\n", "an empty comment": b":\n\n", "blank lines": b"\n\n\n"}
            texts |= {"an event without data": b"event: ping\n\n", "an event with empty data": b"data:\n\n"}
            texts |= {"a retry and an id": b"retry: 3000\nid: 7\n\n"}
        case "ndjson":
            texts = {"a blank line": b"\n", "a line of spaces": b"  \r\n"}
        case _:
            return {}
    return {what: Piece(raw, None) for what, raw in texts.items()}


def check_slow_drip(target: Target, shown: Shown) -> None:
    """Check that an answer is the same when it comes bit by bit, with other work between."""
    for subject in subjects(target, shown):
        body = subject.interaction.body
        step = len(body) // DRIPS + 1
        cut = partial(cuts.at_offsets, offsets=range(step, len(body), step))
        answer = replace(subject.answer(body, cut=cut), interval=INTERVAL)
        run(subject, [Trial(rules.SAME, f"dripping, {step} bytes at a time", answer, same_events(subject))])


def check_huge_frame(target: Target, shown: Shown) -> None:
    """Check that lines longer than any read are taken: of a comment, of a frame that says nothing new."""
    for subject in subjects(target, shown):
        run(subject, _huge_trials(subject))


def _huge_trials(subject: Subject) -> Iterator[Trial]:
    framed, padding = subject.framed, "x" * HUGE
    spoilt: dict[str, Framed] = {}
    for at, piece in enumerate(framed.pieces[: subject.done + 1]):
        if isinstance(value := piece.value, dict):
            padded = framed.piece({**value, MARK: padding}, piece.name)
            spoilt[f"a field that nobody knows, in frame {at}"] = framed.with_replaced(at, padded)
            break
    if framed.framing == "sse":
        spoilt["a comment at the start"] = framed.with_inserted(0, Piece(f": {padding}\n\n".encode(), None))
    for what, body in spoilt.items():
        answer = subject.answer(body, cut=partial(cuts.at_random, seed=HUGE))
        yield Trial(rules.DRESSED, f"{what}, of {HUGE} bytes", answer, same_response(subject))


def check_compressed(target: Target, shown: Shown) -> None:
    """Check that a body that a proxy has compressed is read as it was, and that a cut one is no success."""
    for subject in subjects(target, shown):
        run(subject, _compressed_trials(subject))


def _compressed_trials(subject: Subject) -> Iterator[Trial]:
    body = subject.interaction.body
    raw = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    for name, encoding, packed in (
        ("gzip", "gzip", gzip.compress(body, mtime=0)),
        ("deflate", "deflate", zlib.compress(body)),
        ("raw deflate", "deflate", raw.compress(body) + raw.flush()),
    ):
        whole = _encoded(subject.answer(packed, cut=partial(cuts.at_random, seed=1)), encoding)
        yield Trial(rules.DRESSED, f"compressed with {name}", whole, same_events(subject))
        half = _encoded(subject.answer(packed[: len(packed) // 2]), encoding)
        yield Trial(rules.NO_SUCCESS, f"compressed with {name} and cut in the middle", half, _no_success)
    unknown = _encoded(subject.answer(body), "br")
    yield Trial(rules.NO_STREAM, "said to be compressed with br, which was not asked for", unknown, _no_success)


def _encoded(answer: ReplayAnswer, encoding: str) -> ReplayAnswer:
    return replace(answer, headers={**answer.headers, "content-encoding": encoding})


def _no_success(played: rules.Played) -> str | None:
    return str(played) if played.is_success else None
