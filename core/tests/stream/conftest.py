"""The ways of calling that most tests of the engine run through."""

from __future__ import annotations

import pytest

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
