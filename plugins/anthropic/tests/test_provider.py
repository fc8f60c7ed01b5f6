"""Anthropic: where its requests go, how they are signed, and what its models are declared to take."""

from __future__ import annotations

import json

import httpx
import pytest
from pydantic import SecretStr

from core_llm import Client, ConfigError, OutgoingRequest, ProviderConfig, StreamInterruptedError, UnsupportedError
from core_llm.wire import JSONObject, JSONValue
from plugin_anthropic import Anthropic

ANSWER = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-haiku-4-5-20251001",
    "content": [{"type": "text", "text": "Hello"}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 9, "output_tokens": 5},
}
STREAM = (
    b"event: message_start\n"
    b'data: {"type":"message_start","message":{"id":"msg_1","model":"claude-haiku-4-5-20251001","content":[]}}\n\n'
    b'event: ping\ndata: {"type": "ping"}\n\n'
    b"event: content_block_delta\n"
    b'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello"}   }\n\n'
    b"event: message_delta\n"
    b'data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":5}      }\n\n'
    b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
)


def client_that_keeps(seen: list[httpx.Request], stream: bytes = STREAM) -> Client:
    """Return a client whose socket is a function that answers, and keeps what it was sent."""

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        if request.method == "GET":
            return httpx.Response(200, json={"data": [{"id": "claude-haiku-4-5", "type": "model"}], "has_more": False})
        if request.url.path.endswith("/count_tokens"):
            return httpx.Response(200, json={"input_tokens": 8})
        if json.loads(request.content).get("stream"):
            return httpx.Response(200, content=stream, headers={"content-type": "text/event-stream"})
        return httpx.Response(200, json=ANSWER)

    return Client(
        providers=[Anthropic],
        api_keys={"anthropic": "sk-ant-api03-made-up"},
        http_client=httpx.Client(transport=httpx.MockTransport(answer)),
    )


def test_a_request_and_its_answer() -> None:
    """A plain call goes to the Messages API of api.anthropic.com, with the key in its header."""
    seen: list[httpx.Request] = []
    response = client_that_keeps(seen).generate("anthropic:claude-haiku-4-5", "Hi", max_tokens=9)
    assert (response.text, response.provider, response.finish_reason) == ("Hello", "anthropic", "stop")
    assert str(seen[0].url) == "https://api.anthropic.com/v1/messages"
    assert seen[0].headers["x-api-key"] == "sk-ant-api03-made-up"
    assert seen[0].headers["anthropic-version"] == "2023-06-01"
    assert "authorization" not in seen[0].headers
    assert json.loads(seen[0].content)["max_tokens"] == 9


def test_a_stream() -> None:
    """Its texts arrive one by one; the response has its usage."""
    seen: list[httpx.Request] = []
    with client_that_keeps(seen).stream("anthropic:claude-haiku-4-5", "Hi") as stream:
        assert list(stream.iter_text()) == ["Hello"]
    assert stream.response.usage is not None
    assert (stream.response.usage.output_tokens, stream.response.is_complete) == (5, True)


def test_a_stream_cut_off_is_no_answer() -> None:
    """Before the stop reason what came is kept in the error; after it nothing was lost."""
    cut = STREAM[: STREAM.index(b"event: message_delta")]
    with (
        pytest.raises(StreamInterruptedError) as raised,
        client_that_keeps([], cut).stream("anthropic:claude-haiku-4-5", "Hi") as stream,
    ):
        list(stream)
    assert raised.value.partial is not None
    assert raised.value.partial.text == "Hello"
    whole = STREAM[: STREAM.index(b"event: message_stop")]
    with client_that_keeps([], whole).stream("anthropic:claude-haiku-4-5", "Hi") as stream:
        list(stream)
    assert stream.response.finish_reason == "stop"


def test_models_and_counts() -> None:
    """Both are questions of their own."""
    seen: list[httpx.Request] = []
    client = client_that_keeps(seen)
    assert [model.id for model in client.models("anthropic")] == ["claude-haiku-4-5"]
    assert client.count_tokens("anthropic:claude-haiku-4-5", "Hi") == 8
    assert [(request.method, str(request.url)) for request in seen] == [
        ("GET", "https://api.anthropic.com/v1/models?limit=1000"),
        ("POST", "https://api.anthropic.com/v1/messages/count_tokens"),
    ]


def test_the_provider_s_own_fields_are_merged() -> None:
    """What only this API has goes through `provider_options`."""
    seen: list[httpx.Request] = []
    options: dict[str, JSONObject] = {"anthropic": {"metadata": {"user_id": "u"}, "thinking": {"display": "omitted"}}}
    client = client_that_keeps(seen)
    client.generate("anthropic:claude-opus-5", "Hi", reasoning_effort="high", provider_options=options)
    sent = json.loads(seen[0].content)
    assert sent["metadata"] == {"user_id": "u"}
    assert sent["thinking"] == {"type": "adaptive", "display": "omitted"}


@pytest.mark.parametrize(
    ("secret", "options", "expected"),
    [
        ("sk-ant-api03-x", {}, {"x-api-key": "sk-ant-api03-x"}),
        ("sk-ant-api03-x", {"auth": "bearer"}, {"authorization": "Bearer sk-ant-api03-x"}),
        (
            "sk-ant-oat01-x",
            {},
            {"authorization": "Bearer sk-ant-oat01-x", "anthropic-beta": "oauth-2025-04-20"},
        ),
    ],
    ids=["key", "key as bearer", "OAuth token"],
)
def test_credentials(secret: str, options: dict[str, JSONValue], expected: dict[str, str]) -> None:
    """A key has its own header; a token is a bearer."""
    auth = Anthropic(ProviderConfig(options=options)).auth
    signed = auth.sign(OutgoingRequest("POST", "https://a.example", {}, b""), SecretStr(secret), 0)
    assert signed.headers == expected


def test_a_token_joins_the_betas_of_the_request() -> None:
    """The beta of a token stands beside those that the request has, once."""
    auth = Anthropic().auth
    request = OutgoingRequest("POST", "https://a.example", {"anthropic-beta": "files-api-2025-04-14"}, b"")
    for _ in range(2):
        request = auth.sign(request, SecretStr("sk-ant-oat01-x"), 0)
    assert request.headers["anthropic-beta"] == "files-api-2025-04-14,oauth-2025-04-20"


def test_options() -> None:
    """The version of the API may be another; a misspelt option or value is not silently lost."""
    provider = Anthropic(ProviderConfig(options={"api_version": "2026-10-21"}))
    assert next(provider.list_models()).headers == {"anthropic-version": "2026-10-21"}
    with pytest.raises(ConfigError, match="apiversion"):
        Anthropic(ProviderConfig(options={"apiversion": "2026-10-21"}))
    with pytest.raises(ConfigError, match="x-api-key or bearer"):
        Anthropic(ProviderConfig(options={"auth": "Bearer"}))


@pytest.mark.parametrize(
    ("model", "feature", "support"),
    [
        ("claude-haiku-4-5", "settings.temperature", "supported"),
        ("claude-opus-4-7", "settings.temperature", "unsupported"),
        ("claude-sonnet-5", "settings.top_k", "unsupported"),
        ("claude-opus-4-6", "settings.reasoning_budget", "supported"),
        ("claude-opus-5", "settings.reasoning_budget", "unsupported"),
        ("claude-opus-5", "settings.reasoning_effort", "supported"),
        ("claude-3-5-haiku-latest", "settings.reasoning_effort", "unsupported"),
        ("claude-sonnet-4-0", "structured_output", "unsupported"),
        ("claude-sonnet-4-5", "structured_output", "supported"),
        ("claude-novel-7", "structured_output", "unknown"),
        ("claude-novel-7", "settings.temperature", "unknown"),
        ("qwen3", "reasoning", "unknown"),
        ("anything", "settings.seed", "unsupported"),
        ("anything", "settings.cache_key", "unsupported"),
        ("anything", "json_output", "unsupported"),
        ("anything", "audio_input", "unsupported"),
        ("anything", "token_counting", "supported"),
    ],
)
def test_what_models_take_is_declared(model: str, feature: str, support: str) -> None:
    """What the table of models does not know is unknown, and sent."""
    assert Anthropic().capabilities_for(model).support(feature) == support


def test_what_is_refused_is_not_sent() -> None:
    """A setting that the model refuses is an error before anything goes out, or is left out if asked for."""
    seen: list[httpx.Request] = []
    client = client_that_keeps(seen)
    with pytest.raises(UnsupportedError, match="temperature"):
        client.generate("anthropic:claude-opus-5", "Hi", temperature=0.2)
    assert seen == []
    client.generate("anthropic:claude-opus-5", "Hi", temperature=0.2, on_unsupported="drop")
    assert "temperature" not in json.loads(seen[0].content)


def test_it_embeds_nothing() -> None:
    """The API has no endpoint for it, so that nothing is sent."""
    seen: list[httpx.Request] = []
    with pytest.raises(UnsupportedError, match="embeddings"):
        client_that_keeps(seen).embed("anthropic:claude-opus-5", "Hi")
    assert seen == []
