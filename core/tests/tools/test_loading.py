"""Tools that a command line names, and single calls outside of a run."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from types import ModuleType

import anyio
import anyio.to_thread
import pytest

from core_llm import InvalidRequestError, Tool, ToolCallPart, ToolContext, ToolDefinitionError, ToolManager, load_tools
from core_llm import tool as as_tool

HANG_GUARD = 60


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return a module that can be imported as ``shelf``."""
    module = ModuleType("shelf")
    monkeypatch.setitem(sys.modules, "shelf", module)
    return module


def double(number: int) -> int:
    """Double a number."""
    return 2 * number


def test_a_plain_function_needs_approval_and_a_tool_says_for_itself(shelf: ModuleType) -> None:
    """A function that says nothing of approval is not trusted, unless the caller does."""
    shelf.double, shelf.own = double, as_tool(name="own")(double)  # type: ignore[attr-defined]
    assert [(found.name, found.approval) for found in load_tools("shelf:double")] == [("double", "always")]
    assert [found.approval for found in load_tools("shelf:double", approval="never")] == ["never"]
    assert [(found.name, found.approval) for found in load_tools("shelf:own")] == [("own", "never")]


def test_several_tools_come_from_a_list_and_from_a_manager(shelf: ModuleType) -> None:
    """A name may lead to many, and through attributes."""
    shelf.box = ModuleType("box")  # type: ignore[attr-defined]
    shelf.box.all = [double, as_tool(name="own")(double)]
    shelf.manager = ToolManager([double])  # type: ignore[attr-defined]
    assert [found.name for found in load_tools("shelf:box.all")] == ["double", "own"]
    assert [found.name for found in load_tools("shelf:manager")] == ["double"]


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("double", "'double' names no tool; write it as module:function"),
        ("shelf:", "write it as module:function"),
        ("nowhere_at_all:f", "there is no module 'nowhere_at_all'"),
        ("shelf:duble", "shelf:duble: there is no 'duble'"),
        ("shelf:none", "shelf:none holds no tools"),
    ],
)
def test_what_cannot_be_found_is_said(shelf: ModuleType, target: str, message: str) -> None:
    """The error names what was asked for and what is missing."""
    shelf.none = []  # type: ignore[attr-defined]
    with pytest.raises(InvalidRequestError, match=message):
        load_tools(target)


def test_what_is_no_tool_is_said(shelf: ModuleType) -> None:
    """A value of another kind cannot be called."""
    shelf.number = 3  # type: ignore[attr-defined]
    with pytest.raises(ToolDefinitionError, match="shelf:number is no function and no tool, but a int"):
        load_tools("shelf:number")


def test_a_module_that_fails_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever importing it raises, the error names the module; a script that ends does not end its caller."""
    (tmp_path / "broken_shelf.py").write_text("1 / 0", encoding="utf-8")
    (tmp_path / "script_that_ends.py").write_text("raise SystemExit(0)", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InvalidRequestError, match="'broken_shelf' fails to import: ZeroDivisionError"):
        load_tools("broken_shelf:f")
    with pytest.raises(InvalidRequestError, match="'script_that_ends' fails to import: SystemExit: 0"):
        load_tools("script_that_ends:f")


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_single_call_that_is_cancelled_tells_its_handler(backend: str) -> None:
    """A sync one runs in a thread, which nobody can stop but itself."""
    runs, is_told = threading.Event(), threading.Event()

    def wait(context: ToolContext[None]) -> None:
        """Wait until it is stopped."""
        runs.set()
        if context.signal.wait(HANG_GUARD):
            is_told.set()

    async def use() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(ToolManager([wait]).call, ToolCallPart(id="1", name="wait", arguments={}))
            await anyio.to_thread.run_sync(runs.wait, HANG_GUARD)
            group.cancel_scope.cancel()

    anyio.run(use, backend=backend)
    assert is_told.wait(HANG_GUARD)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_single_call_needs_no_run(backend: str) -> None:
    """The handler has its context, and what fails is a result."""

    @as_tool
    def greet(name: str, context: ToolContext[str]) -> str:
        """Greet somebody."""
        return f"{context.deps}, {name} ({context.metadata['where']})"

    manager = ToolManager([greet, Tool(lambda: 1 / 0, name="fail")])

    async def use() -> list[tuple[object, bool]]:
        asked = [("greet", {"name": "Bo"}), ("greet", {"nam": "Bo"}), ("fail", {}), ("gret", {})]
        results = [
            await manager.call(
                ToolCallPart(id="1", name=name, arguments=dict(given)), deps="Hello", metadata={"where": "here"}
            )
            for name, given in asked
        ]
        return [(str(result.content).partition("\n")[0], result.is_error) for result in results]

    assert anyio.run(use, backend=backend) == [
        ("Hello, Bo (here)", False),
        ("The arguments do not fit this tool. Correct these and call it again:", True),
        ("the tool 'fail' failed: ZeroDivisionError: division by zero", True),
        ("There is no tool 'gret'. Did you mean 'greet'? The tools are: greet, fail.", True),
    ]
