"""Arguments of a tool that a JSON schema describes, held to it before the handler runs."""

from __future__ import annotations

import jsonschema  # type: ignore[import-untyped]  # it has no annotations
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core_llm import Tool, ToolArgumentsError, ToolResultPart
from core_llm._json import JSONObject, JSONValue
from core_llm._tools.raw_arguments import check_arguments

from ..runs.script import calls, run  # noqa: TID252  # the model that follows a script

PLACE: JSONObject = {
    "type": "object",
    "properties": {
        "city": {"type": "string"},
        "days": {"type": "integer"},
        "unit": {"enum": ["C", "F"]},
        "near": {"type": "array", "items": {"$ref": "#/$defs/point"}},
        "by": {"anyOf": [{"type": "number"}, {"type": "null"}]},
        "kind": {"const": 1},
        "note": {"type": "string", "nullable": True},
    },
    "required": ["city"],
    "additionalProperties": False,
    "$defs": {"point": {"type": "object", "properties": {"x": {"type": "number"}}, "required": ["x"]}},
}


@pytest.mark.parametrize(
    "arguments",
    [
        {"city": "Oslo", "days": 2, "unit": "C", "near": [{"x": 1.5, "name": "a"}], "by": None, "kind": 1},
        {"city": "Oslo", "days": 2.0, "near": [], "by": 1, "note": None},
    ],
)
def test_what_fits_is_let_pass(arguments: JSONObject) -> None:
    """Types, names, choices and references; a whole number may be written with a point."""
    check_arguments(PLACE, arguments)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({}, "city: is required"),
        ({"city": 3}, "city: must be of type string (got 3)"),
        ({"city": "Oslo", "days": 2.5}, "days: must be of type integer (got 2.5)"),
        ({"city": "Oslo", "days": True}, "days: must be of type integer (got True)"),
        ({"city": "Oslo", "unit": "K"}, "unit: must be one of ['C', 'F'] (got 'K')"),
        ({"city": "Oslo", "kind": True}, "kind: must be one of [1] (got True)"),
        ({"city": "Oslo", "near": [{"x": 1}, {}]}, "near.1.x: is required"),
        ({"city": "Oslo", "by": "car"}, "by: fits none of its choices (got 'car')"),
        ({"city": "Oslo", "town": "Oslo"}, "town: is not wanted (got 'Oslo')"),
    ],
)
def test_each_mistake_is_told(arguments: JSONObject, told: str) -> None:
    """With the place, what is wanted there, and what was given."""
    with pytest.raises(ToolArgumentsError) as caught:
        check_arguments(PLACE, arguments)
    assert caught.value.message.splitlines()[1:] == [f"- {told}"]


def test_the_model_is_told_and_the_handler_does_not_run() -> None:
    """It corrects its call, and the handler is given the arguments as they then come."""
    ran: list[JSONValue] = []
    tool = Tool.from_schema("look", PLACE, lambda **given: ran.append(given))
    events = run(calls(("look", {"city": 3})), calls(("look", {"city": "Oslo"})), "Done.", tools=[tool])
    results = [event.result for event in events if event.type == "tool_result"]
    assert [result.is_error for result in results if isinstance(result, ToolResultPart)] == [True, False]
    assert ran == [{"city": "Oslo"}]


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"a": {"$ref": "#"}}, "allOf": [{"$ref": "#"}, {"$ref": "#"}]},
        {"properties": {"a": {"$ref": "#/$defs/nowhere"}}},
        {"properties": {"a": {"$ref": "https://example.com/schema"}}},
        {"properties": {"a": {"type": "file"}}},
        {"properties": {"a": {"minLength": 100}}},
        {"properties": [], "required": "a", "anyOf": {}},
    ],
)
def test_a_schema_that_says_little_refuses_nothing(schema: JSONObject) -> None:
    """Circles end, and what is not known here is let pass."""
    check_arguments(schema, {"a": {"a": "b"}})


def test_a_schema_that_multiplies_takes_no_time() -> None:
    """Choices of choices, each of all the rest, are left when there are too many of them."""
    schema: JSONObject = {"anyOf": [{"$ref": "#"}, {"$ref": "#"}, {"type": "string"}]}
    check_arguments(schema, {"a": 1})


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from([0.0, 1.5, "", "a", "b"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)
TYPES = st.sampled_from(["array", "boolean", "integer", "null", "number", "object", "string"])
SCHEMAS = st.recursive(
    st.booleans() | st.just({"$ref": "#/$defs/d"}) | st.fixed_dictionaries({"type": TYPES}),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "type": TYPES | st.lists(TYPES, min_size=1, max_size=3, unique=True),
            "enum": st.lists(VALUES, min_size=1, max_size=3),
            "const": VALUES,
            "properties": st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
            "patternProperties": st.just({"^a": {"type": "string"}}),
            "required": st.lists(st.sampled_from("abc"), max_size=2, unique=True),
            "additionalProperties": inner,
            "items": inner,
            "prefixItems": st.lists(inner, min_size=1, max_size=2),
            "anyOf": st.lists(inner, min_size=1, max_size=3),
            "oneOf": st.lists(inner, min_size=1, max_size=3),
            "allOf": st.lists(inner, min_size=1, max_size=3),
            "not": inner,
        },
    ),
    max_leaves=8,
)


@given(SCHEMAS, SCHEMAS, st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3))
def test_what_fits_is_never_refused(schema: JSONValue, defined: JSONValue, arguments: JSONObject) -> None:
    """What a whole implementation of JSON schema lets pass, this one does, too."""
    whole: JSONObject = {"allOf": [schema], "$defs": {"d": defined}}
    try:
        fits = jsonschema.Draft202012Validator(whole).is_valid(arguments)
    except RecursionError:  # by a reference to itself: nobody knows
        fits = False
    if fits:
        check_arguments(whole, arguments)
