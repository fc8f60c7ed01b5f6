"""The type of JSON values, used wherever a public signature would otherwise say `Any`."""

from __future__ import annotations

from pydantic import JsonValue as JSONValue

JSONObject = dict[str, JSONValue]

__all__ = ["JSONObject", "JSONValue"]
