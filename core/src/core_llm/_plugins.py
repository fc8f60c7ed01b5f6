"""PluginRegistry: which provider a name means, and which plugins take part in a client's calls.

Importing and quarantine are in `_loader`, hooks in `_hook_calls`, the judging of what plugins offer in `_offers`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from threading import RLock
from typing import TYPE_CHECKING, Literal, cast

from core_llm._config import Config
from core_llm._config_layers import Layer
from core_llm._config_model import ProviderConfig
from core_llm._errors import (
    ConfigError,
    CoreLLMError,
    DuplicateProviderError,
    PluginError,
    PluginLoadError,
    RedactedCause,
)
from core_llm._forks import renew_in_child
from core_llm._hook_calls import Hooks, Implementation
from core_llm._installed import COMMANDS, GROUPS, PLUGINS, PROVIDERS, Installed, installed
from core_llm._keys import KeyFinder
from core_llm._loader import PluginLoader
from core_llm._logging import logger
from core_llm._offers import (
    Offer,
    check_offer,
    duplicate_message,
    make_provider,
    offered_name,
    shown,
    unknown_provider,
)
from core_llm._provider import Provider

if TYPE_CHECKING:
    import click
    from pluggy import HookRelay

    from core_llm._callbacks import EventTransform, RequestRewriter
    from core_llm.hookspecs import StreamObserver

State = Literal["available", "loaded", "disabled", "quarantined"]


@dataclass(frozen=True, slots=True)
class PluginStatus:
    """One installed plugin, as ``core-llm plugins`` lists it."""

    name: str
    group: str
    distribution: str
    version: str
    state: State
    reason: str | None = None
    """Why it is disabled or quarantined, and what to do."""


class PluginRegistry:
    """The plugins and providers of one client. Safe to share between threads.

    Attributes:
        config: The configuration, with the layers of plugins once `load_plugins` has run.
    """

    def __init__(
        self,
        config: Config,
        *,
        providers: Sequence[type[Provider] | Provider] = (),
        plugins: Sequence[object] = (),
    ) -> None:
        """Take what the caller gives; look for nothing yet.

        Args:
            config: The configuration.
            providers: Provider classes or instances that go before all others.
            plugins: Modules or objects with hooks, which need no packaging. Their providers go before installed ones.

        Raises:
            PluginLoadError: One of them is not what it should be.
            DuplicateProviderError: Two of them have one name.
        """
        self.config = config
        self.begin_anew()
        renew_in_child(self)
        self._hooks = Hooks()
        self._loader = PluginLoader(self._hooks, config)
        self._given: dict[str, tuple[str, Offer]] = {}
        self._providers: dict[str, Provider] = {}
        self._is_loaded = False
        for provider in providers:
            self._give(check_offer(provider, "Client(providers=)"), "Client(providers=)")
        for plugin in plugins:
            self._join(plugin)

    def begin_anew(self) -> None:
        """Take a lock of its own, in a forked child too, since a thread of the parent may hold the one before."""
        self._lock = RLock()

    # Providers

    def provider(self, name: str) -> Provider:
        """Return the provider of that name, made once.

        Looked for among those given to the client, then the named endpoints of the configuration, then the entry point
        of that name (the only plugin imported), then by asking the plugins' hook.

        Raises:
            UnknownProviderError: There is none; lists those that are installed.
            DuplicateProviderError: Two packages offer it in one step.
            PluginLoadError: Its plugin is quarantined; says why and what to do.
            ConfigError: Its section of the configuration does not suit it.
        """
        found = self._providers.get(name)
        if found is None:
            with self._lock:
                found = self._providers.get(name) or self._resolve(name)
                self._providers[name] = found
        return found

    def names(self) -> list[str]:
        """Return the names of all providers that need no hook to be found: given, configured, installed."""
        configured = [name for name, section in self.config.values.providers.items() if section.type]
        return sorted({*self._given, *configured, *(entry.name for entry in self._loader.enabled(PROVIDERS))})

    def _resolve(self, name: str) -> Provider:
        self.load_plugins()
        section = self.config.values.providers.get(name)
        if name in self._given or section is None or section.type in (None, name):
            label, offer = self._find(name)
            return make_provider(offer, name, self._with_address(offer, section), label)
        setting = f"providers.{name}.type"
        try:
            label, offer = self._find(str(section.type))
        except PluginError as error:
            raise type(error)(f"{setting} ({self.config.origin(setting)}): {error.message}") from error.__cause__
        if isinstance(offer, Provider):
            msg = f"{setting} = {section.type!r}: {label} has that as a finished provider; an endpoint needs a class"
            raise ConfigError(msg)
        return make_provider(offer, name, section, label)

    def _with_address(self, offer: Offer, section: ProviderConfig | None) -> ProviderConfig | None:
        """Return the provider's section with the address from its environment variable, where none is configured."""
        if isinstance(offer, Provider) or offer.base_url_env is None or (section is not None and section.base_url):
            return section
        address = self.config.variable(offer.base_url_env)
        return (section or ProviderConfig()).model_copy(update={"base_url": address}) if address else section

    def _find(self, name: str) -> tuple[str, Offer]:
        """Return who offers a provider, and the offer."""
        if found := self._given.get(name):
            return found
        entries = self._loader.enabled(PROVIDERS, name)
        if len(entries) > 1:
            raise DuplicateProviderError(duplicate_message(name, [entry.label for entry in entries]))
        if entries:
            return entries[0].label, self._load_provider(entries[0])
        answers, notes = self._ask_for_provider(name)
        if len(answers) > 1:
            raise DuplicateProviderError(duplicate_message(name, [label for label, _ in answers]))
        if answers:
            return answers[0]
        disabled = [
            f"{entry.label} has it and is {self._loader.disabled_reason(entry)}"
            for entry in installed(PROVIDERS)
            if entry.name == name
        ]
        raise unknown_provider(name, self.names(), [*disabled, *notes])

    def _load_provider(self, entry: Installed) -> Offer:
        """Import one provider plugin and return what it offers under its entry point's name."""
        plugin = self._loader.load(entry)
        try:
            return self._offer_of(entry, plugin)
        except PluginLoadError as error:
            raise self._loader.quarantine(entry, error) from error.__cause__

    def _offer_of(self, entry: Installed, plugin: object) -> Offer:
        offers = self._offers_of(plugin, entry.label)
        if offers is None:
            msg = (
                f"{entry.label} registers half: its entry point {entry.name!r} leads to {shown(plugin)}, "
                f"which does not implement core_llm_register_providers"
            )
            raise PluginLoadError(msg)
        found = [offer for offer in offers if offered_name(offer) == entry.name]
        if len(found) == 1:
            return found[0]
        names = ", ".join(offered_name(offer) for offer in offers) or "none"
        how_many = "several providers have" if found else "no provider has"
        msg = f"{entry.label} registers half: {how_many} the name of its entry point, {entry.name!r}; it has {names}"
        raise PluginLoadError(msg)

    def _offers_of(self, plugin: object, label: str) -> list[Offer] | None:
        """Return the providers that a plugin registers, checked; None if it has no such hook."""
        hook = self._hooks.implementation_of(plugin, "core_llm_register_providers")
        if hook is None:
            return None
        try:
            offers = hook.call()
        except Exception as error:  # noqa: BLE001  # a plugin may raise anything
            reason = f"{label} failed to register its providers: {RedactedCause.of(error)}"
            raise PluginLoadError(reason) from RedactedCause.of(error)
        if not isinstance(offers, list | tuple):
            raise PluginLoadError(f"{label}: core_llm_register_providers returns {shown(offers)} in place of a list")
        return [check_offer(offer, label) for offer in offers]

    def _ask_for_provider(self, name: str) -> tuple[list[tuple[str, Offer]], list[str]]:
        """Return who answers the hook for a name, and a note on each plugin that failed to."""
        answers: list[tuple[str, Offer]] = []
        notes: list[str] = []
        for hook in self._hooks.implementations("core_llm_find_provider"):
            try:
                found = hook.call(name=name)
                if found is not None:
                    answers.append((hook.label, check_offer(found, hook.label)))
            except Exception as error:  # noqa: BLE001  # whatever one plugin raises, the others are asked
                notes.append(f"{hook.label} failed when asked for it: {RedactedCause.of(error)}")
                logger.warning("%s failed when asked for the provider %r", hook.label, name, exc_info=True)
        return answers, notes

    # What the caller gives

    def _give(self, offer: Offer, label: str) -> None:
        name = offered_name(offer)
        if name in self._given:
            raise DuplicateProviderError(f"provider {name!r} is given twice: by {self._given[name][0]} and {label}")
        self._given[name] = (label, offer)

    def _join(self, plugin: object) -> None:
        """Let a plugin that the caller gives take part. Unlike an installed one, it fails at once."""
        label = f"{shown(plugin)} (given to the client)"
        if isinstance(plugin, str | type):
            raise PluginLoadError(f"{label} cannot be a plugin; pass a module, or an instance of the class")
        if self._hooks.is_registered(plugin):
            raise PluginLoadError(f"{label} is there twice")
        self._hooks.register(plugin, label)
        for offer in self._offers_of(plugin, label) or ():
            self._give(offer, label)

    # Plugins that are not providers

    def load_plugins(self) -> None:
        """Load the installed plugins of group ``core_llm.plugins`` and take their layers of configuration, once."""
        if self._is_loaded:
            return
        with self._lock:
            if not self._is_loaded:
                self._loader.load_all(PLUGINS)
                layers = self.config_layers()
                if layers:
                    self.config = self.config.with_layers(layers)
                self._is_loaded = True

    def config_layers(self) -> list[tuple[str, Layer]]:
        """Return the layers of configuration that plugins supply, each with its plugin; a wrong one is quarantined.

        Raises:
            PluginLoadError: A plugin that the caller gave fails to supply its layer.
        """
        layers: list[tuple[str, Layer]] = []
        for hook in self._hooks.implementations("core_llm_provide_config"):
            try:
                layer = cast("Layer | None", hook.call())
                if layer is not None:
                    self.config.with_layers([(hook.label, layer)])
                    layers.append((hook.label, layer))
            except Exception as error:  # noqa: BLE001  # one broken plugin must not harm the others
                self._expel(hook, "supplies a wrong layer of configuration", error)
        return layers

    def register_commands(self, cli: click.Group) -> None:
        """Load the plugins of group ``core_llm.commands`` and let them add their verbs; one that fails is quarantined.

        Raises:
            PluginLoadError: A plugin that the caller gave fails to.
        """
        with self._lock:
            self._loader.load_all(COMMANDS)
            for hook in self._hooks.implementations("core_llm_register_commands"):
                try:
                    hook.call(cli=cli)
                except (Exception, SystemExit) as error:  # noqa: BLE001  # one broken verb must not take the others away
                    self._expel(hook, "failed to add its commands", error)

    def _expel(self, hook: Implementation, what: str, error: BaseException) -> None:
        cause = error.message if isinstance(error, CoreLLMError) else str(RedactedCause.of(error))
        load_error = PluginLoadError(f"{hook.label} {what}: {cause}")
        if not self._loader.quarantine_plugin(hook.plugin, load_error):
            raise load_error from RedactedCause.of(error)

    # Hooks of a call

    @property
    def hooks(self) -> HookRelay:
        """The relay of pluggy, which asks the last registered first and passes on what a plugin raises."""
        return self._hooks.relay

    def implementations(self, hook: str) -> Sequence[Implementation]:
        """Return who implements a hook, in the order in which to ask."""
        return self._hooks.implementations(hook)

    def key_finders(self) -> list[KeyFinder]:
        """Return who can be asked for an API key, for `find_api_key`."""

        def finder(hook: Implementation) -> KeyFinder:
            return hook.label, lambda provider: cast("str | None", hook.call(provider=provider))

        return [finder(hook) for hook in self._hooks.implementations("core_llm_find_api_key")]

    def rewriters(self, provider: str, model: str) -> Sequence[RequestRewriter]:
        """Return the functions that rewrite a request to this model, in the order in which they are to be applied.

        Raises:
            PluginError: A plugin fails. The call must not go out without what the plugin would have changed.
        """
        found = self._call_each("core_llm_rewrite_request", provider, model)
        return cast("Sequence[RequestRewriter]", found)

    def transforms(self, provider: str, model: str) -> Sequence[EventTransform]:
        """Return the functions that replace events of one call, in the order in which they are to be applied.

        Raises:
            PluginError: A plugin fails.
        """
        found = self._call_each("core_llm_transform_events", provider, model)
        return cast("Sequence[EventTransform]", found)

    def _call_each(self, name: str, provider: str, model: str) -> Sequence[object]:
        """Return what each plugin gives for a call: functions, without which the call would not be what was ordered."""
        found: list[object] = []
        for hook in self._hooks.implementations(name):
            try:
                function = hook.call(provider=provider, model=model)
            except CoreLLMError:
                raise
            except Exception as error:  # noqa: BLE001  # a plugin may raise anything
                msg = f"{hook.label} failed in {name} for {provider}:{model}: {RedactedCause.of(error)}"
                raise PluginError(msg) from RedactedCause.of(error)
            if callable(function):
                found.append(function)
            elif function is not None:
                raise PluginError(f"{hook.label}: {name} returns {shown(function)}, which cannot be called")
        return found or ()

    def observers(self, provider: str, model: str) -> Sequence[StreamObserver]:
        """Return who observes this call. A plugin that fails is reported in the log and does not observe."""
        found: list[StreamObserver] = []
        for hook in self._hooks.implementations("core_llm_observe_stream"):
            try:
                observer = hook.call(provider=provider, model=model)
            except Exception:  # noqa: BLE001  # an observer cannot harm the call
                logger.warning("%s failed to observe a call of %s:%s", hook.label, provider, model, exc_info=True)
                continue
            if observer is not None:
                found.append(cast("StreamObserver", observer))
        return found or ()

    # What is there

    def installed(self) -> list[PluginStatus]:
        """Return every installed plugin and its state, by group and name; imports nothing."""
        return [self._status(entry) for group in GROUPS for entry in installed(group)]

    def check(self) -> list[PluginStatus]:
        """Import every enabled plugin, to find the broken ones; return what `installed` then says."""
        with self._lock:
            for entry in self._loader.enabled(PROVIDERS):
                try:
                    self._load_provider(entry)
                except PluginLoadError:  # it is quarantined now, which is what was to be found out
                    continue
            self.load_plugins()
            self._loader.load_all(COMMANDS)
        return self.installed()

    def _status(self, entry: Installed) -> PluginStatus:
        state: State = "loaded" if self._loader.is_loaded(entry) else "available"
        if reason := self._loader.disabled_reason(entry):
            state = "disabled"
        elif reason := self._loader.quarantine_reason(entry):
            state = "quarantined"
        elif entry.group == PROVIDERS and len(rivals := self._loader.enabled(PROVIDERS, entry.name)) > 1:
            state, reason = "quarantined", duplicate_message(entry.name, [rival.label for rival in rivals])
        return PluginStatus(entry.name, entry.group, entry.distribution, entry.version, state, reason)
