"""The plugin itself: it knows the servers of the configuration. Imported with the first client, so it is light."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core_llm import hookimpl

if TYPE_CHECKING:
    from core_llm import Config, ToolSource


@hookimpl
def core_llm_find_tool_source(name: str, config: Config) -> ToolSource | None:
    if "mcp" not in config.values.plugins:
        return None
    from plugin_mcp._configured import find_server  # noqa: PLC0415  # brings an event loop, for those who use it

    return find_server(name, config)
