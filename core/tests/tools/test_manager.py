"""Tools come and go, and are watched."""

from __future__ import annotations

import pytest

from core_llm._messages import ToolCallPart, ToolResultPart
from core_llm._tool_errors import DuplicateToolError, ToolDefinitionError
from core_llm._tools.definition import Tool, tool
from core_llm._tools.manager import ToolManager, ToolObserver


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def subtract(a: int, b: int) -> int:
    """Subtract one number from another."""
    return a - b


def test_tools_come_and_go_at_any_time() -> None:
    """What the model is told follows what is registered, in order."""
    manager = ToolManager([add])
    manager.register(subtract)
    told = [spec.name for spec in manager.specs]

    removed = manager.unregister("add")

    assert told == ["add", "subtract"]
    assert removed is add
    assert [spec.name for spec in manager.specs] == ["subtract"]
    assert "add" not in manager


def test_two_tools_of_one_name_are_refused_with_both_origins() -> None:
    """The error says where each comes from, and nothing of the batch is added."""
    other = Tool(subtract, name="add")
    manager = ToolManager([add])

    with pytest.raises(DuplicateToolError) as caught:
        manager.register(Tool(subtract), other)

    assert "test_manager.add" in str(caught.value)
    assert "test_manager.subtract" in str(caught.value)
    assert [made.name for made in manager] == ["add"]


def test_the_same_tool_twice_is_one_tool() -> None:
    """Registering a tool again changes nothing."""
    assert len(ToolManager([add, add])) == 1


def test_an_unknown_tool_is_answered_with_those_that_are_there() -> None:
    """The model is told what it may call, the closest first."""
    assert ToolManager([add, subtract]).unknown("ad") == (
        "There is no tool 'ad'. Did you mean 'add'? The tools are: add, subtract."
    )


class Watcher(ToolObserver):
    """Notes what it is told."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def on_tool_end(self, call: ToolCallPart, result: ToolResultPart) -> None:
        """Note the result."""
        self.seen.append(f"{call.name}={result.content}")


class Broken(ToolObserver):
    """Fails."""

    def on_tool_end(self, call: ToolCallPart, result: ToolResultPart) -> None:
        """Raise."""
        raise RuntimeError(call.name + str(result.content))


def test_an_observer_that_fails_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged, and the next observer is told all the same; one that was removed is not."""
    watcher = Watcher()
    manager = ToolManager([add], observers=[Broken(), watcher])
    remove = manager.observe(other := Watcher())
    remove()

    manager.tell_end(ToolCallPart(id="1", name="add", arguments={}), ToolResultPart(tool_call_id="1", content="3"))

    assert watcher.seen == ["add=3"]
    assert other.seen == []
    assert "an observer of tools failed" in caplog.text


@pytest.mark.parametrize(
    "settings",
    [{"max_parallel": 0}, {"max_parallel": 1.5}, {"timeout": 0}, {"timeout": float("inf")}, {"on_error": "ignore"}],
)
def test_absurd_limits_are_refused(settings: dict[str, object]) -> None:
    """A manager that cannot work is refused where it is made."""
    with pytest.raises(ToolDefinitionError):
        ToolManager(**settings)  # type: ignore[arg-type]
