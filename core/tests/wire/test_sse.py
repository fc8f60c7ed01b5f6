"""Server-sent events: the standard's grammar, however the bytes are cut, and the bounds that protect memory."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core_llm._errors import MalformedResponseError
from core_llm.wire.frames import Frame
from core_llm.wire.sse import SSEFramer, _uniform_events

MIXED = (
    '\ufeff: hello\n\nretry: 250\ndata: {"a": "é\u2028😀"}\n\nevent: delta\r\nid: 7\r\ndata: one\r\ndata:two\r\n\r\n'
    "data\rnonsense: x\r\rdata: [DONE]\n\n"
).encode()
MIXED_FRAMES = [
    Frame('{"a": "é\u2028😀"}'.encode()),
    Frame(b"one\ntwo", "delta"),
    Frame(b""),
    Frame(b"[DONE]"),
]


def fed(*chunks: bytes, framer: SSEFramer | None = None) -> list[Frame]:
    """Return the frames of `chunks`, without those of the end."""
    framer = framer or SSEFramer()
    return [frame for chunk in chunks for frame in framer.feed(chunk)]


def at_end(*chunks: bytes, lenient_end: bool = True) -> list[Frame]:
    """Return the frames that only the end of the stream makes."""
    framer = SSEFramer(lenient_end=lenient_end)
    fed(*chunks, framer=framer)
    return framer.close()


def pieces(stream: bytes, cuts: list[int]) -> list[bytes]:
    """Return `stream` cut at each of `cuts`."""
    edges = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    return [stream[start:end] for start, end in pairwise(edges)]


def reference(stream: bytes) -> list[Frame]:
    """Read `stream` as the standard's processing model says, a line at a time, with no thought of speed."""
    frames: list[Frame] = []
    data: list[bytes] = []
    name = b""
    text = stream.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    for line in text.split(b"\n")[:-1]:
        if not line:
            if data:
                frames.append(Frame(b"\n".join(data), name.decode()))
            data, name = [], b""
        elif b":" not in line:
            data += [b""] * (line == b"data")
            name = b"" if line == b"event" else name
        else:
            field, value = line.split(b":", 1)
            value = value[1:] if value[:1] == b" " else value
            data += [value] * (field == b"data")
            name = value if field == b"event" else name
    return frames


def test_data_lines_are_joined_by_a_line_feed() -> None:
    """An event of several data lines, as the standard's stock ticker, has them in order with LF between."""
    assert fed(b"data: OSLO\ndata: -3\ndata: 18\n\n") == [Frame(b"OSLO\n-3\n18")]


def test_comments_ids_and_a_second_space() -> None:
    """Of four blocks the comment makes no event, an empty id resets the id, and only one space after a colon goes."""
    framer = SSEFramer()
    assert framer.feed(b": a test\n\ndata: first\nid: 11\n\n") == [Frame(b"first")]
    assert framer.last_event_id == "11"
    assert framer.feed(b"data:second\nid\n\ndata:  third\n\n") == [Frame(b"second"), Frame(b" third")]
    assert not framer.last_event_id


def test_empty_data_fields_make_events() -> None:
    """An empty data field is data: one makes an event with empty data, two make one of a single line feed."""
    assert fed(b"data\n\ndata\ndata\n\ndata:") == [Frame(b""), Frame(b"\n")]


def test_one_space_after_the_colon_makes_no_difference() -> None:
    """With and without the space the two events are equal."""
    assert fed(b"data:same\n\ndata: same\n\n") == [Frame(b"same"), Frame(b"same")]


def test_event_names_belong_to_their_event_only() -> None:
    """Each event has its own name, and one without a name does not inherit it."""
    stream = b"event: add\ndata: 41\n\nevent: remove\ndata: 12\n\ndata: 9\n\n"
    assert fed(stream) == [Frame(b"41", "add"), Frame(b"12", "remove"), Frame(b"9")]


def test_a_name_after_the_data_counts_too() -> None:
    """The order of an event's fields does not matter, and the last name wins."""
    assert fed(b"event: x\ndata: 1\nevent: y\n\n") == [Frame(b"1", "y")]


def test_an_event_without_data_makes_no_frame_but_sets_the_id() -> None:
    """A name and an id alone are not handed on; the id is kept, the name forgotten."""
    framer = SSEFramer()
    assert framer.feed(b"event: ping\nid: 5\n\ndata: x\n\n") == [Frame(b"x")]
    assert framer.last_event_id == "5"


def test_an_id_counts_when_its_event_has_ended() -> None:
    """The id of an event that no blank line ended is not the last id."""
    framer = SSEFramer()
    fed(b"id: 1\ndata: a\n\nid: 2\ndata: b\n", framer=framer)
    framer.close()
    assert framer.last_event_id == "1"


def test_an_id_with_a_nul_is_ignored() -> None:
    """The id before it stays."""
    framer = SSEFramer()
    fed(b"id: keep\n\nid: lo\0st\ndata: x\n\n", framer=framer)
    assert framer.last_event_id == "keep"


@pytest.mark.parametrize("value", ["", "-1", "1.5", "12s", "٣", "1 0", "9" * 5000])
def test_retry_takes_ascii_digits_only(value: str) -> None:
    """Anything but a sensible row of ASCII digits leaves the time as it was."""
    framer = SSEFramer()
    fed(b"retry: 300\n\n", f"retry: {value}\n\n".encode(), framer=framer)
    assert framer.retry_ms == 300


def test_retry_holds_without_a_blank_line_after_it() -> None:
    """The reconnection time needs no event, so the end of the stream does not take it away."""
    framer = SSEFramer()
    fed(b"retry: 42\n", framer=framer)
    framer.close()
    assert framer.retry_ms == 42


def test_nothing_is_known_of_id_and_retry_at_first() -> None:
    """A server that sends neither leaves them empty."""
    framer = SSEFramer()
    fed(b"data: x\n\n", framer=framer)
    assert (framer.last_event_id, framer.retry_ms) == ("", None)


def test_fields_of_other_names_are_ignored() -> None:
    """Names are compared exactly: case, spaces before the colon and longer names make another field."""
    assert fed(b"Data: a\ndata : b\ndatas: c\n data: d\ndata: e\n\n") == [Frame(b"e")]


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_every_line_end_of_the_standard(end: bytes) -> None:
    """CR, LF and CRLF end lines alike."""
    stream = end.join([b"event: a", b"data: 1", b"", b"data: 2", b"", b""])
    assert fed(stream) == [Frame(b"1", "a"), Frame(b"2")]


def test_a_cr_between_events_of_lf_ends_a_line() -> None:
    """Line ends may be mixed within one event, also in a chunk that looks like a whole event of one line."""
    assert fed(b"data: 1\n\n", b"data: 2\rdata: 3\n\n") == [Frame(b"1"), Frame(b"2\n3")]


def test_crlf_cut_in_two_is_one_line_end() -> None:
    """The LF of a CRLF that comes in the next chunk is no blank line: both data lines are of one event."""
    assert fed(b"data: 1\r", b"\ndata: 2\r", b"\n\r", b"\n") == [Frame(b"1\n2")]


def test_an_event_is_handed_on_at_the_cr_of_its_blank_line() -> None:
    """No byte after the blank line is waited for, though an LF may follow."""
    framer = SSEFramer()
    assert framer.feed(b"data: now\r\n\r") == [Frame(b"now")]
    assert framer.feed(b"\ndata: next\r\n\r\n") == [Frame(b"next")]


def test_other_line_separators_stay_in_the_data() -> None:
    """What str.splitlines would cut at (U+2028, U+2029, U+0085, VT, FF, FS) is data."""
    text = "a\u2028b\u2029c\u0085d\x0be\x0cf\x1cg"
    assert fed(f"data: {text}\n\n".encode()) == [Frame(text.encode())]


def test_one_leading_bom_is_dropped_also_when_cut() -> None:
    """The BOM goes when it is first and whole, in whatever chunks; a second one is part of a field's name."""
    assert fed(b"\xef", b"\xbb", b"\xbfdata: 1\n\n") == [Frame(b"1")]
    assert fed(b"\xef\xbb\xbf\xef\xbb\xbfdata: 1\n\ndata: 2\n\n") == [Frame(b"2")]
    assert fed(b"data: 1\n\n", b"\xef\xbb\xbfdata: 2\n\n") == [Frame(b"1")]


def test_what_only_begins_like_a_bom_is_kept() -> None:
    """Bytes that were held because they might be a BOM, and are not, begin the first line."""
    assert fed(b"\xef\xbb", b"data: 1\n\ndata: 2\n\n") == [Frame(b"2")]


def test_a_character_cut_in_two_is_whole() -> None:
    """The four bytes of one character may come in four chunks."""
    assert fed(b"data: \xf0", b"\x9f", b"\x98", b"\x80\n\n") == [Frame("😀".encode())]


def test_blank_lines_and_empty_chunks_make_nothing() -> None:
    """Neither rows of blank lines nor chunks without a byte make or end anything."""
    assert fed(b"", b"\n\n\n", b"\ndata: 1\n", b"", b"\n\n\n\n", b"data: 2\n\n\n") == [Frame(b"1"), Frame(b"2")]


def test_a_stream_cut_in_two_at_every_byte() -> None:
    """Wherever a stream with all the grammar in it is cut in two, the frames are the same."""
    for cut in range(len(MIXED) + 1):
        assert fed(MIXED[:cut], MIXED[cut:]) == MIXED_FRAMES, cut


def test_a_stream_fed_one_byte_at_a_time() -> None:
    """Byte by byte the frames are the same, and so are id and retry."""
    framer = SSEFramer()
    assert fed(*(MIXED[i : i + 1] for i in range(len(MIXED))), framer=framer) == MIXED_FRAMES
    assert (framer.last_event_id, framer.retry_ms) == ("7", 250)


TOKENS = [b"data: ", b"data:", b"data", b"event: ", b"event", b":", b": c", b"id: 3", b"{}", b" ", b"x"]
ENDS = [b"\n", b"\r", b"\r\n", b"\n\n", b"\ndata: ", b"\n\ndata: ", b"\n\nevent: ", "é\u2028".encode()]
streams = st.lists(st.sampled_from(TOKENS + ENDS), max_size=40).map(b"".join)
cuttings = st.lists(st.integers(min_value=0, max_value=1000), max_size=12)


@given(stream=streams, cuts=cuttings, has_bom=st.booleans())
def test_any_cutting_gives_what_the_standard_says(stream: bytes, cuts: list[int], has_bom: bool) -> None:  # noqa: FBT001  # Hypothesis passes by name
    """For any bytes and any cuts the frames equal those of the standard's model, read line by line."""
    stream = b"\xef\xbb\xbf" * has_bom + stream
    assert fed(*pieces(stream, cuts)) == reference(stream)


@given(block=streams.map(lambda stream: stream.replace(b"\r", b"") + b"\n\n"))
def test_the_fast_path_gives_what_the_standard_says_or_nothing(block: bytes) -> None:
    """Whenever the fast path takes a block, it makes the frames that the whole grammar makes."""
    frames = _uniform_events(block)
    assert frames is None or frames == reference(block)


@pytest.mark.parametrize("head", [b"data: ", b"event: delta\ndata: "])
@pytest.mark.parametrize("count", [1, 2, 64])
def test_the_usual_events_take_the_fast_path(head: bytes, count: int) -> None:
    """Events of one data line, and of a name and one data line, are taken whole, one or many."""
    name = "delta" if head.startswith(b"event") else ""
    block = b"".join(head + b'{"n": %d}\n\n' % n for n in range(count))
    assert _uniform_events(block) == [Frame(b'{"n": %d}' % n, name) for n in range(count)]


def test_the_fast_path_counts_the_lines_of_each_event() -> None:
    """A line too few in one event and one too many in the next do not pass for two usual events."""
    block = b"event: a\n\nevent: b\ndata: 1\ndata: 2\n\n"
    assert _uniform_events(block) is None
    assert fed(b"\n", block) == [Frame(b"1\n2", "b")]


@given(stream=streams, cuts=cuttings)
def test_any_cutting_meets_the_bound_at_the_same_event(stream: bytes, cuts: list[int]) -> None:
    """With a bound that short events pass and long ones do not, cuts change neither the frames nor the failure."""
    outcomes = []
    for chunks in (pieces(stream, cuts), [stream[i : i + 1] for i in range(len(stream))]):
        framer, frames, failed = SSEFramer(max_frame_bytes=16), [], False
        try:
            for chunk in chunks:
                frames += framer.feed(chunk)
            framer.close()
        except MalformedResponseError:
            failed = True
        outcomes.append((frames, failed))
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("chunks", [[b"data: 1\n\n"], [b"\n", b"data: 1\n", b"\n"], [b"\r\ndata: 1\r", b"\n\r\n"]])
def test_the_bound_is_exact(chunks: list[bytes]) -> None:
    """Eight bytes of lines, their ends counted as one byte each, pass a bound of eight and not one of seven."""
    assert fed(*chunks, framer=SSEFramer(max_frame_bytes=8)) == [Frame(b"1")]
    with pytest.raises(MalformedResponseError):
        fed(*chunks, framer=SSEFramer(max_frame_bytes=7))


def test_a_long_event_raises_as_soon_as_the_bound_is_passed() -> None:
    """The error comes with the chunk that passes the bound, names it, says what to do, and shows the event's start."""
    framer = SSEFramer(max_frame_bytes=1000)
    fed(b"data: short\n\n", b"data: {" + b"x" * 900, framer=framer)
    with pytest.raises(MalformedResponseError, match=r"1,000 bytes.*raise max_frame_bytes") as caught:
        framer.feed(b"y" * 100)
    assert caught.value.frame.startswith("data: {xxx")
    assert framer._held == []


def test_many_short_lines_of_one_event_meet_the_bound_too() -> None:
    """The bound is on the event, comments included, so an event that never ends cannot fill the memory."""
    framer = SSEFramer(max_frame_bytes=50)
    with pytest.raises(MalformedResponseError):
        fed(*[b": drip\n"] * 8, framer=framer)


def test_events_before_a_long_one_are_handed_on_first() -> None:
    """The good event of the same chunk is returned; the error comes with the next call, and stays."""
    framer = SSEFramer(max_frame_bytes=20)
    assert framer.feed(b"data: good\n\ndata: " + b"x" * 30) == [Frame(b"good")]
    with pytest.raises(MalformedResponseError):
        framer.feed(b"data: more\n\n")
    with pytest.raises(MalformedResponseError):
        framer.close()


def test_after_the_bound_was_passed_no_event_is_taken_any_more() -> None:
    """A framer that failed between events does not go on with the next one as if nothing had been."""
    framer = SSEFramer(max_frame_bytes=20)
    framer.feed(b"data: good\n\n")
    with pytest.raises(MalformedResponseError):
        framer.feed(b"data: " + b"x" * 30 + b"\n\n")
    with pytest.raises(MalformedResponseError):
        framer.feed(b"data: good\n\n")


def test_the_start_shown_in_the_error_is_redacted_before_it_is_cut() -> None:
    """A key that the excerpt's end would cut does not leave its first half behind."""
    framer = SSEFramer(max_frame_bytes=400)
    with pytest.raises(MalformedResponseError) as caught:
        framer.feed(b"data: " + b"." * 180 + b" sk-" + b"k" * 300)
    assert "skk" not in caught.value.frame.replace("-", "")
    assert "kkk" not in caught.value.frame


def test_a_bound_below_one_is_refused() -> None:
    """A bound that no event can meet is a mistake of the caller."""
    with pytest.raises(ValueError, match="at least 1, not 0"):
        SSEFramer(max_frame_bytes=0)


@pytest.mark.parametrize("end", [b"data: [DONE]", b"data: [DONE]\n", b"data: [DONE]\r", b"data:[DONE]\r\n"])
def test_a_last_event_without_its_blank_line_is_taken(end: bytes) -> None:
    """`[DONE]` counts without the blank line and even without a line end, as many servers leave it."""
    assert at_end(b"data: {}\n\n" + end) == [Frame(b"[DONE]")]


def test_a_last_event_of_whole_json_is_taken_with_its_name() -> None:
    """JSON that closes itself cannot have been cut; also when it spans lines."""
    assert at_end(b'event: stop\ndata: {"a": [1]}') == [Frame(b'{"a": [1]}', "stop")]
    assert at_end(b"data:  {} ") == [Frame(b" {} ")]
    assert at_end(b'data: [1,\ndata: "x"]') == [Frame(b'[1,\n"x"]')]


@pytest.mark.parametrize(
    "cut",
    [b'data: {"x":', b'data: {"x": "}', b"data: [DON", b"data: 12", b"data: hello\n", b"da", b"event: x\n", b": c"],
)
def test_what_the_end_has_cut_is_dropped(cut: bytes) -> None:
    """Unfinished JSON, half a marker, a number or text that may have gone on: nothing is made of them."""
    assert at_end(b"data: {}\n\n" + cut) == []


def test_a_cut_line_that_is_no_data_does_not_hide_the_data_before_it() -> None:
    """A whole data line counts though the name after it was cut; the half name does not."""
    assert at_end(b'data: {"a": 1}\nevent: del') == [Frame(b'{"a": 1}')]


def test_a_strict_end_drops_whatever_no_blank_line_ended() -> None:
    """With lenient_end=False the standard is followed to the letter."""
    assert at_end(b"data: {}\n", lenient_end=False) == []


def test_the_end_of_nothing_is_nothing() -> None:
    """A stream without a byte, or only half a BOM, ends without frames, also when closed twice."""
    assert at_end() == []
    assert at_end(b"\xef\xbb") == []
    framer = SSEFramer()
    fed(b"data: {}", framer=framer)
    assert (framer.close(), framer.close()) == ([Frame(b"{}")], [])


def test_what_is_held_of_a_long_line_is_not_copied_with_every_chunk() -> None:
    """While 8 MB come in 16 KiB chunks, no call makes a copy of what is held; the last one joins it once."""
    chunk, framer = b"x" * 16384, SSEFramer()
    framer.feed(b"data: {}\n\ndata: ")
    transient = []
    tracemalloc.start()
    try:
        for _ in range(512):
            before = tracemalloc.get_traced_memory()[0]
            tracemalloc.reset_peak()
            assert framer.feed(chunk) == []
            transient.append(tracemalloc.get_traced_memory()[1] - before)
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        (frame,) = framer.feed(b"\n\n")
        joined = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert max(transient) < 3 * len(chunk)
    assert joined < 2.1 * len(frame.data)
    assert frame.data == chunk * 512


def test_tiny_chunks_are_not_held_one_by_one() -> None:
    """A server that sends a long line byte by byte costs memory for the bytes, not for an object each."""
    framer = SSEFramer()
    fed(*[b"x"] * 50_000, framer=framer)
    assert len(framer._held) == 1
