"""AsyncStream: one async call as its caller holds it. Enter it to send, iterate to read, leave it to be done."""

from __future__ import annotations

from collections.abc import AsyncIterator
from math import inf
from types import TracebackType
from typing import Self

from core_llm._errors import AbortedError
from core_llm._events import Restarted, StreamEvent, TextDelta
from core_llm._response import Response
from core_llm._stream.async_runner import AsyncRunner
from core_llm._stream.effects import READ, Outcome, Steps
from core_llm._stream.handle import CLOSED, Handle, voided
from core_llm._stream.plan import CallPlan
from core_llm._stream.ports import AsyncTransport


class AsyncStream(Handle):
    """A streamed answer.

    Nothing is sent before the block is entered, and nothing is read before an event is asked for. However the block is
    left, the connection is free at once and `response` keeps what had arrived.
    """

    def __init__(self, plan: CallPlan, transport: AsyncTransport) -> None:
        super().__init__(plan)
        self._runner = AsyncRunner(transport, self._control)
        self._is_busy = False

    async def __aenter__(self) -> Self:
        """Send the request and wait for the head of the answer.

        Raises:
            CoreLLMError: It could not be sent, or was answered with an error.
        """
        self._begin()
        await self._fill()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Free the connection."""
        await self.aclose()

    def __aiter__(self) -> AsyncIterator[StreamEvent]:
        """Iterate over the events that are left; a second iteration goes on where the first stopped."""
        return self

    async def __anext__(self) -> StreamEvent:
        """Return the next event.

        Raises:
            CoreLLMError: The call failed; its `partial` has what arrived. Asked again, it raises again.
        """
        while True:
            for event in self._pending:
                return event
            if not await self._fill():
                raise StopAsyncIteration

    def iter_text(self) -> AsyncIterator[str]:
        """Iterate over the answer's text as it arrives.

        Raises:
            CoreLLMError: The call failed; or the answer starts anew after some text, which texts alone cannot say.
        """
        return _Texts(self)

    async def finish(self) -> Response:
        """Read to the end and return the whole response."""
        async for _ in self:
            pass
        return self.response

    async def aclose(self) -> None:
        """Free the connection and stop the call if it still runs; from any task. What arrived is kept."""
        if self._is_busy:
            self.abort(CLOSED)
            return
        self._is_closing = True
        self._is_busy = True
        try:
            steps = self._unfinished_steps()
            if steps is not None:
                await self._advance(steps)
            await self._runner.close()
            self._closed()
        finally:
            self._is_busy = False

    async def _fill(self) -> bool:
        """Get the next batch; returns False at the end."""
        if self._is_busy:
            if self._is_closing:
                raise self._closed_error()
            msg = "two tasks read from one stream; give each consumer its own"
            raise AbortedError(msg)
        self._is_busy = True
        try:
            return self._state != "done" and await self._advance(self._running())
        finally:
            self._is_busy = False

    async def _advance(self, steps: Steps) -> bool:
        """Drive the steps to their next batch; returns False at their end."""
        runner, send = self._runner, steps.send
        outcome: Outcome = None
        try:
            while True:
                effect = send(outcome)
                if effect is READ:
                    try:
                        outcome = await runner.read()
                    except StopAsyncIteration:
                        outcome = None
                    except Exception as error:  # noqa: BLE001  # nothing of the HTTP library may escape
                        outcome = runner.read_failure(error)
                elif isinstance(effect, list):
                    self._control.deadline = inf
                    self._batch = effect
                    self._pending = iter(effect)
                    return True
                else:
                    outcome = await runner.perform(effect)
        except StopIteration:
            self._ended(None)
            return False
        except BaseException as error:
            await runner.close()
            self._ended(error)
            raise


class _Texts:
    """The texts of a stream. No generator: trio warns of one that is left before its end, which is fine here."""

    def __init__(self, stream: AsyncStream) -> None:
        self._stream = stream
        self._has_text = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        while True:
            event = await self._stream.__anext__()
            if isinstance(event, TextDelta):
                self._has_text = True
                return event.text
            if self._has_text and isinstance(event, Restarted):
                raise voided(event)
