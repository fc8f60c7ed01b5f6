"""The front door: which names are public, and what importing them costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import core_llm


@pytest.mark.parametrize("name", core_llm.__all__)
def test_every_public_name_can_be_imported(name: str) -> None:
    """What ``__all__`` promises is there."""
    assert getattr(core_llm, name) is not None


def test_type_checkers_see_the_same_names() -> None:
    """The imports written for type checkers are exactly the names that are imported lazily."""
    tree = ast.parse(Path(core_llm.__file__).read_text(encoding="utf-8"))
    [guarded] = [node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    seen = {alias.name for node in guarded.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert seen == set(core_llm.__all__)


def test_names_are_listed_for_discovery() -> None:
    """`dir(core_llm)` shows the public names before any was used."""
    program = "import core_llm; print({*core_llm.__all__, '__version__'} <= set(dir(core_llm)))"
    assert run(program) == "True"


def test_importing_the_package_imports_nothing_else() -> None:
    """`import core_llm` loads no library and none of its own rooms."""
    program = "import sys; before = set(sys.modules); import core_llm; print(*sorted(set(sys.modules) - before))"
    loaded = run(program).split()
    assert [name for name in loaded if name.startswith("core_llm")] == ["core_llm"]
    assert [name for name in loaded if name in {"anyio", "asyncio", "httpx", "pluggy", "pydantic", "ssl"}] == []


def test_unknown_name_is_an_attribute_error() -> None:
    """A name that is not public is missing as it would be from any module."""
    with pytest.raises(AttributeError, match="module 'core_llm' has no attribute 'Klient'"):
        getattr(core_llm, "Klient")  # noqa: B009  # a type checker would see it


def run(program: str) -> str:
    """Run a program in a Python of its own and return what it printed."""
    command = [sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.strip()
