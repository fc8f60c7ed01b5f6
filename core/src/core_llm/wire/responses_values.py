"""The objects inside Responses answers, read into values: sources, pictures, errors, what else is said of an answer.

Every reader takes any JSON and skips what is not of the shape it knows.
"""

from __future__ import annotations

from base64 import b64decode

from core_llm._json import JSONObject, JSONValue
from core_llm._messages import Citation, FilePart
from core_llm.wire.guards import as_text
from core_llm.wire.usage import first_count

ECHOES = frozenset(
    "object id model output output_text usage error status store background instructions input_messages prompt tools "
    "output_messages tool_choice parallel_tool_calls max_tool_calls max_output_tokens temperature top_p top_logprobs "
    "text reasoning truncation presence_penalty frequency_penalty user metadata safety_identifier prompt_cache_key "
    "prompt_cache_retention prompt_cache_options".split()
)
"""Fields of a response that are read elsewhere, or repeat the request."""
NOTHING: tuple[JSONValue, ...] = (None, "", [], {})
"""What a server sends for nothing."""
IMAGE_TYPES = {"svg": "image/svg+xml"}
"""Format of a picture → media type, if not ``image/<format>``."""


def read_citation(annotation: JSONObject) -> Citation:
    """Return the source that an annotation names: a page, a file, or a place in a file."""
    return Citation(
        url=as_text(annotation.get("url")) or None,
        title=as_text(annotation.get("title")) or as_text(annotation.get("filename")) or None,
        start=first_count(annotation, ("start_index",)),
        end=first_count(annotation, ("end_index",)),
        raw=annotation,
    )


def read_picture(item: JSONObject, provider: str) -> FilePart | None:
    """Return the picture that an item has as its result, None if it has none.

    The rest of the item is its state: with the picture put back it is the item again.
    """
    result = as_text(item.get("result"))
    try:
        data = b64decode(result, validate=True)
    except ValueError:
        return None
    if not data:
        return None
    name = as_text(item.get("output_format")) or "png"
    rest: JSONObject = {field: value for field, value in item.items() if field != "result"}
    return FilePart(
        media_type=IMAGE_TYPES.get(name, f"image/{name}"),
        data=data,
        provider_state={provider: rest},
    )


def read_metadata(response: JSONObject) -> JSONObject:
    """Return what a response says of the answer beside the answer itself."""
    return {name: value for name, value in response.items() if name not in ECHOES and value not in NOTHING}
