"""Plugins that lend their wire: the one reason for which a plugin may stand on another.

Services copy each other's interfaces. A wire that several plugins of different houses speak is in the core if it is
everybody's; otherwise its own plugin exports it, and others require that plugin and subclass the wire.
"""

from __future__ import annotations

import importlib.metadata

from core_llm_conformance.contract.requirements import normalized, required
from core_llm_conformance.contract.sources import GROUP, PluginModule, wires_of
from core_llm_conformance.target import Target


def plugins() -> dict[str, str]:
    """Return the package of every installed provider plugin → its distribution."""
    entries = importlib.metadata.entry_points(group=GROUP)
    return {_top(entry.module): normalized(entry.dist.name) for entry in entries if entry.dist is not None}


def required_plugins(module: PluginModule) -> set[str]:
    """Return the packages of the plugins that the distribution of a plugin requires."""
    entries = importlib.metadata.entry_points(group=GROUP)
    names = {name for entry in entries if entry.dist and entry.module == module.name for name in required(entry.dist)}
    return {package for package, distribution in plugins().items() if distribution in names}


def lenders_of(target: Target) -> set[str]:
    """Return the distributions of the plugins whose wire a wire of the target descends from."""
    tops = {_top(base.__module__) for wire in wires_of(target) for base in wire.__mro__}
    own = _top(type(target.loaded).__module__)
    return {distribution for package, distribution in plugins().items() if package in tops - {own}}


def _top(module: str) -> str:
    return module.partition(".")[0]
