"""What a type checker must say of the code that users write. Checked by ``nox -s lint``, never run."""

from __future__ import annotations

from typing import assert_type

from core_llm import AsyncClient, Client, Finish, Response, StreamEvent, TextDelta, Usage


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
