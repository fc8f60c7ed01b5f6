"""How a plugin is registered and packaged: its entry points, and what its distribution says of itself."""

from __future__ import annotations

import email.parser
import inspect
import json
import tomllib
from importlib.metadata import Distribution, EntryPoint
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from core_llm import Provider
from core_llm_conformance.contract.lending import lenders_of, plugins
from core_llm_conformance.contract.requirements import is_bounded, normalized, required
from core_llm_conformance.contract.sources import GROUP, entry_points_of
from core_llm_conformance.failure import fail
from core_llm_conformance.target import Target

CORE = "core-llm"
NOT_AT_RUN_TIME = frozenset({"core-llm-conformance", "pytest", "vcrpy"})
"""What only tests need."""
_ENTRY = f'[project.entry-points."{GROUP}"]'


def check_registers_through_its_entry_point(target: Target) -> None:
    """Raise unless the entry point leads to a module that offers the provider, and every other offer has its own.

    Raises:
        ConformanceFailure: It does not; says what is missing.
    """
    rule = f"a provider is found by an entry point of its own name, in group {GROUP}"
    entry = _only_entry(target.name, rule)
    module = _loaded(entry, rule)
    register = getattr(module, "core_llm_register_providers", None)
    if register is None:
        advice = "the entry point names the module that has core_llm_register_providers, marked with @hookimpl"
        raise fail(rule, f"{entry.value} has no core_llm_register_providers", look_at=advice)
    try:
        offers = list(register())
    except Exception as error:  # noqa: BLE001  # a plugin may raise anything
        found = f"core_llm_register_providers raises {type(error).__name__}: {error}"
        raise fail(rule, found, look_at=entry.value) from None
    names = [getattr(offer, "name", None) for offer in offers]
    if names.count(target.name) != 1:
        found = f"the entry point is called {target.name!r}, and {entry.value} offers {names or 'nothing'}"
        raise fail(rule, found, look_at=f"Provider.name, and the entry point in {_ENTRY}")
    for name in names:
        leading = [other.module for other in entry_points_of(str(name))]
        if entry.module not in leading:
            found = f"{entry.value} offers {name!r} too, and no entry point of that name leads to it"
            raise fail(rule, found, look_at=f'add `{name} = "{entry.value}"` to {_ENTRY}')


def _only_entry(name: str, rule: str) -> EntryPoint:
    entries = entry_points_of(name)
    if not entries:
        raise fail(rule, f"no installed distribution has an entry point {name!r}", look_at=f"{_ENTRY}, then install it")
    if len(entries) > 1:
        rivals = ", ".join(sorted(str(entry.dist and entry.dist.name) for entry in entries))
        raise fail(
            rule, f"several distributions have an entry point {name!r}: {rivals}", look_at="uninstall all but one"
        )
    return entries[0]


def _loaded(entry: EntryPoint, rule: str) -> object:
    try:
        loaded: object = entry.load()
    except Exception as error:  # noqa: BLE001  # a plugin may raise anything
        raise fail(rule, f"importing {entry.value} raises {type(error).__name__}: {error}", look_at=_ENTRY) from None
    is_provider = isinstance(loaded, Provider) or (inspect.isclass(loaded) and issubclass(loaded, Provider))
    if is_provider:
        raise fail(rule, f"{entry.value} is the provider", look_at=f"name the module alone: {entry.module!r}")
    return loaded


def check_distribution_says_what_it_is(target: Target) -> None:
    """Raise unless the distribution says what it needs, under which licence it is, and how it is used.

    Raises:
        ConformanceFailure: Something is missing, or is not bounded.
    """
    rule = "a plugin's distribution says which core it is for, its Python, its licence, and how it is used"
    found = distribution_of(target.name)
    where = f"pyproject.toml of {found.name}"
    told = {name.lower() for name in found.metadata}
    if "requires-python" not in told:
        raise fail(rule, "it does not say for which Python it is", look_at=f"{where}: requires-python")
    classifiers = found.metadata.get_all("Classifier") or []
    if not told & {"license-expression", "license"} and not any(c.startswith("License ::") for c in classifiers):
        raise fail(rule, "it does not say under which licence it is", look_at=f"{where}: license")
    if not "".join(found.metadata.get_all("Summary") or []).strip():
        raise fail(rule, "it has no summary", look_at=f"{where}: description")
    if not readme_of(found).strip():
        raise fail(rule, "it has no README", look_at=f"{where}: readme")
    _check_requirements(target, found, rule, where)


def _check_requirements(target: Target, found: Distribution, rule: str, where: str) -> None:
    needed = required(found)
    bounds = needed.get(CORE)
    if bounds is None:
        raise fail(rule, f"it does not require {CORE}", look_at=f"{where}: dependencies")
    if not is_bounded(bounds):
        what = f"it requires {CORE} {bounds or 'of any version'}"
        advice = f"{where}: bound it below and above, as `{CORE}>=0.1,<0.2`; a newer core may have another contract"
        raise fail(rule, what, look_at=advice)
    if tools := sorted(needed.keys() & NOT_AT_RUN_TIME):
        advice = f"{where}: they belong into an extra or a dependency group, for tests"
        raise fail(rule, f"whoever installs it has to install {', '.join(tools)}", look_at=advice)
    others = needed.keys() & set(plugins().values()) - {normalized(found.name)}
    lenders = lenders_of(target) if others else set()
    if strangers := sorted(others - lenders):
        advice = "a plugin stands on another only for its wire, which it subclasses; share the rest in a library"
        raise fail(rule, f"it requires another plugin: {', '.join(strangers)}", look_at=advice)
    if loose := sorted(name for name in others if not is_bounded(needed[name])):
        advice = f"{where}: bound it below and above, as the core; its wire may change"
        raise fail(rule, f"it requires {loose[0]} {needed[loose[0]] or 'of any version'}", look_at=advice)


def distribution_of(name: str) -> Distribution:
    """Return the distribution that has a provider.

    Raises:
        ConformanceFailure: There is none.
    """
    rule = "a provider comes with a distribution"
    found = _only_entry(name, rule).dist
    if found is None:
        raise fail(rule, f"the entry point {name!r} is in no distribution", look_at="install the package with pip")
    return found


def readme_of(found: Distribution) -> str:
    """Return the README of a distribution; empty if it has none.

    What an editable installation says of itself is as old as the installation, so there the file itself is read.
    """
    folder = _editable_folder(found)
    if folder is not None and (folder / "pyproject.toml").is_file():
        project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8")).get("project", {})
        readme = project.get("readme", "")
        name = str(readme.get("file", "") if isinstance(readme, dict) else readme)
        if name and (folder / name).is_file():
            return (folder / name).read_text(encoding="utf-8")
    text = found.read_text("METADATA") or found.read_text("PKG-INFO") or ""
    message = email.parser.HeaderParser().parsestr(text)
    description: object = message["Description"] or message.get_payload()
    return description if isinstance(description, str) else ""


def _editable_folder(found: Distribution) -> Path | None:
    """Return where the source of an editable installation is; None for any other."""
    told = json.loads(found.read_text("direct_url.json") or "{}")
    if not told.get("dir_info", {}).get("editable"):
        return None
    return Path(url2pathname(urlsplit(told["url"]).path))
