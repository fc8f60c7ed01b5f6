"""From a caller's words to a CallPlan: what the sync and the async client share. No network; plugins are found here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypedDict, cast

from core_llm._attempts import Route
from core_llm._callbacks import (
    Callbacks,
    EventTransform,
    RequestRewriter,
    TransformMaker,
    as_callbacks,
    as_functions,
    fresh,
)
from core_llm._capabilities import Capabilities, OnUnsupported, check_capabilities
from core_llm._config import Config
from core_llm._config_layers import Layer
from core_llm._config_model import ConfigValues, Credentials, Limits, OnBusy, TransportName
from core_llm._embed_options import EmbedOptions, build_embed_request
from core_llm._embeddings import EmbedRequest
from core_llm._errors import (
    CoreLLMError,
    InvalidRequestError,
    InvalidSettingError,
    PluginError,
    RedactedCause,
    UnsupportedError,
)
from core_llm._gate import Gate
from core_llm._histories import check_history, order_results
from core_llm._json import JSONObject
from core_llm._options import ExchangeOptions, Prompt, build_request, check_exchange_options, merged_limits
from core_llm._plugins import PluginRegistry
from core_llm._provider import LocalProvider, Provider
from core_llm._request import Request, Settings
from core_llm._response import ResumePoint
from core_llm._retries import Fallback, Recovery, Retries, as_fallback, as_recovery
from core_llm._routing import Routing
from core_llm._signals import Signal
from core_llm._stream.plan import CLOCK, CallPlan, Clock
from core_llm._stream.policies import StandardPolicy
from core_llm._stream_config import Defaults, StreamConfig, as_limits, as_on_busy
from core_llm._targets import Target, Targets
from core_llm.wire.merging import merge_objects

_OF_EXCHANGES = frozenset(ExchangeOptions.__annotations__)
_OF_EMBEDDINGS = frozenset(EmbedOptions.__annotations__)


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
    """How often a failed call is sent again; 0 switches that off."""
    retries: Retries
    """How it is sent again: delays, statuses, and the budget that all calls share."""
    recovery: Recovery
    """What to do when an answer breaks after its first content: ``raise`` (default), ``restart``, ``continue`` or
    ``resume``."""
    fallback: Sequence[str] | Fallback
    """Models that take over when a call fails for good."""
    routes: Mapping[str, Route]
    """Name → where calls go that name it in place of a model."""
    on_unsupported: OnUnsupported
    """What to do with what a model is declared not to support: ``raise`` (default), ``drop`` or ``send``."""
    max_concurrency: int | Mapping[str, int]
    """How many calls may run at the same time at each provider; or ``provider`` or ``provider:model`` → how many."""
    on_busy: OnBusy
    """What to do where a call has to wait for its turn: ``wait`` (default), or ``raise`` at once."""
    callbacks: Callbacks | Sequence[Callbacks]
    """Functions that are told of every call."""
    processors: Sequence[RequestRewriter]
    """Functions that every request passes through before it is sent."""
    transforms: Sequence[EventTransform | TransformMaker]
    """What the events of every answer pass through."""
    per_provider: Mapping[str, StreamConfig]
    """Provider's name → how its calls are made; goes over what the client has for all, and under what a call has."""
    clock: Clock
    """Sources of time and chance, for tests."""


Asking = Callable[[Request, Capabilities], Request]
"""Puts into a request what is wanted of its answer, by what its model can do."""


class Calls:
    """Makes the plans of one client's calls."""

    def __init__(self, options: ClientOptions) -> None:
        """Read the configuration and load the plugins that are no providers.

        Raises:
            ConfigError: The configuration is wrong; says what, and in which layer.
        """
        fallback = as_fallback(options.get("fallback"))
        self._registry = PluginRegistry(
            _loaded(options, fallback), providers=options.get("providers", ()), plugins=options.get("plugins", ())
        )
        self._registry.load_plugins()
        self._clock = options.get("clock", CLOCK)
        self._targets = Targets(
            self._registry,
            api_keys=options.get("api_keys", {}),
            limits=as_limits(options.get("limits")),
            max_retries=options.get("max_retries"),
        )
        self._routing = Routing(self._registry, self._targets, options.get("routes", {}), self._clock)
        self.values = self._registry.config.values
        """The configuration, merged."""
        self._gate = Gate(self._registry, options.get("max_concurrency"))
        general = {name: options.get(name) for name in ("callbacks", "processors", "transforms")}
        self._defaults = Defaults(general, options.get("per_provider", {}))
        for name in (*(fallback.models if fallback is not None else ()), *options.get("routes", {})):
            self._routing.check(name)
        for name in (*self._defaults.providers, *self._gate.providers):
            self._registry.provider(name)

    @property
    def config(self) -> Config:
        """The configuration with all its layers."""
        return self._registry.config

    @property
    def registry(self) -> PluginRegistry:
        """The client's plugins."""
        return self._registry

    def plan(
        self,
        model: str | None,
        prompt: Prompt | None,
        options: Mapping[str, object],
        *,
        is_stream: bool,
        asking: Asking | None = None,
    ) -> CallPlan:
        """Return the plan of one call.

        Args:
            model: Who is asked; None for the configured default.
            prompt: What is said.
            options: What the caller wrote besides.
            is_stream: Whether the answer is wanted as a stream.
            asking: Puts into the request how a value of a type is asked for, by what the model can do.

        Raises:
            CoreLLMError: The model is unknown, a key is missing, or the request cannot be sent.
        """
        _check_model(model)
        options = self._defaults.whole(options)
        # A route has no provider yet, so that what a provider's own calls want for the whole call means nothing there.
        whole = options if self._routing.route(model) else self._defaults.at(self._endpoint(model), options)
        recovery = as_recovery(whole.get("recovery")) or self.values.recovery
        policy, first = self._routing.begin(
            model,
            as_fallback(whole.get("fallback")),
            recovery,
            lambda: build_request("", prompt, options, Settings(), is_stream=is_stream),
        )
        plan = self._plan_at(
            first.model or model, prompt, options, is_stream=is_stream, asking=asking, recovery=recovery
        )
        provider = plan.provider
        plan.policy, plan.first = policy, first
        plan.resume = cast("ResumePoint | None", options.get("resume"))
        plan.observers = self._registry.observers(provider.endpoint, plan.request.model)
        plan.callbacks = as_callbacks(self._defaults.at(provider.endpoint, options).get("callbacks"))
        return plan

    def _endpoint(self, model: str | None) -> str:
        return self._targets.get(model).provider.endpoint

    def _plan_at(
        self,
        model: str | None,
        prompt: Prompt | None,
        options: Mapping[str, object],
        *,
        is_stream: bool,
        asking: Asking | None,
        recovery: Recovery,
    ) -> CallPlan:
        """Return the plan of a call at one target, whoever was asked before; `recovery` is the whole call's."""
        target = self._targets.get(model)
        provider, registry = target.provider, self._registry
        is_local = isinstance(provider, LocalProvider)
        again = partial(
            self._plan_at, prompt=prompt, options=options, is_stream=is_stream, asking=asking, recovery=recovery
        )
        options = self._defaults.at(provider.endpoint, options)
        if not is_stream and (is_local or not provider.wire(target.model).can_generate):
            is_stream = True
        request = build_request(target.model, prompt, options, target.settings, is_stream=is_stream)
        if asking is not None:
            request = asking(request, target.capabilities)
        processors = cast("Sequence[RequestRewriter]", as_functions("processors", options.get("processors")))
        for rewrite in (*processors, *registry.rewriters(provider.endpoint, target.model)):
            request = _rewritten(rewrite, request)
        request = _in_order(request)
        on_unsupported = cast("OnUnsupported", options.get("on_unsupported") or self.values.on_unsupported)
        request = check_capabilities(
            request, target.capabilities, provider=provider.endpoint, on_unsupported=on_unsupported
        )
        own_options = _own_options(target, request)
        if is_local and own_options:  # it builds its own request, so it merges them itself
            request = request.model_copy(update={"provider_options": {provider.endpoint: own_options}})
        plan = self._plan_of(target, request, options)
        plan.target = again
        plan.recovery = recovery
        plan.provider_options = own_options
        plan.can_stream = target.capabilities.streaming != "unsupported"
        given = cast("Sequence[EventTransform]", as_functions("transforms", options.get("transforms")))
        plan.fresh_transforms = partial(self._transforms, provider.endpoint, target.model, given)
        plan.transforms = plan.fresh_transforms()
        return plan

    def _plan_of(self, target: Target, request: Request, options: Mapping[str, object]) -> CallPlan:
        """Return what the plans of all kinds of calls have in common."""
        credentials, rules = target.begun(options)
        return CallPlan(
            provider=target.provider,
            request=request,
            limits=merged_limits(target.limits, options),
            signal=cast("Signal | None", options.get("signal")),
            policy=StandardPolicy(self._clock.random),
            rules=rules,
            keys=target.keys,
            credentials=credentials,
            gate=self._gate.opened(target.provider, target.model),
            on_busy=as_on_busy(options.get("on_busy")) or self.values.on_busy,
            clock=self._clock,
        )

    def _transforms(
        self, provider: str, model: str, given: Sequence[EventTransform | TransformMaker]
    ) -> Sequence[EventTransform]:
        """Return the transforms of one answer: those of plugins stand nearest to the wire."""
        plugged = self._registry.transforms(provider, model)
        return [*plugged, *fresh(given)] if given else plugged

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
        target = self._targets.of(provider_name, "")
        options = self._defaults.restricted(target.provider.endpoint, options, _OF_EXCHANGES)
        return self._plan_of(target, Request(model="", messages=()), options)

    def embed_plan(
        self, model: str, inputs: str | Sequence[str], options: Mapping[str, object]
    ) -> tuple[CallPlan, EmbedRequest]:
        """Return the plan of an embedding, and what is to be embedded.

        Raises:
            CoreLLMError: The model is unknown or embeds nothing, a key is missing, or the texts cannot be sent.
        """
        _check_model(model)
        target = self._targets.get(model)
        provider = target.provider
        self.require(provider, "embeddings", target.model)
        options = self._defaults.restricted(provider.endpoint, options, _OF_EMBEDDINGS)
        request = build_embed_request(target.model, inputs, options)
        if (own_options := _own_options(target, request)) or request.provider_options:
            request = request.model_copy(update={"provider_options": {provider.endpoint: own_options}})
        if (options.get("on_unsupported") or self.values.on_unsupported) == "drop":
            request = request.restricted(provider.embed_fields(target.model))
        bare = Request(
            model=target.model, messages=(), extra_headers=request.extra_headers, extra_query=request.extra_query
        )
        return self._plan_of(target, bare, options), request


def _loaded(options: ClientOptions, fallback: Fallback | None) -> Config:
    """Return the configuration of a client with what it was given over it."""
    known = ClientOptions.__annotations__
    if unknown := sorted(set(options) - set(known)):
        msg = f"a client takes no {', '.join(unknown)}; it takes {', '.join(sorted(known))}, http_client"
        raise InvalidSettingError(msg)
    names = ("transport", "max_retries", "retries", "recovery", "on_unsupported", "on_busy")
    arguments = {name: options[name] for name in names if name in options}  # type: ignore[literal-required]  # they are
    if fallback is not None:
        arguments["fallback"] = fallback
    config = options.get("config")
    loaded = config if isinstance(config, Config) else Config.load(arguments=config)
    return loaded.with_arguments(arguments) if arguments else loaded


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
        raise PluginError(f"what rewrites requests failed: {cause}") from cause
    if not isinstance(rewritten, Request):
        raise PluginError(f"what rewrites requests returned a {type(rewritten).__name__}, not a Request")
    return rewritten


def _in_order(request: Request) -> Request:
    """Return a request whose conversation fits, results in the order of their calls.

    Raises:
        InvalidRequestError: Calls and results do not fit.
    """
    check_history(request.messages)
    messages = order_results(request.messages)
    return request if messages is request.messages else request.model_copy(update={"messages": tuple(messages)})


def _own_options(target: Target, request: Request | EmbedRequest) -> JSONObject:
    """Return the fields to merge into the body: configured ones, then the call's for this provider and no other."""
    given = request.provider_options.get(target.provider.endpoint)
    if given is None and target.provider.endpoint != target.provider.name:
        given = request.provider_options.get(target.provider.name)
    return merge_objects(target.provider_options, given) if given else target.provider_options
