"""The servers of the configuration, and the file of pins beside it."""

from __future__ import annotations

from core_llm import Config
from plugin_mcp._pins import Pins
from plugin_mcp._server import MCPServer
from plugin_mcp._settings import SERVERS, ServerSettings, configured, with_variables

PINS = "mcp-pins.json"


def servers_of(config: Config) -> dict[str, ServerSettings]:
    """Return the settings of all configured servers, without the values of the variables that they name.

    Raises:
        InvalidSettingError: Something is wrong; says what.
    """
    return configured(config.values.plugins)


def find_server(name: str, config: Config) -> MCPServer | None:
    """Return a configured server, not opened; its pins are in a file beside the configuration.

    Raises:
        ConfigError: Its settings are wrong, or the file of pins cannot be read.
    """
    settings = servers_of(config).get(name)
    if settings is None:
        return None
    settings = with_variables(settings, config.variable, f"{SERVERS}.{name}")
    return MCPServer(settings, name=name, pins=Pins(config.path.with_name(PINS)))
