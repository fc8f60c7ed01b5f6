"""Run: the turns of a model and its tools as one stream, for sync code. Enter it to start, iterate to read."""

from __future__ import annotations

import inspect
import queue
import threading
from collections.abc import Awaitable, Callable, Generator, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Generic, Self, TypeVar, cast

from core_llm import _portal
from core_llm._events import Restarted, StreamEvent, TextDelta, TurnStart
from core_llm._messages import ToolResultPart
from core_llm._readers import Reader
from core_llm._response import Response
from core_llm._runs.approval import Approval, combined, failed, judged, needs_approval
from core_llm._runs.effects import AskApproval, AskModel, Effect, Emit, RunTools
from core_llm._runs.handle import RunHandle, not_open
from core_llm._runs.steps import Outcome, steps
from core_llm._runs.turns import Turns
from core_llm._stream.handle import voided
from core_llm._stream.plan import CallPlan

if TYPE_CHECKING:
    from core_llm._stream.stream import Stream

T_co = TypeVar("T_co", covariant=True)
OpenStream = Callable[[CallPlan], "Stream"]
"""Makes the stream of one turn."""


class Run(RunHandle):
    """The turns of a model and its tools.

    Nothing is sent before the block is entered. However the block is left, the connection is free at once, handlers
    that run are stopped, and `messages` and `state` keep what had happened.
    """

    def __init__(self, turns: Turns, open_stream: OpenStream) -> None:
        super().__init__(turns.asked)
        self._turns = turns
        self._open_stream = open_stream
        self._stream: Stream | None = None
        self._reader: Reader[StreamEvent] | None = None

    @property
    def response(self) -> Response | None:
        """The answer of the last turn, as far as it has come; None before the first."""
        return self._progress.response if self._stream is None else self._stream.response

    def __enter__(self) -> Self:
        """Start."""
        self._begin()
        self._reader = Reader(self._generate(), "run", ".messages")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop, if it still runs."""
        self.close()

    def close(self) -> None:
        """Stop the run if it still goes on, from any thread, and free what it holds."""
        self._close()
        if self._reader is not None:
            self._reader.close()

    def __iter__(self) -> Iterator[StreamEvent]:
        """Iterate over the events that are left."""
        return self

    def __next__(self) -> StreamEvent:
        """Return the next event.

        Raises:
            RunLimitError: A limit was reached.
            CoreLLMError: The model, a tool or the way to them failed, or the run was stopped.
        """
        if self._reader is None:
            raise not_open()
        return self._reader.next()

    def iter_text(self) -> Iterator[str]:
        """Iterate over the text of all answers as it arrives.

        Raises:
            CoreLLMError: The run failed; or an answer starts anew after some text, which texts alone cannot say.
        """
        has_text = False
        for event in self:
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

    def finish(self) -> Response:
        """Go on to the end, and return the last answer."""
        for _ in self:
            pass
        assert self.response is not None  # noqa: S101  # a run that ended has asked
        return self.response

    def _generate(self) -> Generator[StreamEvent]:
        """Drive the steps: do what they want, and give the consumer every event on the way."""
        going = steps(self._asked.plan, self._progress)
        try:
            effect = next(going)
            while True:
                try:
                    outcome = yield from self._perform(effect)
                except Exception as error:  # noqa: BLE001  # the steps are told of whatever it was
                    effect = going.throw(error)
                else:
                    effect = going.send(outcome)
        except StopIteration:
            self._status = "done"
        except Exception as error:
            failure = self._failed(error)
            if failure is error:
                raise
            raise failure from None
        finally:
            going.close()

    def _perform(self, effect: Effect) -> Generator[StreamEvent, None, Outcome]:
        match effect:
            case Emit(events):
                yield from events
                return None
            case AskModel():
                return (yield from self._ask_model(effect))
            case AskApproval():
                return self._approval(effect)
            case RunTools():
                return (yield from self._run_tools(effect))

    def _ask_model(self, effect: AskModel) -> Generator[StreamEvent, None, Response]:
        with self._open_stream(self._turns.plan(effect, self._signal)) as stream:
            self._stream = stream
            try:
                yield from stream
            finally:
                self._progress.response = stream.response
                self._stream = None
        return stream.response

    def _approval(self, effect: AskApproval) -> Approval | None:
        """Ask the hooks and, where it has to be approved, the caller's approver; in the consumer's own thread."""
        call, asked = effect.call, self._asked
        is_needed = needs_approval(effect.tool, call)
        verdicts = [self._said("a hook that approves calls", hook, call, effect.tool) for hook in asked.hooks]
        if is_needed and asked.approver is not None:
            verdicts.append(self._said("the approver", asked.approver, call))
        return combined(verdicts, is_needed=is_needed)

    def _said(self, asked: str, ask: Callable[..., object], *what: object) -> Approval | None:
        """Return what somebody says of a call; what is async runs in the portal. One that fails says no.

        Raises:
            AbortedError: The run was stopped.
        """
        self._check_stopped()
        try:
            answer = ask(*what)
            if inspect.isawaitable(answer):
                answer = self._unless_stopped(answer)
        except Exception as error:  # noqa: BLE001  # it fails closed
            answer = error
        self._check_stopped()
        return failed(asked, answer) if isinstance(answer, Exception) else judged(answer, asked)

    def _unless_stopped(self, answer: Awaitable[object]) -> object:
        """Return what is awaited in the portal, or None once the run is stopped."""
        woken = threading.Event()
        future = _portal.submit(_awaited(answer))
        future.add_done_callback(lambda _: woken.set())
        forget = self._signal.add_callback(lambda _: woken.set())
        try:
            woken.wait()
            return future.result() if future.done() else None
        finally:
            forget()
            future.cancel()

    def _run_tools(self, effect: RunTools) -> Generator[StreamEvent, None, tuple[ToolResultPart, ...]]:
        """Run calls in the portal, and hand on their events as they come."""
        self._check_stopped()
        coming: queue.SimpleQueue[StreamEvent | None] = queue.SimpleQueue()
        batch = self._batch(effect.calls, effect.denied, effect.turn, coming.put)
        future = _portal.submit(batch.run())
        future.add_done_callback(lambda _: coming.put(None))
        forget = self._signal.add_callback(lambda _: coming.put(None))
        try:
            while (event := coming.get()) is not None:
                yield event
            if self._signal.is_fired and not future.done():
                raise self._stopped()
            return future.result()
        finally:
            forget()
            future.cancel()


class TypedRun(Run, Generic[T_co]):
    """A run whose last answer has a value of a type."""

    @property
    def output(self) -> T_co:
        """The value, checked; there once the run is over.

        Raises:
            OutputError: The last answer has no value of the type.
            CoreLLMError: The run is not over, failed, or ended without an answer.
        """
        return cast("T_co", self._output())


async def _awaited(answer: Awaitable[object]) -> object:
    return await answer
