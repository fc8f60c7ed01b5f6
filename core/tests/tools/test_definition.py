"""A function becomes a tool: what the model is told of it, and how a call becomes its arguments."""

from __future__ import annotations

import datetime as dt
import enum
import functools
import math
from dataclasses import dataclass
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field
from pydantic import ValidationError as PydanticError

from core_llm import Signal
from core_llm._json import JSONObject
from core_llm._messages import ToolCallPart
from core_llm._tool_errors import ToolArgumentsError, ToolDefinitionError
from core_llm._tools.context import ToolContext, logger_of
from core_llm._tools.definition import Tool, tool


class Unit(enum.Enum):
    """A unit."""

    CELSIUS = "c"
    FAHRENHEIT = "f"


class Place(BaseModel):
    """A place."""

    lat: float
    title: str = "somewhere"


@dataclass
class Window:
    """From one day to another."""

    first: dt.date
    last: dt.date | None = None


@tool
def forecast(
    place: Place,
    window: Window,
    *,
    unit: Unit = Unit.CELSIUS,
    detail: Annotated[Literal["low", "high"], Field(description="How much.")] = "low",
    context: ToolContext[int],
) -> str:
    """Forecast the weather.

    Args:
        place: Where.
        window: When.
        unit: Of the temperature.
        detail: Less good than the annotation's.
        context: Never told.
    """
    return f"{place!r} {window.first:%d.%m.} {unit.name} {detail} {context.deps}"


def call_of(name: str, **arguments: object) -> ToolCallPart:
    """Return a complete call."""
    return ToolCallPart(id="call-1", name=name, arguments=arguments)  # type: ignore[arg-type]  # JSON all the same


def context_of(call: ToolCallPart) -> ToolContext[object]:
    """Return a context whose dependency is 42."""
    return ToolContext(deps=42, call=call, signal=Signal.never(), logger=logger_of(call))


def test_the_schema_comes_from_hints_and_docstring() -> None:
    """Types, defaults, nested models and descriptions are told; the context and titles are not."""
    properties = forecast.parameters["properties"]

    assert forecast.description == "Forecast the weather."
    assert properties == {
        "place": {"$ref": "#/$defs/Place", "description": "Where."},
        "window": {"$ref": "#/$defs/Window", "description": "When."},
        "unit": {"$ref": "#/$defs/Unit", "default": "c", "description": "Of the temperature."},
        "detail": {"type": "string", "enum": ["low", "high"], "default": "low", "description": "How much."},
    }
    assert forecast.parameters["required"] == ["place", "window"]


def test_a_parameter_called_title_is_kept() -> None:
    """Only the titles that pydantic makes up are left out."""

    @tool
    def rename(title: str, default: str = "a") -> str:
        return title + default

    assert rename.parameters == {
        "type": "object",
        "additionalProperties": False,
        "properties": {"title": {"type": "string"}, "default": {"type": "string", "default": "a"}},
        "required": ["title"],
    }


def test_arguments_become_the_types_of_the_hints() -> None:
    """A handler is given models, enums and dates, not JSON."""
    call = call_of("forecast", place={"lat": 59.9}, window={"first": "2026-01-02"}, unit="f")

    answer = forecast.bind(call, context_of(call))()

    assert answer == "Place(lat=59.9, title='somewhere') 02.01. FAHRENHEIT low 42"


def test_a_default_may_be_a_field_of_pydantic() -> None:
    """What the field says is told to the model, under the parameter's name; its default is what the handler gets."""

    @tool
    def search(
        words: str = Field(description="What for.", min_length=2),
        most: int = Field(default=10, le=50),
        places: list[str] = Field(default_factory=list),  # noqa: B008  # as users write it
    ) -> tuple[str, int, list[str]]:
        return words, most, places

    assert search.parameters["required"] == ["words"]
    assert search.parameters["properties"] == {
        "words": {"type": "string", "description": "What for.", "minLength": 2},
        "most": {"type": "integer", "default": 10, "maximum": 50},
        "places": {"type": "array", "items": {"type": "string"}},
    }
    call = call_of("search", words="hats")
    assert search.bind(call, context_of(call))() == ("hats", 10, [])


def test_wrong_arguments_are_explained_to_the_model() -> None:
    """Every mistake is named with its place and what came, in words for the model."""
    call = call_of("forecast", place={"lat": "north"}, unit="k", colour="red")

    with pytest.raises(ToolArgumentsError) as caught:
        forecast.bind(call, context_of(call))

    assert str(caught.value).splitlines() == [
        "The arguments do not fit this tool. Correct these and call it again:",
        "- place.lat: Input should be a valid number, unable to parse string as a number (got 'north')",
        "- window: is required",
        "- unit: Input should be 'c' or 'f' (got 'k')",
        "- colour: Extra inputs are not permitted (got 'red')",
    ]


def test_an_incomplete_call_is_never_bound() -> None:
    """What was cut off cannot be executed, whoever asks."""
    cut = ToolCallPart(id="1", name="forecast", raw_arguments='{"pla', is_complete=False)

    with pytest.raises(ValueError, match="is not complete"):
        forecast.bind(cut, context_of(cut))


def test_a_tool_is_still_a_function() -> None:
    """Calling it calls the function, with any arguments; its name and docstring are the function's."""

    @tool
    def double(number: int) -> int:
        """Double a number."""
        return 2 * number

    assert double(21) == 42
    assert (double.name, double.__doc__) == ("double", "Double a number.")


def test_methods_and_callable_objects_are_tools() -> None:
    """A decorated method is a tool of its object, and an object with `__call__` is one too."""

    class Shop:
        """Sells."""

        stock = 3

        @tool
        def left(self, item: str) -> str:
            """Say how many are left."""
            return f"{self.stock} {item}"

        async def __call__(self, item: str) -> str:
            """Buy something."""
            return item

    bought = Tool(Shop(), name="buy")

    assert Shop().left.bind(call_of("left", item="hats"), context_of(call_of("left")))() == "3 hats"
    assert list(Shop().left.parameters["properties"]) == ["item"]  # type: ignore[arg-type]  # an object
    assert (bought.description, bought.is_async) == ("Buy something.", True)


def test_positional_only_and_partial_arguments_reach_the_function() -> None:
    """Whatever Python can call, a call's named arguments are fitted to."""

    def area(width: int, /, height: int, *, unit: str) -> str:
        return f"{width * height} {unit}"

    made = Tool(functools.partial(area, unit="m2"), name="area")

    assert made.bind(call_of("area", width=2, height=3), context_of(call_of("area")))() == "6 m2"


def test_what_is_given_already_is_not_the_models_to_give() -> None:
    """An argument of a partial function is neither told nor taken."""

    def orders(status: str, customer: str) -> str:
        return f"{status} orders of {customer}"

    made = Tool(functools.partial(orders, customer="c-1"), name="orders")

    assert list(made.parameters["properties"]) == ["status"]  # type: ignore[arg-type]  # it is an object
    call, other = call_of("orders", status="open"), call_of("orders", status="open", customer="c-2")
    assert made.bind(call, context_of(call))() == "open orders of c-1"
    with pytest.raises(ToolArgumentsError, match="customer: Extra inputs are not permitted"):
        made.bind(other, context_of(other))


def test_a_default_that_json_cannot_say_is_not_told() -> None:
    """The request would be no JSON; the handler has its default all the same."""

    @tool
    def search(most: float = math.inf) -> float:
        return most

    assert search.parameters["properties"] == {"most": {"type": "number"}}
    assert search.bind(call_of("search"), context_of(call_of("search")))() == math.inf


def test_hints_may_name_what_is_local() -> None:
    """A model defined in the same function is found, though the hint is text."""

    class Local(BaseModel):
        a: int

    @tool
    def use(local: Local) -> int:
        return local.a

    assert use.bind(call_of("use", local={"a": 7}), context_of(call_of("use")))() == 7


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "missing a required argument: 'word'."),
        ({"word": "a", "most": 1}, "got an unexpected keyword argument 'most'."),
    ],
)
def test_arguments_that_a_handler_does_not_take_are_no_failure_of_its_own(
    arguments: dict[str, object], said: str
) -> None:
    """With a raw schema too, the model is told before the handler runs, and may call again."""
    lookup = Tool.from_schema("lookup", {"type": "object"}, lambda word: word)

    with pytest.raises(ToolArgumentsError, match=f"Correct them and call it again: {said}"):
        lookup.bind(call := call_of("lookup", **arguments), context_of(call))


def test_a_raw_schema_is_passed_on_as_it_is() -> None:
    """A tool from a schema is given the arguments as they came."""
    schema: JSONObject = {"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]}

    made = Tool.from_schema("ask", schema, lambda **arguments: arguments, description="Ask.")

    assert made.spec.parameters == schema
    assert made.bind(call_of("ask", q="why", extra=1), context_of(call_of("ask")))() == {"q": "why", "extra": 1}


class Opaque:
    """Nothing that JSON knows."""


def _starred(*numbers: int) -> None: ...
def _unhinted(number) -> None: ...  # type: ignore[no-untyped-def]  # noqa: ANN001  # that is the point
def _opaque(thing: Opaque) -> None: ...
def _unknown(thing: Nowhere) -> None: ...  # type: ignore[name-defined]  # noqa: F821  # that is the point
def _two_contexts(one: ToolContext[int], two: ToolContext[int]) -> None: ...


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (_starred, ["numbers", "*args"]),
        (_unhinted, ["number", "no type hint"]),
        (_opaque, ["thing", "no JSON schema"]),
        (_unknown, ["cannot be resolved", "Nowhere"]),
        (_two_contexts, ["two", "ToolContext"]),
    ],
)
def test_what_cannot_be_told_fails_where_it_is_defined(function: object, words: list[str]) -> None:
    """The error names the parameter and what is wrong with it."""
    with pytest.raises(ToolDefinitionError) as caught:
        tool(function)  # type: ignore[call-overload]  # that is the point

    assert all(word in str(caught.value) for word in words), caught.value


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"name": "has space"}, "letters, digits"),
        ({"name": "x" * 65}, "at most 64"),
        ({"timeout": 0}, "timeout must be"),
        ({"timeout": float("nan")}, "timeout must be"),
        ({"max_retries": -1}, "max_retries must be"),
        ({"approval": "allways"}, "approval must be 'always', 'never' or a function of the call, not 'allways'"),
        ({"approval": True}, "approval must be"),
        ({"parameters": {"type": "array"}}, "must be of an object"),
    ],
)
def test_absurd_settings_are_refused(settings: dict[str, object], words: str) -> None:
    """A tool that cannot work is refused where it is made."""
    with pytest.raises(ToolDefinitionError, match=words):
        Tool(lambda: None, **{"name": "f", **settings})  # type: ignore[arg-type]


def test_a_class_is_no_tool() -> None:
    """A class would be made, not called."""
    with pytest.raises(ToolDefinitionError, match="function, method or callable object"):
        Tool(Opaque)


def test_values_stay_frozen() -> None:
    """A context cannot be changed by a handler for those after it."""
    call = call_of("f")

    with pytest.raises((AttributeError, PydanticError)):
        context_of(call).turn = 2  # type: ignore[misc]
