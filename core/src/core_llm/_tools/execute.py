"""Running the calls of one turn: checked, in parallel or in order, each within its time. One implementation, async.

Under the sync client it runs on the portal thread, so that tools of both kinds work under both clients. Sync handlers
run in threads; one that does not return in time is left behind, so that it cannot hold the run. What a model may do,
and whether a call was approved, is decided before; what comes here is run.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Awaitable, Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import cast

import anyio
import anyio.lowlevel
import anyio.to_thread

from core_llm._errors import RedactedCause
from core_llm._messages import ToolCallPart, ToolResultPart
from core_llm._signals import Signal, SignalController
from core_llm._tool_errors import (
    ModelRetry,
    ToolArgumentsError,
    ToolError,
    ToolExecutionError,
    ToolTimeoutError,
)
from core_llm._tools.context import ToolContext
from core_llm._tools.definition import Tool
from core_llm._tools.manager import MAX_ARGUMENTS, ToolManager, ToolObserver
from core_llm._tools.results import failure_of, result_of, told

MakeContext = Callable[[ToolCallPart, int], ToolContext[object]]
"""Makes the context of a call, given how often its tool has asked to be called again."""
OnStart = Callable[[ToolCallPart], Awaitable[None]]
OnResult = Callable[[ToolCallPart, ToolResultPart], Awaitable[None]]


@dataclass(slots=True)
class Batch:
    """The calls of one turn and what becomes of them.

    Attributes:
        manager: Whose tools are called.
        calls: In the model's order; complete ones only.
        make_context: Makes what handlers may ask for.
        retries: Tool → in how many turns in a row it has asked to be called again; kept over the turns of a run.
        on_start: Awaited before each handler runs.
        on_result: Awaited with each result, in the order in which they come.
        denied: Id of a call → what the model is told in place of its result.
        observers: Told of these calls, besides those who are told of all that the manager's tools do.
    """

    manager: ToolManager
    calls: Sequence[ToolCallPart]
    make_context: MakeContext
    retries: dict[str, int]
    on_start: OnStart
    on_result: OnResult
    denied: Mapping[str, str] = field(default_factory=dict)
    observers: Sequence[ToolObserver] = ()
    _before: Mapping[str, int] = field(init=False)

    def __post_init__(self) -> None:
        """Note what was before: calls of one turn were all made without knowing what the others are told."""
        self._before = dict(self.retries)

    async def run(self) -> tuple[ToolResultPart, ...]:
        """Run the calls and return their results, in the order of the calls.

        Raises:
            ToolExecutionError: A handler failed, and the manager raises failures; the other handlers were cancelled.
        """
        results: list[ToolResultPart | None] = [None] * len(self.calls)
        numbered = iter(enumerate(self.calls))
        failures: list[ToolError] = []
        async with anyio.create_task_group() as group:
            for _ in range(min(self.manager.max_parallel, len(self.calls))):
                group.start_soon(self._work, numbered, results, failures, group.cancel_scope)
        if failures:
            raise failures[0]
        return cast("tuple[ToolResultPart, ...]", tuple(results))

    async def _work(
        self,
        numbered: Iterator[tuple[int, ToolCallPart]],
        results: list[ToolResultPart | None],
        failures: list[ToolError],
        scope: anyio.CancelScope,
    ) -> None:
        for number, call in numbered:
            try:
                results[number] = result = await self._answered(call)
            except ToolError as error:
                failures.append(error)
                scope.cancel()
                return
            self.manager.tell_end(call, result, self.observers)
            await self.on_result(call, result)

    async def _answered(self, call: ToolCallPart) -> ToolResultPart:
        """Return the result of one call: the handler's, or what the model is told of its failure."""
        if (reason := self.denied.get(call.id)) is not None:
            return failure_of(call, reason)
        tool = self.manager.get(call.name)
        if tool is None:
            return self._failed(call, ToolArgumentsError(self.manager.unknown(call.name)))
        given_up = SignalController()
        try:
            _check_size(call)
            context = self.make_context(call, self._before.get(call.name, 0))
            signal = Signal.any(context.signal, given_up.signal)
            ready = tool.bind(call, replace(context, signal=signal))
        except ToolArgumentsError as error:
            return self._asked_again(tool, call, error)
        await self.on_start(call)
        self.manager.tell_start(call, self.observers)
        try:
            result = result_of(call, await self._called(tool, call, ready, given_up))
        except ModelRetry as retry:
            return self._asked_again(tool, call, ToolArgumentsError(retry.message))
        except ToolExecutionError as error:
            return self._failed(call, error)
        except (Exception, SystemExit, anyio.get_cancelled_exc_class()) as error:  # noqa: BLE001  # it may raise anything
            await anyio.lowlevel.checkpoint_if_cancelled()  # raises where not only something of the handler's was
            cause = RedactedCause.of(error)
            failure = ToolExecutionError(
                f"the tool {call.name!r} failed: {told(error)}", tool=call.name, call_id=call.id
            )
            failure.__cause__ = cause
            return self._failed(call, failure)
        self.retries.pop(call.name, None)
        return result

    async def _called(
        self, tool: Tool[..., object], call: ToolCallPart, ready: partial[object], given_up: SignalController
    ) -> object:
        """Call the handler and wait for it as long as it may take; what is left behind is told by its signal.

        Raises:
            ToolTimeoutError: It took longer.
        """
        limit = tool.timeout if tool.timeout is not None else self.manager.timeout
        has_returned = False
        try:
            with anyio.move_on_after(math.inf if limit is None else limit) as scope:
                returned = await cast("Awaitable[object]", ready()) if tool.is_async else await in_thread(ready)
                has_returned = True
                return returned
        finally:
            if not has_returned:
                given_up.abort("nobody waits for this call any more")
        assert scope.cancelled_caught  # noqa: S101  # only the time ends the block without returning
        raise ToolTimeoutError(
            f"the tool {call.name!r} did not answer within {limit:g} s", tool=call.name, call_id=call.id
        )

    def _asked_again(self, tool: Tool[..., object], call: ToolCallPart, error: ToolArgumentsError) -> ToolResultPart:
        """Return what asks the model to call again, as often as its tool allows."""
        asked = self._before.get(call.name, 0)
        if asked < tool.max_retries:
            self.retries[call.name] = asked + 1
            self.manager.tell_error(call, error, self.observers)
            return failure_of(call, error.message)
        failure = ToolExecutionError(
            f"the tool {call.name!r} was called {asked + 1} times with what it cannot use. {error.message}",
            tool=call.name,
            call_id=call.id,
        )
        return self._failed(call, failure)

    def _failed(self, call: ToolCallPart, error: ToolError) -> ToolResultPart:
        """Return what tells the model of a failure, or raise it where the manager wants that."""
        self.manager.tell_error(call, error, self.observers)
        if self.manager.on_error == "raise":
            raise error
        return failure_of(call, error.message)


async def in_thread(function: Callable[[], object]) -> object:
    """Call a function in a thread, which is left behind when this is cancelled; await what it returns if need be."""

    def work() -> tuple[object]:
        returned = function()
        # What a generator does is the function's work too. In a tuple, since trio takes no coroutine from a thread.
        return (list(returned) if isinstance(returned, Generator) else returned,)

    (returned,) = await anyio.to_thread.run_sync(work, abandon_on_cancel=True, limiter=_unlimited())
    return await returned if inspect.isawaitable(returned) else returned


def _check_size(call: ToolCallPart) -> None:
    if len(call.raw_arguments) > MAX_ARGUMENTS:
        msg = f"The arguments have {len(call.raw_arguments)} characters; at most {MAX_ARGUMENTS} are accepted."
        raise ToolArgumentsError(msg)


def _unlimited() -> anyio.CapacityLimiter:
    """Return a limiter for one thread: how many run at once is the batch's business, not the event loop's."""
    return anyio.CapacityLimiter(1)
