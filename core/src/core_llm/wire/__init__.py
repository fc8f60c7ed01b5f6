"""The door for authors of wire formats: what a wire is, how answers are framed, and what assembles parts and calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core_llm._json import JSONObject, JSONValue
from core_llm.wire.base import Decoder, Exchange, ModelInfo, WireFormat, WireRequest, WireResponse, response_from
from core_llm.wire.call_ids import CallIdForm, fit_call_ids
from core_llm.wire.chat_completions import ChatCompletions
from core_llm.wire.chat_decode import ChatDecoder
from core_llm.wire.embed import EmbedAnswer, EmbeddingWire, read_vector
from core_llm.wire.embeddings import EmbeddingsEndpoint
from core_llm.wire.errors import decode_status_error, error_from_object, make_status_error
from core_llm.wire.frames import Frame, Framer, Framing
from core_llm.wire.framing import framer_for
from core_llm.wire.guards import as_index, as_object, as_objects, as_text, parse_object
from core_llm.wire.merging import merged_options
from core_llm.wire.parts import PartsBuilder
from core_llm.wire.template import TextTemplate
from core_llm.wire.tool_calls import ToolCallAssembler
from core_llm.wire.usage import UsageFields, usage_from
from core_llm.wire.waiting import retry_after_seconds, seconds_until

if TYPE_CHECKING:
    from core_llm.wire.responses import Responses
    from core_llm.wire.responses_decode import ResponsesDecoder
    from core_llm.wire.schemas import (
        DESCRIBING,
        GRAMMAR_SCHEMA,
        JSON_SCHEMA,
        STRICT_SCHEMA,
        SchemaLanguage,
        SchemaReducer,
        encode_schema,
        reduced_schema,
    )

__all__ = [
    "DESCRIBING",
    "GRAMMAR_SCHEMA",
    "JSON_SCHEMA",
    "STRICT_SCHEMA",
    "CallIdForm",
    "ChatCompletions",
    "ChatDecoder",
    "Decoder",
    "EmbedAnswer",
    "EmbeddingWire",
    "EmbeddingsEndpoint",
    "Exchange",
    "Frame",
    "Framer",
    "Framing",
    "JSONObject",
    "JSONValue",
    "ModelInfo",
    "PartsBuilder",
    "Responses",
    "ResponsesDecoder",
    "SchemaLanguage",
    "SchemaReducer",
    "TextTemplate",
    "ToolCallAssembler",
    "UsageFields",
    "WireFormat",
    "WireRequest",
    "WireResponse",
    "as_index",
    "as_object",
    "as_objects",
    "as_text",
    "decode_status_error",
    "encode_schema",
    "error_from_object",
    "fit_call_ids",
    "framer_for",
    "make_status_error",
    "merged_options",
    "parse_object",
    "read_vector",
    "reduced_schema",
    "response_from",
    "retry_after_seconds",
    "seconds_until",
    "usage_from",
]
_LATE = {
    "Responses": "core_llm.wire.responses",
    "ResponsesDecoder": "core_llm.wire.responses_decode",
    **dict.fromkeys(
        (
            "DESCRIBING",
            "JSON_SCHEMA",
            "GRAMMAR_SCHEMA",
            "STRICT_SCHEMA",
            "SchemaLanguage",
            "SchemaReducer",
            "encode_schema",
            "reduced_schema",
        ),
        "core_llm.wire.schemas",
    ),
}
"""Names that few providers use, imported when they are first used: the others shall not pay for it."""


if not TYPE_CHECKING:  # a type checker would take any name for a public one

    def __getattr__(name: str) -> object:
        """Import a name of `_LATE` when it is first used."""
        if name not in _LATE:
            msg = f"module 'core_llm.wire' has no attribute {name!r}"
            raise AttributeError(msg)
        from importlib import import_module  # noqa: PLC0415  # needed for these names only

        value: object = getattr(import_module(_LATE[name]), name)
        globals()[name] = value
        return value
