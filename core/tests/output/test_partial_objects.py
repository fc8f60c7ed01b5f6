"""Values of a type that grow while their JSON comes."""

from __future__ import annotations

import copy
import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from typing_extensions import TypedDict

from core_llm._output.builders import NOTHING
from core_llm._output.partial_json import PartialJSON
from core_llm._output.partial_objects import TypedBuilder
from core_llm._output.task import task_of

from .counting import lines_run


class Street(BaseModel):
    """A street."""

    name: str
    number: int


class City(BaseModel):
    """A city."""

    model_config = ConfigDict(frozen=True)
    name: str
    population: int
    founded: dt.date | None = None
    streets: list[Street] = []


class Cat(BaseModel):
    """A cat."""

    kind: Literal["cat"]
    name: str


class Dog(BaseModel):
    """A dog."""

    kind: Literal["dog"]
    name: str
    age: int = 3


@dataclass(frozen=True, slots=True)
class Point:
    """A point."""

    x: int
    labels: list[str] = field(default_factory=list)


class Entry(TypedDict):
    """A word and how often it comes."""

    word: str
    count: int


def growing(kind: object, value: object, size: int = 1) -> Iterator[object]:
    """Yield copies of what is shown, each that differs from the one before."""
    builder = TypedBuilder(task_of(kind))
    parser = PartialJSON(builder, starts="{")
    text, last = json.dumps(value), NOTHING
    for at in range(0, len(text), size):
        parser.feed(text[at : at + size])
        if builder.root is not NOTHING and builder.root != last:
            last = copy.deepcopy(builder.root)
            yield last
    parser.close()


def test_members_of_a_model_come_one_by_one() -> None:
    """Texts grow; what is no text is there when it is whole; what has not come is its default or None."""
    value = {"name": "Oslo", "population": 7, "founded": "1048-01-01", "streets": [{"name": "A", "number": 1}]}
    seen = [(city.name, city.population, city.founded, city.streets) for city in growing(City, value, 6)]  # type: ignore[attr-defined]

    day = dt.date(1048, 1, 1)
    assert seen == [
        (None, None, None, []),
        ("Os", None, None, []),
        ("Oslo", None, None, []),
        ("Oslo", 7, None, []),
        ("Oslo", 7, day, []),
        ("Oslo", 7, day, [Street.model_construct(name=None, number=None)]),
        ("Oslo", 7, day, [Street.model_construct(name="A", number=None)]),
        ("Oslo", 7, day, [Street(name="A", number=1)]),
    ]


def test_a_model_says_which_members_have_come() -> None:
    """`model_fields_set` tells a member that has come from one that is shown as its default."""
    cities = list(growing(City, {"name": "Oslo", "founded": None, "population": 7}))
    came = [sorted(city.model_fields_set) for city in cities]  # type: ignore[attr-defined]
    assert came[0] == []
    assert came[-1] == ["founded", "name", "population"]


def test_a_dataclass_grows_too() -> None:
    """Also one that is frozen and has slots."""
    seen = [(point.x, point.labels) for point in growing(Point, {"labels": ["ab"], "x": 5})]  # type: ignore[attr-defined]
    assert seen[0] == (None, [])
    assert (None, ["a"]) in seen
    assert seen[-1] == (5, ["ab"])


def test_a_typed_dict_has_what_has_come() -> None:
    """A member that has not come is not in it."""
    assert list(growing(Entry, {"word": "ab", "count": 2})) == [
        {},
        {"word": ""},
        {"word": "a"},
        {"word": "ab"},
        {"word": "ab", "count": 2},
    ]


def test_a_union_is_shown_once_it_is_clear_which_one_it_is() -> None:
    """By the member that only one alternative can have; the members before it are shown then."""
    first, *_, last = growing(Cat | Dog, {"value": {"name": "Rex", "kind": "dog", "age": 4}})
    assert isinstance(first, Dog)
    assert (first.name, first.age) == ("Rex", 3)
    assert last == Dog(kind="dog", name="Rex", age=4)


@pytest.mark.parametrize(
    ("kind", "value", "seen"),
    [
        (str, "abc", ["", "a", "ab", "abc"]),
        (int, 123, [123]),
        (list[int], [1, 22], [[], [1], [1, 22]]),
        (list[list[str]], [["a"]], [[], [[]], [[""]], [["a"]]]),
        (dict[str, list[int]], {"a": [1]}, [{}, {"a": []}, {"a": [1]}]),
        (Literal["yes"], "yes", ["yes"]),
        (dt.date, "2026-11-03", [dt.date(2026, 11, 3)]),
        (Street | None, None, [None]),
    ],
)
def test_what_is_no_object_grows_without_its_wrapping(kind: object, value: object, seen: list[object]) -> None:
    """The member that holds it is not seen."""
    wrapped = value if isinstance(value, dict) else {"value": value}
    assert list(growing(kind, wrapped)) == seen


def test_what_does_not_fit_is_not_shown() -> None:
    """A member of a wrong type stays as if it had not come; the whole answer will say what is wrong."""
    *_, last = growing(City, {"name": "Oslo", "population": "many"})
    assert (last.name, last.population) == ("Oslo", None)  # type: ignore[attr-defined]


def test_names_in_json_become_those_in_python() -> None:
    """An alias is what the model writes, and nothing that the program sees."""

    class Aliased(BaseModel):
        first_name: str = Field(alias="firstName")

    *_, last = growing(Aliased, {"firstName": "Ada", "unknown": [{"a": 1}]})
    assert last == Aliased(firstName="Ada")


def test_the_authors_code_sees_whole_models_only() -> None:
    """A validator of the whole model is not run on one that lacks members."""

    class Span(BaseModel):
        start: int
        end: int

        @model_validator(mode="after")
        def ordered(self) -> Span:
            assert self.start < self.end
            return self

        def model_post_init(self, _: object) -> None:
            assert self.start is not None

    spans = list(growing(Span, {"start": 1, "end": 2}))
    assert [(span.start, span.end) for span in spans] == [(None, None), (1, None), (1, 2)]  # type: ignore[attr-defined]


def test_each_member_is_checked_once() -> None:
    """However many pieces a value comes in, and however many come after it."""
    checked: list[str] = []

    def note(value: str) -> str:
        checked.append(value)
        return value

    class Noted(BaseModel):
        a: Annotated[str, AfterValidator(note)]
        b: Annotated[str, AfterValidator(note)]

    list(growing(Noted, {"a": "x" * 50, "b": "y" * 50}))
    assert checked == ["x" * 50, "y" * 50]


STREETS = st.builds(Street, name=st.text(max_size=5), number=st.integers(-99, 99))
CITIES = st.builds(
    City,
    name=st.text(max_size=9),
    population=st.integers(),
    founded=st.none() | st.dates(),
    streets=st.lists(STREETS, max_size=3),
)


@given(CITIES, st.integers(min_value=1, max_value=40))
def test_the_last_thing_shown_is_the_value(city: City, size: int) -> None:
    """Whatever the value and its pieces."""
    *_, last = growing(City, city.model_dump(mode="json"), size)
    assert last == city


def test_the_work_is_in_proportion_to_the_length() -> None:
    """Eight times the items, in pieces of four characters, take eight times the lines."""
    costs = []
    for count in (250, 2000):
        text = json.dumps({"value": [{"name": f"n{number:06}", "number": number} for number in range(count)]})
        costs.append(lines_run(TypedBuilder(task_of(list[Street])), text, 4, starts="{"))
    assert costs[1] < 8.3 * costs[0]
