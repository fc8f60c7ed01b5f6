"""Comparing what the core made of a body with what the walk says that it holds."""

from __future__ import annotations

from dataclasses import fields

from core_llm import (
    AuthenticationError,
    BadRequestError,
    CoreLLMError,
    MalformedResponseError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    ProviderError,
    ProviderPart,
    RateLimitError,
    RequestTooLargeError,
    Response,
    ServerError,
    StatusError,
    StreamInterruptedError,
    ToolCallPart,
    Usage,
)
from core_llm_conformance.walk.expected import Expected, ExpectedCall, ExpectedUsage

ERROR_OF_STATUS: dict[int, type[StatusError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    402: PermissionDeniedError,
    403: PermissionDeniedError,
    404: NotFoundError,
    413: RequestTooLargeError,
    422: BadRequestError,
    429: RateLimitError,
    500: ServerError,
    501: ServerError,
    502: ServerError,
    503: OverloadedError,
    504: ServerError,
    529: OverloadedError,
}
"""HTTP status → the class that its error must be of, or of a subclass."""

ERROR_OF_CODE: dict[str, type[StatusError]] = {
    "API_KEY_INVALID": AuthenticationError,  # Google says it with 400
}
"""A provider's code → the class that its error must be of, whatever the status."""

ERROR_OF_WORDS: dict[str, type[StatusError]] = {
    "Incorrect API key": AuthenticationError,  # xAI says it with 400, and the code of any wrong argument
}
"""The beginning of a provider's message → the class that its error must be of, whatever status and code say."""


def check_outcome(expected: Expected, outcome: Response | CoreLLMError) -> None:
    """Assert that a call came to what the walk says: the answer, the provider's own error, or an error for want of one.

    An error's partial response, if it has one, must be what had come.
    """
    if isinstance(outcome, Response):
        assert expected.is_complete, f"succeeded with {outcome!r} where nothing says that the answer is complete"
        found = differences(expected, outcome)
        assert found == {}, "\n".join(f"{name}: {wanted!r} came as {got!r}" for name, (wanted, got) in found.items())
        return
    assert not expected.is_complete, f"failed where the answer is complete: {outcome!r}"
    assert isinstance(outcome, ProviderError), repr(outcome)
    if expected.error is not None and expected.error.kind == "provider":
        check_provider_error(expected, outcome)
    else:
        assert isinstance(outcome, MalformedResponseError | StreamInterruptedError), repr(outcome)
    if outcome.partial is not None:
        check_partial(expected, outcome.partial)


def check_partial(expected: Expected, partial: Response) -> None:
    """Assert that a partial response is what had come. Who answered may be unknown as long as no content came."""
    found = differences(expected, partial)
    found.pop("raw_finish_reason", None)  # a reason that an error followed was none
    if all(isinstance(part, ProviderPart) for part in partial.parts):
        found = {name: difference for name, difference in found.items() if name not in ("id", "model")}
    assert found == {}, f"the partial response differs: {found}"


def check_provider_error(expected: Expected, error: ProviderError) -> None:
    """Assert that an error is the one that the provider sent: its class, status, message and code."""
    wanted = expected.error
    assert wanted is not None
    assert isinstance(error, StatusError), repr(error)
    assert wanted.message in error.message, f"{wanted.message!r} is not in {error.message!r}"
    if wanted.status is not None:
        assert error.status_code == wanted.status
        told = [kind for words, kind in ERROR_OF_WORDS.items() if wanted.message.startswith(words)]
        kind = told[0] if told else ERROR_OF_CODE.get(wanted.code or "", ERROR_OF_STATUS[wanted.status])
        assert isinstance(error, kind), repr(error)
    if wanted.code is not None:
        assert error.code in (wanted.code, wanted.type), f"code {error.code!r}, not {wanted.code!r}"


def told(response: Response) -> Expected:
    """Return a response, whole or partial, in the walk's terms."""
    return Expected(
        text=response.text,
        reasoning=response.reasoning,
        refusal=response.refusal,
        tool_calls=tuple(_call(part) for part in response.parts if isinstance(part, ToolCallPart)),
        finish_reason=response.finish_reason,
        raw_finish_reason=response.raw_finish_reason,
        usage=None if response.usage is None else _usage(response.usage),
        is_complete=response.is_complete,
        id=response.id,
        model=response.model,
    )


def differences(expected: Expected, response: Response) -> dict[str, tuple[object, object]]:
    """Return the fields in which a response is not what was expected: name → (expected, found). Errors are left out.

    A call for which the wire has no id may have any, as long as it has one.
    """
    found = told(response)
    differing: dict[str, tuple[object, object]] = {}
    for field in fields(Expected):
        wanted, got = getattr(expected, field.name), getattr(found, field.name)
        if field.name == "tool_calls":
            is_same = len(wanted) == len(got) and all(map(_is_same_call, wanted, got))
        elif field.name == "model":  # where the wire names none, the response has the one that was asked for
            is_same = wanted is None or wanted == got
        else:
            is_same = field.name == "error" or wanted == got
        if not is_same:
            differing[field.name] = (wanted, got)
    return differing


def _is_same_call(wanted: ExpectedCall, got: ExpectedCall) -> bool:
    has_id = bool(got.id) if wanted.id is None else got.id == wanted.id
    return has_id and (wanted.name, wanted.arguments, wanted.is_complete) == (got.name, got.arguments, got.is_complete)


def _call(part: ToolCallPart) -> ExpectedCall:
    return ExpectedCall(part.id or None, part.name, part.arguments, part.raw_arguments, is_complete=part.is_complete)


def _usage(usage: Usage) -> ExpectedUsage:
    return ExpectedUsage(
        usage.input_tokens,
        usage.output_tokens,
        usage.cache_read_tokens,
        usage.cache_write_tokens,
        usage.reasoning_tokens,
    )
