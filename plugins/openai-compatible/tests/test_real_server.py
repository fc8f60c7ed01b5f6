"""A real llama.cpp server over HTTP: the engine that other people run, with its own answers and its own refusals."""

from __future__ import annotations

import json
from collections.abc import Iterator

import anyio
import pytest

from core_llm import (
    AsyncClient,
    AuthenticationError,
    Client,
    ContextLengthError,
    Finish,
    OutputSchema,
    Response,
    TextDelta,
    check_events,
)
from core_llm.wire import JSONValue
from core_llm_conformance.llama import LlamaServer, llama_server

PROMPT = "Tell me a long story of a cat."


@pytest.fixture(scope="module")
def server() -> Iterator[LlamaServer]:
    """Give the server, with the small model loaded."""
    with llama_server() as running:
        yield running


def config(server: LlamaServer, key: str | None = None) -> dict[str, object]:
    """Return a configuration that names the server."""
    section = {"type": "openai-compatible", "base_url": f"{server.url}/v1", "api_key": key or server.api_key}
    return {"providers": {"box": section}}


def test_an_answer_streams(server: LlamaServer) -> None:
    """Text comes in many pieces, then the server's own count of tokens, and the end that the bound on tokens made."""
    model = f"box:{server.model}"
    with Client(config=config(server)) as client, client.stream(model, PROMPT, max_tokens=16) as stream:
        events = list(check_events(stream))
    response = stream.response
    pieces = [event.text for event in events if isinstance(event, TextDelta)]
    assert len(pieces) > 5
    assert "".join(pieces) == response.text
    assert isinstance(events[-1], Finish)
    assert (response.finish_reason, response.is_complete) == ("length", True)
    assert response.usage is not None
    assert response.usage.output_tokens == 16


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_plain_answer_is_the_streamed_one(server: LlamaServer, backend: str) -> None:
    """Without sampling, all ways of asking give the same text."""

    async def ask() -> tuple[Response, Response]:
        async with AsyncClient(config=config(server)) as client:
            plain = await client.generate(f"box:{server.model}", PROMPT, max_tokens=8, temperature=0)
            async with client.stream(f"box:{server.model}", PROMPT, max_tokens=8, temperature=0) as stream:
                return plain, await stream.finish()

    plain, streamed = anyio.run(ask, backend=backend)
    assert plain.text
    assert (plain.text, plain.finish_reason) == (streamed.text, streamed.finish_reason)


def test_an_answer_keeps_to_a_schema(server: LlamaServer) -> None:
    """The server's grammar makes even a small model write the object that was asked for."""
    schema: dict[str, JSONValue] = {
        "type": "object",
        "properties": {"colour": {"enum": ["red", "blue"]}},
        "required": ["colour"],
        "additionalProperties": False,
    }
    with Client(config=config(server)) as client:
        response = client.generate(
            f"box:{server.model}",
            "Name a colour.",
            max_tokens=60,
            output=OutputSchema(name="answer", json_schema=schema),
        )
    assert json.loads(response.text) in ({"colour": "red"}, {"colour": "blue"})


def test_a_prompt_that_does_not_fit_is_refused(server: LlamaServer) -> None:
    """The server's own 400 becomes the error that says the prompt is too long, with its message."""
    with Client(config=config(server)) as client, pytest.raises(ContextLengthError) as caught:
        client.generate(f"box:{server.model}", "word " * 5000, max_tokens=8)
    assert caught.value.status_code == 400
    assert "context size" in caught.value.message


def test_a_wrong_key_is_refused(server: LlamaServer) -> None:
    """The server's own 401, in which the key is not to be seen."""
    wrong = config(server, key="sk-not-the-key-4711")
    with Client(config=wrong) as client, pytest.raises(AuthenticationError) as caught:
        client.generate(f"box:{server.model}", PROMPT)
    assert caught.value.status_code == 401
    assert "sk-not-the-key-4711" not in repr(caught.value)


def test_what_is_left_early_leaves_the_server_free(server: LlamaServer) -> None:
    """With one place on the server, the next call is answered though the first was not read to its end."""
    with Client(config=config(server)) as client:
        with client.stream(f"box:{server.model}", PROMPT, max_tokens=2000) as stream:
            next(stream.iter_text())
        assert not stream.response.is_complete
        assert client.generate(f"box:{server.model}", PROMPT, max_tokens=4).usage


def test_its_models_are_listed(server: LlamaServer) -> None:
    """By the name that the server gives."""
    with Client(config=config(server)) as client:
        assert [model.id for model in client.models("box")] == [server.model]
