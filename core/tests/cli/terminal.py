"""A pseudo-terminal with the command in it, for tests of what a person does there."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Self

Start = Callable[..., subprocess.Popen[bytes]]
HANG_GUARD = 60
CTRL_C, CTRL_D = "\x03", "\x04"
# Makes the pseudo-terminal the one that Ctrl-C comes from, then becomes the command.
TAKE_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
)


class Terminal:
    """A pseudo-terminal with the command in it, seen from the person's side."""

    def __init__(self, start: Start, *arguments: str) -> None:
        self._master, slave = pty.openpty()
        shell = f'exec {sys.executable} -c \'{TAKE_TERMINAL}\' "$0" "$@"'
        streams = {"stdin": slave, "stdout": slave, "stderr": slave}
        self._process = start(*arguments, through=shell, start_new_session=True, **streams)
        os.close(slave)
        self.screen = ""

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._master, text.encode())

    def read_until(self, text: str, seconds: float = HANG_GUARD) -> str:
        """Wait until `text` is printed; return what was printed with it since the last call."""
        deadline = time.monotonic() + seconds
        while text not in self.screen:
            ready, _, _ = select.select([self._master], [], [], max(0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError(f"{text!r} was not printed; the screen has {self.screen!r}")
            data = self._read()
            assert data, f"the command ended before {text!r}; the screen has {self.screen!r}"
            self.screen += data
        shown, _, rest = self.screen.partition(text)
        self.screen = rest
        return shown + text

    def press_ctrl_c(self, expected: str) -> str:
        """Press Ctrl-C, and as a person would once more if it does not work; return what is printed up to `expected`.

        Python runs a handler of signals between two steps of a program: one that comes in the instant before a blocking
        call has to wait until that returns. A test is quick enough to hit this instant, a person hardly ever.
        """
        for _ in range(6):
            self.type(CTRL_C)
            try:
                return self.read_until(expected, HANG_GUARD / 6)
            except TimeoutError:
                continue
        raise TimeoutError(f"Ctrl-C did not lead to {expected!r}; the screen has {self.screen!r}")

    def end_by_ctrl_c(self) -> tuple[int, str]:
        """Press Ctrl-C, if need be once more as in `press_ctrl_c`; return what `wait` does."""
        for _ in range(6):
            self.type(CTRL_C)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(HANG_GUARD / 6)
                break
        return self.wait()

    def wait(self) -> tuple[int, str]:
        """Wait until the command ends; return its exit code and what it printed at last."""
        while select.select([self._master], [], [], HANG_GUARD)[0] and (data := self._read()):
            self.screen += data
        try:
            return self._process.wait(HANG_GUARD), self.screen
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise TimeoutError(f"the command did not end; the screen has {self.screen!r}") from None

    def _read(self) -> str:
        try:
            return os.read(self._master, 10_000).decode()
        except OSError:  # how Linux says that nobody has the other side open any more
            return ""

    def __enter__(self) -> Self:
        """Return the terminal; leaving the block closes it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        os.close(self._master)
