"""Azure: two surfaces, two kinds of credentials, and what the content filters say."""

from __future__ import annotations

import json

import httpx
import pytest

from core_llm import Client, ConfigError, ProviderError, ProviderPart, UnsupportedError
from core_llm.wire import JSONObject, JSONValue
from plugin_azure import Azure

FILTERS: JSONObject = {"hate": {"filtered": False, "severity": "safe"}}
PROMPT_FILTERS: list[JSONValue] = [{"prompt_index": 0, "content_filter_results": FILTERS}]
FIRST: JSONObject = {"id": "", "model": "", "choices": [], "prompt_filter_results": PROMPT_FILTERS}
SECOND: JSONObject = {
    "id": "chatcmpl-1",
    "model": "gpt-4.1-2025-04-14",
    "choices": [
        {"index": 0, "delta": {"content": "Hello"}, "finish_reason": None, "content_filter_results": FILTERS},
    ],
}
LAST: JSONObject = {"id": "chatcmpl-1", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
BODY = (
    b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in (FIRST, SECOND, LAST)) + b"data: [DONE]\n\n"
)
TOKEN = "eyJhbGciOi.eyJhdWQiOi.c2lnbmF0dXJl"


def client_that_keeps(seen: list[httpx.Request], key: object = "made-up-key", **config: object) -> Client:
    """Return a client whose socket is a function that answers, and keeps what it was sent."""

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, content=BODY, headers={"content-type": "text/event-stream"})

    settings = {"base_url": "https://res.openai.azure.com", **config}
    return Client(
        providers=[Azure],
        api_keys={"azure": key},  # type: ignore[dict-item]  # a key or a callable
        config={"providers": {"azure": settings}},
        http_client=httpx.Client(transport=httpx.MockTransport(answer)),
    )


@pytest.mark.parametrize(
    ("config", "url"),
    [
        ({}, "https://res.openai.azure.com/openai/v1/chat/completions"),
        (
            {"base_url": "https://res.openai.azure.com/openai/v1/"},
            "https://res.openai.azure.com/openai/v1/chat/completions",
        ),
        (
            {"options": {"api_version": "2024-10-21"}},
            "https://res.openai.azure.com/openai/deployments/mine/chat/completions?api-version=2024-10-21",
        ),
    ],
)
def test_the_two_surfaces(config: dict[str, object], url: str) -> None:
    """The v1 surface unless an API version is configured; the address may be given as the portal shows it."""
    seen: list[httpx.Request] = []

    client_that_keeps(seen, **config).generate("azure:mine", "Hi", via_stream=True)

    assert str(seen[0].url) == url
    assert json.loads(seen[0].content)["model"] == "mine"


@pytest.mark.parametrize(
    ("options", "url"),
    [
        ({"wire": "responses"}, "https://res.openai.azure.com/openai/v1/responses"),
        (
            {"wire": "responses", "api_version": "2025-04-01-preview"},
            "https://res.openai.azure.com/openai/responses?api-version=2025-04-01-preview",
        ),
    ],
)
def test_the_responses_wire(options: dict[str, str], url: str) -> None:
    """A setting puts all deployments on the Responses wire, on either surface."""
    seen: list[httpx.Request] = []

    with pytest.raises(ProviderError), client_that_keeps(seen, options=options).stream("azure:mine", "Hi") as stream:
        stream.finish()  # the scripted answer is one of Chat Completions

    assert str(seen[0].url) == url


def test_a_key_and_a_token() -> None:
    """A key goes into its own header; an Entra token, from a callable that is asked for each call, is a bearer."""
    seen: list[httpx.Request] = []
    tokens = iter([TOKEN, TOKEN + "x"])

    client_that_keeps(seen).generate("azure:mine", "Hi", via_stream=True)
    client = client_that_keeps(seen, key=lambda: next(tokens))
    client.generate("azure:mine", "Hi", via_stream=True)
    client.generate("azure:mine", "Hi", via_stream=True)

    assert (seen[0].headers["api-key"], "authorization" in seen[0].headers) == ("made-up-key", False)
    assert [request.headers["authorization"] for request in seen[1:]] == [f"Bearer {TOKEN}", f"Bearer {TOKEN}x"]


def test_filter_results_are_parts() -> None:
    """What the filters said of prompt and answer are typed parts; the empty first chunk says no id and no model."""
    response = client_that_keeps([]).generate("azure:mine", "Hi", via_stream=True)

    assert (response.text, response.id, response.model) == ("Hello", "chatcmpl-1", "gpt-4.1-2025-04-14")
    assert [(part.type, part.data) for part in response.parts if isinstance(part, ProviderPart)] == [
        ("prompt_filter_results", PROMPT_FILTERS),
        ("content_filter_results", FILTERS),
    ]


def test_filter_results_do_not_go_back() -> None:
    """An answer with filter results goes back into the conversation as its text."""
    seen: list[httpx.Request] = []
    client = client_that_keeps(seen)
    response = client.generate("azure:mine", "Hi", via_stream=True)

    client.generate("azure:mine", [response.message, "And?"], via_stream=True)

    assert json.loads(seen[1].content)["messages"][0] == {"role": "assistant", "content": "Hello"}


def test_an_address_is_needed() -> None:
    """Without the address of a resource, the error names the setting."""
    with pytest.raises(ConfigError, match=r"providers\.azure\.base_url"):
        client_that_keeps([], base_url=None).generate("azure:mine", "Hi")


def test_models_cannot_be_listed() -> None:
    """Deployments are not listed by this API, and that is said."""
    with pytest.raises(UnsupportedError, match="azure"):
        client_that_keeps([]).models("azure")
