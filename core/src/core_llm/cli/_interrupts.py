"""What Ctrl-C does: it ends the command, stops an answer, or throws a line away, depending on what goes on.

Where Python itself would raise a KeyboardInterrupt, that may come in the middle of somebody's callback, which prints it
and goes on. So nothing is raised but where a line is read.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Protocol

INTERRUPTED = 130
"""The exit code, as a shell reports it for a program that SIGINT ended."""


class Answer(Protocol):
    """What Ctrl-C can stop: a stream, or a run."""

    def abort(self, reason: str | None = None) -> None:
        """Stop it, from any thread."""
        ...


Handler = Callable[[int, FrameType | None], None]


def leave(_number: int = 0, _frame: FrameType | None = None) -> None:
    """End the process at once. Connections end with it, and what was printed stays."""
    with suppress(OSError):
        if os.isatty(2):
            os.write(2, b"\n")  # the terminal has shown ^C
    os._exit(INTERRUPTED)


def on_ctrl_c(handler: Handler | signal.Handlers) -> None:
    """From now on, let Ctrl-C do this; nothing changes outside the main thread, which alone can have handlers."""
    with suppress(ValueError):
        signal.signal(signal.SIGINT, handler)


@contextmanager
def ctrl_c_does(handler: Handler | signal.Handlers) -> Iterator[None]:
    """Let Ctrl-C do this in the block."""
    before = signal.getsignal(signal.SIGINT)
    on_ctrl_c(handler)
    try:
        yield
    finally:
        if before is not None:
            signal.signal(signal.SIGINT, before)


class StopAnswer:
    """The handler that stops an answer: the one that runs, or the one that is about to be asked for.

    A stopped answer raises an AbortedError.

    Attributes:
        otherwise: What Ctrl-C does to an answer that does not stop when it is pressed first, or cannot be stopped.
    """

    def __init__(self, otherwise: Handler) -> None:
        self.otherwise = otherwise
        self._answer: Answer | None = None
        self._is_pressed = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Take note of Ctrl-C."""
        if self._is_pressed:
            self.otherwise(number, frame)
        self._is_pressed = True
        if self._answer is not None:
            # In a thread, since this one may just hold the lock that stopping needs.
            threading.Thread(target=self._answer.abort, args=("interrupted",), daemon=True).start()

    def watch(self, answer: Answer) -> None:
        """From now on, let Ctrl-C stop this answer; it is stopped already if Ctrl-C was quicker."""
        self._answer = answer
        if self._is_pressed:
            answer.abort("interrupted")

    def reset(self) -> None:
        """Forget the answer, and whether Ctrl-C was pressed."""
        self._answer, self._is_pressed = None, False
