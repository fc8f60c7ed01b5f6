"""The door of `core_llm.wire`: every name is there, and a wire that few speak is imported when it is asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

from core_llm import wire

HANG_GUARD = 60


def test_every_public_name_is_there() -> None:
    """What the door lists can be imported, whether at once or when it is first used."""
    assert [name for name in wire.__all__ if not hasattr(wire, name)] == []


def test_the_responses_wire_is_imported_late() -> None:
    """Who speaks another wire does not pay for importing this one."""
    code = (
        "import sys, core_llm.wire; before = 'core_llm.wire.responses' in sys.modules; "
        "from core_llm.wire import Responses; print(before, Responses.__module__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=HANG_GUARD, check=True)
    assert done.stdout == "False core_llm.wire.responses\n"


def test_an_unknown_name_is_an_error() -> None:
    """A misspelt name is an AttributeError that says it."""
    with pytest.raises(AttributeError, match="'Respones'"):
        wire.Respones  # type: ignore[attr-defined]  # noqa: B018  # the point
