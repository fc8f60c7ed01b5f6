"""What a server writes to its standard error: to the log, line by line, and the last lines into messages."""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import IO

LINES, LINE = 5, 500
"""Lines that are kept for a message, and characters of each."""
logger = logging.getLogger("core_llm.mcp")


class ErrorOutput:
    """A file for a process to write to.

    Attributes:
        file: What the process is given.
    """

    def __init__(self, server: str, scrubbed: Callable[[str], str]) -> None:
        """Make a pipe, and a thread that reads it until the process, and all that it started, have closed it."""
        reading, writing = os.pipe()
        self.file: IO[str] = os.fdopen(writing, "w", encoding="utf-8")
        self._server = server
        self._scrubbed = scrubbed
        self._lines: deque[str] = deque(maxlen=LINES)
        self._thread = threading.Thread(target=self._read, args=(reading,), name=f"mcp-stderr-{server}", daemon=True)
        self._thread.start()

    @property
    def last(self) -> str:
        """The last lines, as one."""
        return " / ".join(self._lines)

    def close(self, wait: float = 0.0) -> None:
        """Close our end, and wait that many seconds for what is still to be read."""
        with suppress(OSError):
            self.file.close()
        if wait:
            self._thread.join(wait)

    def _read(self, descriptor: int) -> None:
        with os.fdopen(descriptor, "r", encoding="utf-8", errors="replace") as file, suppress(OSError, ValueError):
            while line := file.readline(LINE):
                text = self._scrubbed(line.rstrip())
                if text:
                    self._lines.append(text)
                    logger.info("%s: %s", self._server, text)
