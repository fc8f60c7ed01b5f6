"""Gemini and Vertex: texts are embedded by three endpoints, as the service and the model want it."""

from __future__ import annotations

import json

import httpx
import pytest

from core_llm import (
    BadRequestError,
    Client,
    Embeddings,
    EmbedRequest,
    MalformedResponseError,
    NotFoundError,
    Provider,
    ProviderConfig,
    UnsupportedError,
    Usage,
)
from core_llm.wire import JSONObject, JSONValue, WireRequest, WireResponse
from plugin_gemini import Gemini, Vertex

BATCH: JSONObject = {"embeddings": [{"values": [0.25, -0.5]}, {"values": [1, 0]}]}
PREDICTED: JSONObject = {
    "predictions": [
        {"embeddings": {"values": [0.25, -0.5], "statistics": {"token_count": 3, "truncated": False}}},
        {"embeddings": {"values": [1, 0], "statistics": {"token_count": 4, "truncated": False}}},
    ],
    "metadata": {"billableCharacterCount": 9},
}
SINGLE: JSONObject = {"embedding": {"values": [0.25, -0.5]}, "usageMetadata": {"promptTokenCount": 3}}
ONE_PREDICTED: JSONObject = {"predictions": [{"embeddings": {"values": [1, 0], "statistics": {"token_count": 3}}}]}


def vertex() -> Vertex:
    """Return the provider for a project."""
    return Vertex(ProviderConfig(options={"project": "p1"}))


def run(provider: Provider, request: EmbedRequest, *bodies: JSONValue) -> tuple[list[WireRequest], Embeddings]:
    """Answer an exchange with bodies; return what it asked, and its value."""
    exchange = provider.embed(request)
    asked = [next(exchange)]
    with pytest.raises(StopIteration) as stopped:
        for body in bodies:
            asked.append(exchange.send(WireResponse(200, {}, json.dumps(body).encode())))  # noqa: PERF401  # it stops
    return asked, stopped.value.value


def wanted(model: str, *texts: str, **fields: object) -> EmbedRequest:
    """Return a request for some texts."""
    return EmbedRequest.model_validate({"model": model, "inputs": texts, **fields})


def test_the_gemini_api_takes_a_batch() -> None:
    """All that is said of a text stands with it; the vectors are in the order of the texts."""
    request = wanted("gemini-embedding-001", "a", "b", dimensions=2, input_type="query")
    [asked], embeddings = run(Gemini(), request, BATCH)
    said: JSONObject = {
        "model": "models/gemini-embedding-001",
        "taskType": "RETRIEVAL_QUERY",
        "outputDimensionality": 2,
    }
    assert (asked.method, asked.path) == ("POST", "/v1beta/models/gemini-embedding-001:batchEmbedContents")
    assert asked.body == {
        "requests": [{"content": {"parts": [{"text": "a"}]}, **said}, {"content": {"parts": [{"text": "b"}]}, **said}]
    }
    assert embeddings.vectors == ((0.25, -0.5), (1.0, 0.0))
    assert (embeddings.model, embeddings.provider, embeddings.usage) == ("gemini-embedding-001", "gemini", None)


def test_gemini_counts_tokens_for_its_second_models() -> None:
    """The whole batch together."""
    usage: JSONObject = {
        "promptTokenCount": 4,
        "promptTokenDetails": [{"modality": "TEXT", "tokenCount": 4}],
    }
    _, embeddings = run(Gemini(), wanted("gemini-embedding-2", "a", "b"), {**BATCH, "usageMetadata": usage})
    assert embeddings.usage == Usage(input_tokens=4, raw=usage)
    assert embeddings.metadata == ({},)


def test_own_fields_stand_with_each_text() -> None:
    """As a task that only Gemini has."""
    options: dict[str, JSONObject] = {"gemini": {"taskType": "CLUSTERING"}}
    [asked], _ = run(Gemini(), wanted("gemini-embedding-001", "a", "b", provider_options=options), BATCH)
    assert isinstance(asked.body, dict)
    assert [item["taskType"] for item in asked.body["requests"]] == ["CLUSTERING"] * 2  # type: ignore[union-attr, index, call-overload]  # a list of objects


def test_a_batch_has_a_hundred_texts() -> None:
    """The API refuses more."""
    exchange = Gemini().embed(wanted("gemini-embedding-001", *["a"] * 101))
    sizes = []
    wired = next(exchange)
    with pytest.raises(StopIteration):
        while True:
            assert isinstance(wired.body, dict)
            sizes.append(len(wired.body["requests"]))  # type: ignore[arg-type]  # a list
            body = {"embeddings": [{"values": [1]}] * sizes[-1]}
            wired = exchange.send(WireResponse(200, {}, json.dumps(body).encode()))
    assert sizes == [100, 1]


@pytest.mark.parametrize("provider", [Gemini(), vertex()], ids=["gemini", "vertex"])
def test_second_models_are_told_the_task_in_the_text(provider: Provider) -> None:
    """They ignore the field, so that it is not sent."""
    with pytest.raises(UnsupportedError, match="input_type"):
        next(provider.embed(wanted("gemini-embedding-2", "a", input_type="query")))


def test_vertex_predicts() -> None:
    """A text that is too long is an error, and the tokens are counted text by text."""
    request = wanted("text-embedding-005", "a", "b", dimensions=2, input_type="document")
    [asked], embeddings = run(vertex(), request, PREDICTED)
    assert asked.path == "/v1/projects/p1/locations/global/publishers/google/models/text-embedding-005:predict"
    assert asked.body == {
        "instances": [
            {"content": "a", "task_type": "RETRIEVAL_DOCUMENT"},
            {"content": "b", "task_type": "RETRIEVAL_DOCUMENT"},
        ],
        "parameters": {"autoTruncate": False, "outputDimensionality": 2},
    }
    assert embeddings.vectors == ((0.25, -0.5), (1.0, 0.0))
    assert embeddings.usage is not None
    assert embeddings.usage.input_tokens == 7
    assert embeddings.metadata == ({"metadata": {"billableCharacterCount": 9}},)


def test_vertex_takes_own_fields_where_they_belong() -> None:
    """Parameters of the request, and what is said of each text."""
    options: dict[str, JSONObject] = {"vertex": {"parameters": {"autoTruncate": True}, "title": "T"}}
    [asked], _ = run(vertex(), wanted("text-embedding-005", "a", "b", provider_options=options), PREDICTED)
    assert asked.body == {
        "instances": [{"content": "a", "title": "T"}, {"content": "b", "title": "T"}],
        "parameters": {"autoTruncate": True},
    }


def test_vertex_takes_one_text_at_a_time_for_geminis_first_models() -> None:
    """The usage is that of all requests."""
    asked, embeddings = run(vertex(), wanted("gemini-embedding-001", "a", "b"), ONE_PREDICTED, ONE_PREDICTED)
    assert [wired.path.rpartition(":")[2] for wired in asked] == ["predict", "predict"]
    assert embeddings.usage is not None
    assert embeddings.usage.input_tokens == 6


def test_vertex_embeds_content_for_geminis_second_models() -> None:
    """Also one at a time, at an endpoint of its own."""
    options: dict[str, JSONObject] = {"vertex": {"autoTruncate": True}}
    request = wanted("gemini-embedding-2", "a", "b", dimensions=2, provider_options=options)
    asked, embeddings = run(vertex(), request, SINGLE, SINGLE)
    assert [wired.path.rpartition("/")[2] for wired in asked] == ["gemini-embedding-2:embedContent"] * 2
    assert asked[1].body == {
        "content": {"parts": [{"text": "b"}]},
        "autoTruncate": True,
        "outputDimensionality": 2,
    }
    assert len(embeddings.vectors) == 2
    assert embeddings.usage is not None
    assert embeddings.usage.input_tokens == 6


@pytest.mark.parametrize(
    ("provider", "body", "said"),
    [
        (Gemini(), {"embeddings": [{"values": [1]}]}, "1 vectors for 2 texts"),
        (Gemini(), {"embeddings": [{"values": [1]}, {}]}, "no list of numbers"),
        (Gemini(), {"embeddings": [{"values": [1]}, {"values": ["1"]}]}, "no number"),
        (Gemini(), {"embeddings": [{"values": [1]}, {"values": [1, 2]}]}, "different lengths"),
        (Gemini(), {}, "without any vector"),
        (Gemini(), {"candidates": []}, "without any vector"),
        (vertex(), {"predictions": [{"embeddings": {"values": [1]}}]}, "1 vectors for 2 texts"),
        (vertex(), {"predictions": [{}, {}]}, "no list of numbers"),
        (vertex(), {}, "without any vector"),
    ],
)
def test_what_is_no_answer_raises(provider: Provider, body: JSONObject, said: str) -> None:
    """Nothing is made up for it."""
    with pytest.raises(MalformedResponseError, match=said):
        run(provider, wanted("text-embedding-005", "a", "b"), body)


@pytest.mark.parametrize("provider", [Gemini(), vertex()], ids=["gemini", "vertex"])
def test_an_error_inside_a_success_raises(provider: Provider) -> None:
    """In Google's words."""
    error: JSONObject = {"error": {"code": 400, "message": "It broke.", "status": "INVALID_ARGUMENT"}}
    with pytest.raises(BadRequestError, match="It broke"):
        run(provider, wanted("text-embedding-005", "a"), error)


def test_an_unknown_model_is_an_error() -> None:
    """The key goes in the header, never in the address."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        error = {"code": 404, "message": "models/nope is not found", "status": "NOT_FOUND"}
        return httpx.Response(404, json={"error": error})

    http = httpx.Client(transport=httpx.MockTransport(answer))
    client = Client(providers=[Gemini], api_keys={"gemini": "made-up-key-0123"}, http_client=http)
    with pytest.raises(NotFoundError, match="models/nope"):
        client.embed("gemini:nope", "Hello")
    assert seen[0].headers["x-goog-api-key"] == "made-up-key-0123"
    assert "made-up" not in str(seen[0].url)
