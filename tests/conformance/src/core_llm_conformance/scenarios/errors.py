"""The matrix of errors: which need the provider's own words, and which are derived of those.

A provider says in its own words what is wrong with a request, a key, a model, a limit, itself: `SCENARIOS` need a
cassette each. Statuses between and beyond these differ in nothing but the number, and what stands in front of a
provider (proxies, load balancers) speaks alike everywhere: `DERIVED` are made of those cassettes by the faults layer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from core_llm import (
    AuthenticationError,
    BadRequestError,
    CallOptions,
    Capabilities,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    RateLimitError,
    RequestTooLargeError,
    ServerError,
    StatusError,
)
from core_llm_conformance.scenario import Mode, Scenario

BodyOf = Literal["cassette", "html", "empty"]
RETRY_AFTER_DATE = "<date>"
"""Stands for an HTTP date that lies 30 seconds after the client's clock."""


def _too_hot(declared: Capabilities) -> CallOptions:
    """Return a value that a provider refuses and this library does not: it knows only that it is above 0."""
    return {"temperature": 99} if declared.support("settings.temperature") != "unsupported" else {}


def _error(
    name: str, summary: str, status: int, *, modes: tuple[Mode, ...] = ("plain",), is_base: bool = True
) -> Scenario:
    return Scenario(
        name=name,
        summary=summary,
        kind="error",
        prompt="Say hello in one short sentence.",
        options=_too_hot if name == "error_400" else CallOptions(),
        modes=modes,
        model="no-such-model" if name == "error_404" else None,
        status=status,
        is_base=is_base,
    )


SCENARIOS = (
    _error("error_400", "A request that the provider refuses: BadRequestError with its words.", 400),
    _error("error_401", "A wrong key: AuthenticationError.", 401),
    _error("error_404", "A model that is not there: NotFoundError.", 404),
    _error("error_429", "Too many requests: RateLimitError.", 429),
    _error("error_500", "The provider's own failure: ServerError.", 500),
    _error("error_mid_stream", "An error after text has come: raised, with what had come.", 200, modes=("stream",)),
    _error(
        "error_first_event",
        "An error in place of the first event of a stream: raised.",
        200,
        modes=("stream",),
        is_base=False,
    ),
    _error("error_in_200", "An error object in a plain answer with status 200: raised.", 200, is_base=False),
)
"""The last two are shown by providers that do so; of others they are derived of the error in mid-stream and the 400."""


SHOWN_AS: MappingProxyType[str, tuple[type[StatusError], ...]] = MappingProxyType(
    {
        "error_400": (BadRequestError,),
        "error_401": (AuthenticationError,),
        "error_404": (NotFoundError,),
        "error_429": (RateLimitError,),
        "error_500": (ServerError, OverloadedError),
    }
)
"""Scenario → what must be raised, one of these or below them, whatever status the provider has for it: some answer a
wrong key with 400."""


@dataclass(frozen=True, slots=True)
class DerivedError:
    """An answer made of a cassette's by another status, other headers, another body.

    Attributes:
        id: Its name in the test's id.
        status: The HTTP status.
        error: The class that must be raised, or one below it.
        is_retryable: Whether the error must say that sending again may help.
        of: The scenario whose body it has.
        body: Whose body it is: the cassette's, a page of HTML, or nothing.
        headers: Added to the cassette's own.
        retry_after: Seconds that the error must say.
    """

    id: str
    status: int
    error: type[StatusError]
    is_retryable: bool
    of: str = "error_500"
    body: BodyOf = "cassette"
    headers: MappingProxyType[str, str] = field(default_factory=lambda: MappingProxyType({}))
    retry_after: float | None = None


def _limited(name: str, headers: dict[str, str], seconds: float) -> DerivedError:
    return DerivedError(
        name,
        429,
        RateLimitError,
        is_retryable=True,
        of="error_429",
        headers=MappingProxyType(headers),
        retry_after=seconds,
    )


DERIVED = (
    DerivedError("400", 400, BadRequestError, is_retryable=False, of="error_400"),
    DerivedError("401", 401, AuthenticationError, is_retryable=False, of="error_401"),
    DerivedError("403", 403, PermissionDeniedError, is_retryable=False, of="error_401"),
    DerivedError("404", 404, NotFoundError, is_retryable=False, of="error_404"),
    DerivedError("408", 408, ServerError, is_retryable=True),
    DerivedError("413", 413, RequestTooLargeError, is_retryable=False, of="error_400"),
    DerivedError("422", 422, BadRequestError, is_retryable=False, of="error_400"),
    DerivedError("429", 429, RateLimitError, is_retryable=True, of="error_429"),
    _limited("429-seconds", {"retry-after": "7"}, 7.0),
    _limited("429-date", {"retry-after": RETRY_AFTER_DATE}, 30.0),
    _limited("429-milliseconds", {"retry-after-ms": "1500"}, 1.5),
    DerivedError("500", 500, ServerError, is_retryable=True),
    DerivedError("502-html", 502, ServerError, is_retryable=True, body="html"),
    DerivedError("503", 503, OverloadedError, is_retryable=True),
    DerivedError("503-empty", 503, OverloadedError, is_retryable=True, body="empty"),
    DerivedError("529", 529, OverloadedError, is_retryable=True),
    DerivedError("401-html", 401, AuthenticationError, is_retryable=False, of="error_401", body="html"),
    DerivedError("400-empty", 400, BadRequestError, is_retryable=False, of="error_400", body="empty"),
)
"""What the faults layer makes of them. A 400's words may make it a class below BadRequestError, which is right."""
