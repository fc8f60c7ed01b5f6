"""OpenAI: which wire each model speaks, where requests go, and what models are declared not to take."""

from __future__ import annotations

import json

import httpx
import pytest

from core_llm import Client, ConfigError, Message, ProviderConfig, Request, Settings, ToolSpec, UnsupportedError
from core_llm.wire import JSONObject, JSONValue, WireFormat
from plugin_openai import OpenAI
from plugin_openai._wire import OpenAIChat, OpenAIResponses

ANSWER = {
    "id": "chatcmpl-1",
    "model": "gpt-4.1-2025-04-14",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14},
}
MESSAGE = {"type": "message", "id": "msg_1", "role": "assistant", "content": [{"type": "output_text", "text": "Hello"}]}
RESPONSE = {"id": "resp_1", "model": "gpt-5-mini-2025-08-07", "status": "completed", "output": [MESSAGE]}
LISTING = {"object": "list", "data": [{"id": "gpt-4.1", "object": "model", "created": 1, "owned_by": "system"}]}


def client_that_keeps(seen: list[httpx.Request]) -> Client:
    """Return a client whose socket is a function that answers, and keeps what it was sent."""

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        answers = {
            "/v1/models": LISTING,
            "/v1/chat/completions": ANSWER,
            "/v1/responses/input_tokens": {"input_tokens": 7},
        }
        return httpx.Response(200, json=answers.get(request.url.path, RESPONSE))

    return Client(
        providers=[OpenAI],
        api_keys={"openai": "sk-made-up"},
        http_client=httpx.Client(transport=httpx.MockTransport(answer)),
    )


@pytest.mark.parametrize(
    ("model", "wire"),
    [
        ("gpt-3.5-turbo", OpenAIChat),
        ("gpt-4o", OpenAIChat),
        ("gpt-4o-audio-preview", OpenAIChat),
        ("gpt-4.1-mini", OpenAIChat),
        ("gpt-5-search-api", OpenAIChat),
        ("ft:gpt-4o-2024-08-06:acme::x", OpenAIChat),
        ("anything", OpenAIChat),
        ("gpt-5", OpenAIResponses),
        ("gpt-5-mini", OpenAIResponses),
        ("gpt-5.3-codex", OpenAIResponses),
        ("gpt-6-sol", OpenAIResponses),
        ("o1-pro", OpenAIResponses),
        ("o3-deep-research", OpenAIResponses),
        ("o4-mini", OpenAIResponses),
        ("codex-mini-latest", OpenAIResponses),
        ("computer-use-preview", OpenAIResponses),
        ("ft:o4-mini-2025-04-16:acme::x", OpenAIResponses),
    ],
)
def test_the_wire_of_a_model(model: str, wire: type[WireFormat]) -> None:
    """Models that reason speak Responses, on which their reasoning is kept; the others, Chat Completions."""
    assert OpenAI().wire_type(model) is wire


def test_a_setting_chooses_the_wire() -> None:
    """A server at another address may speak one wire only, whatever its models are called."""
    for name, wire in (("chat", OpenAIChat), ("responses", OpenAIResponses)):
        provider = OpenAI(ProviderConfig(options={"wire": name}), name="lab")
        assert {provider.wire_type(model) for model in ("gpt-4o", "gpt-5", "llama")} == {wire}
    assert provider.capabilities_for("gpt-4o").support("settings.seed") == "unsupported"
    with pytest.raises(ConfigError, match=r"providers\.openai\.options\.wire must be chat or responses"):
        OpenAI(ProviderConfig(options={"wire": "completions"}))


def test_a_request_to_responses_and_its_answer() -> None:
    """A plain call of a reasoning model goes to /responses, with the key as bearer."""
    seen: list[httpx.Request] = []
    response = client_that_keeps(seen).generate("openai:gpt-5-mini", "Hi", max_tokens=9)
    assert (response.text, response.model, response.id) == ("Hello", "gpt-5-mini-2025-08-07", "resp_1")
    assert str(seen[0].url) == "https://api.openai.com/v1/responses"
    assert seen[0].headers["authorization"] == "Bearer sk-made-up"
    assert json.loads(seen[0].content) == {
        "model": "gpt-5-mini",
        "input": [{"role": "user", "content": "Hi"}],
        "max_output_tokens": 9,
        "include": ["reasoning.encrypted_content"],
    }


def test_fields_of_responses_alone() -> None:
    """State that OpenAI keeps, and its own tools beside the caller's, go through the provider's own fields."""
    seen: list[httpx.Request] = []
    own: JSONObject = {"previous_response_id": "resp_0", "store": False, "tools": [{"type": "web_search"}]}
    client_that_keeps(seen).generate(
        "openai:gpt-5", "Hi", tools=[ToolSpec(name="now")], provider_options={"openai": own}
    )
    body = json.loads(seen[0].content)
    assert (body["previous_response_id"], body["store"]) == ("resp_0", False)
    assert [tool["type"] for tool in body["tools"]] == ["function", "web_search"]


def test_a_response_in_the_background_is_asked_for_again() -> None:
    """What generate returns of one has its id; an exchange fetches it, and another stops it."""
    seen: list[httpx.Request] = []
    client, provider = client_that_keeps(seen), OpenAI()
    fetched = client.exchange("openai", provider.retrieve_response("resp_1"))
    assert (fetched.text, fetched.provider, fetched.is_complete) == ("Hello", "openai", True)
    client.exchange("openai", provider.cancel_response("resp_1"))
    assert [(request.method, request.url.path) for request in seen] == [
        ("GET", "/v1/responses/resp_1"),
        ("POST", "/v1/responses/resp_1/cancel"),
    ]


def test_a_response_that_still_runs() -> None:
    """A response begun in the background comes back at once, and says that it is not complete."""

    def answer(request: httpx.Request) -> httpx.Response:
        assert json.loads(request.content)["background"] is True
        return httpx.Response(200, json={"id": "resp_1", "status": "queued", "output": [], "usage": None})

    client = Client(
        providers=[OpenAI],
        api_keys={"openai": "sk-made-up"},
        http_client=httpx.Client(transport=httpx.MockTransport(answer)),
    )
    response = client.generate("openai:o3-deep-research", "Hi", provider_options={"openai": {"background": True}})
    assert (response.id, response.is_complete, response.raw_finish_reason) == ("resp_1", False, "queued")


@pytest.mark.parametrize("model", ["gpt-5", "gpt-4o"])
def test_tokens_are_counted(model: str) -> None:
    """OpenAI counts the input of every model, whichever wire its answers come on."""
    seen: list[httpx.Request] = []
    assert client_that_keeps(seen).count_tokens(f"openai:{model}", "Hi") == 7
    assert json.loads(seen[0].content) == {"model": model, "input": [{"role": "user", "content": "Hi"}]}


@pytest.mark.parametrize(
    ("model", "is_asked"),
    [("gpt-5", True), ("o4-mini", True), ("gpt-5-chat-latest", False), ("computer-use-preview", False)],
)
def test_encrypted_reasoning_is_asked_for_where_there_is_any(model: str, is_asked: bool) -> None:  # noqa: FBT001  # of the table
    """Models that do not reason refuse to be asked for it."""
    body = OpenAI().wire(model).encode_request(Request(model=model, messages=(Message.user("Hi"),))).body
    assert isinstance(body, dict)
    assert ("include" in body) is is_asked


@pytest.mark.parametrize("model", ["gpt-5", "gpt-4.1"])
@pytest.mark.parametrize(
    ("settings", "fields"),
    [
        (Settings(cache_key="k", cache_ttl="24h"), {"prompt_cache_key": "k", "prompt_cache_retention": "24h"}),
        (Settings(cache_ttl="1h"), {"prompt_cache_retention": "24h"}),
        (Settings(cache_ttl="5m"), {}),
    ],
)
def test_the_cache_on_both_wires(model: str, settings: Settings, fields: JSONObject) -> None:
    """The beginning is kept at least so long: five minutes by default, a day otherwise, there being nothing between."""
    request = Request(model=model, messages=(Message.user("Hi"),), settings=settings)
    body = OpenAI().wire(model).encode_request(request).body
    assert isinstance(body, dict)
    assert {name: value for name, value in body.items() if name.startswith("prompt_cache")} == fields


def test_a_request_to_chat_completions_and_its_answer() -> None:
    """A plain call of another model goes to Chat Completions."""
    seen: list[httpx.Request] = []
    response = client_that_keeps(seen).generate("openai:gpt-4.1", "Hi", max_tokens=9)
    assert (response.text, response.model, response.provider) == ("Hello", "gpt-4.1-2025-04-14", "openai")
    assert str(seen[0].url) == "https://api.openai.com/v1/chat/completions"
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
        ("gpt-4.1", "temperature", "supported"),
        ("gpt-5-mini", "temperature", "unsupported"),
        ("gpt-5-2025-08-07", "top_p", "unsupported"),
        ("gpt-5-chat-latest", "temperature", "unknown"),
        ("gpt-5.1", "temperature", "unknown"),
        ("gpt-5-chat-latest", "seed", "unsupported"),
        ("o3-mini", "stop", "unsupported"),
        ("o1", "frequency_penalty", "unsupported"),
        ("gpt-4o", "stop", "unknown"),
        ("anything", "top_k", "unsupported"),
        ("anything", "reasoning_budget", "unsupported"),
        ("anything", "max_tokens", "unknown"),
    ],
)
def test_what_models_refuse_is_declared(model: str, setting: str, support: str) -> None:
    """Reasoning models refuse sampling, and Responses has fewer knobs; what is not documented is unknown, and sent."""
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
    for model in ("gpt-4.1", "gpt-5"):
        request = Request(model=model, messages=(Message.user("Hi"),))
        assert provider.wire(model).encode_request(request).headers == {
            "openai-organization": "org-1",
            "openai-project": "proj-1",
        }
        assert OpenAI().wire(model).encode_request(request).headers == {}
    assert next(provider.list_models()).headers["openai-project"] == "proj-1"


def test_the_address_may_be_another() -> None:
    """A proxy in front of OpenAI is an address in the configuration."""
    provider = OpenAI(ProviderConfig(base_url="https://proxy.example/openai/v1/"))
    assert provider.url("/models") == "https://proxy.example/openai/v1/models"


def test_an_unknown_option_is_an_error() -> None:
    """A misspelt option is not silently lost."""
    with pytest.raises(ConfigError, match="organisation"):
        OpenAI(ProviderConfig(options={"organisation": "org-1"}))
