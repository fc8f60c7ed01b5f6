"""Cuts keep every byte; changes keep the meaning; truncations are beginnings."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core_llm_conformance import cuts
from core_llm_conformance.walk.sse import walk_sse

STREAM = 'data: {"a": "ä"}\n\n: hello\n\nevent: x\ndata: 1\ndata: 2\n\ndata: [DONE]\n\n'.encode()
EVENTS = [("", '{"a": "ä"}'.encode()), ("x", b"1\n2"), ("", b"[DONE]")]


@given(st.binary(max_size=300))
def test_every_cut_keeps_every_byte(body: bytes) -> None:
    """Whatever the body is, the pieces joined are the body, and none is empty."""
    for name, cut in cuts.every_cut().items():
        pieces = list(cut(body))
        assert b"".join(pieces) == body, name
        assert all(pieces), name


def test_one_byte_at_a_time() -> None:
    """Each byte is a piece."""
    assert list(cuts.one_byte_at_a_time(b"abc")) == [b"a", b"b", b"c"]


def test_offsets_may_be_unsorted_repeated_and_outside() -> None:
    """Only offsets inside the body cut it, each once."""
    assert list(cuts.at_offsets(b"abcdef", [4, 0, 2, 4, 6, 99])) == [b"ab", b"cd", b"ef"]


def test_random_cuts_are_the_same_for_the_same_seed() -> None:
    """A seed stands for one way to cut; another seed for another."""
    assert list(cuts.at_random(STREAM, 7)) == list(cuts.at_random(STREAM, 7))
    assert list(cuts.at_random(STREAM, 7)) != list(cuts.at_random(STREAM, 8))


def test_characters_are_cut_inside() -> None:
    """Every later byte of a character begins a piece of its own."""
    assert list(cuts.inside_characters("a€b".encode())) == [b"a\xe2", b"\x82", b"\xacb"]


def test_line_ends_are_cut_on_both_sides() -> None:
    """CR and LF come in different pieces."""
    assert list(cuts.inside_line_ends(b"a\r\nb")) == [b"a", b"\r", b"\n", b"b"]


def test_events_are_cut_after_their_blank_line() -> None:
    """A piece is an event; what no blank line ends is a piece too."""
    assert list(cuts.per_event(b"data: 1\n\ndata: 2\r\n\r\nda")) == [b"data: 1\n\n", b"data: 2\r\n\r\n", b"da"]


def test_truncations_grow_and_leave_out_the_whole() -> None:
    """The beginnings up to each end, from nothing on."""
    body = b"data: 1\n\ndata: 2\n\n"
    assert list(cuts.truncations(body, cuts.event_ends(body))) == [b"", b"data: 1\n\n"]
    assert list(cuts.truncations(b"{}\n[]\n", cuts.line_ends(b"{}\n[]\n"))) == [b"", b"{}\n"]


@pytest.mark.parametrize(
    "change",
    [cuts.with_crlf, cuts.with_cr, cuts.with_bom, cuts.with_comments, cuts.without_spaces],
    ids=["CRLF", "CR", "BOM", "comments", "no spaces"],
)
def test_a_changed_stream_has_the_same_events(change: Callable[[bytes], bytes]) -> None:
    """By the grammar of server-sent events nothing has changed."""
    changed = change(STREAM)
    assert changed != STREAM
    assert list(walk_sse(changed)) == EVENTS


def test_comments_stand_alone_and_inside_events() -> None:
    """Each event gets a comment before it and one among its lines; an unfinished event stays unfinished."""
    assert cuts.with_comments(b"data: 1\n\ndata: 2", b":") == b":\n\n:\ndata: 1\n\n:\n\n:\ndata: 2"
