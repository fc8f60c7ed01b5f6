"""Stream: one sync call as its caller holds it. Enter it to send, iterate to read, leave it to be done."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from math import inf
from types import TracebackType
from typing import Self

from core_llm._errors import AbortedError
from core_llm._events import Restarted, StreamEvent, TextDelta
from core_llm._response import Response
from core_llm._stream.effects import READ, Outcome, Steps
from core_llm._stream.handle import CLOSED, Handle, voided
from core_llm._stream.plan import CallPlan
from core_llm._stream.ports import SyncTransport
from core_llm._stream.sync_runner import SyncRunner


class Stream(Handle):
    """A streamed answer.

    Nothing is sent before the block is entered, and nothing is read before an event is asked for. However the block is
    left, the connection is free at once and `response` keeps what had arrived.
    """

    def __init__(self, plan: CallPlan, transport: SyncTransport) -> None:
        super().__init__(plan)
        self._runner = SyncRunner(transport, self._control)
        self._busy = threading.Lock()

    def __enter__(self) -> Self:
        """Send the request and wait for the head of the answer.

        Raises:
            CoreLLMError: It could not be sent, or was answered with an error.
        """
        self._begin()
        self._fill()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Free the connection."""
        self.close()

    def __iter__(self) -> Iterator[StreamEvent]:
        """Iterate over the events that are left; a second iteration goes on where the first stopped."""
        return self

    def __next__(self) -> StreamEvent:
        """Return the next event.

        Raises:
            CoreLLMError: The call failed; its `partial` has what arrived. Asked again, it raises again.
        """
        while True:
            for event in self._pending:
                return event
            if not self._fill():
                raise StopIteration

    def iter_text(self) -> Iterator[str]:
        """Iterate over the answer's text as it arrives.

        Raises:
            CoreLLMError: The call failed; or the answer starts anew after some text, which texts alone cannot say.
        """
        has_text = False
        for event in self:
            if isinstance(event, TextDelta):
                has_text = True
                yield event.text
            elif has_text and isinstance(event, Restarted):
                raise voided(event)

    def finish(self) -> Response:
        """Read to the end and return the whole response."""
        for _ in self:
            pass
        return self.response

    def close(self) -> None:
        """Free the connection and stop the call if it still runs; from any thread. What arrived is kept."""
        self._is_closing = True
        if not self._busy.acquire(blocking=False):
            self.abort(CLOSED)
            return
        try:
            steps = self._unfinished_steps()
            if steps is not None:
                self._advance(steps)
            self._runner.close()
            self._closed()
        finally:
            self._busy.release()

    def _fill(self) -> bool:
        """Get the next batch; returns False at the end."""
        if not self._busy.acquire(blocking=self._is_closing):
            msg = "two threads read from one stream; give each consumer its own"
            raise AbortedError(msg)
        try:
            return self._state != "done" and self._advance(self._running())
        finally:
            self._busy.release()

    def _advance(self, steps: Steps) -> bool:
        """Drive the steps to their next batch; returns False at their end."""
        runner, send = self._runner, steps.send
        outcome: Outcome = None
        try:
            while True:
                effect = send(outcome)
                if effect is READ:
                    try:
                        outcome = runner.read()
                    except StopIteration:
                        outcome = None
                    except Exception as error:  # noqa: BLE001  # nothing of the HTTP library may escape
                        outcome = runner.read_failure(error)
                elif isinstance(effect, list):
                    self._control.deadline = inf
                    self._batch = effect
                    self._pending = iter(effect)
                    return True
                else:
                    outcome = runner.perform(effect)
        except StopIteration:
            self._ended(None)
            return False
        except BaseException as error:
            runner.close()
            self._ended(error)
            raise
