"""What configuration holds: values only. How the layers are read and merged is in `_config`."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ModelWrapValidatorHandler,
    SecretStr,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic_core import PydanticCustomError

from core_llm._capabilities import OnUnsupported
from core_llm._errors import InvalidSettingError
from core_llm._json import JSONValue
from core_llm._redaction import redact
from core_llm._request import Settings
from core_llm._retries import Fallback, Recovery, Retries
from core_llm._value import OF_A_LAYER, Value

TransportName = Literal["httpx", "httpx2"]
OnBusy = Literal["wait", "raise"]
"""What to do where calls are limited in number or rate, and it is not yet a call's turn."""
Credentials = (
    str
    | SecretStr
    | Sequence[str | SecretStr]
    | Callable[[], str | SecretStr]
    | Callable[[], Awaitable[str]]
    | Callable[[], Awaitable[SecretStr]]
)
"""An API key, several to take turns, or a callable that returns one (sync or async) for tokens that expire."""


MAX_LIMIT_SECONDS = 30 * 24 * 3600.0
"""A longer limit is taken for a mistake, such as milliseconds for seconds."""


WANTED_SECONDS = f"a number of seconds above 0, at most {MAX_LIMIT_SECONDS:.0f} (30 days), or inf for no limit"


def _no_truth(seconds: object) -> object:
    if isinstance(seconds, bool):
        raise PydanticCustomError("seconds_truth", WANTED_SECONDS)
    return seconds


def _not_absurd(seconds: float) -> float:
    if not (0 < seconds <= MAX_LIMIT_SECONDS or seconds == math.inf):  # which a NaN is not either
        raise PydanticCustomError("seconds_range", WANTED_SECONDS)
    return seconds


Seconds = Annotated[float, BeforeValidator(_no_truth), AfterValidator(_not_absurd)]


class Limits(Value):
    """Limits of time in seconds. None leaves a limit to the layer below; ``math.inf`` switches it off.

    The defaults suit language models: a reasoning model may think for minutes before its first event.

    Raises:
        InvalidSettingError: A limit is no time, negative, zero or beyond thirty days, or can never strike since the
            total that is given beside it is shorter.
    """

    admission: Seconds | None = None
    """For a call to be let through, where calls are limited in number or rate."""
    connect: Seconds | None = None
    """To make a connection."""
    first_event: Seconds | None = None
    """From the request being sent to the first event with content; for a plain request, to the whole answer."""
    between_events: Seconds | None = None
    """Between two events with content (comments, pings, empty deltas are none). The consumer's time does not count."""
    total: Seconds | None = None
    """The whole call, retries and the consumer's own time included."""

    @model_validator(mode="wrap")
    @classmethod
    def _check(cls, given: object, build: ModelWrapValidatorHandler[Self], info: ValidationInfo) -> Self:
        """Raise this package's own error; but a layer of configuration names its own origin, so it gets pydantic's."""
        if info.context == OF_A_LAYER:
            return build(given)
        try:
            limits = build(given)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False)[0]
            name = ".".join(map(str, first["loc"]))
            if name in cls.model_fields:
                msg = f"Limits: {name} must be {WANTED_SECONDS}; got {first['input']!r}"
            else:
                msg = f"Limits: {name or 'that'} cannot be; they take {', '.join(cls.model_fields)}"
        else:
            limits.check_reach()
            return limits
        raise InvalidSettingError(msg)  # not inside the block, so that nothing leads to pydantic's error

    def check_reach(self, origin: str = "") -> None:
        """Refuse a limit that can never strike, for the total beside it ends the call before.

        Raises:
            InvalidSettingError: There is one; `origin` says where it was given.
        """
        total = math.inf if self.total is None else self.total
        for name in ("admission", "connect", "first_event", "between_events"):
            seconds: float | None = getattr(self, name)
            if seconds is not None and total < seconds < math.inf:
                msg = (
                    f"Limits: {name}={seconds:g} can never be reached, since total={total:g} ends the call before"
                    f"{origin}; raise total, or leave {name} out"
                )
                raise InvalidSettingError(msg)

    def merged(self, other: Limits | None) -> Limits:
        """Return these limits with those that `other` sets in their place."""
        if other is None:
            return self
        return self.model_copy(update=other.model_dump(exclude_none=True))


DEFAULT_LIMITS = Limits(admission=600.0, connect=10.0, first_event=300.0, between_events=120.0, total=1800.0)
NO_LIMITS = Limits(admission=math.inf, connect=math.inf, first_event=math.inf, between_events=math.inf, total=math.inf)


class ProviderConfig(Value):
    """The settings of one provider, or of one named endpoint of it."""

    type: str | None = None
    """For a named endpoint: the provider whose code serves it, e.g. ``openai-compatible``."""
    base_url: str | None = None
    api_key: SecretStr | None = None
    api_key_env: str | None = None
    """Environment variable that holds the key, in place of the provider's usual one."""
    headers: dict[str, SecretStr] = Field(default_factory=dict)
    """Sent with every request; secret, since proxies take keys this way."""
    query: dict[str, str] = Field(default_factory=dict)
    options: dict[str, JSONValue] = Field(default_factory=dict)
    """What only this provider knows (an API version, a project); its documentation lists them."""
    provider_options: dict[str, JSONValue] = Field(default_factory=dict)
    """Fields merged into every request body; those of a call win."""
    limits: Limits = Field(default_factory=Limits)
    max_retries: int | None = Field(default=None, ge=0)
    retries: Retries = Field(default_factory=Retries)
    max_concurrency: int | None = Field(default=None, ge=1)
    """How many calls of one client may run at the same time."""
    model_concurrency: dict[str, Annotated[int, Field(ge=1)]] = Field(default_factory=dict)
    """A model → how many of these may be of it."""
    settings: Settings = Field(default_factory=Settings)
    """Defaults of the portable knobs for this provider."""

    def __repr__(self) -> str:
        """Show the settings without secrets, which may stand in an address or a query too."""
        return redact(super().__repr__())

    def __str__(self) -> str:
        """Show the same."""
        return repr(self)


class ConfigValues(Value):
    """The whole configuration, merged."""

    default_model: str | None = None
    roles: dict[str, str] = Field(default_factory=dict)
    """A role such as ``planning`` → a model id."""
    limits: Limits = Field(default_factory=Limits)
    max_retries: int = Field(default=2, ge=0)
    retries: Retries = Field(default_factory=Retries)
    recovery: Recovery = "raise"
    """What to do when an answer breaks after its first content."""
    fallback: Fallback = Field(default_factory=Fallback)
    max_concurrency: int | None = Field(default=None, ge=1)
    """How many calls of one client may run at the same time, at each provider that has no figure of its own."""
    on_busy: OnBusy = "wait"
    """What to do where that many run."""
    transport: TransportName = "httpx"
    on_unsupported: OnUnsupported = "raise"
    settings: Settings = Field(default_factory=Settings)
    providers: dict[str, ProviderConfig] = Field(default_factory=dict)
    disabled_plugins: tuple[str, ...] = ()
    plugins: dict[str, JSONValue] = Field(default_factory=dict)
    """A plugin → its settings, which are its own business: its documentation lists them."""
