"""Ollama: texts are embedded by `/api/embed`, and one that is too long is an error."""

from __future__ import annotations

import json

import httpx
import pytest

from core_llm import Client, ContextLengthError, MalformedResponseError, NotFoundError, StatusError, UnsupportedError
from core_llm.wire import JSONObject, JSONValue
from plugin_ollama import Ollama

TIMES: JSONObject = {"total_duration": 58537625, "load_duration": 4384500, "prompt_eval_count": 10}


def client_that_keeps(
    seen: list[httpx.Request], answer: JSONObject | None = None, status: int = 200, **options: JSONValue
) -> Client:
    """Return a client whose socket is a function that embeds, or answers as told, and keeps what it was sent."""

    def respond(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        texts = json.loads(request.content)["input"]
        vectors: JSONObject = {"model": "nomic-embed-text", "embeddings": [[0.25, len(text)] for text in texts]}
        return httpx.Response(status, json={**vectors, **TIMES} if answer is None else answer)

    return Client(
        providers=[Ollama],
        config={"providers": {"ollama": {"options": options}}},
        http_client=httpx.Client(transport=httpx.MockTransport(respond)),
        max_retries=0,
    )


def test_a_request_and_its_answer() -> None:
    """The server must not cut a text off in silence, which it does unless it is told."""
    seen: list[httpx.Request] = []
    client = client_that_keeps(seen, keep_alive="30m", num_ctx=2048)

    embeddings = client.embed("ollama:nomic-embed-text", ["a", "bb"], dimensions=2)

    assert str(seen[0].url) == "http://127.0.0.1:11434/api/embed"
    assert json.loads(seen[0].content) == {
        "model": "nomic-embed-text",
        "input": ["a", "bb"],
        "truncate": False,
        "dimensions": 2,
        "keep_alive": "30m",
        "options": {"num_ctx": 2048},
    }
    assert embeddings.vectors == ((0.25, 1.0), (0.25, 2.0))
    assert (embeddings.model, embeddings.metadata) == ("nomic-embed-text", (TIMES,))
    assert embeddings.usage is not None
    assert (embeddings.usage.input_tokens, embeddings.usage.output_tokens) == (10, None)


def test_who_wants_texts_cut_off_says_so() -> None:
    """By the wire's own field."""
    seen: list[httpx.Request] = []
    client_that_keeps(seen).embed("ollama:all-minilm", "a", provider_options={"ollama": {"truncate": True}})
    assert json.loads(seen[0].content)["truncate"] is True


def test_a_long_list_is_sent_in_parts() -> None:
    """A slow machine answers each within the limits."""
    seen: list[httpx.Request] = []
    assert len(client_that_keeps(seen).embed("ollama:all-minilm", ["a"] * 300).vectors) == 300
    assert [len(json.loads(request.content)["input"]) for request in seen] == [256, 44]


@pytest.mark.parametrize(
    ("status", "message", "kind", "said"),
    [
        (400, "the input length exceeds the context length", ContextLengthError, "context length"),
        (404, 'model "all-minilm" not found, try pulling it first', NotFoundError, "ollama pull"),
        (500, "do embedding request: EOF", StatusError, "EOF"),
        (200, "unexpected EOF", StatusError, "EOF"),
    ],
)
def test_errors(status: int, message: str, kind: type[StatusError], said: str) -> None:
    """With the server's words, inside a success too."""
    with pytest.raises(kind, match=said):
        client_that_keeps([], {"error": message}, status).embed("ollama:all-minilm", "a")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"embeddings": [[1]]}, "1 vectors for 2 texts"),
        ({"embeddings": [[1], []]}, "no list of numbers"),
        ({"embeddings": [[1], ["1"]]}, "no number"),
        ({"embedding": [1]}, "without any vector"),
        ({"embeddings": None}, "without any vector"),
    ],
)
def test_what_is_no_answer_raises(answer: JSONObject, said: str) -> None:
    """Nothing is made up for it."""
    with pytest.raises(MalformedResponseError, match=said):
        client_that_keeps([], answer).embed("ollama:all-minilm", ["a", "b"])


def test_queries_and_documents_are_not_told_apart() -> None:
    """Models want a word before the text in its place."""
    with pytest.raises(UnsupportedError, match="input_type"):
        client_that_keeps([]).embed("ollama:all-minilm", "a", input_type="query")
