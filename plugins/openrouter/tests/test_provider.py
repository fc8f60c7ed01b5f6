"""OpenRouter: where requests go, how reasoning and cost are asked for, and what comes back unmodified."""

from __future__ import annotations

import json
import re

import httpx
import pytest

from core_llm import (
    BadRequestError,
    Client,
    Message,
    ProviderError,
    Request,
    Response,
    ServerError,
    ToolCallPart,
    ToolResultPart,
)
from core_llm.wire import JSONObject, JSONValue
from plugin_openrouter import OpenRouter
from plugin_openrouter._provider import OpenRouterChat

DETAILS: list[JSONValue] = [
    {"type": "reasoning.text", "text": "Hm.", "signature": "c2lnbmVk", "format": "anthropic-claude-v1", "index": 0},
    {"type": "reasoning.encrypted", "data": "gAAAA", "id": "rs_1", "index": 1},
]
ANSWER: JSONObject = {
    "id": "gen-1",
    "model": "acme/model",
    "provider": "Acme",
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": "Hello", "reasoning": "Hm.", "reasoning_details": DETAILS},
        }
    ],
    "usage": {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14, "cost": 0.00015},
}
PROCESSING = b": OPENROUTER PROCESSING\n\n"


def client_that_keeps(seen: list[httpx.Request], body: bytes | None = None, **config: object) -> Client:
    """Return a client whose socket is a function that answers, and keeps what it was sent."""

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=ANSWER) if body is None else httpx.Response(200, content=body)

    return Client(
        providers=[OpenRouter],
        api_keys={"openrouter": "made-up"},
        config={"providers": {"openrouter": config}},
        http_client=httpx.Client(transport=httpx.MockTransport(answer)),
        max_retries=0,
    )


def test_a_request_and_its_answer() -> None:
    """Routing goes through as it is written, effort and budget share a field, and usage has the cost."""
    seen: list[httpx.Request] = []
    client = client_that_keeps(seen, options={"app_title": "My app"})
    routing: dict[str, JSONObject] = {"openrouter": {"provider": {"order": ["Acme"]}}}

    response = client.generate("openrouter:acme/model", "Hi", reasoning_budget=2000, provider_options=routing)

    sent = json.loads(seen[0].content)
    assert str(seen[0].url) == "https://openrouter.ai/api/v1/chat/completions"
    assert seen[0].headers["x-title"] == "My app"
    assert (sent["reasoning"], sent["provider"]) == ({"max_tokens": 2000}, {"order": ["Acme"]})
    assert sent["usage"] == {"include": True}
    assert response.usage is not None
    assert response.usage.raw["cost"] == 0.00015
    assert response.metadata["provider"] == "Acme"


def test_reasoning_details_go_back_unmodified() -> None:
    """What came is what goes back, through JSON and all; another provider never sees it."""
    response = Response.from_json(client_that_keeps([]).generate("openrouter:acme/model", "Hi").to_json())
    request = Request(model="m", messages=(Message.user("Hi"), response.message, Message.user("And?")))

    encoded = OpenRouterChat("openrouter").encode_request(request).body
    elsewhere = OpenRouterChat("elsewhere").encode_request(request).body

    assert isinstance(encoded, dict)
    assert encoded["messages"][1]["reasoning_details"] == DETAILS  # type: ignore[index,call-overload]  # a list of objects
    assert "c2lnbmVk" not in json.dumps(elsewhere)


def test_comments_are_no_events() -> None:
    """The comments that keep a connection busy make no difference."""
    chunk: JSONObject = {"id": "gen-1", "choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": "stop"}]}
    body = PROCESSING * 3 + b"data: " + json.dumps(chunk).encode() + b"\n\n" + PROCESSING + b"data: [DONE]\n\n"

    with client_that_keeps([], body).stream("openrouter:acme/model", "Hi") as stream:
        assert list(stream.iter_text()) == ["Hi"]


@pytest.mark.parametrize(("code", "kind"), [(502, ServerError), (400, BadRequestError)])
def test_an_error_in_mid_stream_is_typed(code: int, kind: type[ProviderError]) -> None:
    """An error that comes as an event of a 200, with a finish reason, raises, and keeps what came before it."""
    first: JSONObject = {"id": "gen-1", "choices": [{"index": 0, "delta": {"content": "Hal"}, "finish_reason": None}]}
    last: JSONObject = {
        "id": "gen-1",
        "error": {"code": code, "message": "Provider returned error"},
        "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}],
    }
    body = b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in (first, last))

    with (
        pytest.raises(kind, match="Provider returned error") as raised,
        client_that_keeps([], body).stream("openrouter:acme/model", "Hi") as stream,
    ):
        stream.finish()

    assert raised.value.partial is not None
    assert raised.value.partial.text == "Hal"


@pytest.mark.parametrize(
    ("model", "length"), [("mistralai/mistral-small", 9), ("openai/gpt-4o-mini", 24), ("deepseek/deepseek-chat", 53)]
)
def test_ids_of_calls_are_what_the_provider_behind_takes(model: str, length: int) -> None:
    """Mistral wants nine letters and digits, OpenAI at most forty characters; of others nothing is known."""
    given = "fc_" + 50 * "0"
    call = Message.assistant(ToolCallPart(id=given, name="f", arguments={}))
    result = Message.tool(ToolResultPart(tool_call_id=given, content="1"))
    body = OpenRouterChat("openrouter").encode_request(Request(model=model, messages=(call, result))).body
    assert isinstance(body, dict)
    told = json.dumps(body["messages"])
    assert [len(found) for found in re.findall(r'"(?:id|tool_call_id)": "([^"]+)"', told)] == [length, length]
