"""From a provider's usage object to Usage, by a table of the names that each figure goes by."""

from __future__ import annotations

from collections.abc import Mapping

from core_llm._json import JSONObject, JSONValue
from core_llm._response import Usage

UsageFields = Mapping[str, tuple[str, ...]]
"""Field of Usage → where its figure may be, the first that has one winning; a dot goes one object deeper."""


def usage_from(raw: JSONObject, fields: UsageFields) -> Usage:
    """Return the usage that `raw` reports. A figure that is not there, or is no number, is None."""
    figures = {name: first_count(raw, paths) for name, paths in fields.items()}
    return Usage(
        input_tokens=figures.get("input_tokens"),
        output_tokens=figures.get("output_tokens"),
        cache_read_tokens=figures.get("cache_read_tokens"),
        cache_write_tokens=figures.get("cache_write_tokens"),
        reasoning_tokens=figures.get("reasoning_tokens"),
        raw=raw,
    )


def first_count(raw: JSONObject, paths: tuple[str, ...]) -> int | None:
    """Return the first whole number that is found at one of `paths`; 0 counts."""
    for path in paths:
        value: JSONValue = raw
        for name in path.split("."):
            value = value.get(name) if isinstance(value, dict) else None
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
    return None
