"""Watching a plugin's code while it runs: which of its own lines calls what a wire must not use.

Only calls made by the plugin's own lines count: what the core, pytest or a logging handler does is no fault of it.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from core_llm_conformance.contract.forbidden import CALLS, why_not

FILES = frozenset(
    {"read_text", "read_bytes", "write_text", "write_bytes", "open", "exists", "is_file", "stat", "mkdir"}
)
"""Methods of a path that look at the disk."""


class Watcher:
    """Notes forbidden calls of code in certain files.

    Attributes:
        seen: Line of the plugin → what it called, and what that is for.
    """

    def __init__(self, files: set[str]) -> None:
        self.seen: dict[str, str] = {}
        self._files = files

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch this thread for the time of a block."""
        before = sys.getprofile()
        sys.setprofile(self._hear)
        try:
            yield
        finally:
            sys.setprofile(before)

    def _hear(self, frame: FrameType, event: str, argument: Any) -> None:  # noqa: ANN401  # as sys.setprofile wants it
        if event == "c_call":
            caller: FrameType | None = frame
        elif event == "call":
            caller = frame.f_back
        else:
            return
        if caller is None or caller.f_code.co_filename not in self._files:
            return
        called = _builtin(argument, caller) if event == "c_call" else _function(frame)
        if called is not None:
            name, reason = called
            self.seen.setdefault(f"{caller.f_code.co_filename}:{caller.f_lineno}", f"{name} ({reason})")


def _builtin(function: Any, caller: FrameType) -> tuple[str, str] | None:  # noqa: ANN401  # whatever is called
    name = getattr(function, "__name__", "")
    owner = getattr(function, "__self__", None)
    if isinstance(owner, random.Random):  # noqa: S311  # it is only recognised
        return f"random.{name}", "chance"
    module = getattr(owner, "__name__", None) if owner is not None else getattr(function, "__module__", "")
    if not isinstance(module, str):
        return None
    module = {"posix": "os", "nt": "os", "_io": "io", "_socket": "socket"}.get(module, module)
    full = f"{module}.{name}"
    if full == "builtins.hash" and caller.f_code.co_name == "__hash__":
        return None
    if full in ("os.fspath", "os.fsencode", "os.fsdecode"):
        return None
    reason = CALLS.get(full) or why_not(module)
    return (full, reason) if reason else None


def _function(frame: FrameType) -> tuple[str, str] | None:
    name, module = frame.f_code.co_name, str(frame.f_globals.get("__name__", ""))
    if frame.f_locals.get("self") is os.environ:
        return "os.environ", "the environment; configuration has it, as self.options or self.config"
    if name in ("<module>", "<lambda>", "fspath", "_fspath") or module in ("posixpath", "ntpath", "genericpath"):
        return None
    full = f"{module}.{name}"
    if module.partition(".")[0] == "pathlib" and name in FILES:
        return f"pathlib.Path.{name}", "files"
    reason = CALLS.get(full) or why_not(module)
    return (full, reason) if reason else None
