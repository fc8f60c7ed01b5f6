"""The real command in a process of its own, with nothing installed but what a test asks for."""

from __future__ import annotations

import os
import subprocess
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core_llm._installed import GROUPS, installed
from core_llm_conformance.server import FaultServer

HANG_GUARD = 60
COMMAND = str(Path(sysconfig.get_path("scripts")) / "core-llm")
MYBOX = """
from core_llm import Provider, hookimpl
from core_llm.wire import ChatCompletions

class MyBox(Provider):
    name = "mybox"
    needs_api_key = False
    wire_format = ChatCompletions

@hookimpl
def core_llm_register_providers():
    return [MyBox]
"""


@pytest.fixture
def server() -> Iterator[FaultServer]:
    """Serve what the test enqueues."""
    with FaultServer() as server:
        yield server


@pytest.fixture
def add_package(tmp_path: Path) -> Callable[..., None]:
    """Lay down a package as pip leaves it, for the command's process; takes name, source and entry points by group."""
    site = tmp_path / "site"

    def add_package(distribution: str, source: str, **groups: str) -> None:
        module = distribution.replace("-", "_")
        info = site / f"{module}-1.0.0.dist-info"
        info.mkdir(parents=True)
        info.joinpath("METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0.0\n")
        entries = [f"[core_llm.{group}]\n{name} = {module}\n" for group, name in groups.items()]
        info.joinpath("entry_points.txt").write_text("\n".join(entries))
        site.joinpath(f"{module}.py").write_text(source)

    return add_package


@pytest.fixture
def environ(tmp_path: Path, server: FaultServer, add_package: Callable[..., None]) -> dict[str, str]:
    """Return the environment of the command: an empty home, and one provider, `mybox`, which is the test's server."""
    home = tmp_path / "home"
    home.mkdir()
    add_package("plugin-mybox", MYBOX, providers="mybox")
    others = {entry.distribution for group in GROUPS for entry in installed(group)}
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "TERM": "xterm",
        "PYTHONPATH": str(tmp_path / "site"),
        "CORE_LLM_DISABLE_PLUGINS": ",".join(sorted(others)),
        "CORE_LLM_MAX_RETRIES": "0",
        "CORE_LLM_PROVIDERS__MYBOX__BASE_URL": f"{server.url}/v1",
    }


@pytest.fixture
def start(environ: dict[str, str]) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start the command, through a line of shell if given; options are those of Popen. It does not outlive the test."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*arguments: str, through: str = "", **options: object) -> subprocess.Popen[bytes]:
        given: dict[str, object] = {"stdin": subprocess.DEVNULL, "stdout": -1, "stderr": -1, "env": environ, **options}
        words = [*(("/bin/sh", "-c", through) if through else ()), COMMAND, *arguments]
        process: subprocess.Popen[bytes] = subprocess.Popen(words, **given)  # type: ignore[call-overload]
        started.append(process)
        return process

    yield start
    for process in started:
        with process:
            process.kill()


@pytest.fixture
def run(start: Callable[..., subprocess.Popen[bytes]]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the command to its end, with what is given as `piped` on its standard input."""

    def run(*arguments: str, piped: str | bytes | None = None) -> subprocess.CompletedProcess[str]:
        data = piped.encode() if isinstance(piped, str) else piped
        process = start(*arguments, stdin=subprocess.DEVNULL if data is None else subprocess.PIPE)
        out, err = process.communicate(data, timeout=HANG_GUARD)
        return subprocess.CompletedProcess(process.args, process.returncode, out.decode(), err.decode())

    return run
