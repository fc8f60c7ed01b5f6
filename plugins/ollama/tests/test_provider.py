"""Ollama: where requests go, what its models are declared not to take, and what happens when nobody is there."""

from __future__ import annotations

import json
import socket

import httpx
import pytest

from core_llm import Client, ConnectError, NotFoundError, UnsupportedError
from core_llm.wire import JSONObject
from plugin_ollama import Ollama

ANSWER: JSONObject = {
    "model": "llama3.2",
    "created_at": "2026-11-21T10:00:00Z",
    "message": {"role": "assistant", "content": "Hello"},
    "done": True,
    "done_reason": "stop",
    "prompt_eval_count": 26,
    "eval_count": 4,
}
TAGS: JSONObject = {"models": [{"name": "llama3.2:latest", "model": "llama3.2:latest", "size": 2019393189}]}
SHOWN: JSONObject = {"model_info": {"general.architecture": "llama", "llama.context_length": 131072}, "template": "..."}
BY_PATH = {"/api/chat": ANSWER, "/api/tags": TAGS, "/api/show": SHOWN}


def client_that_keeps(seen: list[httpx.Request], **config: object) -> Client:
    """Return a client whose socket is a function that answers, and keeps what it was sent."""

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=BY_PATH[request.url.path])

    return Client(
        providers=[Ollama],
        config={"providers": {"ollama": config}},
        http_client=httpx.Client(transport=httpx.MockTransport(answer)),
    )


def test_a_request_and_its_answer() -> None:
    """A plain call goes to the server on this machine, without a key."""
    seen: list[httpx.Request] = []

    response = client_that_keeps(seen).generate("ollama:llama3.2", "Hi", max_tokens=9)

    assert (response.text, response.finish_reason, response.provider) == ("Hello", "stop", "ollama")
    assert str(seen[0].url) == "http://127.0.0.1:11434/api/chat"
    assert "authorization" not in seen[0].headers
    assert json.loads(seen[0].content) == {
        "model": "llama3.2",
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": False,
        "options": {"num_predict": 9},
    }


def test_configured_options_go_with_every_request() -> None:
    """Context window and time to stay loaded come from the configuration, and a call's own options join them."""
    seen: list[httpx.Request] = []
    client = client_that_keeps(seen, options={"num_ctx": 8192, "keep_alive": "30m"})

    client.generate("ollama:llama3.2", "Hi", provider_options={"ollama": {"options": {"mirostat": 2}}})

    body = json.loads(seen[0].content)
    assert body["options"] == {"num_ctx": 8192, "mirostat": 2}
    assert body["keep_alive"] == "30m"


def test_a_full_context_window_is_said_plainly() -> None:
    """Where an answer has filled the window that was asked for, its metadata says what that means."""
    client = client_that_keeps([], options={"num_ctx": 30})

    warning = client.generate("ollama:llama3.2", "Hi").metadata["warning"]

    assert "context window of 30 tokens (num_ctx) is full" in str(warning)


def test_models_are_listed_and_shown() -> None:
    """The listing has what was pulled; one model can be described."""
    seen: list[httpx.Request] = []
    client = client_that_keeps(seen)
    ollama = client.provider("ollama")
    assert isinstance(ollama, Ollama)

    assert [model.id for model in client.models("ollama")] == ["llama3.2:latest"]
    assert client.exchange("ollama", ollama.show_model("llama3.2")).context_length == 131072
    assert json.loads(seen[1].content) == {"model": "llama3.2"}


@pytest.mark.parametrize("setting", ["parallel_tool_calls", "service_tier", "reasoning_budget", "cache_key"])
def test_what_it_has_no_field_for_is_refused(setting: str) -> None:
    """A setting that could not be honoured is refused before anything is sent."""
    seen: list[httpx.Request] = []
    value: dict[str, object] = {setting: {"parallel_tool_calls": True, "reasoning_budget": 9}.get(setting, "x")}

    with pytest.raises(UnsupportedError, match=f"does not support the setting '{setting}'"):
        client_that_keeps(seen).generate("ollama:llama3.2", "Hi", **value)  # type: ignore[call-overload]  # by name

    assert seen == []


def test_a_server_that_is_not_running_gives_the_command() -> None:
    """The error of a refused connection has the line that mends it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        client = Client(providers=[Ollama], config={"providers": {"ollama": {"base_url": url}}}, max_retries=0)

        with pytest.raises(ConnectError, match="start it with: ollama serve"):
            client.generate("ollama:llama3.2", "Hi")


def test_a_model_that_is_missing_gives_the_command() -> None:
    """The error for a model that was not pulled says how to pull it."""
    answer = httpx.Response(404, json={"error": "model 'nope' not found"})
    transport = httpx.MockTransport(lambda _: answer)
    client = Client(providers=[Ollama], http_client=httpx.Client(transport=transport))

    with pytest.raises(NotFoundError, match="fetch it with: ollama pull"):
        client.generate("ollama:nope", "Hi")
