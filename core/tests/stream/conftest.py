"""The ways of calling that most tests of the engine run through."""

from __future__ import annotations

import pytest

from core_llm._config_model import TransportName

from .calls import Caller


@pytest.fixture(params=["sync", "asyncio", "trio"])
def caller(request: pytest.FixtureRequest) -> Caller:
    """Give each of the three ways of calling."""
    return Caller(request.param)


@pytest.fixture(params=["sync-httpx", "sync-httpx2", "asyncio-httpx", "asyncio-httpx2", "trio-httpx", "trio-httpx2"])
def wired(request: pytest.FixtureRequest) -> Caller:
    """Give each of the three ways of calling, over each HTTP library: where the transport matters."""
    mode, transport = request.param.split("-")
    return Caller(mode, transport)


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Run the async tests on both event loops."""
    return str(request.param)


@pytest.fixture(params=["httpx", "httpx2"])
def transport(request: pytest.FixtureRequest) -> TransportName:
    """Give each HTTP library."""
    name: TransportName = request.param
    return name
