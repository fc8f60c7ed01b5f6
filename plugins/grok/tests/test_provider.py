"""Grok: where requests go, what its models refuse, and what xAI says twice."""

from __future__ import annotations

import json

import httpx
import pytest

from core_llm import (
    AuthenticationError,
    BadRequestError,
    Client,
    ConfigError,
    Message,
    NotFoundError,
    ProviderConfig,
    Request,
    StatusError,
    TextDelta,
    UnsupportedError,
)
from core_llm.wire import Frame, JSONObject, JSONValue
from plugin_grok import Grok
from plugin_grok._wire import GrokChat, GrokResponses

ANSWER: JSONObject = {
    "id": "r-1",
    "model": "grok-3-mini",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}],
    "usage": {
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "total_tokens": 45,
        "completion_tokens_details": {"reasoning_tokens": 30},
    },
    "citations": ["https://example.com/a"],
}


def client_that_keeps(seen: list[httpx.Request]) -> Client:
    """Return a client whose socket is a function that answers, and keeps what it was sent."""

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=ANSWER)

    transport = httpx.MockTransport(answer)
    return Client(providers=[Grok], api_keys={"grok": "made-up"}, http_client=httpx.Client(transport=transport))


def delta(**fields: JSONValue) -> Frame:
    """Return one frame."""
    chunk = {"id": "r-1", "model": "m", "choices": [{"index": 0, "delta": fields, "finish_reason": None}]}
    return Frame(json.dumps(chunk).encode())


def test_a_request_and_its_answer() -> None:
    """Output tokens include reasoning, as xAI's total does; sources are citations; options are merged."""
    seen: list[httpx.Request] = []
    options: dict[str, JSONObject] = {"grok": {"deferred": False}}

    response = client_that_keeps(seen).generate("grok:grok-3-mini", "Hi", provider_options=options)

    assert response.usage is not None
    assert (response.usage.input_tokens, response.usage.output_tokens, response.usage.reasoning_tokens) == (10, 35, 30)
    assert [part.citations[0].url for part in response.message.parts if part.kind == "text"] == [
        "https://example.com/a"
    ]
    assert str(seen[0].url) == "https://api.x.ai/v1/chat/completions"
    assert json.loads(seen[0].content)["deferred"] is False


@pytest.mark.parametrize(
    ("status", "words", "error"),
    [
        (400, "Incorrect API key provided.", AuthenticationError),
        (400, "Model grok-9 does not support parameter stop.", BadRequestError),
        (404, "The model grok-9 does not exist.", NotFoundError),
    ],
)
def test_a_wrong_key_is_told_by_its_words(status: int, words: str, error: type[StatusError]) -> None:
    """XAI answers it with 400 and with the code of any other bad request."""
    body = json.dumps({"code": "invalid-argument", "error": words}).encode()
    found = GrokChat("grok").decode_error(status, {"x-request-id": "r-1"}, body)
    assert type(found) is error
    assert (found.status_code, found.code, found.request_id) == (status, "invalid-argument", "r-1")


def test_a_cache_key_is_a_header() -> None:
    """Requests that share a beginning say so in the header that xAI routes by."""
    seen: list[httpx.Request] = []

    client_that_keeps(seen).generate("grok:grok-3", "Hi", cache_key="chat-7")

    assert seen[0].headers["x-grok-conv-id"] == "chat-7"
    assert "cache_key" not in json.loads(seen[0].content)


@pytest.mark.parametrize(
    ("model", "setting"),
    [("grok-4", "stop"), ("grok-4", "reasoning_effort"), ("grok-3-mini", "presence_penalty"), ("grok-3", "top_k")],
)
def test_what_a_model_refuses_is_not_sent(model: str, setting: str) -> None:
    """A setting that xAI would answer with an error is refused before anything is sent."""
    seen: list[httpx.Request] = []
    value: dict[str, object] = {setting: {"stop": "x", "reasoning_effort": "low"}.get(setting, 1)}

    with pytest.raises(UnsupportedError, match=setting):
        client_that_keeps(seen).generate(f"grok:{model}", "Hi", **value)  # type: ignore[call-overload]  # by name

    assert seen == []


def test_a_model_that_does_not_reason_takes_what_the_others_refuse() -> None:
    """What reasoning models refuse, their sibling that does not reason takes; but effort means nothing to it."""
    declared = Grok().capabilities_for("grok-4-fast-non-reasoning")
    assert [declared.support(f"settings.{name}") for name in ("stop", "presence_penalty")] == ["supported"] * 2
    assert declared.support("settings.reasoning_effort") == "unsupported"


def test_the_wire_of_a_model() -> None:
    """The table knows what is on Responses only; a setting overrides it, and a wrong one is refused."""
    assert Grok().wire_type("grok-4.20-multi-agent") is GrokResponses
    assert Grok().wire_type("grok-4") is GrokChat
    assert Grok(ProviderConfig(options={"wire": "responses"})).wire_type("grok-4") is GrokResponses
    with pytest.raises(ConfigError, match="must be chat or responses, not 'soap'"):
        Grok(ProviderConfig(options={"wire": "soap"}))


def test_reasoning_that_is_said_twice_is_taken_once() -> None:
    """The placeholder that xAI repeats is dropped; short pieces may well come twice."""
    decoder = GrokChat("grok").decoder(Request(model="m", messages=(Message.user("Hi"),)))
    pieces = ["Thinking... ", "Thinking... ", "ha", "ha", "done"]

    events = [event for piece in pieces for event in decoder.feed(delta(reasoning_content=piece))]

    assert [event.text for event in events if hasattr(event, "text")] == ["Thinking... ", "ha", "ha", "done"]


def test_an_echo_of_the_last_message_is_dropped() -> None:
    """An answer to a conversation that ends with the model's own words does not begin with them again."""
    request = Request(model="m", messages=(Message.user("Say it"), Message.assistant("The sky")))
    decoder = GrokChat("grok").decoder(request)
    pieces = ["The sky", " is blue", "The sky"]

    events = [event for piece in pieces for event in decoder.feed(delta(content=piece))]

    assert [event.text for event in events if isinstance(event, TextDelta)] == [" is blue", "The sky"]


def test_it_embeds_nothing() -> None:
    """The API has no endpoint for it, so that nothing is sent."""
    seen: list[httpx.Request] = []
    with pytest.raises(UnsupportedError, match="embeddings"):
        client_that_keeps(seen).embed("grok:grok-4", "Hi")
    assert seen == []
