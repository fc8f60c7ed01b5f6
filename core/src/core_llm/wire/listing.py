"""Reading the list of models that servers of Chat Completions and Responses share: one page, `data` or `models`."""

from __future__ import annotations

from collections.abc import Callable

from pydantic_core import from_json

from core_llm._errors import MalformedResponseError
from core_llm._json import JSONObject, JSONValue
from core_llm.wire.base import ModelInfo, WireResponse
from core_llm.wire.chat_values import read_model
from core_llm.wire.errors import error_from_object
from core_llm.wire.guards import FRAME_SHOWN, as_objects


def find_listing_error(listing: JSONObject) -> JSONValue:
    """Return the error that came in place of a listing, or None if it is one."""
    return listing if listing.get("error") or listing.get("object") == "error" else None


def read_listing(
    response: WireResponse, provider: str, find_error: Callable[[JSONObject], JSONValue] = find_listing_error
) -> tuple[ModelInfo, ...]:
    """Return the models that a listing names.

    Raises:
        StatusError: It is an error object in spite of its status.
        MalformedResponseError: It is no list of models.
    """
    shown = response.body[:FRAME_SHOWN].decode("utf-8", "replace")
    try:
        listing: JSONValue = from_json(response.body)
    except ValueError:
        raise MalformedResponseError(f"{provider} did not list its models as JSON", frame=shown) from None
    if isinstance(listing, dict) and (error := find_error(listing)) is not None:
        raise error_from_object(error, headers=response.headers)
    listed = listing.get("data", listing.get("models")) if isinstance(listing, dict) else listing
    if not isinstance(listed, list):
        raise MalformedResponseError(f"{provider} answered with no list of models", frame=shown)
    return tuple(model for item in as_objects(listed) if (model := read_model(item)) is not None)
