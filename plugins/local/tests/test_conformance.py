"""Local passes the conformance suite, with the default model."""

from __future__ import annotations

from pathlib import Path

import pytest

from core_llm_conformance import ProviderSuite


@pytest.fixture(scope="module", autouse=True)
def fetched(model_file: Path) -> Path:
    """Fetch the weights before the suite closes the network."""
    return model_file


class TestLocal(ProviderSuite):
    """The default model, asked in this process: there is nothing to record."""

    provider = "local"
    model = "smollm2"
