"""A plugin of every wire that `core-llm new-plugin` knows, written, built, installed as a wheel and tested elsewhere.

All six are installed beside each other in one environment that has the wheels of core and suite and no sources of
anybody's. Two are worked on at a time.
"""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from core_llm_conformance.scaffold.wires import WIRES

from .machines import Done, Machine, done_well, run

AT_A_TIME = 2
NAMES = {wire: f"acme-{wire}" for wire in WIRES}
"""Wire → provider."""
WITH_REPORT = ("custom", "local")
"""Wires for which the suite is run when the plugin is written, too: with and without a server. It takes its time."""
each_wire = pytest.mark.parametrize("wire", WIRES)


@dataclass(frozen=True)
class Strangers:
    """The plugins, written and installed.

    Attributes:
        programs: The folder of the environment's programs.
        folder: Where their sources are.
        tested: Wire → what pytest said in a copy of the tests, away from the sources.
        reports: Wire → the folder of the report of that run.
    """

    machine: Machine
    programs: Path
    folder: Path
    tested: dict[str, Done]
    reports: dict[str, Path]

    def source(self, wire: str) -> Path:
        """Return the folder that was written."""
        return self.folder / f"plugin-{NAMES[wire]}"

    def run(self, program: str, *words: str | Path, cwd: Path) -> Done:
        """Run a program of the environment."""
        return run([self.programs / program, *words], cwd=cwd, environment=self.machine.environment)


@pytest.fixture(scope="module")
def strangers(machine: Machine) -> Strangers:
    """Write, build, install and test a plugin of every wire."""
    packages = [f"core-llm[cli] @ {machine.wheels['core-llm'].as_uri()}", "core-llm-conformance"]
    lenders = ["plugin-anthropic", "plugin-gemini"]
    programs = machine.new_environment("env", *packages, *lenders, "mypy", "ruff")
    folder = machine.folder / "strangers"
    folder.mkdir()

    def write(wire: str) -> None:
        words = ("--wire", wire, *(() if wire in WITH_REPORT else ("--no-report",)))
        command: tuple[str | Path, ...] = (programs / "core-llm", "new-plugin", NAMES[wire], *words)
        done_well(command, cwd=folder, environment=machine.environment)
        source = folder / f"plugin-{NAMES[wire]}"
        done_well(
            ("uv", "build", "-q", "--wheel", "--out-dir", folder / "dist", source),
            cwd=folder,
            environment=machine.environment,
        )

    def test(wire: str) -> Done:
        away = machine.folder / "away" / wire
        shutil.copytree(folder / f"plugin-{NAMES[wire]}" / "tests", away / "tests")
        shutil.copy(folder / f"plugin-{NAMES[wire]}" / "pyproject.toml", away)
        words = ["--core-llm-report=report", "-p", "no:cacheprovider"]
        return run([programs / "pytest", *words], cwd=away, environment=machine.environment)

    with ThreadPoolExecutor(AT_A_TIME) as pool:
        list(pool.map(write, WIRES))
        machine.install(machine.folder / "env", *sorted((folder / "dist").glob("*.whl")))
        tested = dict(zip(WIRES, pool.map(test, WIRES), strict=True))
    reports = {wire: machine.folder / "away" / wire / "report" for wire in WIRES}
    return Strangers(machine, programs, folder, tested, reports)


@each_wire
def test_it_passes_as_it_is(strangers: Strangers, wire: str) -> None:
    """The whole suite passes on the wheel, where the sources are not."""
    done = strangers.tested[wire]
    assert (done.code, f"acme-{wire} (plugin-acme-{wire} 0.1.0) conforms to 1.0" in done.output) == (0, True), (
        done.output
    )


@pytest.mark.parametrize("wire", WITH_REPORT)
def test_its_report_says_so(strangers: Strangers, wire: str) -> None:
    """The report that was written with it is that of the wheel's run."""
    report = strangers.reports[wire] / "conformance.json"
    words = ("conformance", "report", NAMES[wire], "--check", "--from", report)
    done = strangers.run("core-llm", *words, cwd=strangers.source(wire))
    assert (done.output, done.code) == ("", 0)


@each_wire
def test_its_code_is_what_its_settings_ask(strangers: Strangers, wire: str) -> None:
    """Style, layout and types are right by the plugin's own pyproject.toml."""
    for words in (["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"]):
        done = strangers.run(words[0], *words[1:], cwd=strangers.source(wire))
        assert done.code == 0, done.output


def test_they_are_all_at_home(strangers: Strangers) -> None:
    """Six strangers in one environment, and not one of them is quarantined."""
    done = strangers.run("core-llm", "plugins", "--json", cwd=strangers.folder)
    assert done.code == 0
    assert all(f'"plugin-acme-{wire}"' in done.output for wire in WIRES)
    assert "quarantined" not in done.output
