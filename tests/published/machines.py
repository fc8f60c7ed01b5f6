"""What somebody has who knows the published packages and nothing of this repository: wheels, and new environments.

The wheels are built once. Which index everything else comes from is the installer's own affair.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PUBLISHED = ("core", "tests/conformance", "plugins/anthropic", "plugins/gemini")
HANG_GUARD = 600
OURS = ("CORE_LLM_", "PYTHON", "PYTEST_", "VIRTUAL_ENV", "COV_")
"""How variables begin that only sessions of this repository have."""


@dataclass(frozen=True)
class Done:
    """A program that has ended; both of its outputs as one text."""

    code: int
    output: str


def run(command: Sequence[str | Path], *, cwd: Path, environment: Mapping[str, str]) -> Done:
    """Run a program and return what came of it."""
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=HANG_GUARD,
        check=False,
    )
    return Done(done.returncode, done.stdout)


def done_well(command: Sequence[str | Path], *, cwd: Path, environment: Mapping[str, str]) -> str:
    """Run a program that must succeed, and return its output."""
    done = run(command, cwd=cwd, environment=environment)
    assert done.code == 0, f"{' '.join(map(str, command))} ended with {done.code}:\n{done.output}"
    return done.output


@dataclass(frozen=True)
class Machine:
    """A machine on which nothing of this repository is installed.

    Attributes:
        folder: For everything.
        wheels: Distribution → its wheel.
        environment: The variables, among them where installers find the wheels.
    """

    folder: Path
    wheels: Mapping[str, Path]
    environment: Mapping[str, str]

    def new_environment(self, name: str, *packages: str | Path) -> Path:
        """Make an environment with nothing but these packages, and return the folder of its programs."""
        place = self.folder / name
        done_well(
            ["uv", "venv", "-q", "--python", sys.executable, place], cwd=self.folder, environment=self.environment
        )
        self.install(place, *packages)
        return place / ("Scripts" if os.name == "nt" else "bin")

    def install(self, place: Path, *packages: str | Path) -> None:
        """Install packages into an environment."""
        command = ["uv", "pip", "install", "-q", "--python", place, *packages]
        done_well(command, cwd=self.folder, environment=self.environment)
