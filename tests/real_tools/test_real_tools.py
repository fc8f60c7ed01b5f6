"""A real model calls tools: llama.cpp with a small one, over Chat Completions, Responses and Messages.

What the model says and which tools it calls is its affair, and nothing here asserts it; all that is ours holds
whatever it does: the grammar of events, arguments checked before a handler runs, results in the order of the calls, a
conversation that is valid after every turn, usage that adds up, and an end.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import pytest
from pydantic import BaseModel

from core_llm import (
    Client,
    Finish,
    Message,
    Run,
    RunLimitError,
    RunLimits,
    StreamEvent,
    StreamStart,
    ToolCall,
    ToolCallPart,
    ToolResult,
    ToolResultPart,
    ToolStart,
    TurnEnd,
    TurnStart,
    check_events,
    tool,
)
from core_llm._histories import check_history, order_results
from core_llm.wire import JSONObject
from core_llm_conformance.llama import LlamaServer, llama_server
from plugin_mcp import MCPServer

from .weights import MISSING, TEMPLATE, WEIGHTS

WIRES: dict[str, JSONObject] = {
    "chat": {"type": "openai", "options": {"wire": "chat"}},
    "responses": {"type": "openai", "options": {"wire": "responses"}},
    "messages": {"type": "anthropic"},
}
MODEL = "lab:smollm2"
pytestmark = pytest.mark.skipif(not WEIGHTS.is_file(), reason=MISSING)


@pytest.fixture(scope="module")
def server() -> Iterator[LlamaServer]:
    """Keep one server for all tests of this module."""
    with llama_server(weights=WEIGHTS, template=TEMPLATE, context_length=4096) as running:
        yield running


@pytest.fixture(params=WIRES)
def client(server: LlamaServer, request: pytest.FixtureRequest) -> Iterator[Client]:
    """Give a client that knows the server as ``lab``, over one wire after the other."""
    section: JSONObject = {"base_url": f"{server.url}/v1", "api_key": server.api_key, **WIRES[request.param]}
    with Client(config={"providers": {"lab": section}}, max_retries=0) as client:
        yield client


@tool
def weather(city: str) -> str:
    """Current weather of a city.

    Args:
        city: Its name.
    """
    return f"18 degrees in {city}"


@tool
def calculate(operation: Literal["add", "multiply"], a: float, b: float) -> float:
    """Calculate with two numbers.

    Args:
        operation: What to do with them.
        a: The first number.
        b: The second number.
    """
    return a + b if operation == "add" else a * b


class City(BaseModel):
    """A city."""

    name: str
    is_capital: bool


def calculate_arguments(call: ToolCallPart) -> tuple[float, float]:
    """Return the numbers of a call that was carried out."""
    a, b = (call.arguments or {})["a"], (call.arguments or {})["b"]
    return float(str(a)), float(str(b))


def turns_of(events: Sequence[StreamEvent]) -> list[list[StreamEvent]]:
    """Return the events of each turn, without its first and last."""
    turns: list[list[StreamEvent]] = []
    for event in events:
        if isinstance(event, TurnStart):
            assert event.turn == len(turns) + 1
            turns.append([])
        elif isinstance(event, TurnEnd):
            assert event.turn == len(turns)
        else:
            turns[-1].append(event)
    return turns


def check_turn(events: list[StreamEvent]) -> tuple[list[ToolCallPart], list[ToolResultPart]]:
    """Check one turn: a whole answer, then what its calls gave; return the calls and the results."""
    [end] = [place for place, event in enumerate(events) if isinstance(event, Finish)]
    assert list(check_events(events[: end + 1])) == events[: end + 1]
    finish = events[end]
    assert isinstance(events[0], StreamStart)
    assert isinstance(finish, Finish)
    calls = [event.call for event in events if isinstance(event, ToolCall)]
    assert calls == list(finish.response.tool_calls)
    started = [event.call for event in events[end:] if isinstance(event, ToolStart)]
    ended = [event for event in events[end:] if isinstance(event, ToolResult)]
    assert {call.id for call in started} <= {call.id for call in calls} == {event.call.id for event in ended}
    return calls, [event.result for event in ended]


def check_run(run: Run, events: Sequence[StreamEvent]) -> list[list[ToolCallPart]]:
    """Check all that does not depend on what the model chose; return the calls of each turn."""
    turns = [check_turn(events) for events in turns_of(events)]
    assert run.turns == len(turns)
    messages = run.messages
    check_history(messages)
    assert order_results(messages) is messages
    told = [part for message in messages for part in message.parts if isinstance(part, ToolResultPart)]
    assert [result.tool_call_id for result in told] == [call.id for calls, _ in turns for call in calls]
    assert sorted(map(repr, told)) == sorted(repr(result) for _, results in turns for result in results)
    finishes = [event for event in events if isinstance(event, Finish)]
    usages = [finish.usage for finish in finishes if finish.usage is not None]
    assert len(usages) == len(turns)
    assert run.usage is not None
    assert run.usage.input_tokens == sum(usage.input_tokens or 0 for usage in usages) > 0
    assert run.usage.output_tokens == sum(usage.output_tokens or 0 for usage in usages) > 0
    return [calls for calls, _ in turns]


def read(run: Run) -> tuple[list[StreamEvent], RunLimitError | None]:
    """Read a run to its end: all events, and the limit, if the model went on to that."""
    events: list[StreamEvent] = []
    try:
        for event in run:
            events.append(event)  # noqa: PERF402  # what came before the limit counts
    except RunLimitError as error:
        return events, error
    return events, None


def test_the_weather_of_two_cities(client: Client) -> None:
    """The model may ask for both at once, for one after the other, or for none; what it asked for, it is told."""
    question = "What is the weather in Oslo and in Rome? Call weather for each city."
    limits = RunLimits(max_turns=4)
    with client.run(
        MODEL,
        question,
        tools=[weather],
        run_limits=limits,
        max_tokens=200,
        temperature=0,
        parallel_tool_calls=True,
    ) as run:
        events, limit = read(run)
    turns = check_run(run, events)
    assert (turns[-1] == []) == (limit is None)
    results = [event.result for event in events if isinstance(event, ToolResult) and not event.result.is_error]
    assert all(str(result.content).startswith("18 degrees in ") for result in results)


def test_a_chain_of_calculations(client: Client) -> None:
    """At most three turns: the run ends with an answer, or at the limit, with all that happened so far."""
    question = "What is 2 times 3? Add 4 to the result."
    limits = RunLimits(max_turns=3)
    with client.run(MODEL, question, tools=[calculate], run_limits=limits, max_tokens=200, temperature=0) as run:
        events, limit = read(run)
    turns = check_run(run, events)
    assert len(turns) <= 3
    assert (turns[-1] == []) == (limit is None)
    assert limit is None or limit.state.messages == run.messages
    for event in events:
        if isinstance(event, ToolResult) and not event.result.is_error:
            numbers = calculate_arguments(event.call)
            assert json.loads(str(event.result.content)) in (sum(numbers), numbers[0] * numbers[1])


def test_two_calls_at_once_go_back(client: Client) -> None:
    """The server takes a conversation with two calls of one message and their results, written down in any order."""
    calls = [ToolCallPart(id=f"c{city}", name="weather", arguments={"city": city}) for city in ("Oslo", "Rome")]
    results = [ToolResultPart(tool_call_id=call.id, name="weather", content="18 degrees") for call in calls]
    conversation = [Message.user("Weather?"), Message.assistant(*calls), Message.tool(*reversed(results))]
    response = client.generate(MODEL, conversation, tools=[weather.spec], max_tokens=60, temperature=0)
    assert response.is_complete
    assert response.text or response.tool_calls


def test_a_structured_output(client: Client) -> None:
    """A call that is forced is held to its schema by the server, so even this model's answer fits, on every wire."""
    with client.run(MODEL, "Tell me of Oslo.", output=City, output_mode="tool", max_tokens=200, temperature=0) as run:
        run.finish()
    assert isinstance(run.output, City)
    assert run.turns == 1
    check_history(run.messages)


SERVER_OF_TOOLS = """
from mcp.server.mcpserver import MCPServer

server = MCPServer("weather", log_level="ERROR")

@server.tool()
def weather(city: str) -> str:
    \"\"\"Current weather of a city.\"\"\"
    return f"18 degrees in {city}"

server.run("stdio")
"""


def test_a_tool_of_an_mcp_server(client: Client, tmp_path: Path) -> None:
    """A tool of a server in another process is called, approved and answered like one of ours."""
    program = tmp_path / "server.py"
    program.write_text(SERVER_OF_TOOLS, encoding="utf-8")
    with MCPServer.stdio(sys.executable, str(program), name="far") as far:
        asked: list[str] = []
        with client.run(
            MODEL,
            "What is the weather in Oslo? Call the tool.",
            tools=far.tools,
            approve=lambda call: bool(asked.append(call.name) or True),
            run_limits=RunLimits(max_turns=3),
            max_tokens=200,
            temperature=0,
        ) as run:
            events, _ = read(run)
    turns = check_run(run, events)
    known = [call.name for calls in turns for call in calls if call.name == "far_weather"]
    results = [event.result for event in events if isinstance(event, ToolResult) and event.call.name == "far_weather"]
    assert asked == known
    assert all(result.is_error or "18 degrees in" in str(result.content) for result in results)
