"""Sources of tools: opened by sync and async code alike, usable from any loop when sync code opened them."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from types import SimpleNamespace

import anyio
import anyio.lowlevel
import pytest

from core_llm import (
    AsyncClient,
    Client,
    DuplicateToolError,
    InvalidRequestError,
    NoTools,
    PluginError,
    Tool,
    ToolManager,
    ToolSource,
    hookimpl,
    tool,
)
from core_llm._loops import current_loop
from core_llm.testing import FakeProvider


@tool
def first() -> str:
    """Come first."""
    return "1"


@tool
def second() -> str:
    """Come second."""
    return "2"


class Shelf(ToolSource):
    """Offers what a test puts on it."""

    def __init__(self, *tools: Tool[..., object], fails: Exception | None = None) -> None:
        super().__init__("shelf")
        self.content = tools
        self.fails = fails
        self.is_served = False

    async def serve(self, started: Callable[[], None]) -> None:
        """Be open until cancelled."""
        if self.fails is not None:
            raise self.fails
        self.is_served = True
        self.offer(self.content)
        started()
        try:
            await anyio.sleep_forever()
        finally:
            self.is_served = False


@pytest.fixture(params=["asyncio", "trio"])
def loop(request: pytest.FixtureRequest) -> str:
    """Name an event loop."""
    return str(request.param)


def test_one_that_never_starts_is_not_open(loop: str) -> None:
    """A source whose coroutine just ends is an error where it is opened, and keeps nobody waiting."""

    class Hasty(ToolSource):
        async def serve(self, started: Callable[[], None]) -> None:
            """Forget to say that it is open."""

    async def enter() -> None:
        async with Hasty("hasty"):
            pass

    with pytest.raises(InvalidRequestError, match="hasty ended before it was open"):
        Hasty("hasty").open()
    with pytest.raises(InvalidRequestError, match="hasty ended before it was open"):
        anyio.run(enter, backend=loop)


def test_its_tools_are_there_while_it_is_open() -> None:
    """Before and after the block it offers nothing; inside, its coroutine runs."""
    shelf = Shelf(first)
    assert (shelf.tools, shelf.is_open) == ((), False)
    with shelf:
        assert (shelf.tools, shelf.is_open, shelf.is_served) == ((first,), True, True)
    assert (shelf.tools, shelf.is_open, shelf.is_served) == ((), False, False)


def test_async_code_opens_it_in_its_own_loop(loop: str) -> None:
    """Under `async with` it is served by the loop of the block."""

    async def use() -> None:
        shelf = Shelf(first)
        async with shelf:
            assert (shelf.tools, shelf.is_served) == ((first,), True)
            home = await shelf.at_home(_loop)
            assert home is current_loop()
        assert (shelf.tools, shelf.is_served) == ((), False)

    anyio.run(use, backend=loop)


async def _loop() -> object:
    await anyio.lowlevel.checkpoint()  # which anyio knows how to do there
    return current_loop()


def test_cancelling_who_waits_cancels_the_work(loop: str) -> None:
    """Work that sync code's source does for a task of another loop ends with the task."""
    began, ended = threading.Event(), threading.Event()

    async def work() -> None:
        try:
            began.set()
            await anyio.sleep_forever()
        finally:
            ended.set()

    async def use(shelf: Shelf) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(shelf.at_home, work)
            await anyio.to_thread.run_sync(began.wait)
            group.cancel_scope.cancel()

    with Shelf(first) as shelf:
        anyio.run(use, shelf, backend=loop)
        assert ended.wait(60)


def test_what_sync_code_opened_is_reached_from_every_loop(loop: str) -> None:
    """Work that a run of async code wants done is done where the source is open."""
    with Shelf(first) as shelf:
        home = shelf.wait_for(_loop)
        seen = anyio.run(shelf.at_home, _loop, backend=loop)
        assert seen is home


def test_what_async_code_opened_cannot_be_reached_from_another_loop() -> None:
    """The error says how to open it in its place."""

    async def use() -> None:
        shelf = Shelf(first)
        async with shelf:
            with pytest.raises(InvalidRequestError, match="was opened by async code"):
                await anyio.to_thread.run_sync(shelf.wait_for, _loop)

    anyio.run(use)


@pytest.mark.parametrize("mode", ["sync", "asyncio", "trio"])
def test_what_opening_raises_comes_out_as_it_is(mode: str) -> None:
    """No group of exceptions, and nothing is left open; it may be tried again."""
    shelf = Shelf(first, fails=PluginError("no server"))

    async def use() -> None:
        async with shelf:
            pass

    with pytest.raises(PluginError, match="no server"):
        anyio.run(use, backend=mode) if mode != "sync" else shelf.open()
    shelf.fails = None
    with shelf:
        assert shelf.tools == (first,)


def test_a_manager_follows_what_is_offered() -> None:
    """An attached manager has the source's tools besides its own: those that stay are the same objects."""
    manager = ToolManager([Tool(first.handler, name="own")])
    with Shelf(first) as shelf:
        shelf.attach(manager)
        assert [known.name for known in manager] == ["own", "first"]
        shelf.offer([first, second])
        assert [known.name for known in manager] == ["own", "first", "second"]
        shelf.offer([second])
        assert [known.name for known in manager] == ["own", "second"]
    assert [known.name for known in manager] == ["own"]


def test_a_manager_can_be_let_go() -> None:
    """What `attach` returned takes the tools out again."""
    manager = ToolManager()
    with Shelf(first) as shelf:
        detach = shelf.attach(manager)
        detach()
        shelf.offer([second])
    assert len(manager) == 0


def test_a_name_that_is_taken_is_an_error_or_left_out(caplog: pytest.LogCaptureFixture) -> None:
    """At attaching it is raised; one that comes later is left out, which the log says, and the other stays."""
    own = Tool(second.handler, name="first")
    manager = ToolManager([own])
    with Shelf(first) as shelf:
        with pytest.raises(DuplicateToolError):
            shelf.attach(manager)
        shelf.offer([])
        shelf.attach(manager)
        shelf.offer([first])
    assert list(manager) == [own]
    assert "a tool of shelf is left out: two tools are called 'first'" in caplog.text


def test_it_cannot_be_opened_twice() -> None:
    """A second opening is refused, and harms nothing."""
    with Shelf(first) as shelf:
        with pytest.raises(InvalidRequestError, match="shelf is open already"):
            shelf.open()
        assert shelf.tools == (first,)


def test_what_is_left_open_is_closed_before_the_process_ends() -> None:
    """A program that forgets to close a source still gives it the time to clean up."""
    program = """
import anyio
from core_llm import ToolSource

class Shelf(ToolSource):
    async def serve(self, started):
        started()
        try:
            await anyio.sleep_forever()
        finally:
            print("cleaned up", flush=True)

Shelf("shelf").open()
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert (ended.stdout, ended.stderr) == ("cleaned up\n", "")


def test_ctrl_c_while_it_opens_cleans_up() -> None:
    """What it has begun when the person gives up is ended before they have their prompt back."""
    program = """
import signal, threading
import anyio
from core_llm import ToolSource

class Shelf(ToolSource):
    async def serve(self, started):
        try:
            while True:  # one that comes in the instant before a thread waits is seen only when it has waited
                await anyio.sleep(1)
                signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(0.2)
            print("cleaned up", flush=True)

signal.signal(signal.SIGINT, signal.default_int_handler)  # who runs the tests in the background has it ignored
try:
    Shelf("shelf").open()
except KeyboardInterrupt:
    print("interrupted")
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert (ended.stdout, ended.stderr) == ("cleaned up\ninterrupted\n", "")


def test_no_tools_offers_none(loop: str) -> None:
    """The source without tools can be opened, and used wherever one is wanted."""
    with NoTools() as nothing:
        assert nothing.tools == ()

    async def use() -> None:
        async with (
            NoTools("none"),
            AsyncClient(providers=[FakeProvider("Hi.")]) as client,
            client.run("fake:model", "Hi", tools=nothing.tools) as run,
        ):
            assert (await run.finish()).text == "Hi."

    anyio.run(use, backend=loop)


def plugin(finds: Callable[..., object]) -> object:
    """Return a plugin that is asked for sources."""
    return SimpleNamespace(core_llm_find_tool_source=hookimpl(finds))


def test_a_plugin_is_asked_for_a_source_by_name() -> None:
    """It is given the configuration, with its own settings."""
    asked: list[object] = []

    def find(name: str, config: object) -> ToolSource | None:
        asked.append(config.values.plugins)  # type: ignore[attr-defined]
        return Shelf(first) if name == "shelf" else None

    with Client(plugins=[plugin(find)], config={"plugins": {"mine": {"level": 3}}}) as client:
        with client.tool_source("shelf") as source:
            assert source.tools == (first,)
        with pytest.raises(InvalidRequestError, match="no plugin knows tools of 'cupboard'"):
            client.tool_source("cupboard")
    assert asked == [{"mine": {"level": 3}}] * 2


def test_two_plugins_with_one_source_and_one_that_fails_are_named() -> None:
    """Nobody guesses which one was meant."""
    finds = [plugin(lambda name: Shelf() if name == "shelf" else None) for _ in range(2)]
    broken = plugin(lambda name: 1 / 0 if name == "broken" else None)
    junk = plugin(lambda name: "what?" if name == "junk" else None)
    with Client(plugins=[*finds, broken, junk]) as client:
        with pytest.raises(InvalidRequestError, match=r"'shelf' are offered by Simple.* and Simple"):
            client.tool_source("shelf")
        with pytest.raises(PluginError, match=r"core_llm_find_tool_source returns .* in place of a ToolSource"):
            client.tool_source("junk")
        with pytest.raises(PluginError, match="failed when asked for the tools of 'broken': ZeroDivisionError"):
            client.tool_source("broken")
