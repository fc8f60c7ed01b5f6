"""What the tests of runs share: a model that follows a script, and tools that note what they are asked."""

from __future__ import annotations

from collections.abc import Sequence

from core_llm import Client, RunOptions, StreamEvent, Tool, ToolCallPart, tool
from core_llm.testing import Answer, FakeProvider


def calls(*asked: tuple[str, dict[str, object]]) -> list[ToolCallPart]:
    """Return what a model answers that calls these tools."""
    return [
        ToolCallPart(id=f"call-{number}", name=name, arguments=arguments)  # type: ignore[arg-type]  # JSON
        for number, (name, arguments) in enumerate(asked)
    ]


@tool
def weather(city: str) -> str:
    """Say what the weather of a city is."""
    return f"sunny in {city}"


class Till:
    """Pays, and notes what it paid."""

    def __init__(self) -> None:
        self.paid: list[int] = []

    @tool(approval="always")
    def pay(self, amount: int) -> str:
        """Pay an amount."""
        self.paid.append(amount)
        return f"paid {amount}"


def run(*answers: Answer, tools: Sequence[Tool[..., object]], **options: object) -> list[StreamEvent]:
    """Return the events of a whole run."""
    with Client(providers=[FakeProvider(*answers)]) as client:
        given: RunOptions = {"tools": tools, **options}  # type: ignore[typeddict-item]
        with client.run("fake:model", "Go.", **given) as stream:
            return list(stream)


def kinds(events: Sequence[StreamEvent]) -> list[str]:
    """Return the types of events that are a run's own."""
    own = ("turn_start", "tool_start", "tool_result", "approval_needed", "turn_end", "finish")
    return [event.type for event in events if event.type in own]
