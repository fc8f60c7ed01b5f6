"""How a caller's own fields (`provider_options`) join the body that a wire has made."""

from __future__ import annotations

from collections.abc import Mapping

from core_llm._json import JSONObject, JSONValue


def merge_objects(body: Mapping[str, JSONValue], extra: Mapping[str, JSONValue]) -> JSONObject:
    """Return `body` with `extra` merged in: objects merge field by field, anything else is replaced."""
    merged = dict(body)
    for name, value in extra.items():
        mine = merged.get(name)
        merged[name] = merge_objects(mine, value) if isinstance(mine, dict) and isinstance(value, dict) else value
    return merged


def merged_options(body: Mapping[str, JSONValue], options: Mapping[str, JSONValue]) -> JSONObject:
    """Return the body with the caller's own fields: as `merge_objects`, but `tools` are added to the body's.

    A provider's built-in tools stand in one list with the caller's; to replace that list would take the caller's away.
    """
    merged = merge_objects(body, options)
    mine, given = body.get("tools"), options.get("tools")
    if isinstance(mine, list) and isinstance(given, list):
        merged["tools"] = [*mine, *given]
    return merged
