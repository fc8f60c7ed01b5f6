"""What is installed: the entry points of our groups, their distributions, and what those ask of the core.

Nothing is imported here but on `Installed.load`.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import sys
from functools import cached_property, lru_cache
from typing import Final

PROVIDERS: Final = "core_llm.providers"
PLUGINS: Final = "core_llm.plugins"
COMMANDS: Final = "core_llm.commands"
GROUPS: Final = (PROVIDERS, PLUGINS, COMMANDS)
CORE: Final = "core-llm"


class Installed:
    """One entry point of an installed distribution.

    Attributes:
        group: The entry point's group.
        name: Its name; in the providers' group, the provider's.
        target: What it leads to: a module, or ``module:object``.
    """

    def __init__(self, entry: importlib.metadata.EntryPoint) -> None:
        self.group = entry.group
        self.name = entry.name
        self.target = entry.value
        self._entry = entry

    # Name, version and requirements are in a file of the distribution's own, which is read for the few that need it.

    @cached_property
    def distribution(self) -> str:
        """The distribution's name as pip spells it."""
        return normalized(self._entry.dist.name) if self._entry.dist is not None else "unknown"

    @cached_property
    def version(self) -> str:
        """The distribution's version."""
        return self._entry.dist.version if self._entry.dist is not None else "unknown"

    @property
    def label(self) -> str:
        """Distribution and version, as messages name them: ``plugin-acme 1.2.0``."""
        return f"{self.distribution} {self.version}"

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells it from every other: group, name, distribution."""
        return (self.group, self.name, self.distribution)

    def load(self) -> object:
        """Import it. Whatever its code raises comes through, SystemExit included."""
        loaded: object = self._entry.load()
        return loaded

    @cached_property
    def core_requirement(self) -> str | None:
        """The versions of the core that the distribution asks for, e.g. ``>=0.1,<0.2``, if it says."""
        for requirement in (self._entry.dist and self._entry.dist.requires) or ():
            found = _REQUIREMENT.match(requirement)
            if found and normalized(found["name"]) == CORE and not found["marker"]:
                return found["versions"].strip(" ()") or None
        return None


def installed(group: str) -> tuple[Installed, ...]:
    """Return the entry points of a group, in the order of their names; scanned once, and again when the path changes.

    Of two copies of one distribution, the first on the path counts, as it does for imports.
    """
    return _scan(_path_state())[group]


def core_version() -> str | None:
    """Return the version of the installed core; None where it runs without being installed."""
    return _core_version(_path_state())


def is_met(requirement: str, version: str) -> bool:
    """Return whether `version` is among those that `requirement` allows, such as ``>=0.1,<0.2``.

    Compares the numbers only, which is enough to tell one contract from another; what it cannot read counts as met.
    """
    numbers = _numbers(version)
    return numbers is None or all(_allows(clause.strip(), numbers) for clause in requirement.split(","))


def normalized(name: str) -> str:
    """Return a distribution's name in the one spelling that pip uses for comparing."""
    return re.sub(r"[-_.]+", "-", name).lower()


_REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9._-]+)\s*(?:\[[^\]]*\])?(?P<versions>[^;@]*)(?P<marker>[;@].*)?$")
_CLAUSE = re.compile(r"(?P<operator>===|==|~=|!=|<=|>=|<|>)\s*v?(?P<version>\d+(?:\.\d+)*)(?P<any>\.\*)?")


def _numbers(version: str) -> tuple[int, ...] | None:
    found = re.match(r"v?(\d+(?:\.\d+)*)", version)
    return tuple(int(number) for number in found[1].split(".")) if found else None


def _allows(clause: str, version: tuple[int, ...]) -> bool:
    found = _CLAUSE.match(clause)
    if found is None:
        return True
    wanted = tuple(int(number) for number in found["version"].split("."))
    width = max(len(wanted), len(version))
    ours, theirs = (numbers + (0,) * (width - len(numbers)) for numbers in (version, wanted))
    has_prefix = ours[: len(wanted)] == wanted
    match found["operator"]:
        case "==" | "===":
            return has_prefix if found["any"] else ours == theirs
        case "!=":
            return not has_prefix if found["any"] else ours != theirs
        case "~=":
            return ours >= theirs and ours[: len(wanted) - 1] == wanted[:-1]
        case ">=":
            return ours >= theirs
        case "<=":
            return ours <= theirs
        case ">":
            return ours > theirs
        case _:
            return ours < theirs


_PathState = tuple[tuple[str, int], ...]


def _path_state() -> _PathState:
    """Return each folder of the path with the time of its last change, which an installation moves."""
    state = []
    for folder in sys.path:
        try:
            changed = os.stat(folder or ".").st_mtime_ns  # noqa: PTH116  # for every client; a Path costs more than this
        except OSError:
            changed = 0
        state.append((folder, changed))
    return tuple(state)


@lru_cache(maxsize=1)
def _core_version(_state: _PathState) -> str | None:
    try:
        return importlib.metadata.version(CORE)
    except importlib.metadata.PackageNotFoundError:
        return None


@lru_cache(maxsize=1)
def _scan(_state: _PathState) -> dict[str, tuple[Installed, ...]]:
    """Return all entry points by group. Costs a read of each distribution's entry_points.txt.

    Hand-made scanning would gain little: pydantic has imported importlib.metadata already, for plugins of its own.
    """
    found = importlib.metadata.entry_points()
    return {
        group: tuple(Installed(entry) for entry in sorted(found.select(group=group), key=lambda e: (e.name, e.value)))
        for group in GROUPS
    }
