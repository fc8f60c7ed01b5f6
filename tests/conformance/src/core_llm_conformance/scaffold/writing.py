"""Putting a new plugin on the disk: all of it or nothing, and never over something that is there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from core_llm_conformance.scaffold.as_installed import write_metadata
from core_llm_conformance.scaffold.plan import Plan

SECONDS: Final = 600
"""After which composing and reporting count as hanging."""
DOES_NOT_CONFORM: Final = 4
"""The exit code by which the finishing says so."""
FINISHING: Final = "core_llm_conformance.scaffold.finishing"


class NotWrittenError(RuntimeError):
    """Nothing was written; says why."""


@dataclass(frozen=True, slots=True)
class Written:
    """A plugin that was written.

    Attributes:
        folder: Its root.
        files: What is in it, relative to that, in order.
        conforms: Whether the suite passed; None if it was not run.
    """

    folder: Path
    files: tuple[str, ...]
    conforms: bool | None


def write_plugin(plan: Plan, directory: Path, *, with_report: bool = True) -> Written:
    """Write a plugin into a new folder of its distribution's name.

    Args:
        plan: What it is to be.
        directory: Where the folder goes; made if it is not there.
        with_report: Whether to run the suite and write the report too.

    Raises:
        NotWrittenError: The folder is there already, or the cassettes could not be composed.
    """
    folder = directory.absolute() / plan.names.distribution
    if folder.exists() or folder.is_symlink():
        raise NotWrittenError(f"{folder} is there already; remove it, or choose another --directory")
    try:
        directory.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{plan.names.distribution}-", dir=directory)).resolve()
    except OSError as error:
        raise NotWrittenError(f"{directory} cannot be written to: {error.strerror or error}") from None
    try:
        made = staging / plan.names.distribution
        texts = plan.texts()
        for path, text in texts.items():
            _write(made / path, text)
        conforms = _finish(plan, made, texts, with_report=with_report)
        files = sorted(path.relative_to(made).as_posix() for path in made.rglob("*") if path.is_file())
        made.rename(folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return Written(folder, tuple(files), conforms)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def _finish(plan: Plan, made: Path, texts: Mapping[str, str], *, with_report: bool) -> bool | None:
    """Compose the cassettes and make the report, in a process that has the plugin as if it were installed."""
    with tempfile.TemporaryDirectory(prefix="core-llm-new-plugin-") as site:
        write_metadata(texts["pyproject.toml"], Path(site), made)
        known = os.environ.get("PYTHONPATH")
        path = [site, str(made / "src"), *([known] if known else [])]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-m", FINISHING, plan.names.provider, plan.model]
        command += ["--report"] if with_report else []
        try:
            done = subprocess.run(  # noqa: S603  # this Python, this package
                command, cwd=made, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            raise NotWrittenError(f"composing its cassettes had not ended after {SECONDS} seconds") from None
    for leftover in (*made.rglob("__pycache__"), *made.rglob(".pytest_cache")):
        shutil.rmtree(leftover, ignore_errors=True)
    if done.returncode not in (0, DOES_NOT_CONFORM):
        raise NotWrittenError(f"the cassettes could not be composed: {(done.stderr or done.stdout).strip()[-2000:]}")
    return done.returncode == 0 if with_report else None
