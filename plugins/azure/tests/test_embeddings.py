"""Azure: texts are embedded by a deployment, on either surface."""

from __future__ import annotations

import json
from base64 import b64encode
from struct import pack

import httpx
import pytest

from core_llm import Client
from plugin_azure import Azure

VECTOR = b64encode(pack("<2f", 0.25, -0.5)).decode()
ANSWER = {
    "object": "list",
    "data": [{"object": "embedding", "index": 0, "embedding": VECTOR}],
    "model": "text-embedding-3-small",
    "usage": {"prompt_tokens": 2, "total_tokens": 2},
}


@pytest.mark.parametrize("wire", ["chat", "responses"])
@pytest.mark.parametrize(
    ("options", "url"),
    [
        ({}, "https://res.openai.azure.com/openai/v1/embeddings"),
        (
            {"api_version": "2024-10-21"},
            "https://res.openai.azure.com/openai/deployments/mine/embeddings?api-version=2024-10-21",
        ),
    ],
)
def test_the_two_surfaces(options: dict[str, str], url: str, wire: str) -> None:
    """The address is the deployment's, whichever wire its chats speak; the model is named by the deployment."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=ANSWER)

    client = Client(
        providers=[Azure],
        api_keys={"azure": "made-up-key"},
        config={
            "providers": {"azure": {"base_url": "https://res.openai.azure.com", "options": {**options, "wire": wire}}}
        },
        http_client=httpx.Client(transport=httpx.MockTransport(answer)),
    )
    embeddings = client.embed("azure:mine", "Hello", dimensions=2)

    assert str(seen[0].url) == url
    assert seen[0].headers["api-key"] == "made-up-key"
    assert json.loads(seen[0].content) == {
        "model": "mine",
        "input": ["Hello"],
        "dimensions": 2,
        "encoding_format": "base64",
    }
    assert (embeddings.vectors, embeddings.model) == (((0.25, -0.5),), "text-embedding-3-small")
