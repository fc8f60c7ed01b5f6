"""A recorded body is taken apart into its frames and put together again, whatever its framing."""

from __future__ import annotations

import pytest
from pydantic import JsonValue

from core_llm.wire import Framing
from core_llm_conformance.faults.framed import Framed, leaves, with_leaf

SSE = b': hi\n\nevent: a\ndata: {"n": 1}\n\ndata: {"n": 2}\n\ndata: [DONE]'
NDJSON = b'{"n": 1}\n\n{"n": 2}'
ARRAY = b'[{"n": 1},\r\n {"n": "]}"}\n]'


@pytest.mark.parametrize(
    ("framing", "body", "values"),
    [
        ("sse", SSE, [None, {"n": 1}, {"n": 2}, None]),
        ("ndjson", NDJSON, [{"n": 1}, None, {"n": 2}]),
        ("json_array", ARRAY, [{"n": 1}, {"n": "]}"}]),
    ],
    ids=["sse", "ndjson", "json_array"],
)
def test_frames_are_told_and_keep_their_bytes(framing: Framing, body: bytes, values: list[object]) -> None:
    """What carries no JSON is a frame too: a comment, a blank line, a marker in words."""
    framed = Framed.of(body, framing)
    assert [piece.value for piece in framed.pieces] == values
    assert framed.body == (b'[{"n": 1},\n{"n": "]}"}]' if framing == "json_array" else body)


def test_a_server_sent_event_has_its_name() -> None:
    """It is kept apart from the data, and goes out again with it."""
    framed = Framed.of(SSE, "sse")
    assert [piece.name for piece in framed.pieces] == ["", "a", "", ""]
    assert framed.piece({"x": "ü"}, "b").raw == 'event: b\ndata: {"x": "ü"}\n\n'.encode()


def test_what_goes_in_before_an_unended_frame_ends_it() -> None:
    """The last event of a recording may lack its blank line."""
    framed = Framed.of(SSE, "sse")
    assert framed.with_inserted(4, framed.piece(1)).body.endswith(b"data: [DONE]\n\ndata: 1\n\n")
    lines = Framed.of(NDJSON, "ndjson")
    assert lines.with_inserted(3, lines.piece(1)).body == NDJSON + b"\n1\n"


def test_a_beginning_of_an_array_is_not_closed() -> None:
    """Cut off, it lacks its bracket; with other elements it has it again."""
    framed = Framed.of(ARRAY, "json_array")
    assert (framed.first(0).body, framed.first(1).body) == (b"[", b'[{"n": 1}')
    assert framed.with_replaced(0, framed.piece(7)).body == b'[7,\n{"n": "]}"}]'


def test_a_read_can_have_one_frame() -> None:
    """The cut is that of the frames, whose ends are known."""
    framed = Framed.of(SSE, "sse")
    assert list(framed.per_frame(framed.body)) == list(framed.chunks)
    assert framed.ends[-1] == len(SSE)


def test_every_value_in_a_frame_can_be_changed() -> None:
    """A leaf is found with its way, and replaced by it."""
    value: JsonValue = {"a": [{"b": 1}, "x"]}
    assert list(leaves(value)) == [(("a", 0, "b"), 1), (("a", 1), "x")]
    assert with_leaf(value, ("a", 0, "b"), {"c": None}) == {"a": [{"b": {"c": None}}, "x"]}
