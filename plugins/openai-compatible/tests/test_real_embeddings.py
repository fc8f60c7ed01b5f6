"""A real llama.cpp server embeds: its own vectors, in both of its forms, and its own refusals."""

from __future__ import annotations

from collections.abc import Iterator

import anyio
import pytest

from core_llm import AsyncClient, Client, Embeddings, ServerError, cosine_similarity
from core_llm.wire import JSONObject
from core_llm_conformance.llama import LlamaServer, llama_server

TEXTS = ["The cat sleeps on the mat.", "A cat is asleep on a mat.", "Stock prices fell by 3 % in March."]
BASE64: dict[str, JSONObject] = {"box": {"encoding_format": "base64"}}


@pytest.fixture(scope="module")
def server() -> Iterator[LlamaServer]:
    """Give the server, with the small model loaded."""
    with llama_server(embeds=True) as running:
        yield running


def config(server: LlamaServer, **options: int) -> dict[str, object]:
    """Return a configuration that names the server."""
    section = {"type": "openai-compatible", "base_url": f"{server.url}/v1", "api_key": server.api_key}
    return {"providers": {"box": {**section, "options": options}}}


def test_texts_have_vectors_of_their_own(server: LlamaServer) -> None:
    """Of the model's width, and of length 1; like texts are more alike than others."""
    with Client(config=config(server)) as client:
        embeddings = client.embed(f"box:{server.model}", TEXTS)
    assert (len(embeddings.vectors), embeddings.dimensions, embeddings.model) == (3, 576, server.model)
    assert embeddings.usage is not None
    assert (embeddings.usage.input_tokens or 0) > 20
    first, second, third = embeddings.vectors
    assert cosine_similarity(first, first) == pytest.approx(1)
    assert cosine_similarity(first, second) > cosine_similarity(first, third)


def test_base64_holds_the_same_numbers(server: LlamaServer) -> None:
    """To the last bit of a float32."""
    with Client(config=config(server)) as client:
        listed = client.embed(f"box:{server.model}", TEXTS[0])
        packed = client.embed(f"box:{server.model}", TEXTS[0], provider_options=BASE64)
    assert packed.vectors[0] == pytest.approx(listed.vectors[0], abs=1e-9)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_batches_make_no_difference(server: LlamaServer, backend: str) -> None:
    """One request for each text gives what one for all gives."""

    async def embed() -> Embeddings:
        async with AsyncClient(config=config(server, max_embed_inputs=1)) as client:
            return await client.embed(f"box:{server.model}", TEXTS)

    with Client(config=config(server)) as client:
        together = client.embed(f"box:{server.model}", TEXTS)
    apart = anyio.run(embed, backend=backend)
    assert len(apart.metadata) == 3
    assert apart.usage is not None
    assert together.usage is not None
    assert apart.usage.input_tokens == together.usage.input_tokens
    for one, other in zip(apart.vectors, together.vectors, strict=True):
        assert one == pytest.approx(other, abs=1e-3)


def test_a_text_that_is_too_long_is_refused(server: LlamaServer) -> None:
    """In the server's words, which say what to do; it is not cut off."""
    with (
        Client(config=config(server), max_retries=0) as client,
        pytest.raises(ServerError, match="too large to process"),
    ):
        client.embed(f"box:{server.model}", "word " * 1500)
