"""Ways to cut a body into the pieces in which it could arrive, and to change it without changing what it means.

A *cut* keeps every byte and only decides where the reads end; a *change* is another body that means the same; a
*truncation* is the beginning of a body. All are pure; what is random is random by a seed.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial

Cut = Callable[[bytes], Iterable[bytes]]
"""Takes a body, yields it in pieces; none is empty."""

SEEDS = range(50)
"""The seeds of the random cuts that the conformance tests make of every body."""

_EVENT_END = re.compile(rb"(?:\r\n|\n|\r(?!\n)){2}")
_LINE_END = re.compile(rb"\r\n|\n|\r")
_CONTINUATION_MASK, _CONTINUATION = 0xC0, 0x80
_MAX_PIECES = 64


def whole(body: bytes) -> Iterator[bytes]:
    """Yield the body in one piece."""
    if body:
        yield body


def one_byte_at_a_time(body: bytes) -> Iterator[bytes]:
    """Yield each byte alone."""
    for position in range(len(body)):
        yield body[position : position + 1]


def at_offsets(body: bytes, offsets: Iterable[int]) -> Iterator[bytes]:
    """Yield the body cut at these offsets; those at or beyond its ends, and repeated ones, cut nothing."""
    start = 0
    for offset in sorted({offset for offset in offsets if 0 < offset < len(body)}):
        yield body[start:offset]
        start = offset
    yield from whole(body[start:])


def at_random(body: bytes, seed: int) -> Iterator[bytes]:
    """Yield the body in up to 64 pieces, cut where the seed says."""
    chance = random.Random(seed)  # noqa: S311  # repeatable, not secret
    pieces = chance.randint(2, _MAX_PIECES)
    yield from at_offsets(body, (chance.randrange(len(body)) for _ in range(pieces - 1)) if body else ())


def inside_characters(body: bytes) -> Iterator[bytes]:
    """Yield the body cut inside every UTF-8 character that has more than one byte, before each of its later bytes."""
    yield from at_offsets(body, (at for at, byte in enumerate(body) if byte & _CONTINUATION_MASK == _CONTINUATION))


def inside_line_ends(body: bytes) -> Iterator[bytes]:
    """Yield the body cut before and after each byte of every line end, so also between CR and LF."""
    ends = [at for at, byte in enumerate(body) if byte in b"\r\n"]
    yield from at_offsets(body, [*ends, *(at + 1 for at in ends)])


def per_event(body: bytes) -> Iterator[bytes]:
    """Yield each server-sent event with its blank line, and what is left."""
    yield from at_offsets(body, event_ends(body))


def every_cut(seeds: Iterable[int] = SEEDS) -> dict[str, Cut]:
    """Return all cuts above under names that are good as test ids, with each of the seeds."""
    cuts: dict[str, Cut] = {
        cut.__name__: cut for cut in (whole, one_byte_at_a_time, inside_characters, inside_line_ends, per_event)
    }
    return cuts | {f"at_random_{seed}": partial(at_random, seed=seed) for seed in seeds}


def event_ends(body: bytes) -> list[int]:
    """Return the offset after each server-sent event, its blank line included."""
    return [match.end() for match in _EVENT_END.finditer(body)]


def line_ends(body: bytes) -> list[int]:
    """Return the offset after each line: where an NDJSON stream may be truncated."""
    return [match.end() for match in _LINE_END.finditer(body)]


def truncations(body: bytes, ends: Iterable[int]) -> Iterator[bytes]:
    """Yield the beginnings of the body up to 0 and up to each of `ends`, shortest first, without the whole body."""
    for end in sorted({0, *ends}):
        if end < len(body):
            yield body[:end]


def with_crlf(body: bytes) -> bytes:
    """Return the event stream with CRLF line ends."""
    return _LINE_END.sub(b"\r\n", body)


def with_cr(body: bytes) -> bytes:
    """Return the event stream with CR line ends."""
    return _LINE_END.sub(b"\r", body)


def with_bom(body: bytes) -> bytes:
    """Return the event stream behind a byte order mark."""
    return b"\xef\xbb\xbf" + body


def with_comments(body: bytes, comment: bytes = b": keep-alive") -> bytes:
    """Return the event stream with a comment of its own before each event, and one inside it.

    A stream whose last event lacks its blank line keeps lacking it.
    """
    alone, inside = comment + b"\n\n", comment + b"\n"
    start, pieces = 0, []
    for end in [*event_ends(body), len(body)]:
        if end > start:
            pieces += [alone, inside, body[start:end]]
        start = end
    return b"".join(pieces)


def without_spaces(body: bytes) -> bytes:
    """Return the event stream with nothing between the colon of a field and its value."""
    return re.sub(rb"(?m)^(data|event|id|retry): ", rb"\1:", body)


def with_blank_lines(body: bytes) -> bytes:
    """Return the NDJSON stream with an empty line after each of its own."""
    return _LINE_END.sub(b"\n\n", body)
