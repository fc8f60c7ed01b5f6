"""Where the command writes: standard output, as a terminal or not, and the lines on standard error.

Into a pipe or a file goes plain UTF-8, whatever the locale. What a model or a server says reaches a terminal without
control characters, which could move its cursor or rename its window. Listings are in `_listing`.
"""

from __future__ import annotations

import io
import json
import os
import sys
from functools import cache, cached_property
from typing import TYPE_CHECKING, TextIO

from core_llm._redaction import redact

if TYPE_CHECKING:
    from rich.console import Console

    from core_llm._json import JSONValue

CONTROLS = dict.fromkeys(code for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\n\t")


def prepare_streams() -> None:
    """Make sure that no text can fail to be written: UTF-8 into pipes and files, the terminal's encoding else."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding=None if stream.isatty() else "utf-8", errors="replace")


def say(kind: str, message: str) -> None:
    """Write one line to standard error, such as ``error: no such model``; never fails."""
    line = redact(" ".join(message.split())).translate(CONTROLS)
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        pass
    try:
        sys.stderr.write(f"{kind}: {line}\n")
        sys.stderr.flush()
    except (OSError, AttributeError):  # closed, or never there
        return


@cache
def show_warnings() -> None:
    """From now on, write what the package logs and warns of as lines on standard error, each in the form of `say`."""
    import logging  # noqa: PLC0415  # what follows a call of this function imports it anyhow; ``--help`` need not
    import warnings  # noqa: PLC0415  # the same

    from core_llm._logging import logger  # noqa: PLC0415  # the same

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            say("warning" if record.levelno < logging.ERROR else "error", record.getMessage())

    def show(message: Warning | str, *_where: object, **_more: object) -> None:
        say("warning", str(message))

    logger.addHandler(Lines(logging.WARNING))
    logger.propagate = False
    warnings.showwarning = show


class Output:
    """Standard output, as a terminal or not.

    Attributes:
        is_terminal: Whether a person looks at it.
    """

    def __init__(self) -> None:
        # None where the command was started without one.
        self._stream: TextIO = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123  # for good
        self.is_terminal = self._stream.isatty()

    @cached_property
    def console(self) -> Console:
        """The console of rich, which knows dumb terminals and ``NO_COLOR``; for tables and dimmed text."""
        from rich.console import Console  # noqa: PLC0415  # costs more than the rest of a short call

        console = Console(file=self._stream, highlight=False, markup=False, emoji=False)
        return Console(file=self._stream, color_system=None, highlight=False) if console.no_color else console

    def write(self, text: str, *, is_dim: bool = False) -> None:
        """Write a piece of text at once, as it is; `is_dim` counts only where the terminal can."""
        if self.is_terminal:
            text = text.translate(CONTROLS)
            if is_dim and self.console.color_system is not None:
                text = f"\x1b[2m{text}\x1b[0m"
        self._stream.write(text)
        self._stream.flush()

    def write_json(self, value: JSONValue) -> None:
        """Write one line of JSON; in ASCII, so that no reader takes a character of it for the end of a line."""
        self._stream.write(json.dumps(value) + "\n")
        self._stream.flush()
