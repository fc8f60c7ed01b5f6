"""Schemas in a provider's words: what stays, what is told, what is refused and how that is named."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core_llm import OutputSchema, ToolSpec, UnsupportedError, UnsupportedSchemaError
from core_llm._json import JSONObject, JSONValue
from core_llm.wire import GRAMMAR_SCHEMA, JSON_SCHEMA, STRICT_SCHEMA, ChatCompletions, Responses, reduced_schema

OPEN: JSONObject = {"type": "object", "additionalProperties": {"type": "integer"}}
TREE: JSONObject = {
    "type": "object",
    "properties": {"next": {"$ref": "#/$defs/Node"}},
    "$defs": {"Node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}}},
}


def strict(inner: JSONValue, **more: JSONValue) -> JSONValue:
    """Return what strict mode makes of the only member of an object."""
    schema: JSONObject = {"type": "object", "properties": {"a": inner}, **more}
    properties = reduced_schema(schema, STRICT_SCHEMA, feature="tools")["properties"]
    assert isinstance(properties, dict)
    return properties["a"]


def test_an_object_says_what_strict_mode_wants() -> None:
    """It is closed, and every member is required, in the order given: first those that are already."""
    schema: JSONObject = {
        "type": "object",
        "properties": {"a": {"type": "string"}, "b": {"type": "object", "properties": {}}, "c": {"type": "null"}},
        "required": ["c"],
    }
    assert reduced_schema(schema, STRICT_SCHEMA, feature="tools") == {
        "type": "object",
        "properties": {
            "a": {"type": "string"},
            "b": {"type": "object", "properties": {}, "additionalProperties": False, "required": []},
            "c": {"type": "null"},
        },
        "required": ["c", "a", "b"],
        "additionalProperties": False,
    }


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        ({"type": "string", "minLength": 2, "pattern": "^a"}, {"type": "string", "minLength": 2, "pattern": "^a"}),
        ({"type": "string", "format": "uuid"}, {"type": "string", "format": "uuid"}),
        ({"type": "string", "format": "phone"}, {"type": "string", "description": '(format: "phone")'}),
        ({"type": "array", "items": {"type": "integer"}, "uniqueItems": True, "description": "Numbers."},
         {"type": "array", "items": {"type": "integer"}, "description": "Numbers. (uniqueItems: true)"}),
        ({"oneOf": [{"type": "string"}, {"type": "null"}], "discriminator": {"propertyName": "k"}},
         {"anyOf": [{"type": "string"}, {"type": "null"}]}),
        ({"allOf": [{"type": "string"}], "description": "d"}, {"type": "string", "description": "d"}),
        ({"const": "a", "x-own": 1, "examples": ["a"]}, {"const": "a"}),
        ({"type": "integer", "default": 3, "minimum": 0}, {"type": "integer", "default": 3, "minimum": 0}),
    ],
)  # fmt: skip
def test_what_strict_mode_makes_of_a_member(inner: JSONObject, expected: JSONObject) -> None:
    """What describes is dropped, what narrows is told, what has another word gets it."""
    assert strict(inner) == expected


def test_a_reference_with_words_beside_it_is_put_in_place() -> None:
    """One that stands alone stays."""
    more: JSONObject = {"$defs": {"N": {"type": "integer"}}}
    assert strict({"$ref": "#/$defs/N"}, **more) == {"$ref": "#/$defs/N"}
    assert strict({"$ref": "#/$defs/N", "description": "d"}, **more) == {"type": "integer", "description": "d"}
    assert strict({"$ref": "#/$defs/N", "examples": [1]}, **more) == {"$ref": "#/$defs/N"}


@pytest.mark.parametrize(
    ("inner", "path", "keyword"),
    [
        (OPEN, "$.properties.a.additionalProperties", "additionalProperties"),
        ({"type": "array", "items": {"not": {}}}, "$.properties.a.items.not", "not"),
        ({"type": "array", "prefixItems": []}, "$.properties.a.prefixItems", "prefixItems"),
        ({"allOf": [{}, {}]}, "$.properties.a.allOf", "allOf"),
        ({"anyOf": [{"type": "null"}, True]}, "$.properties.a.anyOf[1]", "true"),
        ({"$ref": "#/missing", "title": "t"}, "$.properties.a.$ref", "$ref"),
        ({"type": "object", "properties": {}, "required": ["b"]}, "$.properties.a.required", "required"),
    ],
)
def test_what_cannot_be_said_is_named(inner: JSONValue, path: str, keyword: str) -> None:
    """By its path and keyword, whose words they are, and what to do."""
    schema: JSONObject = {"type": "object", "properties": {"a": inner}}
    with pytest.raises(UnsupportedSchemaError) as caught:
        reduced_schema(schema, STRICT_SCHEMA, feature="tools", provider="acme")
    error = caught.value
    assert isinstance(error, UnsupportedError)
    assert (error.path, error.keyword, error.feature, error.provider) == (path, keyword, "tools", "acme")
    assert error.message.startswith("the strict mode of acme cannot express ")
    assert error.message.endswith(f", at {path}; simplify the schema, or pass is_strict=False")


@pytest.mark.parametrize("root", [{"anyOf": [{"type": "null"}]}, {"type": "array", "items": {}}, {"type": "string"}])
def test_the_top_is_an_object(root: JSONObject) -> None:
    """Strict mode has no other."""
    with pytest.raises(UnsupportedSchemaError) as caught:
        reduced_schema(root, replace(STRICT_SCHEMA, keeps=None), feature="structured_output")
    assert caught.value.path == "$"


def test_recursion_is_refused_where_it_is_not_taken() -> None:
    """At the place where it begins anew, however long the way; a definition used twice is none."""
    flat = replace(JSON_SCHEMA, name="flat schemas", has_recursion=False)
    with pytest.raises(UnsupportedSchemaError, match="the recursion of #/\\$defs/Node") as caught:
        reduced_schema(TREE, flat, feature="tools")
    assert (caught.value.path, caught.value.keyword) == ("$.properties.next.properties.next.$ref", "$ref")
    twice: JSONObject = {
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/N"}, "b": {"$ref": "#/$defs/N"}},
        "$defs": {"N": {"type": "integer"}},
    }
    assert reduced_schema(twice, flat, feature="tools") == twice
    assert reduced_schema(TREE, STRICT_SCHEMA, feature="tools")["required"] == ["next"]


def test_definitions_that_multiply_are_refused() -> None:
    """A small schema of somebody else's may be endless where its references are put in place."""
    definitions: JSONObject = {"N40": {"type": "string"}}
    for number in range(40):
        twice = {name: {"$ref": f"#/$defs/N{number + 1}", "description": name} for name in ("a", "b")}
        definitions[f"N{number}"] = {"type": "object", "properties": twice}  # type: ignore[dict-item]  # JSON
    schema: JSONObject = {"type": "object", "properties": {"a": {"$ref": "#/$defs/N0"}}, "$defs": definitions}

    with pytest.raises(UnsupportedSchemaError, match="more than 5000 copies") as caught:
        reduced_schema(schema, STRICT_SCHEMA, feature="tools")

    assert caught.value.keyword == "$ref"


def test_a_grammar_wants_patterns_with_ends() -> None:
    """Another is told in words; everything else stays as it is."""
    schema: JSONObject = {
        "type": "object",
        "properties": {"a": {"type": "string", "pattern": "x"}, "b": {"type": "string", "pattern": "^x$"}, "c": True},
        "patternProperties": {"^z": OPEN},
    }
    assert reduced_schema(schema, GRAMMAR_SCHEMA, feature="tools") == schema | {
        "properties": {
            "a": {"type": "string", "description": '(pattern: "x")'},
            "b": {"type": "string", "pattern": "^x$"},
            "c": True,
        }
    }


def test_json_schema_is_everything_as_it_is() -> None:
    """Not even copied."""
    assert reduced_schema(TREE, JSON_SCHEMA, feature="tools") is TREE


class Strict(ChatCompletions):
    """A wire whose strict mode is known."""

    strict_schemas = STRICT_SCHEMA


class StrictResponses(Responses):
    """The same of the other wire."""

    strict_schemas = STRICT_SCHEMA


@pytest.mark.parametrize("wire", [Strict("acme", {}), StrictResponses("acme", {})], ids=["chat", "responses"])
@pytest.mark.parametrize(
    ("schema", "asked", "sent"),
    [
        ({"type": "object", "properties": {"a": {"type": "null"}}}, True, True),
        ({"type": "object", "properties": {"a": {"type": "null"}}}, None, True),
        ({"type": "object", "properties": {"a": {"type": "null"}}}, False, False),
        (OPEN, None, False),
        (OPEN, False, False),
    ],
)
def test_output_is_strict_where_that_can_be_said(
    wire: Strict | StrictResponses, schema: JSONObject, *, asked: bool | None, sent: bool
) -> None:
    """A schema that may be strict is brought into strict mode's words, and one that need not be goes as it is."""
    encoded = wire.encode_output(OutputSchema(json_schema=schema, is_strict=asked))
    inner = encoded.get("json_schema", encoded)
    assert isinstance(inner, dict)
    assert inner["strict"] is sent
    assert (inner["schema"] == schema) is not sent


@pytest.mark.parametrize("wire", [Strict("acme", {}), StrictResponses("acme", {})], ids=["chat", "responses"])
def test_what_has_to_be_strict_and_cannot_is_refused(wire: Strict | StrictResponses) -> None:
    """Output and tools alike; a tool of which nothing is said stays as it is."""
    with pytest.raises(UnsupportedSchemaError):
        wire.encode_output(OutputSchema(json_schema=OPEN, is_strict=True))
    with pytest.raises(UnsupportedSchemaError):
        wire.encode_tool(ToolSpec(name="t", parameters=OPEN, is_strict=True))
    encoded = wire.encode_tool(ToolSpec(name="t", parameters=OPEN))
    function = encoded.get("function", encoded)
    assert isinstance(function, dict)
    assert function["parameters"] == OPEN


def test_a_server_of_which_nothing_is_known_gets_the_schema_as_it_is() -> None:
    """And is told to be strict only by the caller."""
    wire = ChatCompletions("acme", {})
    for asked, expected in ((None, {}), (True, {"strict": True}), (False, {"strict": False})):
        encoded = wire.encode_output(OutputSchema(json_schema=OPEN, is_strict=asked))
        assert encoded["json_schema"] == {"name": "output", "schema": OPEN, **expected}
