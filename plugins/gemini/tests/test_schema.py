"""JSON schema in the language of older models: what is rewritten, dropped, or cannot be said."""

from __future__ import annotations

import pytest

from core_llm import UnsupportedError
from core_llm.wire import JSONObject, JSONValue
from plugin_gemini._schema import reduced_schema


def reduced(schema: JSONObject) -> JSONObject:
    """Return the schema, reduced."""
    return reduced_schema(schema, provider="gemini", feature="tools")


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "string", "minLength": 1}, {"type": "STRING", "minLength": 1}),
        ({"type": "STRING"}, {"type": "STRING"}),
        ({"type": "string", "format": "date-time"}, {"type": "STRING", "format": "date-time"}),
        ({"type": "string", "format": "email"}, {"type": "STRING"}),
        ({"type": "integer", "format": "int64"}, {"type": "INTEGER", "format": "int64"}),
        (
            {"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 9},
            {"type": "INTEGER", "minimum": 1, "maximum": 8},
        ),
        ({"enum": ["a", "b"]}, {"type": "STRING", "format": "enum", "enum": ["a", "b"]}),
        ({"enum": ["a", None]}, {"type": "STRING", "format": "enum", "enum": ["a"], "nullable": True}),
        ({"const": "a", "title": "A"}, {"type": "STRING", "format": "enum", "enum": ["a"], "title": "A"}),
        ({"const": 3}, {"type": "INTEGER", "minimum": 3, "maximum": 3}),
        ({"const": 0.5}, {"type": "NUMBER", "minimum": 0.5, "maximum": 0.5}),
        ({"type": ["string", "null"], "maxLength": 2}, {"type": "STRING", "maxLength": 2, "nullable": True}),
        ({"type": ["string", "integer"]}, {"anyOf": [{"type": "STRING"}, {"type": "INTEGER"}]}),
        (
            {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
            {"type": "STRING", "default": None, "nullable": True},
        ),
        ({"oneOf": [{"type": "string"}, {"type": "number"}]}, {"anyOf": [{"type": "STRING"}, {"type": "NUMBER"}]}),
        ({"allOf": [{"type": "string"}], "description": "d"}, {"type": "STRING", "description": "d"}),
        (
            {"type": "array", "items": {"type": "null"}, "uniqueItems": False},
            {"type": "ARRAY", "items": {"type": "NULL"}},
        ),
        ({"items": {"type": "boolean"}}, {"type": "ARRAY", "items": {"type": "BOOLEAN"}}),
        ({"type": "object", "additionalProperties": False, "$schema": "x", "x-y": 1}, {"type": "OBJECT"}),
    ],
)
def test_what_is_said_otherwise(schema: JSONObject, expected: JSONObject) -> None:
    """What constrains is kept in the words of the subset; what only describes is dropped."""
    assert reduced(schema) == expected


def test_references_are_put_in_place() -> None:
    """A definition stands where it is referred to, with what is said beside the reference."""
    schema: JSONObject = {
        "$defs": {"a/b": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}},
        "properties": {"x": {"$ref": "#/$defs/a~1b", "description": "An x."}},
    }
    inner = {
        "type": "OBJECT",
        "properties": {"n": {"type": "INTEGER"}},
        "propertyOrdering": ["n"],
        "required": ["n"],
        "description": "An x.",
    }
    assert reduced(schema) == {"type": "OBJECT", "properties": {"x": inner}, "propertyOrdering": ["x"]}


@pytest.mark.parametrize(
    ("inner", "path"),
    [
        ({"type": "string", "not": {}}, "$.properties.a.not"),
        ({"type": "object", "patternProperties": {}}, "$.properties.a.patternProperties"),
        ({"type": "object", "additionalProperties": {"type": "string"}}, "$.properties.a.additionalProperties"),
        ({"type": "number", "exclusiveMinimum": 0.5}, "$.properties.a.exclusiveMinimum"),
        ({"type": "integer", "exclusiveMinimum": True}, "$.properties.a.exclusiveMinimum"),
        ({"type": "array", "items": [{"type": "string"}]}, "$.properties.a.items"),
        ({"type": "array", "items": {"multipleOf": 2, "type": "integer"}}, "$.properties.a.items.multipleOf"),
        ({"type": "integer", "enum": [1, 2]}, "$.properties.a.enum"),
        ({"const": True}, "$.properties.a.const"),
        ({"anyOf": [{"type": "string"}, {"if": {}}]}, "$.properties.a.anyOf[1]"),
        ({"allOf": [{"type": "string"}, {"type": "string"}]}, "$.properties.a.allOf"),
        ({"$ref": "#/$defs/missing"}, "$.properties.a.$ref"),
        ({"$ref": "https://a.example/schema"}, "$.properties.a.$ref"),
        ({"$ref": "#"}, "$.properties.a.properties.a.$ref"),
        ({"description": "anything"}, "$.properties.a"),
        (True, "$.properties.a"),
    ],
)
def test_what_cannot_be_said_is_named(inner: JSONValue, path: str) -> None:
    """The error names the place; nothing is silently left out of what constrains."""
    with pytest.raises(UnsupportedError) as caught:
        reduced({"type": "object", "properties": {"a": inner}})
    assert f"at {path};" in caught.value.message
    assert caught.value.feature == "tools"
