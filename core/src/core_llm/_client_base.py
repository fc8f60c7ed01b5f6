"""What the sync and the async client share: configuration, providers, the planning of calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core_llm._calls import Calls, ClientOptions
from core_llm._config import Config
from core_llm._provider import Provider

if TYPE_CHECKING:
    from core_llm._tools.definition import Tool
    from core_llm._tools.source import ToolSource


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

    def plugin_tools(self, *names: str) -> tuple[Tool[..., object], ...]:
        """Return the tools that plugins supply: those of these names, or all. No run has them unless it is given them.

        Raises:
            InvalidRequestError: No plugin has a tool of a name.
            DuplicateToolError: Two plugins have tools of one name; names both.
            PluginError: A plugin fails, or supplies what is no tool.
        """
        from core_llm._runs.plugged import supplied_tools  # noqa: PLC0415  # tools cost those who use them

        return supplied_tools(self._calls.registry, names or True)

    def tool_source(self, name: str) -> ToolSource:
        """Return a source of tools that a plugin knows by that name, such as a configured MCP server; not opened.

        Raises:
            InvalidRequestError: No plugin knows it; says so.
            PluginError: A plugin fails.
        """
        from core_llm._runs.plugged import find_tool_source  # noqa: PLC0415  # tools cost those who use them

        return find_tool_source(self._calls.registry, name)
