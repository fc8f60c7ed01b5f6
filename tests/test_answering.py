"""The scripted servers of all wires, which the documentation runs against, are read by the providers they stand for.

What is asked of each is the same, so this is also the proof that one string is all that changes between providers.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat

import pytest

from core_llm import (
    Client,
    Message,
    OutputSchema,
    ServerError,
    StreamInterruptedError,
    ToolResultPart,
    ToolSpec,
    most_similar,
)
from core_llm_conformance.answering import answer_to, break_off
from core_llm_conformance.script import Answer, Send, sse_answer
from core_llm_conformance.server import FaultServer, RecordedRequest

TEXT = "The sky is blue because air scatters blue light."
MODELS = {
    "openai:gpt-5-mini": "/v1",
    "openai:gpt-4.1": "/v1",
    "openai-compatible:small": "/v1",
    "grok:grok-3": "/v1",
    "openrouter:deepseek/deepseek-chat": "/v1",
    "azure:my-deployment": "",
    "anthropic:claude-sonnet-4-5": "/v1",
    "gemini:gemini-2.5-flash": "",
    "vertex:gemini-2.5-flash": "",
    "ollama:llama3.2": "",
}
"""Model → what stands between the server and a wire's own paths."""
WEATHER = ToolSpec(name="weather", parameters={"type": "object", "properties": {"city": {"type": "string"}}})
CITY = OutputSchema(json_schema={"type": "object", "properties": {"city": {"type": "string"}}})


@pytest.fixture(scope="module")
def server() -> Iterator[FaultServer]:
    """Give a server that answers everything well."""
    with FaultServer(*repeat(answer_to, 200)) as server:
        yield server


Layer = dict[str, str | dict[str, str]]


def client_for(url: str, model: str) -> Client:
    """Return a client whose provider of `model` is the scripted server."""
    name = model.partition(":")[0]
    section: Layer = {"base_url": url + MODELS[model], "api_key": "made-up-0123456789"}
    if name == "vertex":
        section = {**section, "options": {"project": "my-project"}}
    return Client(config={"providers": {name: section}}, max_retries=0)


@pytest.mark.parametrize("model", MODELS)
def test_the_same_text_streamed_and_plain(server: FaultServer, model: str) -> None:
    """The sentence, its reason and its usage arrive alike in both ways."""
    client = client_for(server.url, model)
    for response in (client.generate(model, "Why?"), client.generate(model, "Why?", via_stream=True)):
        assert (response.text, response.finish_reason, response.is_complete) == (TEXT, "stop", True)
        assert response.usage is not None
        assert (response.usage.input_tokens, response.usage.output_tokens) == (12, 10)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("via_stream", [False, True])
def test_tools_are_called_and_answered(server: FaultServer, model: str, *, via_stream: bool) -> None:
    """Two calls come back, and after their results the sentence."""
    client = client_for(server.url, model)
    first = client.generate(model, "Weather?", tools=[WEATHER], via_stream=via_stream)
    assert first.finish_reason == "tool_calls"
    assert [call.arguments for call in first.tool_calls] == [{"city": "Oslo"}, {"city": "Rome"}]
    results = [ToolResultPart(tool_call_id=call.id, name=call.name, content="Sunny") for call in first.tool_calls]
    conversation = [Message.user("Weather?"), first.message, Message.tool(*results)]
    assert client.generate(model, conversation, tools=[WEATHER], via_stream=via_stream).text == TEXT


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("via_stream", [False, True])
def test_json_and_a_bound(server: FaultServer, model: str, *, via_stream: bool) -> None:
    """A schema gives JSON, and a small bound half a sentence."""
    client = client_for(server.url, model)
    whole = client.generate(model, "Tell me of Oslo.", output=CITY, via_stream=via_stream)
    assert whole.text == '{"city": "Oslo", "population": 709000}'
    cut = client.generate(model, "Tell me a story.", max_tokens=2, via_stream=via_stream)
    assert (cut.text, cut.finish_reason) == ("The sky", "length")


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("why", ["cut", "failed", "call"])
def test_what_breaks_off_is_no_answer(model: str, why: str) -> None:
    """A stream that goes wrong raises, whatever its wire."""

    def broken(request: RecordedRequest) -> Answer:
        data = break_off(request, why=why)
        return Answer(200, {}, [Send(data)]) if model.startswith("ollama") else sse_answer(data)

    with FaultServer(broken) as server:
        client = client_for(server.url, model)
        with pytest.raises((StreamInterruptedError, ServerError)) as caught, client.stream(model, "Why?") as stream:
            list(stream)
        assert isinstance(caught.value, ServerError) == (why == "failed")
        assert stream.response.text == ("" if why == "call" else "The sky is blue")
        assert (stream.response.is_complete, stream.response.tool_calls) == (False, ())


@pytest.mark.parametrize("model", [model for model in MODELS if not model.startswith(("grok", "anthropic"))])
def test_texts_are_embedded(server: FaultServer, model: str) -> None:
    """Those with words in common point alike, on every wire that embeds."""
    client = client_for(server.url, model)
    embeddings = client.embed(
        model, ["The sky is blue.", "Bread is made from flour.", "Blue is the sky!"], dimensions=64
    )
    assert embeddings.dimensions == 64
    assert [index for index, _ in most_similar(embeddings.vectors[0], embeddings.vectors)] == [0, 2, 1]


def test_other_models_of_googles_are_asked_elsewhere(server: FaultServer) -> None:
    """Each by the endpoint that it has."""
    client = client_for(server.url, "vertex:gemini-2.5-flash")
    for name in ("text-embedding-005", "gemini-embedding-001", "gemini-embedding-2"):
        embeddings = client.embed(f"vertex:{name}", ["a", "b"])
        assert len(embeddings.vectors) == 2
        assert embeddings.usage is not None
        assert embeddings.usage.input_tokens == 8
