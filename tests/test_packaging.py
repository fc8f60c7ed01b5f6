"""What the distributions say of themselves, and that what is installed agrees with it."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Mapping
from importlib.metadata import distribution, entry_points
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
CORE = ROOT / "core"
CONFORMANCE = ROOT / "tests/conformance"
PLUGINS = sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))
PACKAGES = [CORE, *PLUGINS, CONFORMANCE]


def metadata(package: Path) -> Mapping[str, Any]:
    """Return a distribution's pyproject.toml."""
    return tomllib.loads((package / "pyproject.toml").read_text(encoding="utf-8"))


def entry_point_groups(package: Path) -> Mapping[str, Mapping[str, str]]:
    """Return group → name → target of a distribution's entry points."""
    groups: Mapping[str, Mapping[str, str]] = metadata(package)["project"].get("entry-points", {})
    return groups


PROVIDERS = [plugin for plugin in PLUGINS if "core_llm.providers" in entry_point_groups(plugin)]
"""The plugins that bring models; the others bring something else, and some are only given to a client."""
each_package = pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
each_plugin = pytest.mark.parametrize("plugin", PLUGINS, ids=lambda plugin: plugin.name)
each_provider = pytest.mark.parametrize("plugin", PROVIDERS, ids=lambda plugin: plugin.name)


@each_package
def test_every_distribution_says_the_same_of_itself(package: Path) -> None:
    """Licence, Python and build backend are the same everywhere, and nothing is left out."""
    read = metadata(package)
    project = read["project"]
    assert project["license"] == "Apache-2.0"
    assert project["license-files"] == ["LICENSE"]
    assert project["readme"] == "README.md"
    assert project["requires-python"] == ">=3.11"
    assert project["description"].endswith(".")
    assert "Typing :: Typed" in project["classifiers"]
    assert read["build-system"]["build-backend"] == "hatchling.build"
    assert "test" in read["dependency-groups"]


@each_package
def test_licence_goes_with_every_distribution(package: Path) -> None:
    """Each distribution carries the licence, letter by letter that of the repository."""
    assert (package / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


@each_package
def test_every_package_is_typed(package: Path) -> None:
    """Type checkers read the annotations of every package."""
    read = metadata(package)
    import_name = read["project"]["name"].replace("-", "_")
    assert read["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == [f"src/{import_name}"]
    assert (package / "src" / import_name / "py.typed").is_file()


@each_package
def test_every_requirement_has_a_lower_bound(package: Path) -> None:
    """No installer may pick a version that was never tried."""
    for text in metadata(package)["project"]["dependencies"]:
        assert any(specifier.operator in {">=", "~=", "=="} for specifier in Requirement(text).specifier), text


def test_core_stands_on_five_libraries() -> None:
    """The core's dependencies are those it was ordered with, and the one that httpx itself stands on."""
    names = [Requirement(text).name for text in metadata(CORE)["project"]["dependencies"]]
    assert names == ["anyio", "httpx", "importlib-metadata", "pluggy", "pydantic"]


@each_plugin
def test_plugin_is_named_after_its_folder(plugin: Path) -> None:
    """The folder, the distribution and the entry points of a plugin agree."""
    project = metadata(plugin)["project"]
    import_name = f"plugin_{plugin.name.replace('-', '_')}"
    assert project["name"] == f"plugin-{plugin.name}"
    for group in entry_point_groups(plugin).values():
        assert all(target.partition(":")[0].partition(".")[0] == import_name for target in group.values())


@each_provider
def test_errors_name_the_right_package(plugin: Path) -> None:
    """Where the core suggests a package for a provider of this repository, it is the one that has it."""
    lines = (CORE / "src/core_llm/known_providers.txt").read_text(encoding="utf-8").splitlines()
    known = dict(line.split() for line in lines)
    project = metadata(plugin)["project"]
    for provider in entry_point_groups(plugin)["core_llm.providers"]:
        assert known.get(provider, project["name"]) == project["name"]


@pytest.mark.parametrize("package", [*PLUGINS, CONFORMANCE], ids=lambda package: package.name)
def test_this_core_satisfies_every_plugin(package: Path) -> None:
    """A plugin asks for the core of its own minor version, and this repository has it."""
    [needed] = [r for r in map(Requirement, metadata(package)["project"]["dependencies"]) if r.name == "core-llm"]
    assert needed.specifier.contains(distribution("core-llm").version)
    assert {specifier.operator for specifier in needed.specifier} == {">=", "<"}


def test_every_provider_of_this_repository_is_installed() -> None:
    """The environment that these tests run in has all plugins."""
    declared = {name for plugin in PROVIDERS for name in entry_point_groups(plugin)["core_llm.providers"]}
    assert declared == {entry.name for entry in entry_points(group="core_llm.providers")}


def test_importing_core_imports_no_plugin() -> None:
    """With every plugin installed, `import core_llm` loads none of them, nor what only the command needs."""
    program = "import sys, core_llm; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    loaded = run.stdout.split()
    assert [name for name in loaded if name.startswith("plugin_") or name in {"click", "rich", "xllamacpp"}] == []
    assert "core_llm" in loaded
