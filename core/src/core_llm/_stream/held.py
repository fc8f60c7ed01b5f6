"""Held: an admission as the engine holds it, released once, however the attempt ends."""

from __future__ import annotations

from threading import Lock

from core_llm._admission import Admission
from core_llm._logging import logger
from core_llm._response import Usage
from core_llm._stream.effects import Head


class Held:
    """One admission. One that is given up while it still asks, in a thread of its own, is released when it has."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._asking = Lock()
        self._usage: Usage | None = None
        self._is_left = False
        self.may_block = admission.may_block
        self.wake_with = admission.wake_with

    def ask(self) -> float | None:
        """Ask it."""
        try:
            with self._asking:
                return self._admission.ask()
        finally:
            self._release_if_left()

    def answered(self, head: Head) -> None:
        """Tell it of the head of the answer."""
        try:
            self._admission.answered(head.status, head.headers)
        except Exception as error:  # noqa: BLE001  # a stranger's code must not harm an answer
            logger.warning("what admits calls raised %s: %s", type(error).__name__, error)

    def leave(self, usage: Usage | None) -> None:
        """Release it, now or when it has answered."""
        self._usage = usage
        self._is_left = True
        self._release_if_left()

    def _release_if_left(self) -> None:
        # The lock is taken by whoever releases, and never given back: that is what makes it once.
        if not self._is_left or not self._asking.acquire(blocking=False):
            return
        try:
            self._admission.release(self._usage)
        except Exception as error:  # noqa: BLE001  # as above
            logger.warning("what admits calls raised %s: %s", type(error).__name__, error)
