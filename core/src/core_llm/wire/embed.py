"""EmbeddingWire: texts to vectors on any wire, in batches, and what every answer must hold.

A wire says how one request is written and one answer read. The shape of OpenAI's endpoint is in `embeddings`.
"""

from __future__ import annotations

import sys
from abc import abstractmethod
from array import array
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import ClassVar

from core_llm._embeddings import EMBED_KNOBS, Embeddings, EmbedRequest
from core_llm._errors import MalformedResponseError, UnsupportedError
from core_llm._json import JSONObject, JSONValue
from core_llm._response import Usage
from core_llm.wire.base import Exchange, WireFormat, WireRequest
from core_llm.wire.guards import FRAME_SHOWN, parse_object
from core_llm.wire.merging import merged_options

Vector = tuple[float, ...]

ARRAY_CODES = {"base64": "f", "base64_int8": "b"}
"""What a vector in base64 holds → type of array: little-endian float32 (OpenAI), or signed bytes (Perplexity)."""
_NUMBERS = frozenset((int, float))
_FIGURES = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens")


@dataclass(slots=True)
class EmbedAnswer:
    """What the answer to one request holds.

    Attributes:
        vectors: In the order of the request's texts.
        model: The model, if the answer names it.
        usage: None if it was not reported.
        metadata: What else was said, under the provider's own names.
    """

    vectors: Sequence[Vector]
    model: str | None = None
    usage: Usage | None = None
    metadata: JSONObject = field(default_factory=dict)


class EmbeddingWire(WireFormat):
    """A wire that embeds. Write `encode_embed` and `decode_embed`; batches, checks and sums are done here.

    Attributes:
        max_embed_inputs: Texts that one request may have; None for any number. Longer lists go out as several requests.
        max_embed_bytes: Bytes of text that one request may have, where the provider bounds the tokens of all texts
            together: a token has one byte at least. A single longer text goes out alone.
        input_types: Value of `input_type` → the wire's word.
    """

    max_embed_inputs: int | None = None
    max_embed_bytes: int | None = None
    input_types: ClassVar[Mapping[str, str]] = {"query": "query", "document": "document"}

    @abstractmethod
    def encode_embed(self, request: EmbedRequest) -> WireRequest:
        """Return the HTTP request for one batch of texts; the caller's own fields are merged into its body later."""

    @abstractmethod
    def decode_embed(self, body: JSONObject, request: EmbedRequest) -> EmbedAnswer:
        """Return what the answer to one batch holds.

        Raises:
            ProviderError: It is an error object in spite of its status.
            MalformedResponseError: It is no such answer.
        """

    def embed(self, request: EmbedRequest) -> Exchange[Embeddings]:
        """Embed the texts, as a sans-I/O generator: one request for each batch, in order.

        Raises:
            UnsupportedError: The wire has no field for a knob that is set.
            MalformedResponseError: An answer does not hold one vector of numbers for each text, all of one length.
        """
        options = request.provider_options.get(self.provider, {})
        answers: list[EmbedAnswer] = []
        for texts in batches(request.inputs, self.max_embed_inputs, self.max_embed_bytes):
            batch = request if len(texts) == len(request.inputs) else request.model_copy(update={"inputs": texts})
            wired = self.encode_embed(batch)
            if isinstance(wired.body, dict):
                wired.body = self.merge_embed_options(wired.body, options)
            response = yield wired
            answer = self.decode_embed(parse_object(response.body, self.provider), batch)
            self._check(answer, batch, answers)
            answers.append(answer)
        return Embeddings.model_construct(  # every number was checked; validating millions again would copy them
            vectors=tuple(vector for answer in answers for vector in answer.vectors),
            model=answers[0].model or request.model,
            provider=self.provider,
            usage=summed([answer.usage for answer in answers]),
            metadata=tuple(answer.metadata for answer in answers),
        )

    def merge_embed_options(self, body: JSONObject, options: JSONObject) -> JSONObject:
        """Return the body of one batch with the caller's own fields."""
        return merged_options(body, options)

    def encode_embed_knobs(self, request: EmbedRequest) -> JSONObject:
        """Return the fields of the body that the knobs become.

        Raises:
            UnsupportedError: The wire has no field for one that is set.
        """
        fields: JSONObject = {}
        for name in EMBED_KNOBS:
            value: int | str | None = getattr(request, name)
            if value is None:
                continue
            if name not in self.embed_fields:
                msg = (
                    f"{self.provider} has no field for {name} of {request.model}; leave it out, pass "
                    f"on_unsupported='drop', or the provider's own field in provider_options"
                )
                raise UnsupportedError(msg, feature=name, provider=self.provider, model=request.model)
            fields[self.embed_fields[name]] = self.input_types[str(value)] if name == "input_type" else value
        return fields

    def _check(self, answer: EmbedAnswer, batch: EmbedRequest, before: Sequence[EmbedAnswer]) -> None:
        """Raise MalformedResponseError unless there is one vector for each text, all of the length that is due.

        A router may have answered two batches with two models, whose vectors have nothing to do with each other.
        """
        found, wanted = len(answer.vectors), len(batch.inputs)
        if found != wanted:
            raise MalformedResponseError(f"{self.provider} answered with {found} vectors for {wanted} texts")
        lengths = {len(vector) for vector in answer.vectors}
        if before:
            lengths.add(len(before[0].vectors[0]))
        if len(lengths) > 1:
            shown = " and ".join(map(str, sorted(lengths)))
            raise MalformedResponseError(f"{self.provider} answered with vectors of different lengths: {shown}")
        if before and before[0].model != answer.model:
            raise MalformedResponseError(f"{self.provider} answered with two models: {before[0].model}, {answer.model}")
        if batch.dimensions is not None and lengths != {batch.dimensions}:
            msg = f"{self.provider} answered with {lengths.pop()} dimensions where {batch.dimensions} were asked for"
            raise MalformedResponseError(msg)


def batches(texts: Sequence[str], size: int | None, size_bytes: int | None) -> Iterator[tuple[str, ...]]:
    """Yield the texts in order, as few batches as the two bounds allow when each is filled before the next."""
    batch: list[str] = []
    filled = 0
    for text in texts:
        length = 0 if size_bytes is None else len(text.encode("utf-8", "surrogatepass"))
        is_full = len(batch) == size or (size_bytes is not None and filled + length > size_bytes)
        if batch and is_full:
            yield tuple(batch)
            batch, filled = [], 0
        batch.append(text)
        filled += length
    yield tuple(batch)


def read_vector(value: JSONValue, provider: str, encoding: str | None = None) -> Vector:
    """Return a vector: a list of numbers, or a text in base64 where that was asked for.

    Args:
        value: Of the answer.
        provider: For the error.
        encoding: What a text holds, one of `ARRAY_CODES`; None where none was asked for.

    Raises:
        MalformedResponseError: It is something else: empty, or with what is no finite number in it.
    """
    if isinstance(value, str):
        return _decoded(value, provider, encoding)
    if not isinstance(value, list) or not value:
        raise _malformed(provider, "is no list of numbers", value)
    if not _NUMBERS.issuperset(map(type, value)):
        raise _malformed(provider, "has something in it that is no number", value)
    try:
        vector = tuple(map(float, value))  # type: ignore[arg-type]  # just looked at
    except OverflowError:
        vector = ()
    if not vector or not all(map(isfinite, vector)):
        raise _malformed(provider, "has something in it that is no finite number", value)
    return vector


def _decoded(text: str, provider: str, encoding: str | None) -> Vector:
    code = ARRAY_CODES.get(encoding or "")
    if code is None:
        asked = "no encoding was asked for" if encoding is None else f"{encoding} was"
        raise _malformed(provider, f"is a text where {asked}, so that nothing says how its numbers are written", text)
    numbers: array[float] = array(code)
    try:
        numbers.frombytes(b64decode(text, validate=True))
    except ValueError:
        raise _malformed(provider, f"is not {encoding}", text) from None
    if sys.byteorder == "big":
        numbers.byteswap()
    vector = tuple(map(float, numbers))
    if not vector or not all(map(isfinite, vector)):
        raise _malformed(provider, "is empty, or has something in it that is no finite number", text)
    return vector


def _malformed(provider: str, what: str, value: JSONValue) -> MalformedResponseError:
    shown = value[:FRAME_SHOWN] if isinstance(value, str) else repr(value[:20] if isinstance(value, list) else value)
    return MalformedResponseError(f"{provider} sent a vector that {what}", frame=shown[:FRAME_SHOWN])


def summed(usages: Sequence[Usage | None]) -> Usage | None:
    """Return the usage of several requests together; a figure that one of them lacks is unknown."""
    known = [usage for usage in usages if usage is not None]
    if len(known) < len(usages) or not known:
        return None
    if len(known) == 1:
        return known[0]
    total: dict[str, int | None] = {}
    for name in _FIGURES:
        figures: list[int | None] = [getattr(usage, name) for usage in known]
        total[name] = None if None in figures else sum(figure for figure in figures if figure is not None)
    return Usage(**total, raw={"requests": [usage.raw for usage in known]})
