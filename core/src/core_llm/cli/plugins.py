"""The verb ``plugins``, and the verbs that plugins bring."""

from __future__ import annotations

import logging

import click

from core_llm._config import Config
from core_llm._installed import COMMANDS, PLUGINS, PROVIDERS
from core_llm._logging import logger
from core_llm._plugins import PluginRegistry
from core_llm.cli._listing import Row, show

_KINDS = {PROVIDERS: "provider", PLUGINS: "plugin", COMMANDS: "command"}


def register_verbs(group: click.Group) -> None:
    """Let the installed plugins add their verbs; one that fails is quarantined, and the others go on.

    Raises:
        ConfigError: The configuration is wrong, so that nobody knows which plugins are switched off.
    """
    PluginRegistry(Config.load()).register_commands(group)


def list_plugins(*, as_json: bool) -> None:
    """Import every plugin that is not switched off, and list them all with what is wrong.

    Raises:
        ConfigError: The configuration is wrong.
    """
    logger.setLevel(logging.ERROR)  # that something is quarantined is in the list
    registry = PluginRegistry(Config.load())
    registry.check()
    registry.register_commands(_scratch())
    rows: list[Row] = [
        {
            "name": plugin.name,
            "kind": _KINDS[plugin.group],
            "state": plugin.state,
            "distribution": plugin.distribution,
            "version": plugin.version,
            "reason": plugin.reason,
        }
        for plugin in registry.installed()
    ]
    columns = {
        "name": "Name",
        "kind": "Kind",
        "state": "State",
        "distribution": "Package",
        "version": "Version",
        "reason": "Why, and what to do",
    }
    show(rows, columns, as_json=as_json, is_dim=lambda row: row["state"] == "disabled")


def _scratch() -> click.Group:
    """Return a command with the verbs of this package, for plugins to add theirs to and nobody to run."""
    from core_llm.cli._app import Verbs, cli  # noqa: PLC0415  # which imports this module, late too

    return Verbs(commands=dict(cli.commands))
