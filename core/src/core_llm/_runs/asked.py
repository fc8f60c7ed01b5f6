"""What a caller of `run` writes, and the run that it means."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import cast

from core_llm._errors import InvalidRequestError, InvalidSettingError
from core_llm._options import ChatOptions, Prompt, as_messages, wants_type
from core_llm._output.wanted import output_options
from core_llm._plugins import PluginRegistry
from core_llm._request import OutputMode
from core_llm._runs.approval import Approval, Approver, OnApproval
from core_llm._runs.handle import RunAsked
from core_llm._runs.limits import RunLimits
from core_llm._runs.plugged import Wanted, approvers, supplied_tools, tool_observers
from core_llm._runs.state import Progress, RunState
from core_llm._runs.steps import ChoiceOfTurn, RunPlan
from core_llm._signals import as_signal
from core_llm._tools.definition import Tool
from core_llm._tools.manager import ToolManager

Tools = ToolManager | Sequence[Tool[..., object] | Callable[..., object]]


class RunOptions(ChatOptions, total=False):
    """What `run` takes besides model and prompt."""

    tools: Tools
    """Tools, plain functions, or a `ToolManager` that may change while the run goes on."""
    tool_choice: ChoiceOfTurn
    """For the first turn (a forced call in every turn would never end), or a function of the turn's number, from 1."""
    run_limits: RunLimits
    """How far it may go."""
    deps: object
    """Given to handlers as ``context.deps``."""
    metadata: Mapping[str, object]
    """Given to handlers as ``context.metadata``."""
    approve: Approver
    """Asked about calls that need approval; sync or async."""
    on_approval: OnApproval
    """What becomes of a call that needs approval when nobody decides: ``deny`` (default), or ``pause``."""
    approvals: Mapping[str, Approval | bool]
    """For a run that is resumed: id of a call → what was decided."""
    plugin_tools: Wanted
    """Tools that installed plugins supply: all (True), or those of these names. None by default."""
    resume: RunState
    """Go on from here; the prompt, if there is one, is said after what the state has."""
    output_mode: OutputMode
    """How the model is asked for ``output=`` a type: ``native``, ``tool`` or ``prompted``; by default the best."""
    output_retries: int
    """How often the model is asked to correct an answer that does not fit; 1 by default."""


_OWN = (frozenset(RunOptions.__annotations__) | {"output"}) - frozenset(ChatOptions.__annotations__)


def asked_of(
    model: str | None,
    prompt: Prompt | None,
    options: Mapping[str, object],
    registry: PluginRegistry,
) -> tuple[str | None, RunAsked]:
    """Return the model to ask and the run that was asked for.

    Args:
        model: ``provider:model``; None for that of the resumed state, or the configured default.
        prompt: What is said.
        options: Of the run and of its calls.
        registry: The client's plugins, which may supply tools, approve calls and be told of them.

    Raises:
        CoreLLMError: Something that was asked for cannot be done; says what.
    """
    given = _checked(options)
    state = given.get("resume")
    model = model or (state.model if state is not None else None)
    progress = Progress(model, []) if state is None else Progress.of(state)
    progress.model = model
    output = output_options(options) if wants_type(options) else None
    plan = RunPlan(
        tools=_manager(given.get("tools", ()), supplied_tools(registry, given.get("plugin_tools", False))),
        limits=given.get("run_limits") or RunLimits(),
        tool_choice=given.get("tool_choice"),
        on_approval=given.get("on_approval", "deny"),
        decisions=_decisions(given.get("approvals", {}), progress),
        output=output,
    )
    if prompt is not None or state is None:
        progress.injected.extend(as_messages(prompt))  # the results of open calls come first
    return model, RunAsked(
        plan=plan,
        progress=progress,
        options={name: value for name, value in options.items() if name not in _OWN},
        deps=given.get("deps"),
        metadata=given.get("metadata", {}),
        approver=given.get("approve"),
        hooks=approvers(registry),
        observers=tool_observers(registry, model),
        signal=given.get("signal"),
    )


def _checked(given: Mapping[str, object]) -> RunOptions:
    known = RunOptions.__annotations__
    options = cast("RunOptions", given)
    for name in given:
        if name not in known and name != "output":
            near = get_close_matches(name, known, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise InvalidSettingError(f"a run takes no {name!r}{hint}")
    if options.get("on_approval", "deny") not in ("deny", "pause"):
        raise InvalidSettingError(f"on_approval must be 'deny' or 'pause', not {options['on_approval']!r}")
    if (limits := options.get("run_limits")) is not None and not isinstance(limits, RunLimits):
        raise InvalidSettingError(f"run_limits must be a RunLimits, not {type(limits).__name__}")
    if (state := options.get("resume")) is not None and not isinstance(state, RunState):
        raise InvalidSettingError(f"resume must be a RunState, not {type(state).__name__}")
    if given.get("output") is not None and not wants_type(given):
        msg = f"the output of a run is a type, as in output=City, not {given['output']!r}"
        raise InvalidSettingError(msg)
    if (signal := options.get("signal")) is not None:
        as_signal(signal)
    return options


def _manager(tools: object, supplied: Sequence[Tool[..., object]]) -> ToolManager:
    """Return the manager of a run: the caller's own, or one of the tools given and those of plugins."""
    if isinstance(tools, ToolManager):
        if supplied:  # it is the caller's, and may serve other runs
            msg = "a ToolManager is used as it is; in place of plugin_tools=, register client.plugin_tools() in it"
            raise InvalidSettingError(msg)
        return tools
    if not isinstance(tools, Sequence) or isinstance(tools, str):
        msg = f"tools must be a list of tools or a ToolManager, not {tools!r}; write tools=[…]"
        raise InvalidSettingError(msg)
    return ToolManager([*tools, *supplied])


def _decisions(approvals: Mapping[str, object], progress: Progress) -> dict[str, Approval]:
    waiting = [call.id for call in progress.pending]
    decided: dict[str, Approval] = {}
    for call_id, said in approvals.items():
        if call_id not in waiting:
            msg = f"no call {call_id!r} waits for approval; those that do are: {', '.join(waiting) or 'none'}"
            raise InvalidRequestError(msg)
        if not isinstance(said, Approval | bool):
            msg = f"the decision about {call_id!r} must be True, False or an Approval, not {said!r}"
            raise InvalidSettingError(msg)
        decided[call_id] = Approval(is_approved=said) if isinstance(said, bool) else said
    return decided
