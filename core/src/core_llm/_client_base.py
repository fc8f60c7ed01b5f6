"""What the sync and the async client share: configuration, providers, the planning of calls."""

from __future__ import annotations

from core_llm._calls import Calls, ClientOptions
from core_llm._config import Config
from core_llm._provider import Provider


class ClientBase:
    """What both clients have: configuration and the planning of calls."""

    def __init__(self, options: ClientOptions) -> None:
        self._calls = Calls(options)

    @property
    def config(self) -> Config:
        """The configuration: its values, and which layer set each."""
        return self._calls.config

    def provider(self, name: str) -> Provider:
        """Return the provider of that name.

        Raises:
            UnknownProviderError: There is none; lists those that are installed.
        """
        return self._calls.registry.provider(name)
