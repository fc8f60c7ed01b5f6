"""A real model, held to a schema by llama.cpp's grammar: values of types, as they grow and as they are."""

from __future__ import annotations

from typing import Literal

import pytest
from pydantic import BaseModel, Field

from core_llm import AsyncClient, Client, OutputCutError

MODEL = "local:smollm2"

pytestmark = pytest.mark.usefixtures("engine")


class Person(BaseModel):
    """A person."""

    name: str = Field(max_length=20)
    age: int = Field(ge=0, le=120)
    colour: Literal["red", "green", "blue"]


def test_a_real_model_answers_with_a_value() -> None:
    """Whatever it knows, it is held to the schema: the value is there at the first try."""
    with Client() as client:
        response = client.generate(MODEL, "Make up a person.", output=Person, output_retries=0, temperature=0)

    assert isinstance(response.output, Person)
    assert response.output == Person.model_validate_json(response.text)
    assert response.attempts == ()


def test_its_value_grows_as_it_speaks() -> None:
    """Every token is read once; the members come in their order."""
    with Client() as client, client.stream(MODEL, "Make up a person.", output=Person, temperature=0) as stream:
        came = [len(person.model_fields_set) for person in stream.partial_objects()]
        person = stream.output

    assert came == sorted(came)
    assert set(came) == {0, 1, 2, 3}
    assert person.colour in ("red", "green", "blue")


@pytest.mark.anyio
async def test_items_come_one_by_one() -> None:
    """On asyncio and trio, each before the next is said."""

    class Word(BaseModel):
        word: str = Field(max_length=8)

    async with (
        AsyncClient() as client,
        client.stream(MODEL, "Two short words.", output=list[Word], temperature=0, max_tokens=400) as stream,
    ):
        first = await anext(stream.iter_items())
        assert isinstance(first, Word)
        assert first.word in stream.response.text


def test_a_value_in_words_only() -> None:
    """A choice that the grammar leaves two ways of: the wrapping around it is not seen."""
    with Client() as client:
        answer = client.generate(MODEL, "Is the sky blue?", output=Literal["yes", "no"], temperature=0)
    assert answer.output in ("yes", "no")


def test_a_value_that_is_cut_is_none() -> None:
    """The limit on tokens ends it within the object: an error says so, and there is no correction."""
    with Client() as client, pytest.raises(OutputCutError, match="raise max_tokens") as caught:
        client.generate(MODEL, "Make up a person.", output=Person, temperature=0, max_tokens=4)
    assert caught.value.response.finish_reason == "length"
