"""Turns: the plans of a run's turns. The first is made before the run is entered: what cannot be sent is told early."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from core_llm._calls import Calls
from core_llm._options import Prompt
from core_llm._runs.asked import asked_of
from core_llm._runs.effects import AskModel
from core_llm._signals import Signal
from core_llm._stream.plan import CallPlan


class Turns:
    """Plans the turns of one run, each once.

    Attributes:
        asked: What the run was asked for.
    """

    def __init__(self, calls: Calls, model: str | None, prompt: Prompt | None, options: Mapping[str, object]) -> None:
        """Plan the first turn, as far as it is known: a run that is resumed may have calls to be answered first.

        Raises:
            CoreLLMError: What was asked for cannot be done.
        """
        model, self.asked = asked_of(model, prompt, options, calls.registry)
        wanted = self.asked.plan.output
        self._make = partial(calls.plan, model, is_stream=True, asking=None if wanted is None else wanted.asking)
        first = self.asked.first_turn
        self._planned: tuple[AskModel, CallPlan] | None = (first, self._plan_of(first))

    def plan(self, turn: AskModel, signal: Signal) -> CallPlan:
        """Return the plan of a turn that `signal` stops."""
        planned, self._planned = self._planned, None
        plan = planned[1] if planned is not None and planned[0] == turn else self._plan_of(turn)
        plan.signal = signal if plan.signal is None else Signal.any(plan.signal, signal)
        return plan

    def _plan_of(self, turn: AskModel) -> CallPlan:
        options = {**self.asked.options, "tools": turn.tools, "tool_choice": turn.tool_choice}
        return self._make(list(turn.messages), options)
