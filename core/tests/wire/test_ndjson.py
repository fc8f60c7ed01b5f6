"""Newline-delimited JSON: a frame a line, however the bytes are cut."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core_llm._errors import MalformedResponseError
from core_llm.wire.frames import Frame
from core_llm.wire.ndjson import NDJSONFramer

STREAM = '\ufeff{"a": "é\u2028😀"}\r\n\n{"b": [1,\t2]} \n  \r\n"text"\n'.encode()
FRAMES = [Frame('{"a": "é\u2028😀"}'.encode()), Frame(b'{"b": [1,\t2]}'), Frame(b'"text"')]


def read(*chunks: bytes) -> list[Frame]:
    """Return all the frames of `chunks`, those of the end included."""
    framer = NDJSONFramer()
    return [frame for chunk in chunks for frame in framer.feed(chunk)] + framer.close()


def test_several_lines_in_one_chunk_are_several_frames() -> None:
    """A read may hold several lines and the start of another, which waits for its end."""
    framer = NDJSONFramer()
    assert framer.feed(b'{"n": 1}\n{"n": 2}\n{"n"') == [Frame(b'{"n": 1}'), Frame(b'{"n": 2}')]
    assert framer.feed(b": 3}\n") == [Frame(b'{"n": 3}')]


def test_crlf_blank_lines_and_bom_are_tolerated() -> None:
    """Line ends, blanks around a value, blank lines and a BOM are no part of a frame."""
    assert read(STREAM) == FRAMES


def test_a_stream_cut_in_two_at_every_byte() -> None:
    """Wherever the stream is cut in two, the frames are the same."""
    for cut in range(len(STREAM) + 1):
        assert read(STREAM[:cut], STREAM[cut:]) == FRAMES, cut


@given(
    values=st.lists(st.recursive(st.text() | st.integers(), st.lists, max_leaves=5), max_size=8),
    end=st.sampled_from([b"\n", b"\r\n", b"\n\n"]),
    cuts=st.lists(st.integers(min_value=0, max_value=500), max_size=10),
)
def test_any_cutting_gives_each_value(values: list[object], end: bytes, cuts: list[int]) -> None:
    """For any values, line ends and cuts there is one frame a value, and it parses to the value."""
    stream = b"".join(json.dumps(value, ensure_ascii=False).encode() + end for value in values)
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    frames = read(*(stream[start:stop] for start, stop in pairwise(edges)))
    assert [json.loads(frame.data) for frame in frames] == values


def test_a_last_line_without_its_newline_is_taken_at_the_end() -> None:
    """A whole object counts without the newline, but only when the stream has ended."""
    framer = NDJSONFramer()
    assert framer.feed(b'{"done": true}') == []
    assert framer.close() == [Frame(b'{"done": true}')]


@pytest.mark.parametrize("cut", [b'{"done": tr', b'{"a": "}', b"12", b'"te', b"  ", b""])
def test_a_last_line_that_was_cut_is_dropped(cut: bytes) -> None:
    """What the end has cut, or may have, makes no frame and no error."""
    assert read(b"{}\n" + cut) == [Frame(b"{}")]


def test_a_line_longer_than_the_bound_raises_before_it_ends() -> None:
    """The error names the bound and comes while the line is still growing."""
    framer = NDJSONFramer(max_frame_bytes=30)
    assert framer.feed(b"{}\n" + b'{"a": "') == [Frame(b"{}")]
    with pytest.raises(MalformedResponseError, match="30 bytes"):
        framer.feed(b"x" * 30)


def test_a_long_line_that_came_whole_raises_after_the_lines_before_it() -> None:
    """The bound does not depend on cuts: the short line is a frame, then the long one is the error."""
    framer = NDJSONFramer(max_frame_bytes=30)
    assert framer.feed(b'{}\n"' + b"x" * 30 + b'"\n{}\n') == [Frame(b"{}")]
    with pytest.raises(MalformedResponseError, match="30 bytes"):
        framer.feed(b"{}\n")
