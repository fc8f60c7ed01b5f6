"""Scenarios with tools: called, called in parallel, answered, forced, forbidden."""

from __future__ import annotations

from core_llm import Message, Response, ToolResultPart, ToolSpec
from core_llm_conformance.scenario import Scenario
from core_llm_conformance.scenarios.expectations import (
    calls_differ,
    calls_nothing,
    calls_tool,
    ends_with,
    has_text,
)

WEATHER = ToolSpec(
    name="get_weather",
    description="Current weather of a city.",
    parameters={
        "type": "object",
        "properties": {"city": {"type": "string", "description": "The city's name"}},
        "required": ["city"],
        "additionalProperties": False,
    },
)
CLOCK = ToolSpec(
    name="get_time",
    description="The current time of day, in UTC.",
    parameters={"type": "object", "properties": {}, "additionalProperties": False},
)
ASKED = "What is the weather in Oslo? Use the tool."


def tells_the_weather(response: Response) -> tuple[Message, ...]:
    """Answer every call of the response, as a tool would.

    Raises:
        ConformanceFailure: There is none.
    """
    calls_tool("get_weather", {"city": str})(response)
    results = [
        ToolResultPart(tool_call_id=call.id, name=call.name, content='{"temperature": 14, "sky": "rain"}')
        for call in response.tool_calls
    ]
    return (Message.tool(*results),)


SCENARIOS = (
    Scenario(
        name="tool_call",
        summary="The model calls a tool with arguments.",
        needs=("tools",),
        prompt=ASKED,
        options={"tools": [WEATHER]},
        expects=(calls_tool("get_weather", {"city": str}, at_most=1), ends_with("tool_calls")),
        is_base=True,
    ),
    Scenario(
        name="parallel_tool_calls",
        summary="The model calls a tool twice in one answer; the calls are kept apart.",
        needs=("tools", "parallel_tools"),
        prompt="What is the weather in Oslo and in Rome? Call the tool for both cities at once.",
        options={"tools": [WEATHER]},
        expects=(calls_tool("get_weather", {"city": str}, at_least=2), calls_differ(), ends_with("tool_calls")),
        is_base=True,
    ),
    Scenario(
        name="tool_without_arguments",
        summary="A tool without parameters is called with an empty object, however the wire says nothing.",
        needs=("tools",),
        prompt="What time is it? Use the tool.",
        options={"tools": [CLOCK]},
        expects=(calls_tool("get_time", {}, at_most=1), ends_with("tool_calls")),
        is_base=True,
    ),
    Scenario(
        name="tool_result",
        summary="What the tool answered goes back, and the model makes an answer of it.",
        needs=("tools",),
        prompt=ASKED,
        options={"tools": [WEATHER]},
        follow_ups=(tells_the_weather,),
        expects=(has_text(), calls_nothing(), ends_with("stop")),
        is_base=True,
    ),
    Scenario(
        name="tool_forced",
        summary="A tool that must be called is called, though nothing calls for it.",
        needs=("tools", "tool_choice"),
        prompt="Good morning!",
        options={"tools": [CLOCK, WEATHER], "tool_choice": "get_time"},
        expects=(calls_tool("get_time", {}), ends_with("tool_calls")),
        is_base=True,
    ),
    Scenario(
        name="tools_forbidden",
        summary="Tools that may not be called are not, though one is called for.",
        needs=("tools", "tool_choice"),
        prompt="What is the weather in Oslo usually like in June? One sentence.",
        options={"tools": [WEATHER], "tool_choice": "none"},
        expects=(has_text(), calls_nothing(), ends_with("stop")),
        is_base=True,
    ),
)
