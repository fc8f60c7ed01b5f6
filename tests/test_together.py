"""All plugins of this repository installed at once: each is found by its name, and none is in another's way."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from core_llm import Client, Config, UnknownProviderError
from core_llm._plugins import PluginRegistry

PROVIDERS = sorted(entry.name for entry in entry_points(group="core_llm.providers"))


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Return the configuration of a user who has set nothing."""
    return Config.load(environ={"HOME": str(tmp_path)})


@pytest.fixture
def client(config: Config) -> Iterator[Client]:
    """Return a client that nobody has configured."""
    with Client(config=config) as client:
        yield client


@pytest.mark.parametrize("name", PROVIDERS)
def test_every_provider_is_found_by_its_name(client: Client, name: str) -> None:
    """What stands before the colon leads to the provider of that name, without a key or any setting."""
    assert client.provider(name).name == name


def test_nothing_is_quarantined(config: Config) -> None:
    """Every installed plugin imports, registers what its entry points say, and is of this core's contract."""
    statuses = PluginRegistry(config).check()
    assert {status.name: status.reason for status in statuses if status.state != "loaded"} == {}
    assert {status.name for status in statuses} >= set(PROVIDERS)


def test_unknown_provider_lists_the_installed_ones(client: Client) -> None:
    """Who misspells a provider reads which ones there are, and the near miss."""
    with pytest.raises(UnknownProviderError, match="did you mean 'openai'") as caught:
        client.provider("opnai")
    assert [name for name in PROVIDERS if name not in str(caught.value)] == []
