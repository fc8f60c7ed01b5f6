"""What of a plugin is its own: its distribution, modules, files, classes. What it has from the core is not judged."""

from __future__ import annotations

import importlib.machinery
import importlib.metadata
import importlib.util
import inspect
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core_llm import LocalProvider, Provider
from core_llm.wire import Decoder, WireFormat
from core_llm_conformance.each import Case
from core_llm_conformance.target import Target

GROUP = "core_llm.providers"
TESTS = ("test_", "conftest", "__main__")
"""How the modules are called that hold tests: a provider written in one is judged, the module is not."""


@dataclass(frozen=True, slots=True)
class PluginModule:
    """The module that a plugin begins with.

    Attributes:
        name: Its name.
        file: Its file, for a module that cannot be imported by its name; else None.
        is_installed: Whether an entry point leads to it.
    """

    name: str
    file: Path | None = None
    is_installed: bool = False

    @property
    def root(self) -> Path | None:
        """The folder of the package that it is in, or its own file; None if it is nowhere."""
        if self.file is not None:
            return self.file
        package = self.name.rpartition(".")[0] or self.name
        spec = _spec(package)
        if spec is None:
            return None
        folders = list(spec.submodule_search_locations or ())
        return Path(folders[0]) if folders else Path(spec.origin or "")

    @property
    def files(self) -> list[Path]:
        """Every Python file of it."""
        root = self.root
        if root is None:
            return []
        return sorted(root.rglob("*.py")) if root.is_dir() else [root]


def entry_points_of(name: str) -> list[importlib.metadata.EntryPoint]:
    """Return the entry points of a provider's name."""
    return list(importlib.metadata.entry_points(group=GROUP, name=name))


def module_of(target: Target) -> PluginModule | None:
    """Return the module of the plugin under test; None for a provider that was written in a test."""
    if isinstance(target.provider, str):
        entries = entry_points_of(target.provider)
        return PluginModule(entries[0].module, is_installed=True) if entries else None
    kind = target.provider if isinstance(target.provider, type) else type(target.provider)
    file = getattr(sys.modules.get(kind.__module__), "__file__", None)
    if file is None or kind.__module__.rpartition(".")[2].startswith(TESTS):
        return None
    return PluginModule(kind.__module__, None if _is_on_the_path(kind.__module__, Path(file)) else Path(file))


def _is_on_the_path(name: str, file: Path) -> bool:
    """Whether another interpreter finds a module by its name; this one may have it from elsewhere."""
    spec: importlib.machinery.ModuleSpec | None = None
    path: list[str] | None = None
    parts = name.split(".")
    for number in range(len(parts)):
        spec = importlib.machinery.PathFinder.find_spec(".".join(parts[: number + 1]), path)
        if spec is None:
            return False
        path = list(spec.submodule_search_locations or ())
    return spec is not None and spec.origin is not None and Path(spec.origin) == file


def _spec(name: str) -> importlib.machinery.ModuleSpec | None:
    try:
        return importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None


def installed(target: Target) -> Iterator[Case]:
    """Yield the plugin if it is an installed one: a provider that is handed in has no package."""
    if isinstance(target.provider, str):
        yield Case("installed", module_of(target) or PluginModule(""))


def importable(target: Target) -> Iterator[Case]:
    """Yield the plugin if it has a module of its own, installed or not."""
    if isinstance(target.provider, str):
        yield from installed(target)
    elif (module := module_of(target)) is not None:
        yield Case("module", module)


def speaking(target: Target) -> Iterator[Case]:
    """Yield the plugin's wires, for a provider that has any: one that runs its model in this process has none."""
    if not isinstance(target.loaded, LocalProvider):
        yield Case("wire", wires_of(target))


def kind_of(target: Target) -> type[Provider]:
    """Return the provider's class."""
    return type(target.loaded)


def wire_types(provider: type[Provider]) -> list[type[WireFormat]]:
    """Return every wire that a provider names, each once."""
    named = [provider.wire_format, *provider.wires.values(), *provider.wire_choices.values()]
    return list(dict.fromkeys(wire for wire in named if isinstance(wire, type) and issubclass(wire, WireFormat)))


def wires_of(target: Target) -> list[type[WireFormat]]:
    """Return every wire of the plugin under test, that of its model first."""
    if isinstance(target.loaded, LocalProvider):
        return []
    found = [target.loaded.wire_type(model) for model in (target.model, *target.models.values())]
    return list(dict.fromkeys([*found, *wire_types(kind_of(target))]))


def is_own(kind: type) -> bool:
    """Whether a class is the plugin's, not the core's nor a library's."""
    top = kind.__module__.partition(".")[0]
    return top not in ("core_llm", "pydantic", "abc", "typing", "builtins")


def own_classes(target: Target) -> list[type]:
    """Return the classes that make up the plugin: provider, wires and auth, and what of its own they descend from."""
    first: list[type] = [kind_of(target), type(target.loaded.auth), *wires_of(target)]
    found = [base for kind in first for base in kind.__mro__ if is_own(base)]
    return list(dict.fromkeys(found))


def own_files(target: Target, decoders: list[Decoder] | None = None) -> set[str]:
    """Return the files whose code is the plugin's, as code objects name them."""
    module = module_of(target)
    found = {str(path) for path in module.files} if module is not None else set()
    kinds = [*own_classes(target), *(base for decoder in decoders or () for base in type(decoder).__mro__)]
    for kind in kinds:
        if is_own(kind):
            found.add(_file_of(kind))
    return found - {""}


def _file_of(kind: type) -> str:
    try:
        return inspect.getfile(kind)
    except (TypeError, OSError):  # made in an interactive session
        return ""
