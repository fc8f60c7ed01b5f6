"""Guards for taking JSON apart that anybody may have sent: each returns what is wanted, or an empty stand-in."""

from __future__ import annotations

from pydantic_core import from_json

from core_llm._errors import MalformedResponseError
from core_llm._json import JSONObject, JSONValue

FRAME_SHOWN = 500
"""Characters of an offending frame that the error keeps."""


def as_object(value: JSONValue) -> JSONObject:
    """Return `value` if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def as_objects(value: JSONValue) -> list[JSONObject]:
    """Return the objects in the list `value`; none if it is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def as_text(value: JSONValue) -> str:
    """Return `value` if it is a text, else an empty one."""
    return value if isinstance(value, str) else ""


def as_index(value: JSONValue) -> int | None:
    """Return `value` as an index if it is one, written as a number or as a text."""
    if isinstance(value, str) and value.isdecimal():
        return int(value)
    return value if isinstance(value, int) else None


def parse_object(data: bytes, provider: str) -> JSONObject:
    """Return the JSON object that a frame or body is.

    Raises:
        MalformedResponseError: It is something else; shows the start of it.
    """
    try:
        value: JSONValue = from_json(data)
    except ValueError:
        what = "is not JSON"
    else:
        if isinstance(value, dict):
            return value
        what = f"is a JSON {type(value).__name__} where an object is due"
    shown = data[:FRAME_SHOWN].decode("utf-8", "replace")
    raise MalformedResponseError(f"{provider} sent something that {what}: {shown[:80]}", frame=shown)
