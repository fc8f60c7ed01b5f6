"""From a caller's words to a CallPlan: what the sync and the async client share. No network; plugins are found here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypedDict, cast

from pydantic import SecretStr

from core_llm._capabilities import Capabilities, OnUnsupported, check_capabilities
from core_llm._config import Config
from core_llm._config_layers import Layer
from core_llm._config_model import DEFAULT_LIMITS, ConfigValues, Credentials, Limits, TransportName
from core_llm._embed_options import build_embed_request
from core_llm._embeddings import EmbedRequest
from core_llm._errors import (
    CoreLLMError,
    InvalidRequestError,
    InvalidSettingError,
    PluginError,
    RedactedCause,
    UnsupportedError,
)
from core_llm._json import JSONObject
from core_llm._keys import find_api_key
from core_llm._model_id import resolve_model
from core_llm._options import Prompt, as_limits, build_request, check_exchange_options, merged_limits
from core_llm._plugins import PluginRegistry
from core_llm._provider import LocalProvider, Provider
from core_llm._request import Request, Settings
from core_llm._response import ResumePoint
from core_llm._signals import Signal
from core_llm._stream.attempts import RetryPolicy
from core_llm._stream.plan import CLOCK, CallPlan, Clock
from core_llm.hookspecs import RequestRewriter
from core_llm.wire.merging import merge_objects

Resolved = SecretStr | Callable[[], object] | None
"""Credentials as the engine takes them."""


@dataclass(slots=True, frozen=True)
class _Target:
    """What is known of one model before any call: resolved once."""

    provider: Provider
    model: str
    capabilities: Capabilities
    limits: Limits
    settings: Settings
    max_retries: int
    credentials: Resolved
    provider_options: JSONObject


class ClientOptions(TypedDict, total=False):
    """What both clients take."""

    api_keys: Mapping[str, Credentials]
    """Provider's name → key, or a callable that gives one, sync or async (for tokens that expire)."""
    config: Config | ConfigValues | Layer
    """Configuration given in code; it goes over the file and the environment. A `Config` stands alone."""
    providers: Sequence[type[Provider] | Provider]
    """Provider classes or instances that go before all installed ones."""
    plugins: Sequence[object]
    """Modules or objects with hooks, without packaging."""
    transport: TransportName
    """``httpx`` (default) or ``httpx2``."""
    limits: Limits
    """Limits of time for every call of this client."""
    max_retries: int
    """How often a failed call is sent again before any content has come; 0 switches that off."""
    on_unsupported: OnUnsupported
    """What to do with what a model is declared not to support: ``raise`` (default), ``drop`` or ``send``."""
    clock: Clock
    """Sources of time and chance, for tests."""


class Calls:
    """Makes the plans of one client's calls."""

    def __init__(self, options: ClientOptions) -> None:
        """Read the configuration and load the plugins that are no providers.

        Raises:
            ConfigError: The configuration is wrong; says what, and in which layer.
        """
        known = ClientOptions.__annotations__
        if unknown := sorted(set(options) - set(known)):
            msg = f"a client takes no {', '.join(unknown)}; it takes {', '.join(sorted(known))}, http_client"
            raise InvalidSettingError(msg)
        names = ("transport", "max_retries", "on_unsupported")
        arguments = {name: options[name] for name in names if name in options}  # type: ignore[literal-required]  # they are
        config = options.get("config")
        loaded = config if isinstance(config, Config) else Config.load(arguments=config)
        if arguments:
            loaded = loaded.with_arguments(arguments)
        self._registry = PluginRegistry(
            loaded, providers=options.get("providers", ()), plugins=options.get("plugins", ())
        )
        self._registry.load_plugins()
        given = options.get("api_keys", {})
        self._api_keys = {name: SecretStr(key) if isinstance(key, str) else key for name, key in given.items()}
        self._limits = as_limits(options.get("limits"))
        self._max_retries = options.get("max_retries")
        self._clock = options.get("clock", CLOCK)
        self._targets: dict[str | None, _Target] = {}
        self.values = self._registry.config.values
        """The configuration, merged."""

    @property
    def config(self) -> Config:
        """The configuration with all its layers."""
        return self._registry.config

    @property
    def registry(self) -> PluginRegistry:
        """The client's plugins."""
        return self._registry

    def plan(
        self, model: str | None, prompt: Prompt | None, options: Mapping[str, object], *, is_stream: bool
    ) -> CallPlan:
        """Return the plan of one call.

        Raises:
            CoreLLMError: The model is unknown, a key is missing, or the request cannot be sent.
        """
        _check_model(model)
        target = self._targets.get(model) or self._resolve(model)
        provider = target.provider
        is_local = isinstance(provider, LocalProvider)
        if not is_stream and (is_local or not provider.wire(target.model).can_generate):
            is_stream = True
        request = build_request(target.model, prompt, options, target.settings, is_stream=is_stream)
        registry = self._registry
        for rewrite in registry.rewriters(provider.endpoint, target.model):
            request = _rewritten(rewrite, request)
        on_unsupported = cast("OnUnsupported", options.get("on_unsupported") or self.values.on_unsupported)
        request = check_capabilities(
            request, target.capabilities, provider=provider.endpoint, on_unsupported=on_unsupported
        )
        own_options = _own_options(target, request)
        if is_local and own_options:  # it builds its own request, so it merges them itself
            request = request.model_copy(update={"provider_options": {provider.endpoint: own_options}})
        retries = cast("int | None", options.get("max_retries"))
        return CallPlan(
            provider=provider,
            request=request,
            limits=merged_limits(target.limits, options),
            signal=cast("Signal | None", options.get("signal")),
            policy=RetryPolicy(target.max_retries if retries is None else retries, self._clock.random),
            credentials=target.credentials,
            provider_options=own_options,
            resume=cast("ResumePoint | None", options.get("resume")),
            can_stream=target.capabilities.streaming != "unsupported",
            observers=registry.observers(provider.endpoint, target.model),
            transforms=registry.transforms(provider.endpoint, target.model),
            clock=self._clock,
        )

    def require(self, provider: Provider, feature: str, model: str = "") -> None:
        """Raise UnsupportedError if a provider is declared not to have what a call needs that is no chat."""
        if provider.capabilities_for(model).support(feature) == "unsupported":
            msg = f"{provider.endpoint} does not support {feature.replace('_', ' ')}"
            raise UnsupportedError(msg, feature=feature, provider=provider.endpoint, model=model or None)

    def exchange_plan(self, provider_name: str, options: Mapping[str, object]) -> CallPlan:
        """Return the plan of an exchange that is no chat: limits, credentials and retries, and an empty request.

        Raises:
            CoreLLMError: The provider is unknown, a key is missing, or an option is unknown or has a wrong value.
        """
        check_exchange_options(options)
        target = self._target_of(provider_name, "")
        retries = cast("int | None", options.get("max_retries"))
        return CallPlan(
            provider=target.provider,
            request=Request(model="", messages=()),
            limits=merged_limits(target.limits, options),
            signal=cast("Signal | None", options.get("signal")),
            policy=RetryPolicy(target.max_retries if retries is None else retries, self._clock.random),
            credentials=target.credentials,
            clock=self._clock,
        )

    def embed_plan(
        self, model: str, inputs: str | Sequence[str], options: Mapping[str, object]
    ) -> tuple[CallPlan, EmbedRequest]:
        """Return the plan of an embedding, and what is to be embedded.

        Raises:
            CoreLLMError: The model is unknown or embeds nothing, a key is missing, or the texts cannot be sent.
        """
        _check_model(model)
        target = self._targets.get(model) or self._resolve(model)
        provider = target.provider
        self.require(provider, "embeddings", target.model)
        request = build_embed_request(target.model, inputs, options)
        if (own_options := _own_options(target, request)) or request.provider_options:
            request = request.model_copy(update={"provider_options": {provider.endpoint: own_options}})
        if (options.get("on_unsupported") or self.values.on_unsupported) == "drop":
            request = request.restricted(provider.embed_fields(target.model))
        retries = cast("int | None", options.get("max_retries"))
        plan = CallPlan(
            provider=provider,
            request=Request(
                model=target.model,
                messages=(),
                extra_headers=request.extra_headers,
                extra_query=request.extra_query,
            ),
            limits=merged_limits(target.limits, options),
            signal=cast("Signal | None", options.get("signal")),
            policy=RetryPolicy(target.max_retries if retries is None else retries, self._clock.random),
            credentials=target.credentials,
            clock=self._clock,
        )
        return plan, request

    def _resolve(self, text: str | None) -> _Target:
        name, model = resolve_model(self.values, text)
        target = self._targets[text] = self._target_of(name, model)
        return target

    def _target_of(self, name: str, model: str) -> _Target:
        provider = self._registry.provider(name)
        own = provider.config
        limits = DEFAULT_LIMITS.merged(self.values.limits).merged(own.limits).merged(self._limits)
        return _Target(
            provider=provider,
            model=model,
            capabilities=provider.capabilities_for(model),
            limits=limits,
            settings=self.values.settings.merged(own.settings),
            max_retries=next(n for n in (self._max_retries, own.max_retries, self.values.max_retries) if n is not None),
            credentials=self._credentials(provider),
            provider_options=dict(own.provider_options),
        )

    def _credentials(self, provider: Provider) -> Resolved:
        """Return the provider's key; where a plugin has to be asked, which may block, a callable that asks."""
        finders = self._registry.key_finders()
        explicit = self._api_keys.get(provider.endpoint)
        if finders and explicit is None and provider.config.api_key is None:
            return partial(find_api_key, provider, self.config, finders, self._api_keys)
        found = find_api_key(provider, self.config, finders, self._api_keys)
        return SecretStr(found) if isinstance(found, str) else found


def _check_model(model: object) -> None:
    if not isinstance(model, str | None):
        msg = f"the model must be a text such as 'provider:model', not {type(model).__name__}"
        raise InvalidRequestError(msg)


def _rewritten(rewrite: RequestRewriter, request: Request) -> Request:
    try:
        rewritten: object = rewrite(request)
    except CoreLLMError:
        raise
    except Exception as error:  # noqa: BLE001  # a plugin may raise anything
        cause = RedactedCause.of(error)
        raise PluginError(f"a plugin that rewrites requests failed: {cause}") from cause
    if not isinstance(rewritten, Request):
        raise PluginError(f"a plugin that rewrites requests returned a {type(rewritten).__name__}, not a Request")
    return rewritten


def _own_options(target: _Target, request: Request | EmbedRequest) -> JSONObject:
    """Return the fields to merge into the body: configured ones, then the call's for this provider and no other."""
    given = request.provider_options.get(target.provider.endpoint)
    if given is None and target.provider.endpoint != target.provider.name:
        given = request.provider_options.get(target.provider.name)
    return merge_objects(target.provider_options, given) if given else target.provider_options
