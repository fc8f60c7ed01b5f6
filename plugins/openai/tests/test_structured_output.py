"""Values of types from a real server: llama.cpp, which holds a model to a schema on Chat Completions alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydantic import BaseModel, Field

from core_llm import AsyncClient, Client, InvalidOutputError
from core_llm.wire import JSONObject
from core_llm_conformance.llama import LlamaServer, llama_server
from plugin_openai import OpenAI


class Person(BaseModel):
    """A person."""

    name: str = Field(max_length=20)
    age: int = Field(default=30, ge=0, le=120)


@pytest.fixture(scope="module")
def server() -> Iterator[LlamaServer]:
    """Keep one server for all tests of this module."""
    with llama_server() as running:
        yield running


def options_for(server: LlamaServer, wire: str) -> dict[str, object]:
    """Return what makes a client that knows the server as ``lab``, over a wire."""
    endpoint: JSONObject = {"type": "openai", "base_url": f"{server.url}/v1", "options": {"wire": wire}}
    config: JSONObject = {"providers": {"lab": endpoint}}
    return {"providers": [OpenAI], "config": config, "api_keys": {"lab": server.api_key}}


def test_a_value_comes_over_the_wire(server: LlamaServer) -> None:
    """The schema goes out in the wire's own field, in the words of its strict mode, and the server holds to it."""
    with Client(**options_for(server, "chat")) as client:  # type: ignore[arg-type]
        answer = client.generate(f"lab:{server.model}", "Make up a person.", output=Person, temperature=0)
    assert answer.output == Person.model_validate_json(answer.text)
    assert '"age"' in answer.text  # it has a default, and strict mode wants it all the same


@pytest.mark.anyio
async def test_it_grows_while_it_comes(server: LlamaServer) -> None:
    """The same over a stream, on asyncio and trio."""
    async with (
        AsyncClient(**options_for(server, "chat")) as client,  # type: ignore[arg-type]
        client.stream(f"lab:{server.model}", "Make up a person.", output=Person, temperature=0) as stream,
    ):
        names = [person.name async for person in stream.partial_objects()]
    whole = stream.output.name
    assert all(name is None or whole.startswith(name) for name in names)
    assert len(names) > 2


def test_a_server_that_ignores_the_schema_is_found_out(server: LlamaServer) -> None:
    """On Responses this server says what it likes: the model is corrected once, and then the error tells."""
    with Client(**options_for(server, "responses")) as client, pytest.raises(InvalidOutputError) as caught:  # type: ignore[arg-type]
        client.generate(f"lab:{server.model}", "Why is the sky blue?", output=Person, temperature=0, max_tokens=300)
    assert caught.value.tries == 2
    assert caught.value.response.usage is not None
    assert caught.value.text == caught.value.response.text
