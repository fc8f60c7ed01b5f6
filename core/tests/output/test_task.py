"""Types as tasks: what a provider is told of them, and the value that a text holds."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from core_llm import InvalidRequestError
from core_llm._output.task import Mistakes, task_of


class City(BaseModel):
    """A place where people live."""

    name: str
    population: int = Field(ge=0)


@dataclass
class Point:
    """A point."""

    x: int
    y: int = 0


class Entry(TypedDict):
    """A word and how often it comes."""

    word: str
    day: dt.date


class Cat(BaseModel):
    """A cat."""

    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):
    """A dog."""

    kind: Literal["dog"]
    name: str


class Node(BaseModel):
    """A node of a tree."""

    children: list[Node] = []


class Colour(Enum):
    """A colour."""

    RED = "red"


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (City, '{"name": "Oslo", "population": 709000}', City(name="Oslo", population=709000)),
        (Point, '{"x": 1}', Point(1, 0)),
        (Entry, '{"word": "a", "day": "2026-11-03"}', {"word": "a", "day": dt.date(2026, 11, 3)}),
        (dict[str, int], '{"a": 1}', {"a": 1}),
        (int, '{"value": 5}', 5),
        (int, "5", 5),
        (str, '{"value": "a"}', "a"),
        (Colour, '{"value": "red"}', Colour.RED),
        (Literal["yes", "no"], '{"value": "no"}', "no"),
        (Cat | Dog, '{"value": {"kind": "dog", "name": "Rex"}}', Dog(kind="dog", name="Rex")),
        (Annotated[Cat | Dog, Field(discriminator="kind")], '{"value": {"kind": "cat", "lives": 9}}',
         Cat(kind="cat", lives=9)),
        (City | None, '{"value": null}', None),
        (list[City], '[{"name": "Oslo", "population": 1}]', [City(name="Oslo", population=1)]),
        (Iterable[int], '{"value": [1, 2]}', [1, 2]),
        (tuple[int, str], '{"value": [1, "a"]}', (1, "a")),
        (Node, '{"children": [{}]}', Node(children=[Node()])),
    ],
)  # fmt: skip
def test_a_text_becomes_a_value_of_the_type(kind: object, text: str, value: object) -> None:
    """What is no object is asked for as the member of one; a model that leaves that out is understood."""
    task = task_of(kind)
    assert task.parse(text) == value
    assert task.schema.json_schema["type"] == "object"
    assert task_of(kind) is task


def test_the_schema_has_no_made_up_titles() -> None:
    """A model is told what its author wrote, and nothing that pydantic makes of names."""
    assert task_of(City).schema.json_schema == {
        "type": "object",
        "description": "A place where people live.",
        "properties": {"name": {"type": "string"}, "population": {"type": "integer", "minimum": 0}},
        "required": ["name", "population"],
    }
    assert task_of(City).schema.name == "City"
    assert task_of(list[City]).schema.name == "output"


def test_a_recursive_type_is_told_at_the_top() -> None:
    """The schema itself says that it is an object, which a reference does not."""
    schema = task_of(Node).schema.json_schema
    assert schema["type"] == "object"
    assert schema["properties"] == {"children": {"type": "array", "items": {"$ref": "#/$defs/Node"}, "default": []}}


@pytest.mark.parametrize(
    ("kind", "text", "mistakes"),
    [
        (City, '{"name": 1}', ("name: Input should be a valid string (got 1)", "population: is required")),
        (Point, '{"x": []}', ("x: Input should be a valid integer (got [])",)),
        (City, "I do not know.", ("the answer is not JSON: there is no JSON in it (after 14 characters)",)),
        (City, '{"name": "Os', ("the answer is not JSON: it ends before the JSON does (after 12 characters)",)),
    ],
)  # fmt: skip
def test_mistakes_are_told_with_their_places(kind: object, text: str, mistakes: tuple[str, ...]) -> None:
    """Each mistake is a line that the model can read."""
    with pytest.raises(Mistakes) as caught:
        task_of(kind).parse(text)
    assert caught.value.found == mistakes


def test_the_arguments_of_a_call_have_no_words_around_them() -> None:
    """Words are skipped in a text only."""
    with pytest.raises(Mistakes):
        task_of(Point).parse('Here: {"x": 1}', is_exact=True)
    assert task_of(Point).parse('Here: {"x": 1}') == Point(1)


@pytest.mark.parametrize("kind", ["City", 5, City(name="Oslo", population=1).model_dump(), object(), lambda: 1])
def test_what_is_no_type_is_refused(kind: object) -> None:
    """The error says what was given, before anything is sent."""
    with pytest.raises(InvalidRequestError, match=r"output must be a type|a model cannot be told of"):
        task_of(kind)


def test_a_type_without_a_schema_is_refused() -> None:
    """A model cannot be told of what JSON cannot say."""

    class Opaque:
        pass

    with pytest.raises(InvalidRequestError, match=r"a model cannot be told of .*Opaque"):
        task_of(list[Opaque])


def test_items_come_only_of_lists() -> None:
    """The error says what to ask for."""
    assert task_of(list[City]).item().validate_python({"name": "Oslo", "population": 1})
    for kind in (City, str, tuple[int, str], dict[str, int]):
        with pytest.raises(InvalidRequestError, match="items come one by one only of a list"):
            task_of(kind).item()
