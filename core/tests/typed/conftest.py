"""Each test that asks for a caller runs sync, on asyncio and on trio."""

from __future__ import annotations

import pytest

from .places import Caller


@pytest.fixture(params=[None, "asyncio", "trio"], ids=["sync", "asyncio", "trio"])
def caller(request: pytest.FixtureRequest) -> Caller:
    """Return one way to call."""
    return Caller(request.param)
