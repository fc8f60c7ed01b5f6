"""``core-llm mcp …`` and ``core-llm chat --mcp``: the configured servers on the command line."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

from .helping import SERVER

COMMAND = str(Path(sysconfig.get_path("scripts")) / "core-llm")
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The configuration folder of a user with one server."""
    folder = tmp_path / "home" / ".config" / "core-llm"
    folder.mkdir(parents=True)
    folder.joinpath("config.toml").write_text(
        f"""
[plugins.mcp.servers.ours]
command = {json.dumps(sys.executable)}
args = [{json.dumps(SERVER)}]
tools = ["add", "process"]
trusted_tools = ["add"]
""",
        encoding="utf-8",
    )
    return folder


@pytest.fixture
def run(home: Path) -> Run:
    """Run the command in that user's home."""

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        environ = {"HOME": str(home.parents[1]), "PATH": "/usr/bin:/bin"}
        return subprocess.run(
            [COMMAND, *words],
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


def test_servers_and_their_tools_are_listed(run: Run) -> None:
    """Each tool with whether it is as it was approved; opening a server for the first time pins its tools."""
    assert run("mcp", "servers").stdout == f"ours\t{sys.executable} {SERVER}\n"
    assert run("mcp", "tools", "ours").stdout == (
        "ours_add\tapproved\tAdd two numbers.\nours_process\tapproved\tTell the process.\n"
    )


def test_a_changed_tool_is_listed_and_approved(run: Run, home: Path) -> None:
    """Until it is approved it is not offered, which every use of the server says."""
    run("mcp", "tools", "ours")
    pins = home / "mcp-pins.json"
    pinned = json.loads(pins.read_text(encoding="utf-8"))
    pins.write_text(json.dumps({"ours": {**pinned["ours"], "add": "0" * 64}}), encoding="utf-8")
    done = run("mcp", "tools", "ours", "--json")
    states = {row["name"]: row["state"] for row in map(json.loads, done.stdout.splitlines())}
    assert states == {"ours_add": "changed", "ours_process": "approved"}
    assert "its tool 'add' is not what was approved" in done.stderr
    assert run("mcp", "approve", "ours", "add").returncode == 0
    assert json.loads(pins.read_text(encoding="utf-8")) == pinned


def test_an_unknown_server_is_said(run: Run) -> None:
    """One line, and the exit code of wrong words."""
    done = run("mcp", "tools", "theirs")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == ("error: no MCP server 'theirs' is configured; `core-llm mcp servers` lists those that are\n")
