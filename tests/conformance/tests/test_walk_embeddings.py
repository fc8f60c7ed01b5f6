"""The yardstick for embeddings: what a body holds, on every wire."""

from __future__ import annotations

import json

import pytest
from pydantic import JsonValue

from core_llm_conformance.walk.embeddings import ExpectedEmbeddings, walk_embeddings
from core_llm_conformance.walk.expected import ExpectedError


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            {
                "data": [{"index": 1, "embedding": [2]}, {"index": 0, "embedding": [0.1]}],
                "model": "m",
                "usage": {"prompt_tokens": 3, "total_tokens": 3},
            },
            ExpectedEmbeddings(((0.1,), (2.0,)), "m", 3),
        ),
        (
            {"data": [{"index": 0, "embedding": [1]}], "usage": {"total_tokens": 4}},
            ExpectedEmbeddings(((1.0,),), None, 4),
        ),
        (
            {"model": "m", "embeddings": [[1], [2]], "prompt_eval_count": 5},
            ExpectedEmbeddings(((1.0,), (2.0,)), "m", 5),
        ),
        (
            {"embeddings": [{"values": [1]}, {"values": [2]}], "usageMetadata": {"promptTokenCount": 6}},
            ExpectedEmbeddings(((1.0,), (2.0,)), None, 6),
        ),
        ({"embedding": {"values": [1]}}, ExpectedEmbeddings(((1.0,),))),
        (
            {"predictions": [{"embeddings": {"values": [n], "statistics": {"token_count": n}}} for n in (1, 2)]},
            ExpectedEmbeddings(((1.0,), (2.0,)), None, 3),
        ),
    ],
    ids=["OpenAI", "Voyage", "Ollama", "Gemini", "one content", "Vertex"],
)
def test_each_wire(body: JsonValue, expected: ExpectedEmbeddings) -> None:
    """Vectors in the order of the texts, the model if it is named, the tokens if they were counted."""
    assert walk_embeddings(json.dumps(body).encode()) == expected


@pytest.mark.parametrize(
    ("encoding", "text", "vector"),
    [("base64", "AAAAPwAAgL8=", (0.5, -1.0)), ("base64_int8", "Af+A", (1.0, -1.0, -128.0))],
)
def test_base64(encoding: str, text: str, vector: tuple[float, ...]) -> None:
    """Little-endian floats, or signed bytes."""
    body = json.dumps({"data": [{"index": 0, "embedding": text}]}).encode()
    assert walk_embeddings(body, encoding=encoding).vectors == (vector,)


def test_errors() -> None:
    """With an error's status, inside a success, and what is not JSON."""
    body = b'{"error": {"message": "no", "type": "t", "code": "c"}}'
    assert walk_embeddings(body, status=404).error == ExpectedError("provider", "no", "t", "c", 404)
    assert walk_embeddings(body).error == ExpectedError("provider", "no", "t", "c", None)
    assert walk_embeddings(b"<html>").error == ExpectedError("malformed")
