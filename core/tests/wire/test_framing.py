"""Which framer a framing's name gives, and answers that are not framed."""

from __future__ import annotations

import pytest

from core_llm._errors import MalformedResponseError, UnsupportedError
from core_llm.wire.frames import Frame, Framing
from core_llm.wire.framing import framer_for


@pytest.mark.parametrize(
    ("framing", "body"),
    [
        ("sse", b'event: x\ndata: {"a": 1}\n\n'),
        ("ndjson", b'{"a": 1}\n'),
        ("json_array", b'[{"a": 1}]'),
        ("none", b'{"a": 1}'),
    ],
)
def test_each_framing_has_its_framer(framing: Framing, body: bytes) -> None:
    """The same value in each framing is one frame of the same data."""
    framer = framer_for(framing)
    assert [frame.data for frame in framer.feed(body) + framer.close()] == [b'{"a": 1}']


@pytest.mark.parametrize("framing", ["sse", "ndjson", "json_array", "none"])
def test_the_bound_is_handed_to_the_framer(framing: Framing) -> None:
    """Each framer raises for a frame that is longer than the bound."""
    framer = framer_for(framing, max_frame_bytes=20)
    with pytest.raises(MalformedResponseError, match="20 bytes"):
        framer.feed(b'["' + b"x" * 30)


def test_without_framing_the_whole_body_is_one_frame_at_the_end() -> None:
    """Nothing comes before the end; then all the bytes do, as they were."""
    framer = framer_for("none")
    assert framer.feed(b"\n{") == []
    assert framer.feed(b"}\n\n") == []
    assert framer.close() == [Frame(b"\n{}\n\n")]


def test_an_empty_body_is_an_empty_frame() -> None:
    """A body of no bytes is a body, and who decodes it is told so."""
    assert framer_for("none").close() == [Frame(b"")]


def test_aws_event_streams_are_not_supported_yet() -> None:
    """The error names the framing and says what to use in its place."""
    with pytest.raises(UnsupportedError, match=r"cannot read AWS event streams\. Use") as caught:
        framer_for("aws_event_stream")
    assert caught.value.feature == "aws_event_stream"
