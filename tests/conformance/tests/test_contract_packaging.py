"""What a distribution says of itself, and how its provider is found, on distributions made for the test."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from core_llm_conformance.contract.options import check_readme_names_what_users_set
from core_llm_conformance.contract.packaging import (
    check_distribution_says_what_it_is,
    check_registers_through_its_entry_point,
)
from core_llm_conformance.contract.sources import module_of
from core_llm_conformance.contract.typed import check_is_typed
from core_llm_conformance.target import Target

from .probing import finding, install_beside

PROVIDER = """
    from core_llm import Provider, hookimpl
    from core_llm.wire import ChatCompletions

    class Acme(Provider):
        name = "acme-made"
        base_url = "https://acme.example"
        api_key_env = "ACME_API_KEY"
        wire_format = ChatCompletions
        options = {"region": "where it is served"}

    @hookimpl
    def core_llm_register_providers() -> list[type[Provider]]:
        return [Acme]
"""
METADATA = """\
Metadata-Version: 2.4
Name: plugin-acme-made
Version: 1.0
Summary: Acme for core-llm.
License-Expression: MIT
Requires-Python: >=3.11
Requires-Dist: core-llm<0.2,>=0.1
Requires-Dist: pytest>=9; extra == 'test'

# plugin-acme-made

Set `ACME_API_KEY`; the option `region` says where it is served.
"""
Install = Callable[..., Target]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Install a distribution into a folder of the path."""

    def make(
        source: str = PROVIDER, *, metadata: str = METADATA, entry: str = "acme-made = plugin_acme_made._provider"
    ) -> Target:
        package = tmp_path / "plugin_acme_made"
        package.mkdir()
        (package / "__init__.py").write_text("")
        (package / "py.typed").write_text("")
        (package / "_provider.py").write_text(dedent(source))
        told = tmp_path / "plugin_acme_made-1.0.dist-info"
        told.mkdir()
        (told / "METADATA").write_text(metadata)
        (told / "entry_points.txt").write_text(f"[core_llm.providers]\n{entry}\n")
        monkeypatch.syspath_prepend(tmp_path)
        for name in ("plugin_acme_made", "plugin_acme_made._provider"):
            monkeypatch.delitem(sys.modules, name, raising=False)
        return Target("acme-made", "m")

    return make


def test_a_usual_distribution_passes(install: Install) -> None:
    """Everything that is asked of a package can be had."""
    target = install()
    check_registers_through_its_entry_point(target)
    check_distribution_says_what_it_is(target)
    check_readme_names_what_users_set(target)
    check_is_typed(module_of(target))  # type: ignore[arg-type]  # it is installed


def test_no_entry_point() -> None:
    """A provider that nobody finds is the first thing to say."""
    told = finding(lambda: check_registers_through_its_entry_point(Target("acme-made", "m")))
    assert told.found == "no installed distribution has an entry point 'acme-made'"


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("acme-made = plugin_acme_made._provider:Acme", "plugin_acme_made._provider:Acme is the provider"),
        ("acme-made = plugin_acme_made", "plugin_acme_made has no core_llm_register_providers"),
        ("acme-made = plugin_acme_made._missing", "importing plugin_acme_made._missing raises ModuleNotFoundError"),
    ],
)
def test_entry_points_that_lead_astray(install: Install, entry: str, told: str) -> None:
    """The entry point names the module that has the hook."""
    target = install(entry=entry)
    assert told in finding(lambda: check_registers_through_its_entry_point(target)).found


def test_another_name(install: Install) -> None:
    """The entry point has the provider's name: the core looks for nothing else."""
    target = install(PROVIDER.replace('"acme-made"', '"acme2"'))
    assert "offers ['acme2']" in finding(lambda: check_registers_through_its_entry_point(target)).found


def test_a_hook_that_raises(install: Install) -> None:
    """What it raises is the finding."""
    target = install(PROVIDER.replace("return [Acme]", "return [][0]"))
    told = finding(lambda: check_registers_through_its_entry_point(target))
    assert told.found == "core_llm_register_providers raises IndexError: list index out of range"


def test_a_second_provider_needs_an_entry_point(install: Install) -> None:
    """A provider without one is never found."""
    second = "\n\n    class Other(Acme):\n        name = 'acme-other'\n"
    target = install(
        PROVIDER.replace("\n\n    @hookimpl", f"{second}\n    @hookimpl").replace("[Acme]", "[Acme, Other]")
    )
    told = finding(lambda: check_registers_through_its_entry_point(target))
    assert "offers 'acme-other' too, and no entry point of that name" in told.found


@pytest.mark.parametrize(
    ("line", "other", "told"),
    [
        ("Requires-Python: >=3.11\n", "", "it does not say for which Python it is"),
        ("License-Expression: MIT\n", "", "it does not say under which licence it is"),
        ("Summary: Acme for core-llm.\n", "", "it has no summary"),
        ("Requires-Dist: core-llm<0.2,>=0.1\n", "", "it does not require core-llm"),
        ("core-llm<0.2,>=0.1", "core-llm", "it requires core-llm of any version"),
        ("core-llm<0.2,>=0.1", "core-llm>=0.1", "it requires core-llm >=0.1"),
        ("; extra == 'test'", "", "whoever installs it has to install pytest"),
    ],
)
def test_metadata_with_something_missing(install: Install, line: str, other: str, told: str) -> None:
    """Each omission is named."""
    target = install(metadata=METADATA.replace(line, other))
    assert told in finding(lambda: check_distribution_says_what_it_is(target)).found


def test_another_plugin_required(install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plugins stand alone, but for a wire that one lends another."""
    install_beside(tmp_path, monkeypatch)
    target = install(
        metadata=METADATA.replace("Requires-Dist: pytest", "Requires-Dist: plugin-beside\nRequires-Dist: pytest")
    )
    told = finding(lambda: check_distribution_says_what_it_is(target)).found
    assert told == "it requires another plugin: plugin-beside"


def test_no_readme(install: Install) -> None:
    """A package without a README tells nobody how to use it."""
    target = install(metadata=METADATA.partition("\n\n")[0] + "\n\n")
    assert finding(lambda: check_distribution_says_what_it_is(target)).found == "it has no README"


def test_a_readme_that_leaves_out_what_users_set(install: Install) -> None:
    """Variables and options are in it, as words of their own."""
    target = install(metadata=METADATA.replace("`region`", "`regional`").replace("ACME_API_KEY", "the key"))
    told = finding(lambda: check_readme_names_what_users_set(target)).found
    assert told == "the README of plugin-acme-made does not name ACME_API_KEY, region"


def test_no_py_typed(install: Install, tmp_path: Path) -> None:
    """Without the marker no type checker reads any annotation."""
    target = install()
    (tmp_path / "plugin_acme_made" / "py.typed").unlink()
    assert "has no py.typed" in finding(lambda: check_is_typed(module_of(target))).found  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("function", "told"),
    [
        ("def ask(city): ...", "ask does not say what city may be"),
        ("def ask(city: str): ...", "ask does not say what it returns"),
        ("def ask(**options) -> None: ...", "ask does not say what options may be"),
        ("from typing import Any\n    def ask(city: dict[str, Any]) -> None: ...", "ask takes or returns Any"),
        ("class Wire:\n        def ask(self, city) -> None: ...", "Wire.ask does not say what city may be"),
    ],
)
def test_functions_without_annotations(install: Install, function: str, told: str) -> None:
    """Public functions say what they take and return."""
    target = install(f"{PROVIDER}\n    {function}\n")
    assert told in finding(lambda: check_is_typed(module_of(target))).found  # type: ignore[arg-type]


def test_private_functions_are_nobodys_business(install: Install) -> None:
    """What others do not call may be as it likes."""
    target = install(f"{PROVIDER}\n    def _ask(city): ...\n")
    check_is_typed(module_of(target))  # type: ignore[arg-type]
