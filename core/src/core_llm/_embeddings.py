"""Embeddings: what is asked for, what comes back, and how close two vectors are. Values only."""

from __future__ import annotations

from collections.abc import Container, Sequence
from math import hypot
from typing import Literal, Self

from pydantic import Field, FiniteFloat

from core_llm._errors import InvalidRequestError
from core_llm._json import JSONObject
from core_llm._response import Usage
from core_llm._value import SCHEMA_VERSION, Value

InputType = Literal["query", "document"]
EMBED_KNOBS = ("dimensions", "input_type")
"""Fields of EmbedRequest that not every wire can say."""


class EmbedRequest(Value):
    """Texts to embed with one model."""

    schema_version: int = SCHEMA_VERSION
    model: str
    """The model's name at its provider, without the provider."""
    inputs: tuple[str, ...]
    dimensions: int | None = Field(default=None, gt=0)
    """How many numbers a vector shall have; None leaves it to the model."""
    input_type: InputType | None = None
    """What the texts are in a search, where the model tells the two apart."""
    provider_options: dict[str, JSONObject] = Field(default_factory=dict)
    """Provider name → fields merged last into each body sent to that provider, and to no other."""
    extra_headers: dict[str, str] = Field(default_factory=dict)
    extra_query: dict[str, str] = Field(default_factory=dict)

    def checked(self) -> Self:
        """Return the request if it can be sent.

        Raises:
            InvalidRequestError: There is no text, or one of them is empty.
        """
        if not self.inputs:
            raise InvalidRequestError("there is nothing to embed; pass a text or at least one in a list")
        empty = next((number for number, text in enumerate(self.inputs) if not text), None)
        if empty is not None:
            raise InvalidRequestError(f"text {empty} of {len(self.inputs)} is empty; it has no embedding, leave it out")
        return self

    def restricted(self, knobs: Container[str]) -> Self:
        """Return the request without those of `EMBED_KNOBS` that are not in `knobs`."""
        dropped = [name for name in EMBED_KNOBS if name not in knobs and getattr(self, name) is not None]
        return self.model_copy(update=dict.fromkeys(dropped)) if dropped else self


class Embeddings(Value):
    """The vectors of some texts, from one model."""

    schema_version: int = SCHEMA_VERSION
    vectors: tuple[tuple[FiniteFloat, ...], ...] = Field(repr=False)
    """One for each text, in the order of the texts; all of one length."""
    model: str | None = None
    """The model that answered, by its provider's name for it; the one asked for where the answer does not say."""
    provider: str | None = None
    usage: Usage | None = None
    """Of all requests together; None if one of their answers did not report it."""
    metadata: tuple[JSONObject, ...] = ()
    """What else the provider said, under its own names: one object for each request that was sent."""

    @property
    def dimensions(self) -> int:
        """How many numbers each vector has."""
        return len(self.vectors[0]) if self.vectors else 0


def cosine_similarity(first: Sequence[float], second: Sequence[float]) -> float:
    """Return how alike two vectors point: 1 the same way, 0 at right angles, -1 the opposite way.

    Args:
        first: A vector.
        second: Another, of the same length.

    Raises:
        ValueError: Their lengths differ, or one of them is all zeros and points nowhere.
    """
    if len(first) != len(second):
        raise ValueError(f"vectors of {len(first)} and {len(second)} numbers have no angle; were they made alike?")
    length = hypot(*first) * hypot(*second)
    if not length:
        raise ValueError("a vector of zeros points nowhere")
    return sum(a * b for a, b in zip(first, second, strict=True)) / length


def most_similar(
    query: Sequence[float], vectors: Sequence[Sequence[float]], count: int = 10
) -> list[tuple[int, float]]:
    """Return the indices of the vectors most like `query`, the best first, each with its cosine similarity.

    It looks at every vector: right for some thousands; beyond, a vector database or numpy is.

    Args:
        query: A vector.
        vectors: Where to look, such as `Embeddings.vectors`.
        count: How many to return at most.

    Raises:
        ValueError: A length differs, or a vector is all zeros.
    """
    found = [(index, cosine_similarity(query, vector)) for index, vector in enumerate(vectors)]
    found.sort(key=lambda pair: -pair[1])
    return found[:count]
