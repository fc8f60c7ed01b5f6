"""What went wrong on the way, as an error of the tree: transport failures, exceeded limits, redirects, credentials."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from core_llm._errors import (
    ConfigError,
    ConnectError,
    CoreLLMError,
    Limit,
    MissingAPIKeyError,
    Phase,
    RedactedCause,
    StatusError,
    StreamInterruptedError,
    TimeoutExceededError,
    TransportError,
)
from core_llm._stream.effects import Failed
from core_llm._stream.plan import CallPlan
from core_llm.wire.errors import decode_status_error, request_id

_WAITED_FOR: dict[Limit, str] = {
    "admission": "not let through by the limits in number or rate",
    "connect": "no connection",
    "first_event": "no content",
    "between_events": "no further content",
    "total": "not finished",
}


def timeout_error(endpoint: str, limit: Limit, seconds: float) -> CoreLLMError:
    """Return the error for an exceeded limit."""
    return TimeoutExceededError(
        f"{endpoint}: {_WAITED_FOR[limit]} within {seconds:g} s (limit {limit!r}); "
        f"raise it with limits=Limits({limit}=…) if that is too short",
        limit=limit,
        seconds=seconds,
    )


def transport_error(plan: CallPlan, failed: Failed, phase: Phase, *, had_content: bool) -> CoreLLMError:
    """Return the error for an effect that failed."""
    endpoint = plan.provider.endpoint
    cause = failed.cause
    what = cause.message or cause.type_name if cause is not None else failed.kind
    error: CoreLLMError
    if failed.error is not None:
        return failed.error
    if failed.kind == "config":
        error = ConfigError(
            f"the request to {endpoint} cannot be sent ({what}); check base_url, headers and http client"
        )
    elif failed.kind == "timeout":
        limit: Limit = failed.limit or "first_event"
        if limit == "first_event" and had_content:
            limit = "between_events"
        seconds = getattr(plan.limits, limit) or 0.0
        error = timeout_error(endpoint, limit, seconds)
    elif failed.kind == "connect":
        parts = urlsplit(plan.provider.base_url)
        address = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"  # a password may stand before the @
        error = ConnectError(
            f"cannot connect to {endpoint} at {address} ({what}); {plan.provider.connect_hint}",
            phase="connect",
        )
        error.is_retryable = "CERTIFICATE_VERIFY_FAILED" not in what
    elif phase == "body":
        came = "after part of the answer" if had_content else "before any content"
        error = StreamInterruptedError(
            f"the connection to {endpoint} broke {came} ({what}); send the request again, or use .partial", phase=phase
        )
    else:
        error = TransportError(f"the connection to {endpoint} broke before it answered ({what})", phase=phase)
    error.__cause__ = cause
    return error


def redirect_error(status: int, headers: Mapping[str, str]) -> StatusError:
    """Return the error for a redirect, which is never followed: a key must not travel to another address."""
    to = headers.get("location", "an address it did not give")
    return StatusError(
        f"HTTP {status}: the server redirects to {to}; redirects are not followed, since they would carry the key "
        "there: set base_url to the final address",
        status_code=status,
        headers=headers,
        request_id=request_id(headers),
        phase="headers",
    )


def undecodable_status_error(status: int, headers: Mapping[str, str], body: bytes, raised: Exception) -> StatusError:
    """Return the error for an error answer that the plugin's own `decode_error` failed on."""
    error = decode_status_error(status, headers, body)
    error.__cause__ = RedactedCause.of(raised)
    return error


def credentials_error(failed: Failed, endpoint: str) -> CoreLLMError:
    """Return the error for a credentials callable that raised."""
    if failed.error is not None:
        return failed.error
    what = failed.cause or "it failed"
    error = MissingAPIKeyError(f"the callable that gives the key of {endpoint} raised: {what}")
    error.__cause__ = failed.cause
    return error
