"""The tree of errors: what each carries, that none of it shows a secret, and that none is lost in a pickle."""

from __future__ import annotations

import copy
import pickle
import re

import pytest

from core_llm import _errors
from core_llm._errors import (
    AbortedError,
    AuthenticationError,
    ConfigError,
    ConnectError,
    ContentFilterError,
    CoreLLMError,
    InvalidSettingError,
    InvalidToolCallError,
    MalformedResponseError,
    MissingAPIKeyError,
    OverloadedError,
    PluginLoadError,
    ProviderError,
    RateLimitError,
    RedactedCause,
    ServerError,
    StatusError,
    StreamGrammarError,
    StreamInterruptedError,
    TimeoutExceededError,
    UnknownProviderError,
    UnsupportedError,
)
from core_llm._messages import TextPart
from core_llm._redaction import register_secret
from core_llm._response import Response

KEY = "error-secret-40c1"
PARTIAL = Response(parts=(TextPart(text="Os"),))
EXAMPLES: list[CoreLLMError] = [
    ConfigError("a"),
    MissingAPIKeyError("a"),
    InvalidSettingError("a"),
    UnknownProviderError("a"),
    UnsupportedError("a", feature="tools", provider="acme", model="small"),
    PluginLoadError("a", distribution="plugin-acme"),
    AbortedError("a", reason="enough", partial=PARTIAL),
    StreamGrammarError("a", event_number=3, rule="one Finish"),
    ConnectError("a", provider="acme", model="small", phase="connect"),
    TimeoutExceededError("a", limit="total", seconds=2.5, partial=PARTIAL),
    StreamInterruptedError("a", partial=PARTIAL),
    RateLimitError("a", status_code=429, headers={"Retry-After": "1"}, body="b", code="c", retry_after=1.0),
    MalformedResponseError("a", frame="{"),
    InvalidToolCallError("a"),
]


@pytest.fixture(autouse=True)
def known_key() -> None:
    """Make the key known, as reading it does."""
    register_secret(KEY)


def test_the_tree_drawn_at_the_top_is_the_tree() -> None:
    """Every class of the module is in the drawing, next below its base; the drawing has no other."""
    drawn: dict[str, str] = {}
    branch: list[str] = []
    for indent, name in re.findall(r"^    ([ │├└─]*)(\w+Error)\b", str(_errors.__doc__), re.MULTILINE):
        branch[len(indent) // 4 :] = [name]
        drawn[name] = branch[-2] if len(branch) > 1 else "Exception"
    defined = {thing for thing in vars(_errors).values() if isinstance(thing, type) and issubclass(thing, CoreLLMError)}
    assert drawn == {error.__name__: error.__bases__[0].__name__ for error in defined}


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_every_error_survives_pickling_and_copying(error: CoreLLMError) -> None:
    """Queues between processes pickle errors: type, message and every attribute arrive."""
    for copied in (pickle.loads(pickle.dumps(error)), copy.copy(error)):  # noqa: S301  # written on this line
        assert type(copied) is type(error)
        assert str(copied) == str(error)
        assert vars(copied) == vars(error)


def test_a_cause_survives_pickling() -> None:
    """The stand-in of a foreign exception can be sent between processes too."""
    cause = pickle.loads(pickle.dumps(RedactedCause("httpx.ConnectError", "refused")))  # noqa: S301  # written on this line
    assert (cause.type_name, cause.message, str(cause)) == (
        "httpx.ConnectError",
        "refused",
        "httpx.ConnectError: refused",
    )


def test_a_foreign_exception_is_kept_by_name_and_redacted_text() -> None:
    """Nothing of the exception itself is kept, for it carries the request with its key."""
    cause = RedactedCause.of(ValueError(f"bad header {KEY}"))
    assert str(cause) == "ValueError: bad header [redacted]"
    assert cause.__cause__ is None
    assert str(RedactedCause.of(KeyError())) == "KeyError"


def test_no_text_of_an_error_shows_a_key() -> None:
    """Message, body, code, header, request id, frame and reason are redacted where the error is made."""
    status = AuthenticationError(
        f"bad {KEY}",
        status_code=401,
        headers={"X-Request-Id": KEY, "Location": f"https://a.example?k={KEY}"},
        body=f'{{"key": "{KEY}"}}',
        code=KEY,
        request_id=KEY,
    )
    others = [MalformedResponseError(f"bad {KEY}", frame=KEY), AbortedError(f"bad {KEY}", reason=KEY)]
    for error in [status, *others]:
        assert KEY not in f"{error} {error!r} {error.args} {vars(error)} {error.to_dict()}"
    assert status.headers == {"x-request-id": "[redacted]", "location": "https://a.example?k=[redacted]"}
    assert status.body == '{"key": "[redacted]"}'


def test_only_harmless_headers_are_kept() -> None:
    """An allow-list: a cookie or an echoed key header is not in it; names are in lower case."""
    headers = {
        "Set-Cookie": "session=1",
        "Authorization": "Bearer x",
        "X-RateLimit-Remaining-Tokens": "5",
        "anthropic-ratelimit-requests-limit": "9",
        "Retry-After": "2",
    }
    assert StatusError("a", status_code=429, headers=headers).headers == {
        "x-ratelimit-remaining-tokens": "5",
        "anthropic-ratelimit-requests-limit": "9",
        "retry-after": "2",
    }


@pytest.mark.parametrize(
    ("error", "is_retryable"),
    [
        (ConnectError("a"), True),
        (StreamInterruptedError("a"), True),
        (TimeoutExceededError("a", limit="first_event", seconds=1), True),
        (TimeoutExceededError("a", limit="total", seconds=1), False),
        (RateLimitError("a", status_code=429), True),
        (RateLimitError("a", status_code=429, is_retryable=False), False),
        (OverloadedError("a", status_code=529), True),
        (ServerError("a", status_code=500), True),
        (AuthenticationError("a", status_code=401), False),
        (ContentFilterError("a", status_code=400), False),
        (MalformedResponseError("a"), False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_each_error_says_whether_to_try_again(error: ProviderError, *, is_retryable: bool) -> None:
    """By its class, unless the provider said otherwise; a spent total deadline is never worth another try."""
    assert error.is_retryable is is_retryable


def test_an_error_as_json_has_its_plain_attributes() -> None:
    """Type, message and attributes; the partial response is not among them."""
    error = TimeoutExceededError("too slow", limit="total", seconds=2.5, partial=PARTIAL)
    assert error.to_dict() == {
        "error": "TimeoutExceededError",
        "message": "too slow",
        "provider": None,
        "model": None,
        "phase": None,
        "is_retryable": False,
        "retry_after": None,
        "request_id": None,
        "attempts": 1,
        "limit": "total",
        "seconds": 2.5,
    }


def test_what_is_added_to_an_error_is_masked_too() -> None:
    """A plugin may put what its provider said where the core did not."""
    register_secret("walrus-0123456789")
    error = StatusError("no", status_code=400)
    error.code = "walrus-0123456789 is no key"
    assert error.code == "[redacted] is no key"
