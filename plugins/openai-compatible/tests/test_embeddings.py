"""Servers compatible with OpenAI: texts are embedded as the server can, in as many requests as it wants."""

from __future__ import annotations

import json

import httpx
import pytest

from core_llm import Client, ConfigError
from plugin_openai_compatible import OpenAICompatible


def client_that_keeps(seen: list[httpx.Request], **options: object) -> Client:
    """Return a client whose socket is a function that embeds, and keeps what it was sent."""

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        texts = json.loads(request.content)["input"]
        return httpx.Response(200, json={"data": [{"index": n, "embedding": [n, 1]} for n in range(len(texts))]})

    section = {"type": "openai-compatible", "base_url": "http://127.0.0.1:8080/v1", "options": options}
    return Client(
        providers=[OpenAICompatible],
        config={"providers": {"box": section}},
        http_client=httpx.Client(transport=httpx.MockTransport(answer)),
    )


def test_no_encoding_is_asked_for() -> None:
    """Not every server knows the field."""
    seen: list[httpx.Request] = []
    embeddings = client_that_keeps(seen).embed("box:bge-m3", "Hello")
    assert str(seen[0].url) == "http://127.0.0.1:8080/v1/embeddings"
    assert json.loads(seen[0].content) == {"model": "bge-m3", "input": ["Hello"]}
    assert (embeddings.vectors, embeddings.model, embeddings.provider) == (((0.0, 1.0),), "bge-m3", "box")


def test_how_many_texts_a_server_takes_is_configured() -> None:
    """Some take ten."""
    seen: list[httpx.Request] = []
    client_that_keeps(seen, max_embed_inputs=10).embed("box:text-embedding-v4", ["a"] * 25)
    assert [len(json.loads(request.content)["input"]) for request in seen] == [10, 10, 5]


@pytest.mark.parametrize("most", [0, "ten", 2.5, True])
def test_what_is_no_number_of_texts_is_an_error_of_the_configuration(most: object) -> None:
    """It names the option."""
    with pytest.raises(ConfigError, match=r"options\.max_embed_inputs"):
        client_that_keeps([], max_embed_inputs=most).embed("box:m", "Hello")
