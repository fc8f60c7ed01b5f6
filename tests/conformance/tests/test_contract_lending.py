"""A plugin may stand on another for one reason: it subclasses its wire, and says which versions of it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from core_llm_conformance.contract.imports import check_imports_lightly
from core_llm_conformance.contract.packaging import check_distribution_says_what_it_is
from core_llm_conformance.contract.sources import PluginModule
from core_llm_conformance.target import Target

from .probing import finding

LENDER = """\
from core_llm import Provider, hookimpl
from core_llm.wire import ChatCompletions

class LentWire(ChatCompletions):
    pass

class Lender(Provider):
    name = "made-lender"
    wire_format = LentWire

@hookimpl
def core_llm_register_providers() -> list[type[Provider]]:
    return [Lender]
"""
BORROWER = """\
from core_llm import Provider, hookimpl
from core_llm.wire import ChatCompletions
from plugin_made_lender import Lender, LentWire

class Wire(LentWire):
    pass

class Borrower(Provider):
    name = "made-borrower"
    wire_format = Wire

@hookimpl
def core_llm_register_providers() -> list[type[Provider]]:
    return [Borrower]
"""
BOUNDED = "plugin-made-lender<0.2,>=0.1"
Install = Callable[..., Target]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Install both plugins into a folder of the path."""

    def add(name: str, source: str, requires: str) -> None:
        module = f"plugin_{name.replace('-', '_')}"
        tmp_path.joinpath(f"{module}.py").write_text(source)
        told = tmp_path / f"{module}-0.1.0.dist-info"
        told.mkdir()
        fields = ("Metadata-Version: 2.4", f"Name: plugin-{name}", "Version: 0.1.0", "Summary: Made.")
        bounds = ("License-Expression: MIT", "Requires-Python: >=3.11", "Requires-Dist: core-llm<0.2,>=0.1", requires)
        told.joinpath("METADATA").write_text("\n".join([*fields, *bounds, "# README", ""]))
        told.joinpath("entry_points.txt").write_text(f"[core_llm.providers]\n{name} = {module}\n")
        monkeypatch.delitem(sys.modules, module, raising=False)

    def make(*, source: str = BORROWER, requires: str | None = BOUNDED) -> Target:
        add("made-lender", LENDER, "")
        add("made-borrower", source, f"Requires-Dist: {requires}\n" if requires else "")
        monkeypatch.syspath_prepend(tmp_path)
        return Target("made-borrower", "m", config={"base_url": "https://made.example"})

    return make


def test_a_lent_wire_is_no_fault(install: Install) -> None:
    """Who requires a plugin within bounds and subclasses its wire does right."""
    target = install()
    check_distribution_says_what_it_is(target)
    check_imports_lightly(PluginModule("plugin_made_borrower", is_installed=True))


def test_a_lender_is_required(install: Install) -> None:
    """What is imported and not required is there by chance."""
    install(requires=None)
    told = finding(lambda: check_imports_lightly(PluginModule("plugin_made_borrower", is_installed=True)))
    assert told.found == "importing plugin_made_borrower imports another plugin: plugin_made_lender"


def test_anything_but_the_wire_is_not_lent(install: Install) -> None:
    """Of another plugin's provider nothing is used."""
    target = install(source=BORROWER.replace("Wire(LentWire)", "Wire(ChatCompletions)"))
    told = finding(lambda: check_distribution_says_what_it_is(target))
    assert told.found == "it requires another plugin: plugin-made-lender"


def test_a_lender_of_any_version_is_too_loose(install: Install) -> None:
    """The next minor version of the lender may have another wire."""
    target = install(requires="plugin-made-lender>=0.1")
    told = finding(lambda: check_distribution_says_what_it_is(target))
    assert told.found == "it requires plugin-made-lender >=0.1"
