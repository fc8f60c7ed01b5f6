"""The local model through the clients: the same answers, stops and errors as from any other provider."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from core_llm import (
    AbortedError,
    AsyncClient,
    Client,
    ContextLengthError,
    Finish,
    InvalidRequestError,
    InvalidSettingError,
    Limits,
    OutputSchema,
    TextDelta,
    TimeoutExceededError,
    ToolSpec,
    UnsupportedError,
)
from core_llm.wire import JSONValue
from plugin_local._engine import LocalEngine

MODEL = "local:smollm2"
LONG_PROMPT = "word " * 5000
HANG_GUARD = 120.0


def settle(engine: LocalEngine) -> None:
    """Wait for llama.cpp to end what it was told to end."""
    for call in [*engine._calls]:
        call.thread.join(HANG_GUARD)
    assert engine._calls == set()


def test_a_model_in_this_process_streams(engine: LocalEngine) -> None:
    """Each token is an event; the finish has reason, usage and the model's file."""
    with Client() as client, client.stream(MODEL, "Tell me a story.", max_tokens=12, temperature=0) as stream:
        events = list(stream)
    assert len([event for event in events if isinstance(event, TextDelta)]) == 12
    assert isinstance(events[-1], Finish)
    assert (stream.response.finish_reason, stream.response.usage.output_tokens) == ("length", 12)  # type: ignore[union-attr]
    assert stream.response.model == engine.path.stem


@pytest.mark.anyio
@pytest.mark.usefixtures("engine")
async def test_the_async_client_gives_the_same_answer() -> None:
    """Asyncio and trio stream what the sync client streams."""
    with Client() as client:
        expected = client.generate(MODEL, "Why is the sky blue?", max_tokens=12, temperature=0).text
    async with (
        AsyncClient() as asynchronous,
        asynchronous.stream(MODEL, "Why is the sky blue?", max_tokens=12, temperature=0) as stream,
    ):
        texts = [text async for text in stream.iter_text()]
    assert "".join(texts) == expected


def test_leaving_the_block_stops_generating(engine: LocalEngine) -> None:
    """After the block llama.cpp has nothing to do, and what came is kept."""
    with Client() as client, client.stream(MODEL, "Tell me a long story.", temperature=0) as stream:
        first = next(stream.iter_text())
    settle(engine)
    assert stream.response.text.startswith(first)
    assert not stream.response.is_complete


def test_closing_from_another_thread_stops_reading_a_long_prompt(engine: LocalEngine) -> None:
    """A close while the prompt is read ends the wait for the first event, and the reading."""
    with Client() as client, client.stream(MODEL, LONG_PROMPT) as stream:
        threading.Timer(0.3, stream.close).start()
        with pytest.raises(AbortedError):
            next(iter(stream))
    settle(engine)


def test_the_total_limit_holds_while_a_long_prompt_is_read(engine: LocalEngine) -> None:
    """The limit names itself in the error, and llama.cpp stops."""
    with Client(limits=Limits(total=0.3)) as client, pytest.raises(TimeoutExceededError) as raised:
        client.generate(MODEL, LONG_PROMPT)
    assert raised.value.limit == "total"
    settle(engine)


@pytest.mark.anyio
@pytest.mark.usefixtures("engine")
async def test_an_answer_can_have_a_schema() -> None:
    """A schema binds even a small model, by a grammar."""
    schema: dict[str, JSONValue] = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    async with AsyncClient() as client:
        response = await client.generate(
            MODEL, "Give me a number.", output=OutputSchema(json_schema=schema), max_tokens=40, temperature=0
        )
    assert response.text.replace(" ", "").replace("\n", "").startswith('{"n":')


@pytest.mark.usefixtures("engine")
def test_provider_options_go_to_llama_cpp() -> None:
    """A field that only llama.cpp knows is handed on: a grammar leaves one possible answer."""
    with Client() as client:
        response = client.generate(MODEL, "Hi", provider_options={"local": {"grammar": 'root ::= "yes"'}})
    assert (response.text, response.finish_reason) == ("yes", "stop")


def test_options_come_from_the_configuration(model_file: Path) -> None:
    """A context length of the configuration bounds the prompt, and is in the error."""
    config = {"providers": {"local": {"options": {"context_length": 256, "parallel": 1}}}}
    with Client(config=config) as client, pytest.raises(ContextLengthError, match=r"\(256 tokens\)"):
        client.generate(f"local:{model_file}", LONG_PROMPT)


@pytest.mark.parametrize("options", [{"threads": "many"}, {"parallel": 1.5}])
def test_an_option_of_another_type_is_named(options: dict[str, str | float]) -> None:
    """A value that is no whole number is an error with the setting's whole name."""
    name = next(iter(options))
    client = Client(config={"providers": {"local": {"options": options}}})
    with client, pytest.raises(InvalidSettingError, match=rf"providers\.local\.options\.{name} .* whole number"):
        client.generate(MODEL, "Hi")


def test_tools_are_refused_where_the_model_would_never_hear_of_them() -> None:
    """The default model has no place for tools in its template, so they are an error, not ignored."""
    tool = ToolSpec(name="f", parameters={"type": "object"})
    with Client() as client, pytest.raises(UnsupportedError, match="does not support tools"):
        client.generate(MODEL, "Hi", tools=[tool])


def test_a_missing_model_file_is_one_typed_error(tmp_path: Path) -> None:
    """The error has the path, and nothing else is wrapped around it."""
    with Client() as client, pytest.raises(InvalidRequestError, match=f"{tmp_path}/none.gguf does not exist"):
        client.generate(f"local:{tmp_path}/none.gguf", "Hi")


def test_the_listing_names_what_can_be_fetched() -> None:
    """The default model is listed without being fetched or loaded."""
    with Client() as client:
        listed = client.models("local")
    assert [(model.id, model.context_length) for model in listed] == [("smollm2", 8192)]


def test_it_embeds_nothing() -> None:
    """No weights are fetched to find that out."""
    with Client() as client, pytest.raises(UnsupportedError, match="embeddings"):
        client.embed("local:smollm2", "Hi")
