"""Every check of this repository is a session here; ``nox -l`` lists them, ``nox`` runs those that a change must pass.

Packages are found by their pyproject.toml: a new plugin is tested, built and linted without touching this file.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import nox
from packaging.requirements import Requirement

nox.needs_version = ">=2025.5.1"

ROOT = Path(__file__).resolve().parent
PACKAGES = [
    ROOT / "core",
    *sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml")),
    ROOT / "tests/conformance",
]
METADATA: dict[Path, dict[str, Any]] = {
    package: nox.project.load_toml(package / "pyproject.toml") for package in PACKAGES
}
DISTRIBUTIONS = {METADATA[package]["project"]["name"]: package for package in PACKAGES}
TOOLS = nox.project.load_toml(ROOT / "pyproject.toml")

PYTHONS = ["3.11", "3.12", "3.13"]
THIS_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
CORPUS = Path(os.environ.get("CORE_LLM_CORPUS", ROOT / "../shared/corpus")).resolve()

nox.options.sessions = ["lint", f"tests-{THIS_PYTHON}", "together", "build"]
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.download_python = "never"
nox.options.error_on_external_run = True
nox.options.error_on_missing_interpreters = False  # also under CI: the Pythons that a machine has are the ones tested

every_package = nox.parametrize("package", [nox.param(package, id=package.name) for package in PACKAGES])


def needed_for_tests(package: Path) -> tuple[dict[Path, None], list[str]]:
    """Return what the tests of one package need: this repository's packages it stands on, and requirements."""
    local = {package: None}
    requirements = list(nox.project.dependency_groups(METADATA[package], "test"))
    for requirement in [*METADATA[package]["project"]["dependencies"], *requirements]:
        needed = DISTRIBUTIONS.get(Requirement(requirement).name)
        if needed and needed not in local:
            local |= needed_for_run(needed)
    return local, requirements


def needed_for_run(package: Path) -> dict[Path, None]:
    """Return a package of this repository and those of its packages that it depends on."""
    local = {package: None}
    for requirement in METADATA[package]["project"]["dependencies"]:
        if needed := DISTRIBUTIONS.get(Requirement(requirement).name):
            local |= needed_for_run(needed)
    return local


def install_editable(session: nox.Session, *packages: Path, requirements: list[str]) -> None:
    """Install packages of this repository from their sources, with whatever else is asked for."""
    editable = [argument for package in packages for argument in ("-e", str(package))]
    session.install(*editable, *requirements)


def all_test_requirements() -> list[str]:
    """Return the requirements of the tests of all packages."""
    return sorted({requirement for package in PACKAGES for requirement in needed_for_tests(package)[1]})


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, types and the direction of imports."""
    tools = nox.project.dependency_groups(TOOLS, "lint")
    install_editable(session, *PACKAGES, requirements=[*tools, *all_test_requirements()])
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports", "--no-logo")
    typed = [path for package in PACKAGES for path in (package / "src", package / "tests/typing") if path.exists()]
    session.run("mypy", *map(str, typed), "noxfile.py")


@nox.session(python=PYTHONS)
@every_package
def tests(session: nox.Session, package: Path) -> None:
    """Test one package beside nothing but its own dependencies."""
    local, requirements = needed_for_tests(package)
    install_editable(session, *local, requirements=requirements)
    session.run("pytest", str(package / "tests"), *session.posargs)


@nox.session
def together(session: nox.Session) -> None:
    """Test the repository as a whole, all packages installed at once."""
    install_editable(session, *PACKAGES, requirements=all_test_requirements())
    session.run("pytest", "tests", "--ignore=tests/conformance", *session.posargs)


@nox.session
def build(session: nox.Session) -> None:
    """Build every package, and test the wheels where the sources are not."""
    session.install(*nox.project.dependency_groups(TOOLS, "build"))
    with tempfile.TemporaryDirectory(prefix="core-llm-build-") as folder:
        away = Path(folder)
        for package in PACKAGES:
            session.run(
                "python", "-m", "build", "--installer=uv", f"--outdir={away / 'dist'}", str(package), silent=True
            )
        archives = sorted((away / "dist").iterdir())
        session.run("twine", "check", "--strict", *map(str, archives))
        python = away / "env/bin/python" if os.name == "posix" else away / "env/Scripts/python.exe"
        wheels = [str(archive) for archive in archives if archive.suffix == ".whl"]
        session.run("uv", "venv", "--quiet", f"--python={session.virtualenv.location}", str(away / "env"))
        session.run("uv", "pip", "install", "--quiet", f"--python={python}", *wheels, *all_test_requirements())
        shutil.copy(ROOT / "pyproject.toml", away)
        for package in PACKAGES:
            where = away / package.relative_to(ROOT) / "tests"
            shutil.copytree(package / "tests", where, ignore=shutil.ignore_patterns("__pycache__"))
        session.chdir(away)
        for package in PACKAGES:
            tests = str(package.relative_to(ROOT) / "tests")
            session.run(str(python), "-m", "pytest", tests, external=True, env={"CORE_LLM_CORPUS": str(CORPUS)})


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Measure the cost of the core beside the raw limit; arguments go to the benchmark."""
    install_editable(session, *PACKAGES, requirements=list(nox.project.dependency_groups(TOOLS, "bench")))
    session.run("python", "benchmarks/run.py", *session.posargs)


@nox.session(default=False)
def chat(session: nox.Session) -> None:
    """Chat with the model that runs in this process, without a key; arguments go to the command."""
    install_editable(session, *needed_for_run(ROOT / "plugins/local"), requirements=["core-llm[cli]"])
    session.run("core-llm", "chat", "-m", "local:smollm2", *session.posargs)
