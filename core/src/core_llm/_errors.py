"""The tree of errors. Everything this package raises on purpose is in it; nothing of an HTTP library escapes.

    CoreLLMError
    ├── ConfigError                    your set-up
    │   ├── MissingAPIKeyError
    │   └── InvalidSettingError
    ├── InvalidRequestError            what you asked for cannot be sent (empty prompt, missing file)
    ├── UnsupportedError               declared unsupported by provider or model; raised before anything is sent
    ├── PluginError
    │   ├── PluginLoadError
    │   ├── DuplicateProviderError
    │   └── UnknownProviderError
    ├── AbortedError                   you stopped it (.reason, .kind, .partial)
    ├── LaggedError                    a consumer of a shared stream fell too far behind the others
    ├── StreamGrammarError             a stream of events broke the event grammar (a bug in a plugin)
    └── ProviderError                  the provider, or the way to it, failed
        ├── BusyError                  it had to wait for its turn, and was not to (.retry_after)
        ├── TransportError
        │   ├── ConnectError
        │   ├── TimeoutExceededError   .limit says which: admission, connect, first_event, between_events, total
        │   └── StreamInterruptedError the answer ended before its terminal marker
        ├── StatusError                .status_code .headers .body
        │   ├── BadRequestError        400, 422 and other 4xx
        │   │   ├── ContextLengthError
        │   │   └── ContentFilterError
        │   ├── AuthenticationError    401
        │   ├── PermissionDeniedError  402, 403
        │   ├── NotFoundError          404, 410
        │   ├── RequestTooLargeError   413
        │   ├── RateLimitError         429
        │   ├── OverloadedError        503, 529
        │   └── ServerError            other 5xx, and what the wire reports as the server's own failure
        └── ResponseError
            ├── MalformedResponseError not what the wire promises; .frame holds the start of it
            └── InvalidToolCallError

The branch of tools is in `_tool_errors`.

Every text is redacted where the error is made. A cause is a `RedactedCause`, never the library's own exception, because
that one carries the request with its key headers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from core_llm._redaction import redact

if TYPE_CHECKING:
    from core_llm._response import Response

Phase = Literal["prepare", "connect", "send", "headers", "body", "decode"]
"""How far an attempt came before it failed."""
Limit = Literal["admission", "connect", "first_event", "between_events", "total"]
AbortKind = Literal["abort", "timeout", "token_limit"]
"""How a call was stopped: by hand, or by a signal's timeout or its limit of tokens."""

SAFE_HEADERS = frozenset(
    "content-type content-length date retry-after retry-after-ms x-request-id request-id x-should-retry server via "
    "x-generation-id cf-ray apim-request-id x-ms-request-id location".split()
)
"""Response headers that an error may carry; besides these only names with ``ratelimit`` in them. An allow-list."""


class RedactedCause(Exception):  # noqa: N818  # a stand-in for any exception, not an error of ours
    """What is kept of a foreign exception: its type's name and its redacted message, none of its attributes."""

    def __init__(self, type_name: str, message: str) -> None:
        self.type_name = type_name
        self.message = redact(message)
        super().__init__(f"{type_name}: {self.message}" if self.message else type_name)

    @classmethod
    def of(cls, error: BaseException) -> RedactedCause:
        """Return the stand-in for `error`."""
        return cls(f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins."), str(error))

    def __reduce__(self) -> tuple[object, ...]:
        return (RedactedCause, (self.type_name, self.message))


class CoreLLMError(Exception):
    """Base of all errors of this package.

    Attributes:
        message: What happened, where, and what to do; redacted.
    """

    def __init__(self, message: str) -> None:
        self.message = redact(message)
        super().__init__(self.message)

    def __setattr__(self, name: str, value: object) -> None:
        """Set an attribute, redacted: a plugin may add what its provider said after the error was made."""
        super().__setattr__(name, redact(value) if isinstance(value, str) else value)

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.args, {**self.__dict__}))

    def to_dict(self) -> dict[str, object]:
        """Return the error as JSON-ready values: its type, message and every plain attribute."""
        plain = {k: v for k, v in self.__dict__.items() if isinstance(v, str | int | float | bool | type(None))}
        return {"error": type(self).__name__, **plain}


def _rebuild(cls: type[CoreLLMError], args: tuple[object, ...], state: dict[str, object]) -> CoreLLMError:
    error = cls.__new__(cls)
    error.args = args
    error.__dict__.update(state)
    return error


class ConfigError(CoreLLMError):
    """The set-up is wrong: a file that does not parse, a setting of the wrong type, a key that is not there."""


class MissingAPIKeyError(ConfigError):
    """No API key was found; the message lists every place that was looked at."""


class InvalidSettingError(ConfigError):
    """A setting is unknown or has a wrong value; the message names it, its origin and what is accepted."""


class InvalidRequestError(CoreLLMError):
    """The request cannot be sent as it is: an empty prompt, a missing file, a tool without a name."""


class UnsupportedError(CoreLLMError):
    """Provider or model is declared not to support this; raised before anything is sent.

    Attributes:
        feature: The capability or setting, e.g. ``"image_input"``.
        provider: The provider's name.
        model: The model's name, without the provider.
    """

    def __init__(self, message: str, *, feature: str, provider: str | None = None, model: str | None = None) -> None:
        super().__init__(message)
        self.feature = feature
        self.provider = provider
        self.model = model


class PluginError(CoreLLMError):
    """Something about an installed plugin."""


class PluginLoadError(PluginError):
    """A plugin was asked for and is quarantined: it failed to import, registered half, or has another contract version.

    Attributes:
        distribution: The name of the package to fix or upgrade, if known.
    """

    def __init__(self, message: str, *, distribution: str | None = None) -> None:
        super().__init__(message)
        self.distribution = distribution


class DuplicateProviderError(PluginError):
    """Two packages offer a provider of the same name in the same step of the search."""


class UnknownProviderError(PluginError):
    """No provider of that name is installed; the message lists those that are, and the near miss."""


class StreamGrammarError(CoreLLMError):
    """A sequence of stream events broke a rule of the event grammar.

    Attributes:
        event_number: Position of the offending event, from 0.
        rule: The rule that it broke.
    """

    def __init__(self, message: str, *, event_number: int, rule: str) -> None:
        super().__init__(message)
        self.event_number = event_number
        self.rule = rule


class LaggedError(CoreLLMError):
    """A consumer of a shared stream (`core_llm.transforms.tee`) fell too far behind, and its events were not kept."""


class AbortedError(CoreLLMError):
    """The caller stopped the call.

    Attributes:
        reason: What was given as the reason, or the signal's own: which timeout, which limit.
        kind: ``abort``: by hand; ``timeout``, ``token_limit``: by a signal of that kind.
        partial: What had arrived.
    """

    def __init__(
        self,
        message: str,
        *,
        reason: str | None = None,
        kind: AbortKind = "abort",
        partial: Response | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = None if reason is None else redact(reason)
        self.kind = kind
        self.partial = partial


class ProviderError(CoreLLMError):
    """The provider failed, or the way to it did.

    Attributes:
        provider: The provider's name.
        model: The model's name, without the provider.
        phase: How far the attempt came.
        is_retryable: Whether the same request may succeed when sent again.
        retry_after: Seconds the provider asks to wait, if it said so.
        request_id: The provider's id of this request, for its support desk.
        partial: What had arrived of the response, if anything.
        attempts: How many attempts were made, this one included.
    """

    is_retryable_by_default = False

    def __init__(
        self,
        message: str,
        *,
        provider: str | None = None,
        model: str | None = None,
        phase: Phase | None = None,
        is_retryable: bool | None = None,
        retry_after: float | None = None,
        request_id: str | None = None,
        partial: Response | None = None,
    ) -> None:
        super().__init__(message)
        self.provider = provider
        self.model = model
        self.phase = phase
        self.is_retryable = self.is_retryable_by_default if is_retryable is None else is_retryable
        self.retry_after = retry_after
        self.request_id = None if request_id is None else redact(request_id)
        self.partial = partial
        self.attempts = 1


class BusyError(ProviderError):
    """A limit of yours in number or rate would make the call wait, and it was not to (``on_busy="raise"``).

    Another model may take over; the same is not tried again.
    """


class TransportError(ProviderError):
    """The connection failed."""

    is_retryable_by_default = True


class ConnectError(TransportError):
    """No connection could be made: name not found, refused, TLS failure."""


class TimeoutExceededError(TransportError):
    """A limit of time was exceeded.

    Attributes:
        limit: Which: ``admission``, ``connect``, ``first_event``, ``between_events`` or ``total``.
        seconds: Its value.
    """

    def __init__(self, message: str, *, limit: Limit, seconds: float, partial: Response | None = None) -> None:
        super().__init__(message, partial=partial, is_retryable=limit != "total")
        self.limit = limit
        self.seconds = seconds


class StreamInterruptedError(TransportError):
    """The answer ended before the wire's terminal marker; `partial` has what came."""


class StatusError(ProviderError):
    """The provider answered with an error, as an HTTP status or as an error object inside a 200.

    Attributes:
        status_code: The HTTP status, or the one that the error object stands for.
        headers: The response's headers that an error may carry (see `SAFE_HEADERS`), names in lower case.
        body: The start of the body, redacted.
        code: The provider's own error code or type, if it sent one.
    """

    def __init__(
        self,
        message: str,
        *,
        status_code: int,
        headers: Mapping[str, str] | None = None,
        body: str = "",
        code: str | None = None,
        is_retryable: bool | None = None,
        retry_after: float | None = None,
        request_id: str | None = None,
        phase: Phase | None = None,
    ) -> None:
        super().__init__(
            message, is_retryable=is_retryable, retry_after=retry_after, request_id=request_id, phase=phase
        )
        self.status_code = status_code
        self.headers = {
            name.lower(): redact(value)
            for name, value in (headers or {}).items()
            if name.lower() in SAFE_HEADERS or "ratelimit" in name.lower()
        }
        self.body = redact(body)
        self.code = None if code is None else redact(code)


class BadRequestError(StatusError):
    """The provider does not accept the request as it is (400, 422 and other 4xx)."""


class ContextLengthError(BadRequestError):
    """The input is longer than the model's context window."""


class ContentFilterError(BadRequestError):
    """The provider's safety system refused the input."""


class AuthenticationError(StatusError):
    """The provider does not accept the key (401)."""


class PermissionDeniedError(StatusError):
    """The key is known and may not do this (403), or the account cannot pay for it (402)."""


class NotFoundError(StatusError):
    """No such model or address (404, 410)."""


class RequestTooLargeError(StatusError):
    """The request body is too large (413)."""


class RateLimitError(StatusError):
    """Too many requests or tokens (429)."""

    is_retryable_by_default = True


class OverloadedError(StatusError):
    """The provider has no capacity at the moment (503, 529)."""

    is_retryable_by_default = True


class ServerError(StatusError):
    """The provider failed (5xx)."""

    is_retryable_by_default = True


class ResponseError(ProviderError):
    """The provider's answer cannot be used."""


class MalformedResponseError(ResponseError):
    """The answer is not what the wire promises.

    Attributes:
        frame: The start of the offending frame, redacted.
    """

    def __init__(self, message: str, *, frame: str = "") -> None:
        super().__init__(message, phase="decode")
        self.frame = redact(frame)


class InvalidToolCallError(ResponseError):
    """A tool call cannot be executed: its arguments are incomplete or not a JSON object."""
