"""The yardstick shares nothing with what it measures."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import core_llm_conformance

ROOMS = ("walk", "requests")
MODULES = [path for room in ROOMS for path in Path(core_llm_conformance.__path__[0], room).glob("*.py")]


def imported(path: Path) -> Iterator[str]:
    """Yield the name of every module that a module imports."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


@pytest.mark.parametrize("path", MODULES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_it_imports_no_wire_and_no_plugin(path: Path) -> None:
    """So that a mistake in a decoder or an encoder cannot excuse itself."""
    assert [name for name in imported(path) if name.startswith(("core_llm.", "plugin_"))] == []
