"""Guarded access to parsed JSON, for the walks: a missing or mistyped value reads as nothing."""

from __future__ import annotations

from pydantic import JsonValue

JsonObject = dict[str, JsonValue]


def as_object(value: JsonValue) -> JsonObject:
    """Return `value` if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def as_objects(value: JsonValue) -> list[JsonObject]:
    """Return the objects of the list `value`; nothing if it is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def as_text(value: JsonValue) -> str:
    """Return `value` if it is a string, else an empty one."""
    return value if isinstance(value, str) else ""


def as_count(value: JsonValue) -> int | None:
    """Return `value` if it is a whole number, else None."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def first_count(*values: JsonValue) -> int | None:
    """Return the first of `values` that is a whole number, 0 included."""
    return next((count for count in map(as_count, values) if count is not None), None)
