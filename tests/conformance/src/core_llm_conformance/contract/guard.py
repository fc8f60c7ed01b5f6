"""A guard against code that does not return: no limit of time of the core stops a loop that only computes."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SECONDS = 5.0
"""What a check may take that takes milliseconds."""


class HangingError(BaseException):
    """A plugin's code did not return. No `except Exception` of anybody catches it."""


@contextmanager
def guarded(seconds: float = SECONDS) -> Iterator[None]:
    """Raise `HangingError` in a block that takes longer; only where signals work: in the main thread, on POSIX."""
    is_possible = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
    if not is_possible:
        yield
        return
    before = signal.signal(signal.SIGALRM, _ring)
    left, interval = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, left, interval)
        signal.signal(signal.SIGALRM, before)


def _ring(_number: int, frame: FrameType | None) -> None:
    where = f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame is not None else "nowhere"
    raise HangingError(f"it had not returned after {SECONDS:g} s, and was at {where}")
