"""AsyncRun: the turns of a model and its tools as one stream, for async code. Enter it to start, iterate to read."""

from __future__ import annotations

import inspect
import math
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import aclosing, suppress
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Generic, Self, TypeVar, cast

import anyio

from core_llm._errors import CoreLLMError
from core_llm._events import Restarted, StreamEvent, TextDelta, TurnStart
from core_llm._loops import run_soon
from core_llm._messages import ToolResultPart
from core_llm._readers import AsyncReader
from core_llm._response import Response
from core_llm._runs.approval import Approval, combined, failed, judged, needs_approval
from core_llm._runs.effects import AskApproval, AskModel, Effect, Emit, RunTools
from core_llm._runs.handle import RunHandle, not_open
from core_llm._runs.steps import Outcome, steps
from core_llm._runs.turns import Turns
from core_llm._stream.handle import voided
from core_llm._stream.plan import CallPlan
from core_llm._tools.execute import Batch, in_thread

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

    from core_llm._stream.async_stream import AsyncStream

T_co = TypeVar("T_co", covariant=True)
OpenStream = Callable[[CallPlan], "AsyncStream"]
"""Makes the stream of one turn."""


class _Job:
    """Calls that run in the background while their events are read."""

    def __init__(self, batch_of: Callable[[Callable[[StreamEvent], None]], Batch]) -> None:
        self._send, self.events = anyio.create_memory_object_stream[StreamEvent | None](math.inf)
        self._batch = batch_of(self.put)
        self.scope = anyio.CancelScope()
        self.results: tuple[ToolResultPart, ...] | None = None
        self.error: Exception | None = None

    def put(self, event: StreamEvent | None) -> None:
        """Hand on an event; None says that there is none to wait for. Nobody may read them any more."""
        with suppress(anyio.ClosedResourceError):
            self._send.send_nowait(event)

    async def run(self) -> None:
        """Run the calls; whatever they raise is kept."""
        with self.scope:
            try:
                self.results = await self._batch.run()
            except Exception as error:  # noqa: BLE001  # raised where the events are read
                self.error = error
        self.put(None)

    def close(self) -> None:
        """Let go of what is left."""
        self.scope.cancel()
        self.events.close()
        self._send.close()


class AsyncRun(RunHandle):
    """The turns of a model and its tools.

    Nothing is sent before the block is entered. However the block is left, the connection is free at once, handlers
    that run are cancelled, and `messages` and `state` keep what had happened.
    """

    def __init__(self, turns: Turns, open_stream: OpenStream) -> None:
        super().__init__(turns.asked)
        self._turns = turns
        self._open_stream = open_stream
        self._stream: AsyncStream | None = None
        self._reader: AsyncReader[StreamEvent] | None = None
        self._group: TaskGroup
        self._outcome: Outcome = None

    @property
    def response(self) -> Response | None:
        """The answer of the last turn, as far as it has come; None before the first."""
        return self._progress.response if self._stream is None else self._stream.response

    async def __aenter__(self) -> Self:
        """Start."""
        self._begin()
        self._group = anyio.create_task_group()  # not before: a run may be made where no event loop runs yet
        await self._group.__aenter__()
        self._reader = AsyncReader(self._generate(), "run", ".messages")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop, if it still runs."""
        try:
            await self.aclose()
        finally:
            self._group.cancel_scope.cancel()
            await self._group.__aexit__(None, None, None)

    async def aclose(self) -> None:
        """Stop the run if it still goes on, from any task, and free what it holds."""
        self._close()
        if self._reader is not None:
            await self._reader.close()

    def __aiter__(self) -> AsyncIterator[StreamEvent]:
        """Iterate over the events that are left."""
        return self

    async def __anext__(self) -> StreamEvent:
        """Return the next event.

        Raises:
            RunLimitError: A limit was reached.
            CoreLLMError: The model, a tool or the way to them failed, or the run was stopped.
        """
        if self._reader is None:
            raise not_open()
        return await self._reader.next()

    async def iter_text(self) -> AsyncIterator[str]:
        """Iterate over the text of all answers as it arrives.

        Raises:
            CoreLLMError: The run failed; or an answer starts anew after some text, which texts alone cannot say.
        """
        has_text = False
        async for event in self:
            match event:
                case TextDelta(text=text):
                    has_text = True
                    yield text
                case TurnStart():
                    has_text = False
                case Restarted() if has_text:
                    raise voided(event)
                case _:
                    pass

    async def finish(self) -> Response:
        """Go on to the end, and return the last answer."""
        async for _ in self:
            pass
        assert self.response is not None  # noqa: S101  # a run that ended has asked
        return self.response

    async def _generate(self) -> AsyncGenerator[StreamEvent]:
        """Drive the steps: do what they want, and give the consumer every event on the way."""
        going = steps(self._asked.plan, self._progress)
        try:
            effect = next(going)
            while True:
                self._outcome = None
                try:
                    async with aclosing(self._perform(effect)) as events:
                        async for event in events:
                            yield event
                except CoreLLMError as error:
                    effect = going.throw(error)
                else:
                    effect = going.send(self._outcome)
        except StopIteration:
            self._status = "done"
        except Exception as error:
            failure = self._failed(error)
            if failure is error:
                raise
            raise failure from None
        finally:
            going.close()

    def _perform(self, effect: Effect) -> AsyncGenerator[StreamEvent]:
        """Return the events of an effect; when they have come, its outcome is in `_outcome`."""
        match effect:
            case Emit(events):
                return _each(events)
            case AskModel():
                return self._ask_model(effect)
            case AskApproval():
                return self._ask_approval(effect)
            case RunTools():
                return self._run_tools(effect)

    async def _ask_model(self, effect: AskModel) -> AsyncGenerator[StreamEvent]:
        async with self._open_stream(self._turns.plan(effect, self._signal)) as stream:
            self._stream = stream
            try:
                async for event in stream:
                    yield event
            finally:
                self._progress.response = stream.response
                self._stream = None
        self._outcome = stream.response

    async def _ask_approval(self, effect: AskApproval) -> AsyncGenerator[StreamEvent]:
        """Ask the hooks and, where it has to be approved, the caller's approver; sync ones in a thread."""
        call, asked = effect.call, self._asked
        is_needed = needs_approval(effect.tool, call)
        with anyio.CancelScope() as scope:
            stop = run_soon(scope.cancel)
            forget = self._signal.add_callback(lambda _: stop())
            try:
                verdicts = [await _said("a hook that approves calls", hook, call, effect.tool) for hook in asked.hooks]
                if is_needed and asked.approver is not None:
                    verdicts.append(await _said("the approver", asked.approver, call))
                self._outcome = combined(verdicts, is_needed=is_needed)
            finally:
                forget()
        self._check_stopped()
        nothing: tuple[StreamEvent, ...] = ()
        for event in nothing:
            yield event

    async def _run_tools(self, effect: RunTools) -> AsyncGenerator[StreamEvent]:
        """Run calls in the background, and hand on their events as they come."""
        self._check_stopped()
        job = _Job(partial(self._batch, effect.calls, effect.denied, effect.turn))
        wake = run_soon(partial(job.put, None))
        forget = self._signal.add_callback(lambda _: wake())
        self._group.start_soon(job.run)
        try:
            while (event := await job.events.receive()) is not None:
                yield event
        finally:
            forget()
            job.close()
        if job.error is not None:
            raise job.error
        if job.results is None:
            raise self._stopped()
        self._outcome = job.results


async def _each(events: Iterable[StreamEvent]) -> AsyncGenerator[StreamEvent]:
    for event in events:
        yield event


async def _said(asked: str, ask: Callable[..., object], *what: object) -> Approval | None:
    """Return what somebody says of a call; a sync function is called in a thread. One that fails says no."""
    try:
        if inspect.iscoroutinefunction(ask):
            return judged(await ask(*what), asked)
        return judged(await in_thread(partial(ask, *what)), asked)
    except Exception as error:  # noqa: BLE001  # it fails closed
        return failed(asked, error)


class AsyncTypedRun(AsyncRun, Generic[T_co]):
    """A run whose last answer has a value of a type."""

    @property
    def output(self) -> T_co:
        """The value, checked; there once the run is over.

        Raises:
            OutputError: The last answer has no value of the type.
            CoreLLMError: The run is not over, failed, or ended without an answer.
        """
        return cast("T_co", self._output())
