"""The steps of a run: a generator without I/O that asks the model, has its calls approved and run, and asks again.

    limits → AskModel → calls? → limits → AskApproval … → RunTools → results into the conversation → again
                          ↘ none: over           ↘ nobody decided: deny, or pause with the state

A turn that was cut off, by the token limit or a filter, runs no tools: its calls are not what the model meant to say.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import cast

from core_llm._errors import CoreLLMError
from core_llm._events import ApprovalNeeded, TurnEnd, TurnStart
from core_llm._histories import INTERRUPTED
from core_llm._messages import Message, Part, ToolCallPart, ToolResultPart
from core_llm._output.judging import OTHER_CALL, Calls, Value, Wrong, explained, judge
from core_llm._output.modes import OUTPUT_TOOL
from core_llm._output.wanted import Wanted
from core_llm._request import ToolChoice
from core_llm._response import Response
from core_llm._runs.approval import DENIED, Approval, OnApproval, as_approved
from core_llm._runs.effects import AskApproval, AskModel, Effect, Emit, RunTools
from core_llm._runs.limits import RunLimits
from core_llm._runs.state import Progress, key_of, total
from core_llm._tool_errors import RunLimitError
from core_llm._tools.manager import ToolManager
from core_llm._tools.results import failure_of

SHOWN = 500
"""Characters of unusable arguments that the model is shown."""
TAKEN = "Taken as the answer."


Outcome = Response | Approval | tuple[ToolResultPart, ...] | None
Steps = Generator[Effect, Outcome, None]

ChoiceOfTurn = ToolChoice | str | Callable[[int], ToolChoice | str | None] | None
"""A choice for the first turn (a forced call in every turn would never end), or a function of the turn's number."""


@dataclass(slots=True)
class RunPlan:
    """What a run was asked to do.

    Attributes:
        tools: What the model may call.
        limits: How far it may go.
        tool_choice: For the first turn, or a function of the turn's number.
        on_approval: What becomes of a call that nobody decided about.
        decisions: Id of a call → what was decided while the run was paused.
        output: The value that the last answer is to have, if one is wanted.
        chosen: Number of a turn → what the caller's function chose for it.
    """

    tools: ToolManager
    limits: RunLimits
    tool_choice: ChoiceOfTurn = None
    on_approval: OnApproval = "deny"
    decisions: dict[str, Approval] = field(default_factory=dict)
    output: Wanted | None = None
    chosen: dict[int, ToolChoice | str | None] = field(default_factory=dict)

    def choice_of(self, turn: int) -> ToolChoice | str | None:
        """Return the choice for a turn; the caller's function is asked once for each."""
        choice = self.tool_choice
        if not callable(choice):
            return choice if turn == 1 else None
        if turn not in self.chosen:
            self.chosen[turn] = choice(turn)
        return self.chosen[turn]


def steps(plan: RunPlan, progress: Progress) -> Steps:
    """Run to the end, or to a pause.

    Raises:
        RunLimitError: A limit was reached.
        OutputError: A value is wanted, and the last answer has none.
        CoreLLMError: The model or a tool failed.
    """
    if progress.pending:
        if (yield from _answer(plan, progress, list(progress.pending))):
            return
    elif open_calls(progress.messages):
        _close(progress, INTERRUPTED)  # whether they took effect before the run broke off is not known
    while True:
        _take_injected(progress)
        _check_turn(plan.limits, progress)
        progress.turn += 1
        yield Emit((TurnStart(progress.turn),))
        asking = AskModel(tuple(progress.messages), plan.tools.specs, plan.choice_of(progress.turn))
        response = cast("Response", (yield asking))
        _record(plan.limits, progress, response)
        verdict = None if plan.output is None else _judged(plan.output, progress, response)
        if response.finish_reason == "tool_calls" and verdict is None:
            if (yield from _answer(plan, progress, response.tool_calls)):
                return
            continue
        _close(progress, f"Not executed: the answer ended with {response.finish_reason!r}.")
        yield Emit((TurnEnd(progress.turn),))
        if not progress.injected and not isinstance(verdict, Wrong):
            progress.is_over = True
            return


def _judged(wanted: Wanted, progress: Progress, response: Response) -> Value | Wrong | None:
    """Take the value that an answer has, or put into the conversation what is wrong with it; None if it calls tools.

    Raises:
        OutputError: It has none, and is not to be corrected.
    """
    verdict = judge(wanted.task, response, tries=progress.output_tries + 1)
    if isinstance(verdict, Calls):
        return None
    told = TAKEN
    if isinstance(verdict, Value):
        progress.output = (verdict.output,)
    else:
        progress.output_tries += 1
        told = explained(verdict.error.mistakes)
    known = {result.tool_call_id for result in progress.results}
    progress.results += [
        ToolResultPart(tool_call_id=call.id, name=call.name, content=told, is_error=isinstance(verdict, Wrong))
        for call in open_calls(progress.messages)
        if call.name == OUTPUT_TOOL and call.id not in known
    ]
    has_calls = bool(open_calls(progress.messages))
    _close(progress, OTHER_CALL)
    if isinstance(verdict, Wrong):
        if progress.output_tries > wanted.retries:
            raise verdict.error
        if not has_calls:
            progress.messages.append(Message.user(told))
    return verdict


def _answer(plan: RunPlan, progress: Progress, calls: Sequence[ToolCallPart]) -> Generator[Effect, Outcome, bool]:
    """Have calls approved and run, and put their results into the conversation. Return whether the run stops here."""
    progress.pending = list(calls)
    runnable, denied, undecided = yield from _decide(plan, calls)
    _count(plan.limits, progress, runnable)
    progress.pending = undecided
    if runnable:
        yield RunTools(progress.turn, tuple(runnable), denied)  # results are noted as they come
    if undecided:
        yield Emit((ApprovalNeeded(progress.turn, tuple(undecided)), TurnEnd(progress.turn)))
        return True
    results = list(progress.results)
    _close(progress, INTERRUPTED)
    yield Emit((TurnEnd(progress.turn),))
    ended = (plan.tools.get(result.name) for result in results if not result.is_error)
    progress.is_over = any(tool.ends_run for tool in ended if tool is not None)
    return progress.is_over


def _decide(
    plan: RunPlan, calls: Iterable[ToolCallPart]
) -> Generator[Effect, Outcome, tuple[list[ToolCallPart], dict[str, str], list[ToolCallPart]]]:
    """Return the calls to be answered now, why some of these are denied, and those that nobody decided about."""
    runnable: list[ToolCallPart] = []
    denied: dict[str, str] = {}
    undecided: list[ToolCallPart] = []
    for call in calls:
        decision = plan.decisions.pop(call.id, None)
        if decision is None or decision.is_approved:
            asked = cast("Approval | None", (yield AskApproval(call, plan.tools.get(call.name))))
            decision = _both(decision, asked)
        if decision is None and plan.on_approval == "pause":
            undecided.append(call)
            continue
        if decision is None or not decision.is_approved:
            denied[call.id] = decision.reason if decision is not None and decision.reason else DENIED
            runnable.append(call)
        else:
            runnable.append(as_approved(call, decision))
    return runnable, denied, undecided


def _both(decided: Approval | None, asked: Approval | None) -> Approval | None:
    """Return what follows of a decision made while the run was paused and of what is said now: any denial denies."""
    if decided is None or (asked is not None and not asked.is_approved):
        return asked
    return decided


def _take_injected(progress: Progress) -> None:
    while progress.injected:
        progress.messages.append(progress.injected.pop(0))


def _record(limits: RunLimits, progress: Progress, response: Response) -> None:
    progress.response = response
    progress.usages.append(response.usage)
    progress.results = []
    message = response.message
    if response.finish_reason == "tool_calls":
        message, progress.results = _with_unusable(response)
    progress.messages.append(message)
    if limits.price is not None:
        progress.cost += limits.price(response) or 0.0


def _with_unusable(response: Response) -> tuple[Message, list[ToolResultPart]]:
    """Return the answer as a message that has also the calls whose arguments cannot be used, and their results.

    Left out, they would look to the model as if it had not called; so it is told what was wrong with them.
    """
    parts: list[Part] = []
    results: list[ToolResultPart] = []
    for part in response.parts:
        if not isinstance(part, ToolCallPart) or part.is_complete:
            parts.append(part)
            continue
        parts.append(part.model_copy(update={"arguments": {}, "raw_arguments": "{}", "is_complete": True}))
        shown = part.raw_arguments[:SHOWN] + ("…" if len(part.raw_arguments) > SHOWN else "")
        results.append(failure_of(part, f"Not executed: the arguments are not a JSON object. They were: {shown}"))
    return Message(role="assistant", parts=tuple(parts)), results


def open_calls(messages: Sequence[Message]) -> tuple[ToolCallPart, ...]:
    """Return the calls of the last message, if it is the model's: nothing has answered them yet."""
    return messages[-1].tool_calls if messages and messages[-1].role == "assistant" else ()


def _close(progress: Progress, why: str) -> None:
    """Answer every open call: with its result, or with `why` where there is none."""
    progress.messages += answers(open_calls(progress.messages), progress.results, lambda _: why)
    progress.results = []


def answers(
    calls: Sequence[ToolCallPart], results: Iterable[ToolResultPart], why: Callable[[ToolCallPart], str]
) -> tuple[Message, ...]:
    """Return the message that answers calls, in their order; none if there are none.

    Args:
        calls: Several may have one id.
        results: In any order.
        why: What the model is told of a call that has no result.
    """
    by_id: dict[str, list[ToolResultPart]] = {}
    for result in results:
        by_id.setdefault(result.tool_call_id, []).append(result)
    parts = [by_id[call.id].pop(0) if by_id.get(call.id) else failure_of(call, why(call)) for call in calls]
    return (Message.tool(*parts),) if parts else ()


def _check_turn(limits: RunLimits, progress: Progress) -> None:
    """Raise if another turn would go beyond a limit."""
    if limits.max_turns is not None and progress.turn >= limits.max_turns:
        raise _reached(progress, "max_turns", f"{limits.max_turns} turns")
    used = total(progress.usages)
    tokens = 0 if used is None else (used.input_tokens or 0) + (used.output_tokens or 0)
    if limits.max_tokens is not None and tokens >= limits.max_tokens:
        raise _reached(progress, "max_tokens", f"{limits.max_tokens} tokens; {tokens} were used")
    if limits.max_cost is not None and progress.cost >= limits.max_cost:
        raise _reached(progress, "max_cost", f"a cost of {limits.max_cost:g}; {progress.cost:g} was spent")


def _count(limits: RunLimits, progress: Progress, calls: Sequence[ToolCallPart]) -> None:
    """Count calls; raise, and count none, if one goes beyond a limit: none of them has run then."""
    repeats = progress.repeats.copy()
    for number, call in enumerate(calls, progress.calls + 1):
        repeats[key_of(call)] += 1
        if limits.max_calls is not None and number > limits.max_calls:
            raise _reached(progress, "max_calls", f"{limits.max_calls} calls of tools")
        if limits.max_repeats is not None and repeats[key_of(call)] > limits.max_repeats:
            raise _reached(
                progress,
                "max_repeats",
                f"{limits.max_repeats} calls of {call.name!r} with the same arguments: the model goes round in circles",
            )
    progress.calls += len(calls)
    progress.repeats = repeats


def _reached(progress: Progress, limit: str, what: str) -> CoreLLMError:
    message = (
        f"the run reached its limit of {what}; .state has all that happened and can be resumed with a higher {limit}"
    )
    return RunLimitError(message, limit=limit, state=progress.freeze(), response=progress.response)
