"""OpenAI: what its requests are, where they go, and what its models are declared not to take."""

from __future__ import annotations

import json

import httpx
import pytest

from core_llm import Client, ConfigError, Message, ProviderConfig, Request, UnsupportedError
from core_llm.wire import JSONValue
from plugin_openai import OpenAI

ANSWER = {
    "id": "chatcmpl-1",
    "model": "gpt-4.1-2025-04-14",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14},
}
LISTING = {"object": "list", "data": [{"id": "gpt-4.1", "object": "model", "created": 1, "owned_by": "system"}]}


def client_that_keeps(seen: list[httpx.Request]) -> Client:
    """Return a client whose socket is a function that answers, and keeps what it was sent."""

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=LISTING if request.method == "GET" else ANSWER)

    return Client(
        providers=[OpenAI],
        api_keys={"openai": "sk-made-up"},
        http_client=httpx.Client(transport=httpx.MockTransport(answer)),
    )


def test_a_request_and_its_answer() -> None:
    """A plain call goes to the Chat Completions of api.openai.com, with the key as bearer."""
    seen: list[httpx.Request] = []
    response = client_that_keeps(seen).generate("openai:gpt-4.1", "Hi", max_tokens=9)
    assert (response.text, response.model, response.provider) == ("Hello", "gpt-4.1-2025-04-14", "openai")
    assert str(seen[0].url) == "https://api.openai.com/v1/chat/completions"
    assert seen[0].headers["authorization"] == "Bearer sk-made-up"
    assert json.loads(seen[0].content) == {
        "model": "gpt-4.1",
        "messages": [{"role": "user", "content": "Hi"}],
        "max_completion_tokens": 9,
    }


def test_models_are_listed() -> None:
    """The models are those that the key may use."""
    seen: list[httpx.Request] = []
    models = client_that_keeps(seen).models("openai")
    assert [model.id for model in models] == ["gpt-4.1"]
    assert (seen[0].method, str(seen[0].url)) == ("GET", "https://api.openai.com/v1/models")


@pytest.mark.parametrize(
    ("model", "setting", "support"),
    [
        ("gpt-4.1", "temperature", "unknown"),
        ("gpt-5-mini", "temperature", "unsupported"),
        ("gpt-5-2025-08-07", "top_p", "unsupported"),
        ("gpt-5-chat-latest", "temperature", "unknown"),
        ("gpt-5.1", "temperature", "unknown"),
        ("o3-mini", "stop", "unsupported"),
        ("o1", "stop", "unknown"),
        ("anything", "top_k", "unsupported"),
        ("anything", "max_tokens", "unknown"),
    ],
)
def test_what_models_refuse_is_declared(model: str, setting: str, support: str) -> None:
    """Reasoning models refuse sampling; what the documentation does not say is unknown, and sent."""
    assert OpenAI().capabilities_for(model).support(f"settings.{setting}") == support


def test_what_is_refused_is_not_sent() -> None:
    """A setting that the model refuses is an error before anything goes out, or is left out if asked for."""
    seen: list[httpx.Request] = []
    client = client_that_keeps(seen)
    with pytest.raises(UnsupportedError, match="temperature"):
        client.generate("openai:o3", "Hi", temperature=0.2)
    assert seen == []
    client.generate("openai:o3", "Hi", temperature=0.2, on_unsupported="drop")
    assert "temperature" not in json.loads(seen[0].content)


def test_organization_and_project_are_headers() -> None:
    """Both come from the configuration; without it there is no header."""
    options: dict[str, JSONValue] = {"organization": "org-1", "project": "proj-1"}
    provider = OpenAI(ProviderConfig(options=options))
    request = Request(model="gpt-4.1", messages=(Message.user("Hi"),))
    assert provider.wire("gpt-4.1").encode_request(request).headers == {
        "openai-organization": "org-1",
        "openai-project": "proj-1",
    }
    assert next(provider.wire("gpt-4.1").list_models()).headers["openai-project"] == "proj-1"
    assert OpenAI().wire("gpt-4.1").encode_request(request).headers == {}


def test_the_address_may_be_another() -> None:
    """A proxy in front of OpenAI is an address in the configuration."""
    provider = OpenAI(ProviderConfig(base_url="https://proxy.example/openai/v1/"))
    assert provider.url("/models") == "https://proxy.example/openai/v1/models"


def test_an_unknown_option_is_an_error() -> None:
    """A misspelt option is not silently lost."""
    with pytest.raises(ConfigError, match="organisation"):
        OpenAI(ProviderConfig(options={"organisation": "org-1"}))
