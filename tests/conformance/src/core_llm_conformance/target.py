"""Target: the plugin under test. It makes the provider and clients that read nothing of this machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from pydantic import JsonValue

from core_llm import AsyncClient, CallOptions, Capabilities, Client, ClientOptions, Config, Provider
from core_llm_conformance.cassette import Cassette
from core_llm_conformance.scenario import Scenario

if TYPE_CHECKING:
    import httpx

KEY = "sk-conformance-0123456789abcdef"
"""The made-up key that the plugin is given; it must show up nowhere."""


@dataclass(frozen=True)
class Target:
    """A plugin as its suite class describes it.

    Attributes:
        provider: The name of an entry point of group ``core_llm.providers``, or a provider's class or instance.
        model: The model that the scenarios ask.
        models: Scenario → another model, where one does not do everything.
        config: The provider's section of the configuration: ``base_url``, ``options``, …
        cassettes: The folder of its cassettes.
        extras: Scenario → fields merged into the body of its requests.
    """

    provider: str | type[Provider] | Provider
    model: str
    models: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, JsonValue] = field(default_factory=dict)
    cassettes: Path = Path("tests/cassettes")
    extras: Mapping[str, Mapping[str, JsonValue]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What stands before the colon in its model ids."""
        return self.provider if isinstance(self.provider, str) else self.provider.name

    def config_alone(self) -> Config:
        """Return a configuration of nothing but the target's own section: no file, no environment."""
        layer = {"providers": {self.name: dict(self.config)}} if self.config else {}
        return Config(path=Path("none.toml"), file={}, environ={}, arguments=[layer])

    def client(self, http_client: httpx.Client | None = None, **options: Unpack[ClientOptions]) -> Client:
        """Return a client that knows this provider alone, has the made-up key and does not retry."""
        return Client(http_client=http_client, **self._options(options))

    def async_client(
        self, http_client: httpx.AsyncClient | None = None, **options: Unpack[ClientOptions]
    ) -> AsyncClient:
        """Return the same as an async client."""
        return AsyncClient(http_client=http_client, **self._options(options))

    def _options(self, options: ClientOptions) -> ClientOptions:
        own: ClientOptions = {"config": self.config_alone(), "api_keys": {self.name: KEY}, "max_retries": 0}
        if not isinstance(self.provider, str):
            own["providers"] = [self.provider]
        return {**own, **options}

    @cached_property
    def loaded(self) -> Provider:
        """The provider, found as a user's client finds it."""
        with self.client() as client:
            return client.provider(self.name)

    def model_of(self, scenario: Scenario | str) -> str:
        """Return the model that a scenario asks, without the provider."""
        if isinstance(scenario, str):
            return self.models.get(scenario, self.model)
        return self.models.get(scenario.name, scenario.model or self.model)

    def model_id(self, scenario: Scenario | str) -> str:
        """Return the model that a scenario asks, as ``provider:model``."""
        return f"{self.name}:{self.model_of(scenario)}"

    def capabilities(self, scenario: Scenario | str = "") -> Capabilities:
        """Return what is declared for the model of a scenario."""
        return self.loaded.capabilities_for(self.model_of(scenario))

    def options(self, scenario: Scenario) -> CallOptions:
        """Return the options of a scenario's calls: its own, and what this provider must be told besides."""
        options = scenario.options_for(self.capabilities(scenario))
        extra = self.extras.get(scenario.name)
        return {**options, "provider_options": {self.name: dict(extra)}} if extra else options

    def cassette(self, scenario: Scenario | str) -> Cassette:
        """Return a scenario's cassette.

        Raises:
            ConformanceFailure: It is missing or broken.
        """
        name = scenario if isinstance(scenario, str) else scenario.name
        return Cassette.read(self.cassettes / f"{name}.yaml")

    def has_cassette(self, scenario: Scenario | str) -> bool:
        """Whether a scenario's cassette is there."""
        name = scenario if isinstance(scenario, str) else scenario.name
        return (self.cassettes / f"{name}.yaml").is_file()
