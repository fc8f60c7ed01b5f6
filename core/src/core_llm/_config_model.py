"""What configuration holds: values only. How the layers are read and merged is in `_config`."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from typing import Literal

from pydantic import Field, SecretStr

from core_llm._capabilities import OnUnsupported
from core_llm._json import JSONValue
from core_llm._redaction import redact
from core_llm._request import Settings
from core_llm._value import Value

TransportName = Literal["httpx", "httpx2"]
Credentials = (
    str | SecretStr | Callable[[], str | SecretStr] | Callable[[], Awaitable[str]] | Callable[[], Awaitable[SecretStr]]
)
"""An API key, or a callable that returns one (sync or async) for tokens that expire."""


class Limits(Value):
    """Limits of time in seconds. None leaves a limit to the layer below; ``math.inf`` switches it off.

    The defaults suit language models: a reasoning model may think for minutes before its first event.
    """

    connect: float | None = Field(default=None, gt=0)
    """To make a connection."""
    first_event: float | None = Field(default=None, gt=0)
    """From the request being sent to the first event with content; for a plain request, to the whole answer."""
    between_events: float | None = Field(default=None, gt=0)
    """Between two events with content (comments, pings, empty deltas are none). The consumer's time does not count."""
    total: float | None = Field(default=None, gt=0)
    """The whole call, retries and the consumer's own time included."""

    def merged(self, other: Limits | None) -> Limits:
        """Return these limits with those that `other` sets in their place."""
        if other is None:
            return self
        return self.model_copy(update=other.model_dump(exclude_none=True))


DEFAULT_LIMITS = Limits(connect=10.0, first_event=300.0, between_events=120.0, total=1800.0)
NO_LIMITS = Limits(connect=math.inf, first_event=math.inf, between_events=math.inf, total=math.inf)


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
    transport: TransportName = "httpx"
    on_unsupported: OnUnsupported = "raise"
    settings: Settings = Field(default_factory=Settings)
    providers: dict[str, ProviderConfig] = Field(default_factory=dict)
    disabled_plugins: tuple[str, ...] = ()
