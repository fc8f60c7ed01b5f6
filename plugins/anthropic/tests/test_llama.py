"""A real server that speaks this wire: llama.cpp, with a small model, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from core_llm import AsyncClient, AuthenticationError, Client, Finish, Message, TextDelta
from core_llm_conformance.llama import LlamaServer, llama_server
from plugin_anthropic import Anthropic


@pytest.fixture(scope="module")
def server() -> Iterator[LlamaServer]:
    """Keep one server for all tests of this module."""
    with llama_server() as running:
        yield running


def client_for(server: LlamaServer, key: str | None = None) -> Client:
    """Return a client that takes the server for Anthropic's."""
    return Client(
        providers=[Anthropic],
        config={"providers": {"anthropic": {"base_url": f"{server.url}/v1"}}},
        api_keys={"anthropic": key or server.api_key},
    )


def test_it_streams(server: LlamaServer) -> None:
    """Each token is an event; the token limit is the reason of the end, and the usage is the server's."""
    prompt = [Message.system("Tell a story."), Message.user("Of a fox.")]
    with (
        client_for(server) as client,
        client.stream(f"anthropic:{server.model}", prompt, max_tokens=8, temperature=0) as stream,
    ):
        events = list(stream)
    texts = [event.text for event in events if isinstance(event, TextDelta)]
    assert isinstance(events[-1], Finish)
    assert (events[-1].finish_reason, events[-1].response.text) == ("length", "".join(texts))
    assert len(texts) > 1
    assert events[-1].usage is not None
    assert events[-1].usage.output_tokens == 8


def test_it_answers_at_once(server: LlamaServer) -> None:
    """A plain answer is what the stream says."""
    with client_for(server) as client:
        plain = client.generate(f"anthropic:{server.model}", "Hello!", max_tokens=8, temperature=0)
        streamed = client.generate(f"anthropic:{server.model}", "Hello!", max_tokens=8, temperature=0, via_stream=True)
    assert plain.text == streamed.text
    assert (plain.finish_reason, plain.raw_finish_reason) == ("length", "max_tokens")


@pytest.mark.anyio
async def test_it_streams_async(server: LlamaServer) -> None:
    """The same on asyncio and trio."""
    async with (
        AsyncClient(
            providers=[Anthropic],
            config={"providers": {"anthropic": {"base_url": f"{server.url}/v1"}}},
            api_keys={"anthropic": server.api_key},
        ) as client,
        client.stream(f"anthropic:{server.model}", "Hello!", max_tokens=8, temperature=0) as stream,
    ):
        texts = [text async for text in stream.iter_text()]
    assert stream.response.text == "".join(texts) != ""


def test_it_counts_and_lists(server: LlamaServer) -> None:
    """Both endpoints are there."""
    with client_for(server) as client:
        assert client.count_tokens(f"anthropic:{server.model}", "Hello!") > 1
        assert [model.id for model in client.models("anthropic")] == [server.model]


def test_a_wrong_key_is_refused(server: LlamaServer) -> None:
    """The server reads the same header as Anthropic's."""
    with client_for(server, "wrong") as client, pytest.raises(AuthenticationError, match="Invalid API Key"):
        client.generate(f"anthropic:{server.model}", "Hello!")
