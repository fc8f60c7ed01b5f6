"""How a plugin is registered and packaged: its entry points, and what its distribution says of itself."""

from __future__ import annotations

import email.parser
import importlib.metadata
import inspect
import json
import re
import tomllib
from importlib.metadata import Distribution, EntryPoint
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from core_llm import Provider
from core_llm_conformance.contract.sources import GROUP, entry_points_of
from core_llm_conformance.failure import fail
from core_llm_conformance.target import Target

CORE = "core-llm"
NOT_AT_RUN_TIME = frozenset({"core-llm-conformance", "pytest", "vcrpy"})
"""What only tests need."""
LOWER, UPPER, BOTH = (">=", ">"), ("<=", "<"), ("~=", "===", "==")
_REQUIREMENT = re.compile(
    r"\s*(?P<name>[A-Za-z0-9._-]+)\s*(?:\[[^\]]*\])?\s*\(?(?P<bounds>[^;)@]*)\)?\s*(?P<marker>;.*)?"
)
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
    _check_requirements(found, rule, where)


def _check_requirements(found: Distribution, rule: str, where: str) -> None:
    needed = {name: bounds for text in found.requires or () for name, bounds in [_parsed(text)] if name}
    bounds = needed.get(CORE)
    if bounds is None:
        raise fail(rule, f"it does not require {CORE}", look_at=f"{where}: dependencies")
    operators = {_operator(bound) for bound in bounds.split(",") if bound.strip()}
    has_both = bool(operators & {*BOTH}) or bool(operators & {*LOWER} and operators & {*UPPER})
    if not has_both:
        what = f"it requires {CORE} {bounds or 'of any version'}"
        advice = f"{where}: bound it below and above, as `{CORE}>=0.1,<0.2`; a newer core may have another contract"
        raise fail(rule, what, look_at=advice)
    if tools := sorted(needed.keys() & NOT_AT_RUN_TIME):
        advice = f"{where}: they belong into an extra or a dependency group, for tests"
        raise fail(rule, f"whoever installs it has to install {', '.join(tools)}", look_at=advice)
    plugins = {normalized(entry.dist.name) for entry in importlib.metadata.entry_points(group=GROUP) if entry.dist}
    if others := sorted(needed.keys() & plugins - {normalized(found.name)}):
        advice = "what two plugins share belongs into a library of its own, or is in core_llm.wire"
        raise fail(rule, f"it requires another plugin: {', '.join(others)}", look_at=advice)


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


def normalized(name: str) -> str:
    """Return a distribution's name in the one spelling that is used for comparing."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _parsed(text: str) -> tuple[str, str]:
    """Return name and bounds of a requirement; an empty name for one of an extra."""
    found = _REQUIREMENT.match(text)
    if found is None or "extra" in (found["marker"] or ""):
        return "", ""
    return normalized(found["name"]), found["bounds"].strip()


def _operator(bound: str) -> str:
    return next(
        (sign for sign in ("===", "==", "~=", ">=", "<=", "!=", ">", "<") if bound.strip().startswith(sign)), ""
    )
