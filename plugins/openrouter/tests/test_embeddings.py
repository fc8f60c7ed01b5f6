"""OpenRouter: texts are embedded by models of many providers; what a text is for is told in OpenRouter's words."""

from __future__ import annotations

import json

import httpx
import pytest

from core_llm import BadRequestError, Client
from core_llm.wire import JSONObject
from plugin_openrouter import OpenRouter

ANSWER: JSONObject = {
    "id": "gen-emb-1",
    "object": "list",
    "data": [{"object": "embedding", "index": 0, "embedding": [0.25, -0.5]}],
    "model": "openai/text-embedding-3-small",
    "provider": "OpenAI",
    "usage": {"prompt_tokens": 8, "total_tokens": 8, "cost": 1.6e-7},
}


def client_that_keeps(seen: list[httpx.Request], answer: JSONObject) -> Client:
    """Return a client whose socket is a function that answers, and keeps what it was sent."""

    def respond(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=answer)

    return Client(
        providers=[OpenRouter],
        api_keys={"openrouter": "made-up"},
        http_client=httpx.Client(transport=httpx.MockTransport(respond)),
        max_retries=0,
    )


@pytest.mark.parametrize(("input_type", "sent"), [("query", "search_query"), ("document", "search_document")])
def test_a_request_and_its_answer(input_type: str, sent: str) -> None:
    """The cost stands in the usage, who answered in the metadata."""
    seen: list[httpx.Request] = []

    embeddings = client_that_keeps(seen, ANSWER).embed(
        "openrouter:openai/text-embedding-3-small",
        "Hello",
        dimensions=2,
        input_type=input_type,  # type: ignore[arg-type]  # one of the two
        provider_options={"openrouter": {"provider": {"allow_fallbacks": False}}},
    )

    assert str(seen[0].url) == "https://openrouter.ai/api/v1/embeddings"
    assert json.loads(seen[0].content) == {
        "model": "openai/text-embedding-3-small",
        "input": ["Hello"],
        "dimensions": 2,
        "input_type": sent,
        "provider": {"allow_fallbacks": False},
    }
    assert embeddings.vectors == ((0.25, -0.5),)
    assert embeddings.usage is not None
    assert embeddings.usage.raw["cost"] == 1.6e-7
    assert embeddings.metadata == ({"id": "gen-emb-1", "provider": "OpenAI"},)


def test_an_error_inside_a_success_raises() -> None:
    """OpenRouter answers so when the provider behind it fails."""
    broken: JSONObject = {"error": {"code": 400, "message": "Model acme/none does not exist"}}
    with pytest.raises(BadRequestError, match="does not exist"):
        client_that_keeps([], broken).embed("openrouter:acme/none", "Hello")
