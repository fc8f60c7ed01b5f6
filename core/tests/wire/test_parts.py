"""PartsBuilder: which events each part makes, and what the parts are when they close."""

from __future__ import annotations

import pytest

from core_llm._events import (
    CitationAdded,
    FileDelta,
    PartEnd,
    PartStart,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCall,
)
from core_llm._messages import (
    Citation,
    FilePart,
    ProviderPart,
    ReasoningPart,
    RefusalPart,
    TextPart,
    TokenLogprob,
    ToolCallPart,
)
from core_llm.wire.parts import PartsBuilder


@pytest.fixture
def parts() -> PartsBuilder:
    """Return a builder for one answer of provider ``acme``."""
    return PartsBuilder("acme")


def test_text_opens_a_part_once(parts: PartsBuilder) -> None:
    """The first piece starts the part, the others are deltas only, and closing gives the whole text."""
    assert parts.text("Hel") == [PartStart(0, "text"), TextDelta(0, "Hel")]
    assert parts.text("lo") == [TextDelta(0, "lo")]
    assert parts.close_all() == [PartEnd(0, TextPart(text="Hello"))]
    assert parts.close_all() == []


def test_nothing_makes_no_event(parts: PartsBuilder) -> None:
    """Empty pieces open no part and are no deltas."""
    assert parts.text("") + parts.reasoning("") + parts.refusal("") == []
    parts.text("a")
    assert parts.text("") == []


def test_another_kind_closes_the_part_before(parts: PartsBuilder) -> None:
    """On a wire whose parts have no index, one follows another."""
    parts.reasoning("Hm")
    assert parts.text("Yes") == [PartEnd(0, ReasoningPart(text="Hm")), PartStart(1, "text"), TextDelta(1, "Yes")]
    assert parts.refusal("No") == [PartEnd(1, TextPart(text="Yes")), PartStart(2, "refusal"), RefusalDelta(2, "No")]
    assert parts.close_sequential() == [PartEnd(2, RefusalPart(text="No"))]


def test_parts_with_keys_interleave(parts: PartsBuilder) -> None:
    """On a wire whose parts have an index, each grows under its own key and closes on its own."""
    parts.text("a", key=7)
    assert parts.reasoning("x", key=8) == [PartStart(1, "reasoning"), ReasoningDelta(1, "x")]
    assert parts.text("b", key=7) == [TextDelta(0, "b")]
    assert parts.close(8) == [PartEnd(1, ReasoningPart(text="x"))]
    assert parts.close(8) == []
    assert parts.close_all() == [PartEnd(0, TextPart(text="ab"))]


def test_state_is_kept_under_the_provider_s_name(parts: PartsBuilder) -> None:
    """State may open a part that has no text, and joins what is there."""
    assert parts.state("reasoning", {"signature": "a"}) == [PartStart(0, "reasoning")]
    assert parts.reasoning("Hm", state={"id": "r"}) == [ReasoningDelta(0, "Hm")]
    assert parts.close_all() == [
        PartEnd(0, ReasoningPart(text="Hm", provider_state={"acme": {"signature": "a", "id": "r"}}))
    ]


def test_citations_and_logprobs_join_their_text(parts: PartsBuilder) -> None:
    """What hangs on a text is an event when it comes, and on the part at the end."""
    citation = Citation(url="https://a.example")
    a, b = (TokenLogprob(token=token, logprob=-1.0) for token in "ab")
    assert parts.text("Hi", logprobs=(a,)) == [PartStart(0, "text"), TextDelta(0, "Hi", (a,))]
    assert parts.citation(citation) == [CitationAdded(0, citation)]
    assert parts.text("", logprobs=(b,)) == []
    assert parts.close_all() == [PartEnd(0, TextPart(text="Hi", citations=(citation,), logprobs=(a, b)))]


def test_a_citation_alone_opens_a_text(parts: PartsBuilder) -> None:
    """A source that comes first has a text to hang on."""
    citation = Citation(url="https://a.example")
    assert parts.citation(citation) == [PartStart(0, "text"), CitationAdded(0, citation)]


def test_a_file_grows_by_its_bytes(parts: PartsBuilder) -> None:
    """Bytes are joined under the media type that came first."""
    assert parts.file("audio/wav", b"x") == [PartStart(0, "file"), FileDelta(0, "audio/wav", b"x")]
    assert parts.file("audio/wav", b"yz") == [FileDelta(0, "audio/wav", b"yz")]
    assert parts.close_all() == [PartEnd(0, FilePart(media_type="audio/wav", data=b"xyz"))]


@pytest.mark.parametrize(
    ("part", "delta"),
    [
        (TextPart(text="Hi"), TextDelta(1, "Hi")),
        (ReasoningPart(text="Hm"), ReasoningDelta(1, "Hm")),
        (RefusalPart(text="No"), RefusalDelta(1, "No")),
        (FilePart(media_type="image/png", data=b"x"), FileDelta(1, "image/png", b"x")),
        (FilePart(media_type="image/png", url="https://a.example/b.png"), None),
        (TextPart(text=""), None),
        (ProviderPart(provider="acme", type="search"), None),
    ],
)
def test_a_whole_part_has_its_delta(
    parts: PartsBuilder,
    part: TextPart | ReasoningPart | RefusalPart | FilePart | ProviderPart,
    delta: TextDelta | ReasoningDelta | RefusalDelta | FileDelta | None,
) -> None:
    """A part that came in one piece closes the one before, and makes start, delta where it has one, and end."""
    parts.text("before")
    deltas = [] if delta is None else [delta]
    assert parts.whole(part) == [
        PartEnd(0, TextPart(text="before")),
        PartStart(1, part.kind),
        *deltas,
        PartEnd(1, part),
    ]


def test_a_complete_call_is_announced(parts: PartsBuilder) -> None:
    """A complete call is announced before its end and noted; one that is not complete only ends."""
    call = ToolCallPart(id="a", name="f", arguments={})
    cut = ToolCallPart(id="b", name="f", is_complete=False)
    assert parts.start("tool_call") == PartStart(0, "tool_call")
    assert parts.end(0, cut) == [PartEnd(0, cut)]
    assert not parts.has_tool_calls
    assert parts.start("tool_call") == PartStart(1, "tool_call")
    assert parts.end(1, call) == [ToolCall(1, call), PartEnd(1, call)]
    assert parts.has_tool_calls


def test_a_hot_path_may_take_hold_of_the_open_part(parts: PartsBuilder) -> None:
    """What is added to the pieces directly is in the part when it closes."""
    parts.text("Hel")
    index, pieces = parts.grip()
    pieces.append("lo")
    assert index == 0
    assert parts.close_all() == [PartEnd(0, TextPart(text="Hello"))]
