"""RunHandle: what the sync and the async run share: how far it has come, what was asked, the off switch. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from core_llm._errors import AbortedError, CoreLLMError, InvalidRequestError
from core_llm._events import StreamEvent, ToolResult, ToolStart
from core_llm._histories import INTERRUPTED, close_open_calls
from core_llm._messages import Message, ToolCallPart, ToolResultPart
from core_llm._options import Prompt, as_messages
from core_llm._response import Response, Usage
from core_llm._runs.approval import Approver, HookApprover
from core_llm._runs.effects import AskModel
from core_llm._runs.limits import RunLimits
from core_llm._runs.state import Progress, RunState, total
from core_llm._runs.steps import RunPlan, answers, open_calls
from core_llm._signals import Signal, SignalController, fired_by
from core_llm._tool_errors import RunLimitError
from core_llm._tools.context import ToolContext, logger_of
from core_llm._tools.execute import Batch
from core_llm._tools.manager import ToolObserver

CLOSED = "the run was closed"
NOT_RUN = "Not executed."


@dataclass(slots=True)
class RunAsked:
    """Everything a run was asked for.

    Attributes:
        plan: What it may do.
        progress: Where it begins.
        options: Of every call of the model: settings, limits, system prompt, …
        deps: For handlers.
        metadata: The same.
        approver: Asked about calls that need approval.
        hooks: Asked about every call.
        observers: Told of every call.
        signal: Stops the run.
    """

    plan: RunPlan
    progress: Progress
    options: Mapping[str, object] = field(default_factory=dict)
    deps: object = None
    metadata: Mapping[str, object] = field(default_factory=dict)
    approver: Approver | None = None
    hooks: Sequence[HookApprover] = ()
    observers: Sequence[ToolObserver] = ()
    signal: Signal | None = None

    @property
    def first_turn(self) -> AskModel:
        """What the model will be asked first, as far as it is known: calls that are to be answered first are closed."""
        messages = (*close_open_calls(self.progress.messages), *self.progress.injected)
        return AskModel(messages, self.plan.tools.specs, self.plan.choice_of(self.progress.turn + 1))


def not_open() -> InvalidRequestError:
    """Return the error for who reads a run without having entered it."""
    return InvalidRequestError("the run is not open; use it as `with client.run(...) as run:`")


class RunHandle:
    """One run, from its making to its end."""

    def __init__(self, asked: RunAsked) -> None:
        self._asked = asked
        self._progress = asked.progress
        self._own = SignalController()
        self._timer: SignalController | None = None
        self._status: Literal["new", "open", "done", "failed"] = "new"
        self._error: BaseException | None = None
        self._signal = self._own.signal

    @property
    def response(self) -> Response | None:
        """The answer of the last turn, as far as it has come; None before the first."""
        return self._progress.response

    def _output(self) -> object:
        """Return the value that was wanted.

        Raises:
            CoreLLMError: The run has not brought it, or failed.
        """
        if isinstance(self._error, CoreLLMError):
            raise self._error
        if self._progress.output is None:
            msg = "the run is not over; read it to its end"
            if self._status == "done":
                msg = "the run ended without an answer: it waits for approval, or a tool ended it"
            raise InvalidRequestError(msg)
        return self._progress.output[0]

    @property
    def messages(self) -> tuple[Message, ...]:
        """The conversation so far, ready to be sent: calls without a result are answered with why they have none."""
        progress = self._progress
        waiting = {call.id for call in progress.pending}
        calls = open_calls(progress.messages)
        closing = answers(calls, progress.results, lambda call: NOT_RUN if call.id in waiting else INTERRUPTED)
        return (*progress.messages, *closing, *progress.injected)

    @property
    def usage(self) -> Usage | None:
        """What all turns so far have used, as reported; None if nothing was."""
        return total(self._progress.usages)

    @property
    def state(self) -> RunState:
        """How far it has come, to be stored, and resumed by any process."""
        return self._progress.freeze()

    @property
    def turns(self) -> int:
        """How many turns have begun."""
        return self._progress.turn

    @property
    def is_paused(self) -> bool:
        """Whether it waits for approval of the calls in `state.pending`."""
        return self._status == "done" and bool(self._progress.pending)

    @property
    def text(self) -> str:
        """The text of the last answer."""
        return "" if self.response is None else self.response.text

    def inject(self, message: Prompt) -> None:
        """Put a message into the conversation while it runs, from any thread: the model reads it in its next turn.

        Raises:
            InvalidRequestError: The run is over, or there is nothing to say.
        """
        if self._status in ("done", "failed"):
            msg = "the run is over; start another with its messages"
            raise InvalidRequestError(msg)
        self._progress.injected.extend(as_messages(message))

    def abort(self, reason: str | None = None) -> None:
        """Stop the run, whatever it is doing, from any thread or task: its consumer gets an AbortedError."""
        self._own.abort(reason)

    def _begin(self) -> None:
        if self._status != "new":
            msg = "a run can be entered once; make another, with resume= to go on from a state"
            raise InvalidRequestError(msg)
        signals = [self._own.signal]
        if self._asked.signal is not None:
            signals.append(self._asked.signal)
        seconds = self._asked.plan.limits.seconds
        if seconds is not None:
            self._timer = SignalController(timeout=seconds)
            signals.append(self._timer.signal)
        self._signal = Signal.any(*signals)
        self._signal.raise_if_fired()
        self._status = "open"

    def _close(self) -> None:
        """Stop what still runs."""
        if self._status == "open":
            self._own.abort(CLOSED)
            self._status = "failed"

    def _failed(self, error: BaseException) -> BaseException:
        """Note how the run failed and return the error to raise: a limit of time is the run's own."""
        self._status = "failed"
        is_time = isinstance(error, AbortedError) and self._timer is not None and self._timer.signal.is_fired
        if isinstance(error, CoreLLMError) and (partial := getattr(error, "partial", None)) is not None:
            self._keep_partial(partial)
        if is_time and not self._own.signal.is_fired:
            limits: RunLimits = self._asked.plan.limits
            error = RunLimitError(
                f"the run reached its limit of {limits.seconds:g} s; .state has all that happened",
                limit="seconds",
                state=self.state,
                response=self.response,
            )
        self._error = error if isinstance(error, CoreLLMError) else None
        return error

    def _keep_partial(self, partial: Response) -> None:
        """Keep what had come of the turn that failed: in `response`, and in the conversation if there is anything."""
        self._progress.response = partial
        if partial.message.parts and not open_calls(self._progress.messages):
            self._progress.messages.append(partial.message)

    def _check_stopped(self) -> None:
        """Raise if the run was stopped: nothing more may begin then."""
        if self._signal.is_fired:
            raise self._stopped()

    def _stopped(self) -> AbortedError:
        fired = fired_by(self._signal)
        reason = None if fired is None else fired.reason
        msg = f"the run was stopped: {reason}" if reason else "the run was stopped"
        return AbortedError(msg, reason=reason, kind="abort" if fired is None else fired.kind)

    def _batch(
        self, calls: tuple[ToolCallPart, ...], denied: Mapping[str, str], turn: int, put: Callable[[StreamEvent], None]
    ) -> Batch:
        """Return the calls to run; their events go to `put`."""

        async def on_start(call: ToolCallPart) -> None:
            put(ToolStart(turn, call))

        async def on_result(call: ToolCallPart, result: ToolResultPart) -> None:
            self._progress.results.append(result)
            put(ToolResult(turn, call, result))

        def make_context(call: ToolCallPart, attempt: int) -> ToolContext[object]:
            asked = self._asked
            return ToolContext(
                deps=asked.deps,
                call=call,
                turn=turn,
                attempt=attempt,
                signal=self._signal,
                logger=logger_of(call),
                inject=self.inject,
                metadata=asked.metadata,
            )

        return Batch(
            self._asked.plan.tools,
            calls,
            make_context,
            self._progress.retries,
            on_start,
            on_result,
            denied,
            self._asked.observers,
        )
