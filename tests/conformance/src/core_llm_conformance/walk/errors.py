"""The error objects of providers, in every shape that the recordings hold (checked 2026-11)."""

from __future__ import annotations

import json
from http import HTTPStatus

from pydantic import JsonValue

from core_llm_conformance.walk.expected import ExpectedError
from core_llm_conformance.walk.json_values import JsonObject, as_object, as_objects, as_text, first_count

_ERROR_STATUSES = range(400, 600)


def is_error(value: JsonObject) -> bool:
    """Tell whether an object that came with status 200 is an error: `error` in it, or vLLM's and Mistral's `object`."""
    return bool(value.get("error")) or value.get("object") == "error"


def walk_error(value: JsonObject, status: int) -> ExpectedError:
    """Return what the error object says; `status` is the response's own.

    The message is in `error.message`, in `error` (xAI, Ollama), in `message` (Mistral, vLLM) or in `detail` (FastAPI).
    """
    inner = value.get("error")
    error = as_object(inner) if isinstance(inner, dict) else value
    message = as_text(inner) or as_text(error.get("message")) or _detail(value.get("detail"))
    code = error.get("code")
    return ExpectedError(
        kind="provider",
        message=message,
        type=as_text(error.get("type")) or None,
        code=None if code is None else str(code),
        status=status if status >= HTTPStatus.BAD_REQUEST else _status_in(error),
    )


def walk_error_response(body: bytes, status: int) -> ExpectedError:
    """Return what the body of an answer with an error status says; one that is not JSON says nothing."""
    try:
        parsed: JsonValue = json.loads(body)
    except ValueError:
        parsed = None
    return walk_error(as_object(parsed), status)


def _detail(detail: JsonValue) -> str:
    return as_text(detail) or "; ".join(as_text(item.get("msg")) for item in as_objects(detail))


def _status_in(error: JsonObject) -> int | None:
    number = first_count(error.get("status_code"), error.get("raw_status_code"), error.get("status"), error.get("code"))
    return number if number in _ERROR_STATUSES else None
