"""A streamed JSON array: a frame an element, as soon as its last byte has come, however the bytes are cut."""

from __future__ import annotations

import json
import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core_llm._errors import MalformedResponseError
from core_llm.wire.frames import Frame
from core_llm.wire.json_array import JSONArrayFramer

TRICKY = rb'{"a": "]} , [\" \\", "b": {"c": [[], {}]}}'
STREAM = b"\xef\xbb\xbf [" + TRICKY + b",\r\n" + '{"é": "\\\\"}'.encode() + b' , "s]\\"" ,\n-1.5e3,null,[1,[2]]\n]\n'
FRAMES = [
    Frame(TRICKY),
    Frame('{"é": "\\\\"}'.encode()),
    Frame(b'"s]\\""'),
    Frame(b"-1.5e3"),
    Frame(b"null"),
    Frame(b"[1,[2]]"),
]


def fed(framer: JSONArrayFramer, *chunks: bytes) -> list[Frame]:
    """Return the frames of `chunks`."""
    return [frame for chunk in chunks for frame in framer.feed(chunk)]


def test_each_element_is_a_frame_as_soon_as_it_is_whole() -> None:
    """An object is handed on with its closing brace; the comma after it is not waited for."""
    framer = JSONArrayFramer()
    assert framer.feed(b'[{"n": 1}') == [Frame(b'{"n": 1}')]
    assert framer.feed(b',\r\n{"n": ') == []
    assert framer.feed(b'2}\n,{"n": 3}]') == [Frame(b'{"n": 2}'), Frame(b'{"n": 3}')]
    assert framer.is_complete
    assert framer.close() == []


def test_brackets_quotes_and_escapes_in_strings_end_nothing() -> None:
    """Elements of every type come out as they were, whatever their strings hold."""
    framer = JSONArrayFramer()
    assert framer.feed(STREAM) == FRAMES
    assert framer.is_complete


def test_a_stream_cut_in_two_at_every_byte() -> None:
    """Wherever the stream is cut in two, also within an escape or a BOM, the frames are the same."""
    for cut in range(len(STREAM) + 1):
        framer = JSONArrayFramer()
        assert fed(framer, STREAM[:cut], STREAM[cut:]) == FRAMES, cut
        assert framer.is_complete


def test_a_stream_fed_one_byte_at_a_time() -> None:
    """Byte by byte the frames are the same."""
    assert fed(JSONArrayFramer(), *(STREAM[i : i + 1] for i in range(len(STREAM)))) == FRAMES


def test_an_escape_that_was_cut_is_over_with_its_character() -> None:
    """After an escape cut in two, the next one that is cut is an escape again."""
    assert fed(JSONArrayFramer(), b'[{"a\\', b'"b": "\\', b'"y"}]') == [Frame(b'{"a\\"b": "\\"y"}')]


def test_a_line_end_may_be_escaped() -> None:
    """A backslash takes whatever byte is next, though JSON forbids this one, so that cuts make no difference."""
    assert fed(JSONArrayFramer(), b'["a\\\n]"]') == [Frame(b'"a\\\n]"')]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet='a"\\[]{},: é\n'),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(alphabet='k"\\]}', max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    values=st.lists(json_values, max_size=6),
    indent=st.sampled_from([None, 1]),
    cuts=st.lists(st.integers(min_value=0, max_value=800), max_size=12),
)
def test_any_cutting_gives_each_element(values: list[object], indent: int | None, cuts: list[int]) -> None:
    """For any array and any cuts there is one frame an element, and it parses to the element."""
    stream = json.dumps(values, ensure_ascii=False, indent=indent).encode()
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    framer = JSONArrayFramer()
    frames = fed(framer, *(stream[start:stop] for start, stop in pairwise(edges)))
    assert [json.loads(frame.data) for frame in frames] == values
    assert framer.is_complete


@given(stream=st.lists(st.sampled_from(list(b'[]{},"\\ 1x\n')), max_size=30).map(bytes))
def test_any_bytes_give_the_same_outcome_whole_and_byte_by_byte(stream: bytes) -> None:
    """Good or broken, the frames, the failure and the completeness do not depend on the cuts."""
    outcomes = []
    for chunks in ([stream], [stream[i : i + 1] for i in range(len(stream))]):
        framer, frames, message = JSONArrayFramer(max_frame_bytes=12), [], ""
        try:
            for chunk in chunks:
                frames += framer.feed(chunk)
            framer.close()
        except MalformedResponseError as error:
            message = error.message.split("found")[0]
        outcomes.append((frames, message, framer.is_complete))
    assert outcomes[0] == outcomes[1]


def test_a_single_object_is_one_frame() -> None:
    """An error body, which comes without the array around it, is a frame, and then the value is complete."""
    framer = JSONArrayFramer()
    assert fed(framer, b'\n{"error": {"code"', b": 429}}\n") == [Frame(b'{"error": {"code": 429}}')]
    assert framer.is_complete


def test_an_empty_array_has_no_frames_and_is_complete() -> None:
    """Nothing but the brackets is an answer of no elements."""
    framer = JSONArrayFramer()
    assert fed(framer, b"[ ", b"]") == []
    assert framer.is_complete


@pytest.mark.parametrize("cut", [b"", b"[", b"[{}", b"[{},", b'[{"a": "', b'[{"a": [1', b'{"error": {}', b"[tru"])
def test_a_missing_end_is_no_error_but_not_complete(cut: bytes) -> None:
    """The wire's terminal marker decides what a cut means; the framer says only that the end has not come."""
    framer = JSONArrayFramer()
    fed(framer, cut)
    assert framer.close() == []
    assert not framer.is_complete


@pytest.mark.parametrize(
    ("stream", "message"),
    [
        (b"<html>", "expected a JSON array or object, found '<html>'"),
        (b"data: {}", "expected a JSON array or object, found 'data: {}'"),
        (b"[,", "expected an element or the array's end, found ','"),
        (b'["a",]', "expected an element, found ']'"),
        (b"[{} {}", "expected a comma or the array's end, found '{}'"),
        (b"[{}}", "expected a comma or the array's end, found '}'"),
        (b"[] x", "expected nothing after the JSON value, found 'x'"),
        (b"{}[", "expected nothing after the JSON value, found '['"),
    ],
)
def test_bytes_that_break_the_array_are_a_clear_error(stream: bytes, message: str) -> None:
    """The error says what was expected and what was found; elements before it are handed on first."""
    framer = JSONArrayFramer()
    with pytest.raises(MalformedResponseError) as caught:
        fed(framer, stream, b" ")
    assert message in str(caught.value)


def test_elements_before_garbage_are_handed_on_first() -> None:
    """The good element of the same chunk is returned; the error comes with the next call."""
    framer = JSONArrayFramer()
    assert framer.feed(b'[{"n": 1}] trailing') == [Frame(b'{"n": 1}')]
    with pytest.raises(MalformedResponseError, match="found 'trailing'"):
        framer.close()


def test_an_element_longer_than_the_bound_raises_before_it_ends() -> None:
    """The bound is on the element, not on the array, and a growing element meets it."""
    framer = JSONArrayFramer(max_frame_bytes=40)
    assert len(fed(framer, b"[", *[b'{"n": 1},'] * 20)) == 20
    framer.feed(b'{"a": "')
    with pytest.raises(MalformedResponseError, match="40 bytes"):
        framer.feed(b"x" * 40)


def test_an_element_that_came_whole_meets_the_bound_too() -> None:
    """The bound is exact, and does not depend on cuts."""
    assert fed(JSONArrayFramer(max_frame_bytes=10), b'["12345678"]') == [Frame(b'"12345678"')]
    with pytest.raises(MalformedResponseError, match="9 bytes"):
        fed(JSONArrayFramer(max_frame_bytes=9), b'["12345678"]')


def test_what_is_held_of_a_long_string_is_not_copied_with_every_chunk() -> None:
    """While a string of 8 MB full of escapes comes in 16 KiB chunks, no call copies or scans again what is held."""
    chunk, framer = b'\\"]}' * 4096, JSONArrayFramer()
    framer.feed(b'[{"a": "')
    transient = []
    tracemalloc.start()
    try:
        for _ in range(512):
            before = tracemalloc.get_traced_memory()[0]
            tracemalloc.reset_peak()
            assert framer.feed(chunk) == []
            transient.append(tracemalloc.get_traced_memory()[1] - before)
    finally:
        tracemalloc.stop()
    assert max(transient) < 3 * len(chunk)
    assert framer.feed(b'"}]') == [Frame(b'{"a": "' + chunk * 512 + b'"}')]
