"""The default model, fetched once and loaded once for all tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from plugin_local._engine import LocalEngine
from plugin_local._weights import locate


@pytest.fixture(scope="session")
def model_file() -> Path:
    """The default model's weights."""
    return locate("default")


@pytest.fixture(scope="session")
def engine(model_file: Path) -> LocalEngine:
    """The default model, loaded."""
    return LocalEngine.open(model_file)
