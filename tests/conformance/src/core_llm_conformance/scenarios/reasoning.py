"""Scenarios of models that reason before they answer."""

from __future__ import annotations

from core_llm import CallOptions, Capabilities, Message, Response
from core_llm_conformance.scenario import Scenario
from core_llm_conformance.scenarios.expectations import calls_nothing, ends_with, has_reasoning, has_text
from core_llm_conformance.scenarios.tools import WEATHER, tells_the_weather

ROOM = 4_000
BUDGET = 1_024
"""The least that providers with a budget take."""


def asks_to_reason(declared: Capabilities) -> CallOptions:
    """Return what makes the model reason, by the knobs that are declared: an effort, else a budget, else nothing."""
    options: CallOptions = {"max_tokens": ROOM}
    if declared.support("settings.reasoning_effort") == "supported":
        options["reasoning_effort"] = "low"
    elif declared.support("settings.reasoning_budget") == "supported":
        options["reasoning_budget"] = BUDGET
    return options


def asks_to_reason_with_a_tool(declared: Capabilities) -> CallOptions:
    """Return the same, with a tool."""
    return {**asks_to_reason(declared), "tools": [WEATHER]}


def tells_the_weather_to_a_thinker(response: Response) -> tuple[Message, ...]:
    """Answer the calls of a response that the model has thought about.

    Raises:
        ConformanceFailure: It has not, or there is no call.
    """
    has_reasoning()(response)
    return tells_the_weather(response)


SCENARIOS = (
    Scenario(
        name="reasoning",
        summary="The model reasons, then answers; the two are kept apart.",
        needs=("reasoning",),
        prompt="How many times is the letter r in the word strawberry? Think, then answer with the number.",
        options=asks_to_reason,
        expects=(has_reasoning(), has_text(), ends_with("stop")),
    ),
    Scenario(
        name="reasoning_replay",
        summary="Reasoning that led to a tool call goes back with the call's result, as the provider wants it.",
        needs=("reasoning", "tools"),
        prompt="Should I take an umbrella in Oslo today? Think about what you have to know, and use the tool.",
        options=asks_to_reason_with_a_tool,
        follow_ups=(tells_the_weather_to_a_thinker,),
        expects=(has_text(), calls_nothing(), ends_with("stop")),
    ),
)
