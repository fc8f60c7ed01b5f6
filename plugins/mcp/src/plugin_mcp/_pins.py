"""Pins: what a server's tools looked like when they were first offered, or approved since.

A server that changes what it told of a tool may want the model to do something else than what was approved. Its new
word is not passed on before somebody approves it.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Literal

from core_llm import ConfigError
from core_llm.wire import JSONObject

_file_lock = Lock()
"""Held from reading a file to replacing it: several pins of one process may have the same one."""


@dataclass(frozen=True, slots=True)
class ToolState:
    """A tool of a server, and whether it is offered.

    Attributes:
        name: What the model calls it.
        server_name: What the server calls it.
        state: ``approved``, or ``changed``: it is not what was approved, and is not offered.
        description: What the server says of it now.
        parameters: The schema of its arguments now.
        fingerprint: Of what the server says of it now.
    """

    name: str
    server_name: str
    state: Literal["approved", "changed"]
    description: str
    parameters: JSONObject
    fingerprint: str


def fingerprint(told: Mapping[str, object]) -> str:
    """Return the fingerprint of what a server tells of a tool, the same whatever the order of its fields."""
    return sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


class Pins:
    """Server → tool → fingerprint, in memory, or in a file that outlives the process. Safe to share."""

    def __init__(self, path: str | Path | None = None) -> None:
        """Read the file, if there is one.

        Raises:
            ConfigError: It cannot be read, or is no file of pins.
        """
        self.path = None if path is None else Path(path)
        self._lock = Lock()
        self._pins: dict[str, dict[str, str]] = {} if self.path is None else _read(self.path)

    def of(self, server: str) -> dict[str, str]:
        """Return the fingerprints of a server's tools, by the server's names."""
        with self._lock:
            return dict(self._pins.get(server, {}))

    def set(self, server: str, pins: Mapping[str, str]) -> None:
        """Add or replace fingerprints of a server's tools; what others have written to the file meanwhile stays.

        Raises:
            ConfigError: The file cannot be read or written.
        """
        with self._lock:
            before = self._pins.get(server, {})
            after = {**before, **pins}
            if after == before:
                return
            self._pins[server] = after
        if self.path is not None:
            with _file_lock:
                in_file = _read(self.path)
                in_file[server] = {**in_file.get(server, {}), **pins}
                _write(self.path, in_file)


def _read(path: Path) -> dict[str, dict[str, str]]:
    try:
        read = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot read the pins of MCP tools in {path}: {error}") from None
    is_ours = isinstance(read, dict) and all(
        isinstance(tools, dict) and all(isinstance(pin, str) for pin in tools.values()) for tools in read.values()
    )
    if not is_ours:
        raise ConfigError(f"{path} holds no pins of MCP tools")
    return dict(read)


def _write(path: Path, pins: Mapping[str, Mapping[str, str]]) -> None:
    """Replace the file at once, so that no reader sees half of it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(pins, file, indent=1, sort_keys=True)
            Path(temporary).replace(path)
        except BaseException:
            with suppress(OSError):
                Path(temporary).unlink()
            raise
    except OSError as error:
        raise ConfigError(f"cannot write the pins of MCP tools to {path}: {error.strerror}") from None
