"""What the answer to an embedding holds, on every wire that we have recordings of (checked 2026-11)."""

from __future__ import annotations

import base64
import json
import struct
from dataclasses import dataclass
from http import HTTPStatus

from pydantic import JsonValue

from core_llm_conformance.walk.errors import is_error, walk_error, walk_error_response
from core_llm_conformance.walk.expected import ExpectedError
from core_llm_conformance.walk.json_values import JsonObject, as_object, as_objects, as_text, first_count

Vector = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class ExpectedEmbeddings:
    """Everything that is to be made of one answer.

    Attributes:
        vectors: In the order of the texts.
        model: As the answer names it, or None.
        input_tokens: None if the provider did not say.
        error: Set if there is no answer.
    """

    vectors: tuple[Vector, ...] = ()
    model: str | None = None
    input_tokens: int | None = None
    error: ExpectedError | None = None


def walk_embeddings(body: bytes, *, status: int = 200, encoding: str | None = None) -> ExpectedEmbeddings:
    """Return what `body` holds, whichever wire it is of.

    Args:
        body: The decompressed body.
        status: The response's HTTP status.
        encoding: How vectors in base64 were asked for: ``base64`` or ``base64_int8``.
    """
    if status >= HTTPStatus.BAD_REQUEST:
        return ExpectedEmbeddings(error=walk_error_response(body, status))
    try:
        value: JsonValue = json.loads(body)
    except ValueError:
        return ExpectedEmbeddings(error=ExpectedError("malformed"))
    answer = as_object(value)
    if is_error(answer):
        return ExpectedEmbeddings(error=walk_error(answer, status))
    usage, metadata = as_object(answer.get("usage")), as_object(answer.get("usageMetadata"))
    told = first_count(
        usage.get("prompt_tokens"),
        usage.get("total_tokens"),
        metadata.get("promptTokenCount"),
        answer.get("prompt_eval_count"),
    )
    return ExpectedEmbeddings(
        vectors=tuple(_vector(found, encoding) for found in _found(answer)),
        model=as_text(answer.get("model")) or None,
        input_tokens=_predicted_tokens(answer) if told is None else told,
    )


def _found(answer: JsonObject) -> list[JsonValue]:
    """Return the vectors in their order: OpenAI's have an index, the others come in that of the texts."""
    if "data" in answer:
        items = as_objects(answer["data"])
        by_index = {first_count(item.get("index")): item.get("embedding") for item in items}
        assert len(by_index) == len(items), "an index comes twice"
        return [by_index[number] for number in range(len(items))]
    if "predictions" in answer:
        embeddings = [as_object(item.get("embeddings")) for item in as_objects(answer["predictions"])]
        return [embedding.get("values") for embedding in embeddings]
    if "embedding" in answer:
        return [as_object(answer["embedding"]).get("values")]
    listed = answer.get("embeddings")
    assert isinstance(listed, list), "no vectors in it"
    return [item.get("values") if isinstance(item, dict) else item for item in listed]


def _vector(value: JsonValue, encoding: str | None) -> Vector:
    if isinstance(value, str):
        data = base64.b64decode(value)
        code, width = {"base64": ("f", 4), "base64_int8": ("b", 1)}[encoding or ""]
        return tuple(map(float, struct.unpack(f"<{len(data) // width}{code}", data)))
    assert isinstance(value, list), "a vector is no list"
    return tuple(float(str(number)) for number in value)


def _predicted_tokens(answer: JsonObject) -> int | None:
    embeddings = [as_object(item.get("embeddings")) for item in as_objects(answer.get("predictions"))]
    counts = [first_count(as_object(item.get("statistics")).get("token_count")) for item in embeddings]
    known = [count for count in counts if count is not None]
    return sum(known) if known and len(known) == len(counts) else None
