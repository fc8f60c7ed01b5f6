"""The small objects inside Chat Completions answers: odd shapes are skipped, and never an error."""

from __future__ import annotations

import pytest

from core_llm._json import JSONObject, JSONValue
from core_llm._messages import Citation, FilePart, TokenLogprob
from core_llm.wire.chat_values import read_annotation, read_image, read_logprobs, read_sources
from core_llm.wire.guards import as_index

ODD: list[JSONValue] = [None, True, 7, "x", [], [7], {}, {"content": 7}, {"content": [{}]}]


@pytest.mark.parametrize("odd", ODD)
def test_what_is_of_another_shape_is_nothing(odd: JSONValue) -> None:
    """No reader raises, whatever a server sends in the place of its object."""
    assert read_logprobs(odd) == ()
    assert read_annotation(odd) is None
    assert read_image(odd) is None
    assert read_sources(None, None) == []


def test_logprobs_without_token_or_number_are_left_out() -> None:
    """What has no token or no number says nothing."""
    items: JSONValue = [{"token": "a"}, {"token": "a", "logprob": True}, {"logprob": -1}, {"token": "a", "logprob": -1}]
    assert read_logprobs({"content": items}) == (TokenLogprob(token="a", logprob=-1.0),)


def test_an_annotation_may_be_flat() -> None:
    """The fields of a source may stand beside its type, as the Responses API has them."""
    note: JSONObject = {"type": "url_citation", "url": "https://a.example", "content": "said", "start_index": 3}
    assert read_annotation(note) == Citation(url="https://a.example", cited_text="said", start=3, raw=note)


def test_sources_may_be_objects_or_addresses() -> None:
    """Objects, which have titles, go before bare addresses; what is neither is left out."""
    source: JSONObject = {"url": "https://a.example", "title": "A"}
    assert read_sources([source], ["https://b.example"]) == [Citation(url="https://a.example", title="A", raw=source)]
    assert read_sources(None, [source]) == [Citation(url="https://a.example", title="A", raw=source)]
    assert read_sources([], ["https://b.example", "", 7]) == [Citation(url="https://b.example")]


def test_a_picture_without_a_type_is_png() -> None:
    """Data without a media type is what picture models make."""
    assert read_image({"image_url": {"url": "data:;base64,eHl6"}}) == FilePart(media_type="image/png", data=b"xyz")


@pytest.mark.parametrize(("value", "index"), [(3, 3), ("4", 4), ("x", None), (None, None), (1.5, None)])
def test_an_index_may_be_a_text(value: JSONValue, index: int | None) -> None:
    """Some servers write numbers as texts."""
    assert as_index(value) == index
