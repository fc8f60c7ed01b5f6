"""What the tests of the contract layer and of the payload probe share: plugins made on the spot, and what is found."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent
from types import ModuleType

import pytest

from core_llm import Provider
from core_llm_conformance.failure import ConformanceFailure, Finding
from core_llm_conformance.target import Target

CASSETTES = Path(__file__).parent / "twin" / "cassettes" / "acme"


def of(provider: type[Provider] | Provider, model: str = "acme-1", **config: object) -> Target:
    """Return a provider as the suite has it, with the good twin's cassettes."""
    return Target(provider, model, config=config, cassettes=CASSETTES)  # type: ignore[arg-type]  # plain JSON


def finding(check: Callable[[], None]) -> Finding:
    """Return what a check that must fail found."""
    with pytest.raises(ConformanceFailure) as raised:
        check()
    return raised.value.finding


@contextmanager
def module(folder: Path, source: str, name: str = "plugin_made") -> Iterator[ModuleType]:
    """Write a module to a folder and import it for the time of a block."""
    path = folder / f"{name}.py"
    path.write_text(dedent(source), encoding="utf-8")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    made = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(made)
        yield made
    finally:
        del sys.modules[name]


def install_beside(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install another plugin, `plugin-beside`, for the time of a test."""
    (folder / "plugin_beside.py").write_text("")
    told = folder / "plugin_beside-1.0.dist-info"
    told.mkdir()
    (told / "METADATA").write_text("Metadata-Version: 2.4\nName: plugin-beside\nVersion: 1.0\n")
    (told / "entry_points.txt").write_text("[core_llm.providers]\nbeside = plugin_beside\n")
    monkeypatch.syspath_prepend(folder)
