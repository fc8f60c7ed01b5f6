"""The verb ``models``: what a provider has, or which providers there are."""

from __future__ import annotations

from core_llm._client import Client
from core_llm._config import Config
from core_llm._installed import PROVIDERS
from core_llm._plugins import PluginRegistry
from core_llm.cli._listing import Row, show
from core_llm.cli._output import say


def list_models(provider: str, *, as_json: bool) -> None:
    """Ask a provider for its models and list them by name, each as ``-m`` takes it.

    Raises:
        CoreLLMError: There is no such provider, it has no listing, or the call failed.
    """
    with Client() as client:
        found = sorted(client.models(provider), key=lambda model: model.id)
    rows: list[Row] = [
        {"model": f"{provider}:{model.id}", **model.model_dump(mode="json", exclude_none=True)} for model in found
    ]
    columns = {"model": "Model", "name": "Name", "owned_by": "Owner", "context_length": "Context"}
    show(rows, columns, plain=["model"], as_json=as_json)
    if not rows:
        say("note", f"{provider} lists no models")


def list_providers(*, as_json: bool) -> None:
    """List the providers that can be named: those configured as endpoints and those installed.

    Raises:
        ConfigError: The configuration is wrong.
    """
    registry = PluginRegistry(Config.load())
    registry.load_plugins()
    homes = {
        plugin.name: f"{plugin.distribution} {plugin.version}"
        for plugin in registry.installed()
        if plugin.group == PROVIDERS
    }
    sections = registry.config.values.providers
    rows: list[Row] = []
    for name in registry.names():
        kind = sections[name].type if name in sections else None
        rows.append({"provider": name, "from": homes.get(name, "") if kind in (None, name) else f"endpoint of {kind}"})
    show(rows, {"provider": "Provider", "from": "From"}, plain=["provider"], as_json=as_json)
    if not rows:
        say("note", "no provider is installed; one is in a package of its own: pip install plugin-<provider>")
