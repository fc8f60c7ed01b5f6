"""Embeddings: the values, and how close two vectors are."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from core_llm import Embeddings, EmbedRequest, InvalidRequestError, Usage, cosine_similarity, most_similar


def test_embeddings_are_stored_and_read_back() -> None:
    """Every number comes back as it was."""
    embeddings = Embeddings(
        vectors=((0.1, -2.5e-8), (1.0, 0.0)), model="m", provider="acme", usage=Usage(input_tokens=3), metadata=({},)
    )
    assert Embeddings.from_json(embeddings.to_json()) == embeddings


def test_a_vector_has_finite_numbers_only() -> None:
    """One with a hole in it is compared with nothing."""
    with pytest.raises(ValidationError):
        Embeddings(vectors=((float("nan"), 1.0),))


def test_embeddings_know_their_dimensions_and_do_not_print_them() -> None:
    """Three million numbers in a log help nobody."""
    embeddings = Embeddings(vectors=((0.5, 0.25, 0.125),))
    assert (embeddings.dimensions, Embeddings(vectors=()).dimensions) == (3, 0)
    assert "0.25" not in repr(embeddings)


@pytest.mark.parametrize(
    ("inputs", "said"), [((), "nothing to embed"), (("a", "", "c"), "text 1 of 3 is empty"), (("",), "text 0 of 1")]
)
def test_what_is_empty_has_no_embedding(inputs: tuple[str, ...], said: str) -> None:
    """It is an error that says which text it is."""
    with pytest.raises(InvalidRequestError, match=said):
        EmbedRequest(model="m", inputs=inputs).checked()


def test_a_text_of_blanks_is_a_text() -> None:
    """What a provider makes of it is its business."""
    request = EmbedRequest(model="m", inputs=(" \n",))
    assert request.checked() is request


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [((1, 0), (3, 0), 1.0), ((1, 0), (0, 2), 0.0), ((1, 1), (-2, -2), -1.0), ((3, 4), (4, 3), 0.96)],
)
def test_cosine_similarity(first: tuple[float, ...], second: tuple[float, ...], expected: float) -> None:
    """It looks at directions, whatever the lengths."""
    assert cosine_similarity(first, second) == pytest.approx(expected)


def test_vectors_without_an_angle_are_an_error() -> None:
    """Of different lengths, as two models make them, or of zeros."""
    with pytest.raises(ValueError, match="2 and 3 numbers"):
        cosine_similarity((1, 0), (1, 0, 0))
    with pytest.raises(ValueError, match="zeros"):
        cosine_similarity((0, 0), (1, 0))


def test_the_most_similar_come_first() -> None:
    """By their places in what was searched, equals in their order."""
    vectors = ((0.0, 1.0), (1.0, 0.0), (1.0, 1.0), (2.0, 0.0))
    found = most_similar((1.0, 0.0), vectors, 3)
    assert [index for index, _ in found] == [1, 3, 2]
    assert found[0][1] == 1.0
    assert most_similar((1.0, 0.0), ()) == []
