"""Pump: a thread that reads a stream, so that who waits for its next event can wait for something else."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from contextvars import copy_context
from threading import Condition, Thread

from core_llm._events import StreamEvent

AHEAD = 16
"""Events that are read before somebody asks."""


class Pump:
    """The thread, and the few events that it has read ahead."""

    def __init__(self, source: Iterable[StreamEvent]) -> None:
        self._source = source
        self._condition = Condition()
        self._events: deque[StreamEvent] = deque()
        self._end: BaseException | None = None
        self._is_stopped = False
        self._thread = Thread(target=copy_context().run, args=(self._run,), name="core-llm-transform", daemon=True)
        self.start = self._thread.start
        self.join = self._thread.join

    def get(self, patience: float | None) -> StreamEvent | None:
        """Return the next event; None if it does not come in time.

        Raises:
            BaseException: What the stream ended with; StopIteration at its end.
        """
        with self._condition:
            self._condition.wait_for(lambda: self._events or self._end is not None, patience)
            if self._events:
                self._condition.notify_all()
                return self._events.popleft()
            if self._end is not None:
                raise self._end
            return None

    def stop(self) -> None:
        """Read no further."""
        with self._condition:
            self._is_stopped = True
            self._condition.notify_all()

    def _run(self) -> None:
        end: BaseException = StopIteration()
        try:
            for event in self._source:
                with self._condition:
                    self._condition.wait_for(lambda: len(self._events) < AHEAD or self._is_stopped)
                    if self._is_stopped:
                        break
                    self._events.append(event)
                    self._condition.notify_all()
        except Exception as error:  # noqa: BLE001  # raised where the events are read
            end = error
        with self._condition:
            self._end = end
            self._condition.notify_all()
