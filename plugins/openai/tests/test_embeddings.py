"""OpenAI: texts are embedded whatever the wire, and vectors come as base64."""

from __future__ import annotations

import json
from base64 import b64encode
from struct import pack

import httpx
import pytest

from core_llm import Client, NotFoundError, Usage
from core_llm.wire import JSONObject
from plugin_openai import OpenAI

REFUSAL: JSONObject = {
    "error": {
        "message": "The model `nope` does not exist or you do not have access to it.",
        "type": "invalid_request_error",
        "param": None,
        "code": "model_not_found",
    }
}


def client_that_keeps(seen: list[httpx.Request], **options: str) -> Client:
    """Return a client whose socket is a function that embeds, and keeps what it was sent."""

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        body = json.loads(request.content)
        if body["model"] == "nope":
            return httpx.Response(404, json=REFUSAL)
        vector = b64encode(pack("<2f", 0.25, -0.5)).decode()
        items = [{"object": "embedding", "index": number, "embedding": vector} for number in range(len(body["input"]))]
        usage = {"prompt_tokens": 8, "total_tokens": 8}
        return httpx.Response(
            200, json={"object": "list", "data": items, "model": "text-embedding-3-small", "usage": usage}
        )

    return Client(
        providers=[OpenAI],
        api_keys={"openai": "sk-made-up"},
        config={"providers": {"openai": {"options": options}}},
        http_client=httpx.Client(transport=httpx.MockTransport(answer)),
        max_retries=0,
    )


@pytest.mark.parametrize("options", [{}, {"wire": "responses"}, {"wire": "chat"}])
def test_a_request_and_its_answer(options: dict[str, str]) -> None:
    """Exact numbers, at half the length of a list."""
    seen: list[httpx.Request] = []

    embeddings = client_that_keeps(seen, **options).embed("openai:text-embedding-3-small", "Hello", dimensions=2)

    assert str(seen[0].url) == "https://api.openai.com/v1/embeddings"
    assert json.loads(seen[0].content) == {
        "model": "text-embedding-3-small",
        "input": ["Hello"],
        "dimensions": 2,
        "encoding_format": "base64",
    }
    assert embeddings.vectors == ((0.25, -0.5),)
    assert (embeddings.model, embeddings.provider) == ("text-embedding-3-small", "openai")
    assert embeddings.usage == Usage(input_tokens=8, raw={"prompt_tokens": 8, "total_tokens": 8})


def test_what_one_request_may_hold() -> None:
    """2048 texts, and 300,000 tokens, of which a byte makes one at most."""
    seen: list[httpx.Request] = []
    client = client_that_keeps(seen)

    assert len(client.embed("openai:text-embedding-3-small", ["a"] * 2049).vectors) == 2049
    client.embed("openai:text-embedding-3-small", ["a" * 20_000] * 16)

    assert [len(json.loads(request.content)["input"]) for request in seen] == [2048, 1, 15, 1]


def test_who_is_billed_goes_along() -> None:
    """As with a chat."""
    seen: list[httpx.Request] = []
    client_that_keeps(seen, organization="org-1", project="proj-1").embed("openai:text-embedding-3-small", "Hello")
    assert (seen[0].headers["openai-organization"], seen[0].headers["openai-project"]) == ("org-1", "proj-1")


def test_an_unknown_model_is_an_error() -> None:
    """With OpenAI's words."""
    with pytest.raises(NotFoundError, match="nope") as raised:
        client_that_keeps([]).embed("openai:nope", "Hello")
    assert raised.value.code == "model_not_found"
