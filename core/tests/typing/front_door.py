"""What a type checker must say of the code that users write. Checked by ``nox -s lint``, never run."""

from __future__ import annotations

from typing import Literal, assert_type

from pydantic import BaseModel

from core_llm import AsyncClient, Client, Finish, Response, StreamEvent, TextDelta, TypedResponse, Usage


def a_plain_answer(client: Client) -> None:
    """`generate` returns a response, with texts and figures typed."""
    response = client.generate("openai:gpt-5-mini", "Hi")
    assert_type(response, Response)
    assert_type(response.text, str)
    assert_type(response.usage, Usage | None)
    if response.usage is not None:
        assert_type(response.usage.input_tokens, int | None)


def a_stream(client: Client) -> None:
    """Events of a stream are told apart by `match`."""
    with client.stream("openai:gpt-5-mini", "Hi") as stream:
        for event in stream:
            assert_type(event, StreamEvent)
            match event:
                case TextDelta(text=text):
                    assert_type(text, str)
                case Finish(response=response):
                    assert_type(response, Response)
                case _:
                    pass
        assert_type(stream.response, Response)


async def the_same_async() -> None:
    """The asynchronous client has the same types."""
    async with AsyncClient() as client, client.stream("openai:gpt-5-mini", "Hi") as stream:
        async for event in stream:
            assert_type(event, StreamEvent)
        async for text in stream.iter_text():
            assert_type(text, str)
        assert_type(await client.generate("openai:gpt-5-mini", "Hi"), Response)


class City(BaseModel):
    """What an answer is wanted as."""

    name: str


def a_typed_answer(client: Client) -> None:
    """The output is of the type that was asked for, be it a class, a union, a list or a literal."""
    assert_type(client.generate("openai:gpt-5-mini", "Hi", output=City), TypedResponse[City])
    assert_type(client.generate("openai:gpt-5-mini", "Hi", output=City).output, City)
    assert_type(client.generate("openai:gpt-5-mini", "Hi", output=City | None).output, City | None)
    assert_type(client.generate("openai:gpt-5-mini", "Hi", output=list[City]).output, list[City])
    assert_type(client.generate("openai:gpt-5-mini", "Hi", output=Literal["a", "b"]).output, Literal["a", "b"])
    assert_type(client.generate("openai:gpt-5-mini", "Hi", output="json"), Response)
    with client.stream("openai:gpt-5-mini", "Hi", output=list[City], output_mode="tool") as stream:
        for cities in stream.partial_objects():
            assert_type(cities, list[City])
        for city in stream.iter_items():
            assert_type(city, City)
        assert_type(stream.finish(), TypedResponse[list[City]])
    with client.run("openai:gpt-5-mini", "Hi", tools=[], output=City, output_retries=2) as run:
        assert_type(run.output, City)


async def a_typed_answer_async(client: AsyncClient) -> None:
    """The same."""
    assert_type(await client.generate("openai:gpt-5-mini", "Hi", output=City), TypedResponse[City])
    async with client.stream("openai:gpt-5-mini", "Hi", output=list[City]) as stream:
        async for city in stream.iter_items():
            assert_type(city, City)
        assert_type(stream.output, list[City])
    async with client.run("openai:gpt-5-mini", "Hi", tools=[], output=int) as run:
        assert_type(run.output, int)
