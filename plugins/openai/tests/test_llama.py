"""A real server that speaks Responses: llama.cpp, with a small model, over HTTP. It numbers none of its events."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from core_llm import AsyncClient, AuthenticationError, Client, ContextLengthError, Finish, Message, TextDelta
from core_llm.wire import JSONObject
from core_llm_conformance.llama import LlamaServer, llama_server
from plugin_openai import OpenAI


@pytest.fixture(scope="module")
def server() -> Iterator[LlamaServer]:
    """Keep one server for all tests of this module."""
    with llama_server() as running:
        yield running


def settings_for(server: LlamaServer) -> JSONObject:
    """Return the configuration of an endpoint of OpenAI's kind that speaks Responses."""
    options: JSONObject = {"wire": "responses"}
    return {"providers": {"lab": {"type": "openai", "base_url": f"{server.url}/v1", "options": options}}}


def client_for(server: LlamaServer, key: str | None = None) -> Client:
    """Return a client that knows the server as ``lab``."""
    keys = {"lab": key or server.api_key}
    return Client(providers=[OpenAI], config=settings_for(server), api_keys=keys)


def test_it_streams(server: LlamaServer) -> None:
    """Each token is an event, and the usage is the server's."""
    prompt = [Message.system("Tell a story."), Message.user("Of a fox.")]
    with (
        client_for(server) as client,
        client.stream(f"lab:{server.model}", prompt, max_tokens=8, temperature=0) as stream,
    ):
        events = list(stream)
    texts = [event.text for event in events if isinstance(event, TextDelta)]
    assert isinstance(events[-1], Finish)
    assert events[-1].response.text == "".join(texts)
    assert len(texts) > 1
    assert events[-1].usage is not None
    assert events[-1].usage.output_tokens == 8


def test_a_plain_answer_is_what_the_stream_says(server: LlamaServer) -> None:
    """Both ways of asking give the same text, and the answer goes back into the conversation."""
    model = f"lab:{server.model}"
    with client_for(server) as client:
        plain = client.generate(model, "Hello!", max_tokens=8, temperature=0)
        streamed = client.generate(model, "Hello!", max_tokens=8, temperature=0, via_stream=True)
        assert plain.text == streamed.text
        prompt = [Message.user("Hello!"), plain.message, Message.user("And then?")]
        assert client.generate(model, prompt, max_tokens=8).is_complete


@pytest.mark.anyio
async def test_it_streams_async(server: LlamaServer) -> None:
    """The same on asyncio and trio."""
    async with (
        AsyncClient(providers=[OpenAI], config=settings_for(server), api_keys={"lab": server.api_key}) as client,
        client.stream(f"lab:{server.model}", "Hello!", max_tokens=8, temperature=0) as stream,
    ):
        texts = [text async for text in stream.iter_text()]
    assert stream.response.text == "".join(texts) != ""


def test_it_counts_tokens(server: LlamaServer) -> None:
    """A longer text has more."""
    with client_for(server) as client:
        short = client.count_tokens(f"lab:{server.model}", "Hello!")
        assert 0 < short < client.count_tokens(f"lab:{server.model}", "Hello, you there, whoever you may be!")


def test_its_errors(server: LlamaServer) -> None:
    """A wrong key and a prompt that is too long are the errors they are called."""
    with client_for(server, "made-up-and-wrong") as client, pytest.raises(AuthenticationError):
        client.generate(f"lab:{server.model}", "Hello!")
    with client_for(server) as client, pytest.raises(ContextLengthError):
        client.generate(f"lab:{server.model}", "word " * 4000)
