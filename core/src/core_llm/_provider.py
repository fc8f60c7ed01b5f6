"""Provider: who and where. Name, address, credentials and how they sign a request, capabilities.

A provider speaks through a `WireFormat`; one that runs its model in this process is a `LocalProvider`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import ClassVar, Protocol

from pydantic import SecretStr

from core_llm._capabilities import Capabilities
from core_llm._config_model import ProviderConfig
from core_llm._embeddings import Embeddings, EmbedRequest
from core_llm._errors import ConfigError, UnsupportedError
from core_llm._events import StreamEvent
from core_llm._json import JSONValue
from core_llm._redaction import redact
from core_llm._request import Request
from core_llm._response import FinishReason, Usage
from core_llm.wire.base import Exchange, ModelInfo, WireFormat

CONTRACT_VERSION = 1
"""Version of the contract between core and provider plugins. A plugin built for another one is quarantined."""


@dataclass(slots=True, repr=False)
class OutgoingRequest:
    """One HTTP request as it goes out: whole address, headers in lower case, body as bytes."""

    method: str
    url: str
    headers: dict[str, str]
    content: bytes

    def __repr__(self) -> str:
        """Show the request without header values, which hold keys."""
        return redact(f"OutgoingRequest({self.method} {self.url}, headers={sorted(self.headers)})")


class Auth(ABC):
    """How credentials sign a request. Pure: it is applied on every attempt, with what was resolved for that attempt."""

    @abstractmethod
    def sign(self, request: OutgoingRequest, credentials: SecretStr, now: float) -> OutgoingRequest:
        """Return the request with the credentials in it.

        Args:
            request: Yours to change and return.
            credentials: The key or token.
            now: Seconds since 1970, for signatures that carry a date.
        """


class BearerAuth(Auth):
    """``Authorization: Bearer <key>``."""

    def sign(self, request: OutgoingRequest, credentials: SecretStr, now: float) -> OutgoingRequest:  # noqa: ARG002
        """Return the request with the key in its authorization header."""
        request.headers["authorization"] = f"Bearer {credentials.get_secret_value()}"
        return request


class HeaderAuth(Auth):
    """The key in a header of its own, such as ``x-api-key``."""

    def __init__(self, header: str) -> None:
        self.header = header.lower()

    def sign(self, request: OutgoingRequest, credentials: SecretStr, now: float) -> OutgoingRequest:  # noqa: ARG002
        """Return the request with the key in the header."""
        request.headers[self.header] = credentials.get_secret_value()
        return request


class Provider:
    """Somebody who serves models. Subclass it, set the attributes, register it with the hook; most need no method.

    Attributes:
        name: What stands before the colon in a model id; lower case.
        base_url: Where it is; configuration may override it.
        base_url_env: The environment variable that usually holds another address; configuration goes over it.
        api_key_env: The environment variable that usually holds its key, or several, the first that is set winning.
        needs_api_key: False where a server may be without one.
        wire_format: How to speak to it.
        wires: Model pattern → another wire for the models that it matches; the last that matches counts.
        wire_choices: What the setting ``options.wire`` may say, for every model, in place of the table → the wire.
        auth: How a key signs a request.
        connect_hint: What to do when nobody answers at its address, e.g. the command that starts the server.
        headers: Sent with every request; never a key.
        idempotency_header: The header by which its API knows that a request is the same again, where it has one; all
            attempts of one request then carry one key.
        capabilities: Model pattern (``*``, ``o3*``) → declaration; all that match apply, in order.
        options: Names of the settings under ``options`` that this provider takes from configuration → what they mean.
    """

    name: ClassVar[str]
    contract_version: ClassVar[int] = CONTRACT_VERSION
    base_url: str = ""
    base_url_env: ClassVar[str | None] = None
    api_key_env: ClassVar[str | tuple[str, ...] | None] = None
    needs_api_key: ClassVar[bool] = True
    wire_format: ClassVar[type[WireFormat] | None] = None
    wires: ClassVar[Mapping[str, type[WireFormat]]] = {}
    wire_choices: ClassVar[Mapping[str, type[WireFormat]]] = {}
    auth: Auth = BearerAuth()
    connect_hint: ClassVar[str] = "is the address right and the server up?"
    headers: ClassVar[Mapping[str, str]] = {}
    idempotency_header: ClassVar[str | None] = None
    capabilities: ClassVar[Mapping[str, Capabilities]] = {}
    options: ClassVar[Mapping[str, str]] = {}

    def __init__(self, config: ProviderConfig | None = None, *, name: str | None = None) -> None:
        """Make the provider from its configuration.

        Args:
            config: Its section of the configuration.
            name: The name of the endpoint, where it is a named one of this provider's kind.

        Raises:
            ConfigError: An option is unknown, or the address is missing.
        """
        self.config = config or ProviderConfig()
        self.endpoint = name or self.name
        self.base_url = (self.config.base_url or self.base_url).rstrip("/")
        accepted = {*self.options, "wire"} if self.wire_choices else {*self.options}
        unknown = sorted(set(self.config.options) - accepted)
        if unknown:
            known = ", ".join(sorted(accepted)) or "none"
            msg = f"providers.{self.endpoint}.options has unknown {', '.join(unknown)}; this provider takes: {known}"
            raise ConfigError(msg)
        wire = self.config.options.get("wire")
        if wire is not None and wire not in self.wire_choices:
            choices = " or ".join(sorted(self.wire_choices))
            raise ConfigError(f"providers.{self.endpoint}.options.wire must be {choices}, not {wire!r}")
        self._wires: dict[type[WireFormat], WireFormat] = {}

    def wire_type(self, model: str) -> type[WireFormat]:
        """Return the wire format that `model` speaks: the configured one, that of the table, or the provider's own."""
        chosen = self.config.options.get("wire")
        if isinstance(chosen, str):
            return self.wire_choices[chosen]
        matching = [wire for pattern, wire in self.wires.items() if fnmatchcase(model, pattern)]
        found = matching[-1] if matching else self.wire_format
        if found is None:
            msg = f"the provider class {type(self).__name__} sets no wire_format"
            raise ConfigError(msg)
        return found

    def wire(self, model: str) -> WireFormat:
        """Return the wire format for `model`, made once."""
        kind = self.wire_type(model)
        wire = self._wires.get(kind)
        if wire is None:
            wire = self._wires[kind] = kind(self.endpoint, self.config.options)
        return wire

    def url(self, path: str) -> str:
        """Return the whole address for a wire's path.

        Raises:
            ConfigError: The provider has no address.
        """
        if path.startswith(("https://", "http://")):
            return path
        if not self.base_url:
            msg = f"no address for {self.endpoint}: set providers.{self.endpoint}.base_url in the configuration"
            raise ConfigError(msg)
        return self.base_url + path

    def capabilities_for(self, model: str) -> Capabilities:
        """Return what is declared for `model`: every pattern that matches it, merged in order, then its wire's own."""
        found = Capabilities()
        for pattern, declared in self.capabilities.items():
            if fnmatchcase(model, pattern):
                found = found.merged(declared)
        return found if self.wire_format is None else found.merged(self.wire_type(model).capabilities)

    def list_models(self) -> Exchange[tuple[ModelInfo, ...]]:
        """List the models, as a sans-I/O generator.

        Raises:
            UnsupportedError: The provider has no listing.
        """
        return self.wire("").list_models()

    def count_tokens(self, request: Request) -> Exchange[int]:
        """Count the input tokens of a request at the provider, as a sans-I/O generator.

        Raises:
            UnsupportedError: The provider has no endpoint for that.
        """
        return self.wire(request.model).count_tokens(request)

    def embed(self, request: EmbedRequest) -> Exchange[Embeddings]:
        """Embed texts, as a sans-I/O generator.

        Raises:
            UnsupportedError: The provider has no embeddings.
        """
        return self.wire(request.model).embed(request)

    def embed_fields(self, model: str) -> Collection[str]:
        """Return which knobs of an embedding (`dimensions`, `input_type`) `model` can be told."""
        return self.wire(model).embed_fields


class LocalChannel(Protocol):
    """Where a local model's thread puts what it makes."""

    @property
    def is_cancelled(self) -> bool:
        """Whether the call was stopped, so that the thread should return as soon as it can."""
        ...

    def emit(self, events: Sequence[StreamEvent]) -> bool:
        """Hand on events; waits while the consumer is behind. Returns False once the call was stopped: then return."""
        ...

    def finish(
        self,
        finish_reason: FinishReason,
        *,
        raw_finish_reason: str | None = None,
        usage: Usage | None = None,
        id: str | None = None,  # noqa: A002  # the field's name
        model: str | None = None,
        metadata: Mapping[str, JSONValue] | None = None,
    ) -> None:
        """Say that the answer is complete: the terminal marker. A thread that returns without it was interrupted."""
        ...


class LocalProvider(Provider, ABC):
    """A provider whose model runs in this process."""

    needs_api_key = False

    def prepare_local(self, request: Request, channel: LocalChannel) -> None:
        """Get ready to answer: fetch weights, load the model. Called in the call's thread, before `run_local`.

        Only the total limit counts here; the limit for the first event begins when this has returned. Return early, or
        raise, when `channel.is_cancelled`.
        """

    def list_models(self) -> Exchange[tuple[ModelInfo, ...]]:
        """List the models; without a server there is nobody to ask.

        Raises:
            UnsupportedError: Always, unless overridden.
        """
        msg = f"{self.endpoint} runs its models in this process and lists none"
        raise UnsupportedError(msg, feature="model_listing", provider=self.endpoint)

    def count_tokens(self, request: Request) -> Exchange[int]:
        """Count the input tokens of a request; without a server there is nobody to ask.

        Raises:
            UnsupportedError: Always, unless overridden.
        """
        msg = f"{self.endpoint} runs its models in this process and counts no tokens; its answers report them in usage"
        raise UnsupportedError(msg, feature="token_counting", provider=self.endpoint, model=request.model)

    def embed(self, request: EmbedRequest) -> Exchange[Embeddings]:
        """Embed texts; without a server there is nobody to ask.

        Raises:
            UnsupportedError: Always, unless overridden.
        """
        msg = f"{self.endpoint} runs its models in this process and embeds nothing; use a provider that does"
        raise UnsupportedError(msg, feature="embeddings", provider=self.endpoint, model=request.model)

    def embed_fields(self, model: str) -> Collection[str]:  # noqa: ARG002  # for overriding
        """Return which knobs of an embedding `model` can be told: none, unless overridden."""
        return ()

    @abstractmethod
    def run_local(self, request: Request, channel: LocalChannel) -> None:
        """Answer `request`; called in a thread of its own, blocking as it likes.

        Emit the events that a decoder would (`core_llm.wire.PartsBuilder` makes them), then call `channel.finish`.
        Raise errors of this package; others become a MalformedResponseError.
        """
