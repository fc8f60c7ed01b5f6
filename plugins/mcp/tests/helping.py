"""What the tests share: the server of `server.py` as a process or at an address, and calls through real runs."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import psutil  # type: ignore[import-untyped]  # it has no annotations

from core_llm import Client, Tool, ToolCallPart, ToolManager, ToolResultPart
from core_llm.testing import FakeProvider
from plugin_mcp import MCPServer

SERVER = str(Path(__file__).with_name("server.py"))
HANG_GUARD = 60.0
T = TypeVar("T")
OfPort = Callable[[int], T]
"""What depends on the port that was found."""


def local(**options: object) -> MCPServer:
    """Return the server of the tests as a process, whose calls need no approval unless a test says so."""
    given: dict[str, object] = {"approval": "never", "prefix": "", **options}
    return MCPServer.stdio(sys.executable, SERVER, name="ours", **given)  # type: ignore[arg-type]  # options


def at(url: str, **options: object) -> MCPServer:
    """Return a server at an address, likewise."""
    given: dict[str, object] = {"approval": "never", "prefix": "", **options}
    return MCPServer.http(url, name="ours", **given)  # type: ignore[arg-type]  # options


def asked(*calls: tuple[str, dict[str, object]]) -> list[ToolCallPart]:
    """Return what a model answers that calls these tools."""
    return [ToolCallPart(id=f"c{n}", name=name, arguments=dict(given)) for n, (name, given) in enumerate(calls)]  # type: ignore[arg-type]  # JSON


def called(
    tools: ToolManager | Sequence[Tool[..., object]], *calls: tuple[str, dict[str, object]], **options: object
) -> list[ToolResultPart]:
    """Return the results of a run in which the model calls these tools, in the order of the calls."""
    with Client(providers=[FakeProvider(asked(*calls), "Done.")]) as client:
        with client.run("fake:model", "Go.", tools=tools, **options) as run:  # type: ignore[call-overload]  # options
            run.finish()
        return [part for message in run.messages for part in message.parts if isinstance(part, ToolResultPart)]


def texts(results: Sequence[ToolResultPart]) -> list[str]:
    """Return what results say."""
    return [str(result.content) for result in results]


def eventually(holds: Callable[[], object]) -> None:
    """Wait until something holds.

    Raises:
        TimeoutError: It never did.
    """
    end = time.monotonic() + HANG_GUARD
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.02)


def children() -> set[int]:
    """Return the processes that this one has, and those that they have."""
    return {child.pid for child in psutil.Process().children(recursive=True) if child.status() != "zombie"}


class Served:
    """A server at an address; it can be killed and started again.

    Attributes:
        url: Its address.
    """

    def __init__(self, command: OfPort[Sequence[str]], variables: OfPort[Mapping[str, str]]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as found:
            self._port = found.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}/mcp"
        self._command = list(command(self._port))
        self._variables = variables(self._port)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it listens."""
        variables = {**os.environ, **self._variables}
        self._process = subprocess.Popen(
            self._command, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        eventually(self._listens)

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(HANG_GUARD)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._port)) == 0


@contextmanager
def served(
    command: OfPort[Sequence[str]] = lambda port: [sys.executable, SERVER, "http", str(port)],
    variables: OfPort[Mapping[str, str]] = lambda _: {},
) -> Iterator[Served]:
    """Serve at an address; by default with the server of the tests.

    Args:
        command: Of a port.
        variables: Of the environment, besides those that there are.
    """
    server = Served(command, variables)
    server.start()
    try:
        yield server
    finally:
        server.kill()
