"""The verb ``config``: every setting, its value, and the layer that set it."""

from __future__ import annotations

from core_llm._config import Config
from core_llm._plugins import PluginRegistry
from core_llm.cli._listing import Row, show


def show_config(*, as_json: bool) -> None:
    """Show where the configuration file is and what is set, the layers of plugins included.

    Raises:
        ConfigError: The configuration is wrong; says where.
    """
    registry = PluginRegistry(Config.load())
    registry.load_plugins()
    config = registry.config
    found = "exists" if config.path.is_file() else "not there"
    rows: list[Row] = [{"name": "configuration file", "value": str(config.path), "origin": found}]
    rows += [{"name": setting.name, "value": setting.value, "origin": setting.origin} for setting in config.explain()]
    columns = {"name": "Setting", "value": "Value", "origin": "Set by"}
    show(rows, columns, as_json=as_json, is_dim=lambda row: row["origin"] == "default")
