"""JSON schemas as the Messages API wants them: every object says that it has no other properties."""

from __future__ import annotations

from core_llm.wire import JSONObject, JSONValue

_MAPS = ("properties", "$defs", "definitions", "patternProperties")
_LISTS = ("anyOf", "allOf", "oneOf", "prefixItems")
_SINGLES = ("items", "not", "if", "then", "else")


def closed(schema: JSONObject) -> JSONObject:
    """Return a copy of `schema` in which every object that does not say otherwise takes no other properties.

    The API refuses an object without ``additionalProperties: false`` wherever it holds a model to a schema (checked
    2026-11). What else it does not take it names in its own error.
    """
    copy = dict(schema)
    for name in _MAPS:
        if isinstance(inner := schema.get(name), dict):
            copy[name] = {key: _closed(value) for key, value in inner.items()}
    for name in _LISTS:
        if isinstance(inner := schema.get(name), list):
            copy[name] = [_closed(value) for value in inner]
    for name in _SINGLES:
        if name in schema:
            copy[name] = _closed(schema[name])
    kind = schema.get("type")
    if kind == "object" or (isinstance(kind, list) and "object" in kind) or "properties" in schema:
        copy.setdefault("additionalProperties", False)
    return copy


def _closed(value: JSONValue) -> JSONValue:
    return closed(value) if isinstance(value, dict) else value
