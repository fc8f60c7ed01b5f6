"""JSON schemas as models are told them: pydantic's, without what tells a model nothing and costs tokens."""

from __future__ import annotations

from math import isfinite

from pydantic.json_schema import GenerateJsonSchema

from core_llm._json import JSONObject, JSONValue

_NO_SCHEMAS = frozenset(("default", "enum", "const", "examples", "required"))
"""Keywords whose values are data or names."""
_NAMED_SCHEMAS = frozenset(("properties", "patternProperties", "$defs", "dependentSchemas"))
"""Keywords whose values are schemas under names of the author's."""


class PlainSchema(GenerateJsonSchema):
    """Pydantic's schema; a default that JSON cannot say is left out in silence, for the type still has it."""

    ignored_warning_kinds = {"non-serializable-default"}  # noqa: RUF012  # pydantic's own declaration


def without_titles(schema: JSONObject) -> JSONObject:
    """Return a schema without the titles that pydantic makes of names."""
    kept: JSONObject = {}
    for key, value in schema.items():
        if key in _NAMED_SCHEMAS and isinstance(value, dict):
            kept[key] = {name: _untitled(inner) for name, inner in value.items()}
        elif key in _NO_SCHEMAS:
            if not isinstance(value, float) or isfinite(value):  # a default may be no JSON
                kept[key] = value
        elif key != "title":
            kept[key] = _untitled(value)
    return kept


def _untitled(value: JSONValue) -> JSONValue:
    match value:
        case dict():
            return without_titles(value)
        case list():
            return [_untitled(item) for item in value]
        case _:
            return value
