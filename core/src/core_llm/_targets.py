"""Targets: what a client knows of each model before any call (provider, limits, key, retries), found out once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import cast

from pydantic import SecretStr

from core_llm._attempts import KeyRing, RetryBudget, RetryRules
from core_llm._capabilities import Capabilities
from core_llm._config_model import DEFAULT_LIMITS, Credentials, Limits, ProviderConfig
from core_llm._errors import InvalidSettingError
from core_llm._json import JSONObject
from core_llm._keys import as_key, find_api_key
from core_llm._model_id import resolve_model
from core_llm._plugins import PluginRegistry
from core_llm._provider import Provider
from core_llm._request import Settings
from core_llm._retries import DEFAULT_RETRIES, Retries, as_retries

Resolved = SecretStr | Callable[[], object] | None
"""Credentials as the engine takes them."""


@dataclass(slots=True, frozen=True)
class Target:
    """What is known of one model before any call."""

    provider: Provider
    model: str
    capabilities: Capabilities
    limits: Limits
    settings: Settings
    rules: RetryRules
    credentials: Resolved
    provider_options: JSONObject
    keys: KeyRing | None = None

    def begun(self, options: Mapping[str, object]) -> tuple[Resolved, RetryRules]:
        """Return the credentials of a call with these options that begins, and by what it is tried again.

        Of several keys, the one that was last seen to work comes first; the others follow in their turn.

        Raises:
            InvalidSettingError: What is given contradicts what holds for it.
        """
        count, given = cast("int | None", options.get("max_retries")), as_retries(options.get("retries"))
        if count is None and given is None and self.keys is None:
            return self.credentials, self.rules
        turn = () if self.keys is None else self.keys.turn()  # once: another thread may change what comes first
        rules = replace(
            self.rules,
            max_retries=self.rules.max_retries if count is None else count,
            retries=self.rules.retries.merged(given),
            keys=turn[1:],
        )
        return turn[0] if turn else self.credentials, rules


class Targets:
    """The targets of one client."""

    def __init__(
        self,
        registry: PluginRegistry,
        *,
        api_keys: Mapping[str, Credentials],
        limits: Limits | None,
        max_retries: int | None,
    ) -> None:
        """Take what the client was given.

        Raises:
            InvalidSettingError: The configured retries contradict each other.
        """
        self._registry = registry
        self._values = registry.config.values
        self._limits = limits
        self._max_retries = max_retries
        self._rings = {name: _ring(name, keys) for name, keys in api_keys.items() if isinstance(keys, list | tuple)}
        self._api_keys = {
            name: SecretStr(key) if isinstance(key, str) else key
            for name, key in api_keys.items()
            if not isinstance(key, list | tuple)
        }
        self._found: dict[str | None, Target] = {}
        self._budgets: dict[str, RetryBudget] = {}
        for own in (ProviderConfig(), *self._values.providers.values()):
            self._retries(own)

    def get(self, text: str | None) -> Target:
        """Return the target that a caller's text stands for: a model id, a role, or None for the default.

        Raises:
            CoreLLMError: There is no such model, or its key is missing.
        """
        found = self._found.get(text)
        if found is None:
            found = self._found[text] = self.of(*resolve_model(self._values, text))
        return found

    def of(self, name: str, model: str) -> Target:
        """Return the target for a provider's name and a model of it; empty for none.

        Raises:
            CoreLLMError: There is no such provider, or its key is missing.
        """
        provider = self._registry.provider(name)
        own = provider.config
        retries = self._retries(own)
        counts = (self._max_retries, own.max_retries, self._values.max_retries)
        budget = self._budgets.setdefault(
            provider.endpoint, RetryBudget(cast("float", retries.budget), cast("float", retries.refill))
        )
        rules = RetryRules(next(count for count in counts if count is not None), retries, budget)
        ring = self._rings.get(provider.endpoint)
        return Target(
            provider=provider,
            model=model,
            capabilities=provider.capabilities_for(model),
            limits=DEFAULT_LIMITS.merged(self._values.limits).merged(own.limits).merged(self._limits),
            settings=self._values.settings.merged(own.settings),
            rules=rules,
            credentials=None if ring is not None else self._credentials(provider),
            provider_options=dict(own.provider_options),
            keys=ring,
        )

    def _retries(self, own: ProviderConfig) -> Retries:
        return DEFAULT_RETRIES.merged(self._values.retries).merged(own.retries)

    def _credentials(self, provider: Provider) -> Resolved:
        """Return the provider's key; where a plugin has to be asked, which may block, a callable that asks."""
        finders = self._registry.key_finders()
        config = self._registry.config
        explicit = self._api_keys.get(provider.endpoint)
        if finders and explicit is None and provider.config.api_key is None:
            return partial(find_api_key, provider, config, finders, self._api_keys)
        found = cast("str | Resolved", find_api_key(provider, config, finders, self._api_keys))
        return SecretStr(found) if isinstance(found, str) else found


def _ring(name: str, keys: Sequence[str | SecretStr]) -> KeyRing:
    source = f"Client(api_keys={{{name!r}: [...]}})"
    if not all(isinstance(key, str | SecretStr) for key in keys):
        raise InvalidSettingError(f"{source} must hold texts; a callable that gives the key stands alone")
    found = [as_key(key, name, source) for key in keys]
    usable = [key for key in found if key is not None]
    if not usable or len(usable) < len(found):
        raise InvalidSettingError(f"{source} has {'an empty key' if found else 'no key'}; leave it out, or fill it in")
    return KeyRing(usable)
