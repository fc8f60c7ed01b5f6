"""Fixtures: one server of the tests for those that leave it as it is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from plugin_mcp import MCPServer

from .helping import Served, local, served


@pytest.fixture(scope="session")
def ours() -> Iterator[MCPServer]:
    """A server that runs, opened by sync code; tests may call it, and change nothing."""
    with local() as server:
        yield server


@pytest.fixture(scope="session")
def address() -> Iterator[Served]:
    """A server at an address; tests may call it, and change nothing."""
    with served() as server:
        yield server
