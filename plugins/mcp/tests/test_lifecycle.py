"""Servers that die, hang, change or never come: typed errors, no call made twice, no process left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import anyio
import psutil  # type: ignore[import-untyped]  # it has no annotations
import pytest

from core_llm import AbortedError, Client, ToolManager
from core_llm.testing import FakeProvider
from plugin_mcp import MCPAnswerError, MCPConnectionError, MCPServer, MCPTimeoutError

from .helping import SERVER, asked, at, called, children, eventually, local, served, texts

SLEEPS = "import time; time.sleep(600)"


def test_a_server_that_dies_in_a_call_is_a_typed_error_and_comes_back(caplog: pytest.LogCaptureFixture) -> None:
    """The model is told that the connection was lost; the next call reaches a new process."""
    with local() as server:
        before, dead, after = called(
            ToolManager(server.tools, max_parallel=1), ("process", {}), ("die", {}), ("process", {})
        )
    assert (dead.is_error, "the connection was lost" in str(dead.content)) == (True, True)
    assert not after.is_error
    assert before.content != after.content
    assert "MCP server 'ours': the connection was lost" in caplog.text


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_killed_process_is_replaced_under_async_code(backend: str) -> None:
    """Also while nothing is asked of it: the process is another one, and its tools are there."""

    async def use() -> None:
        before = children()
        async with local() as server:
            [first] = children() - before
            os.kill(first, signal.SIGKILL)
            await anyio.to_thread.run_sync(eventually, lambda: len(children() - before - {first}) == 1)
            await anyio.to_thread.run_sync(eventually, lambda: server.is_connected)
            assert "add" in {tool.name for tool in server.tools}

    anyio.run(use, backend=backend)


def test_a_server_at_an_address_may_be_started_anew() -> None:
    """A session that the new server does not know is begun again; the call that found that out is told so."""
    with served() as address, at(address.url, protocol="legacy") as server:
        assert texts(called(server.tools, ("add", {"a": 1, "b": 2}))) == ["3"]
        address.kill()
        address.start()
        eventually(lambda: not called(server.tools, ("add", {"a": 1, "b": 2}))[0].is_error)


def test_a_server_at_an_address_killed_in_a_call_is_a_typed_error(tmp_path: Path) -> None:
    """The call fails when the connection does, and does not wait for its limit of time."""
    note = tmp_path / "note"
    with served() as address, at(address.url) as server:
        killer = threading.Thread(target=lambda: (eventually(note.exists), address.kill()))
        killer.start()
        [result] = called(server.tools, ("hang", {"note": str(note)}))
        killer.join()
    assert result.is_error
    assert "MCP server 'ours'" in str(result.content)


def test_an_aborted_run_cancels_the_call_at_the_server(tmp_path: Path) -> None:
    """Stopping is passed on: the handler there is cancelled, and the server lives."""
    note = tmp_path / "note"
    with local() as server, Client(providers=[FakeProvider(asked(("hang", {"note": str(note)})))]) as client:
        with client.run("fake:model", "Go.", tools=server.tools) as run:
            threading.Thread(target=lambda: (eventually(note.exists), run.abort("enough"))).start()
            with pytest.raises(AbortedError, match="enough"):
                run.finish()
        eventually(lambda: note.read_text(encoding="utf-8") == "stopped")
        assert texts(called(server.tools, ("add", {"a": 1, "b": 2}))) == ["3"]


def test_a_call_that_takes_too_long_is_told_and_cancelled(tmp_path: Path) -> None:
    """Every request has a limit of time; the server is told to stop."""
    note = tmp_path / "note"
    with local(timeout=3) as server:
        [result] = called(server.tools, ("hang", {"note": str(note)}))
        assert result.is_error
        assert "timed out" in str(result.content)
        eventually(lambda: note.read_text(encoding="utf-8") == "stopped")


def test_a_command_that_does_not_exist_is_said() -> None:
    """The error names the command."""
    with pytest.raises(MCPConnectionError, match="'no-such-program' cannot be started: No such file"):
        MCPServer.stdio("no-such-program", name="x").open()


def test_a_command_that_ends_at_once_is_said_with_its_words() -> None:
    """What it wrote to standard error tells why."""
    program = "import sys; sys.exit('the token is missing')"
    with pytest.raises(MCPConnectionError, match=r"ended at once .*it said: the token is missing"):
        MCPServer.stdio(sys.executable, "-c", program, name="x").open()


def test_an_address_where_nobody_listens_is_said() -> None:
    """The error has the address."""
    with pytest.raises(MCPConnectionError, match=r"http://127.0.0.1:1/mcp cannot be reached"):
        MCPServer.http("http://127.0.0.1:1/mcp", name="x").open()


def test_an_address_that_refuses_is_said_with_its_status() -> None:
    """So that whoever has a wrong token or path learns it; here one that takes no requests of this kind."""
    with (
        served(lambda port: [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)]) as server,
        pytest.raises(MCPAnswerError, match=r"http://127.0.0.1:\d+/mcp answered with HTTP 501"),
    ):
        at(server.url).open()


@pytest.mark.parametrize("backend", ["sync", "asyncio", "trio"])
def test_a_server_that_never_greets_is_given_up(backend: str) -> None:
    """Opening has a limit of time, and leaves no process."""
    before = children()
    server = MCPServer.stdio(sys.executable, "-c", SLEEPS, name="x", connect_timeout=2)

    async def use() -> None:
        async with server:
            pass

    with pytest.raises(MCPTimeoutError, match="did not greet within 2 s"):
        server.open() if backend == "sync" else anyio.run(use, backend=backend)
    assert children() - before == set()


def test_secrets_are_in_no_message() -> None:
    """What a server writes of its own environment is masked."""
    program = "import os, sys; sys.exit('bad token ' + os.environ['TOKEN'])"
    server = MCPServer.stdio(sys.executable, "-c", program, name="x", env={"TOKEN": "tok-5ecret"})
    with pytest.raises(MCPConnectionError) as caught:
        server.open()
    assert "bad token [secret]" in str(caught.value)
    assert "tok-5ecret" not in f"{caught.value!r} {server.settings!r}"


def test_closing_leaves_no_process() -> None:
    """Neither the server nor what it started is left."""
    before = children()
    with local():
        assert len(children() - before) > 0
    assert children() - before == set()


STUBBORN = """
import os, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
sys.argv = ["server.py"]
sys.path.insert(0, os.path.dirname({server!r}))
import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)
import runpy; runpy.run_path({server!r}, run_name="__main__")
import time; time.sleep(600)
"""


def test_a_stubborn_server_and_its_children_are_killed() -> None:
    """One that ignores the end of its input and the polite signal does not outlive the block."""
    before = children()
    with MCPServer.stdio(sys.executable, "-c", STUBBORN.format(server=SERVER), name="x", connect_timeout=60):
        assert len(children() - before) >= 2
    assert children() - before == set()


PROGRAM = """
import sys, threading, os
sys.path.insert(0, {folder!r})
from core_llm import Client, ToolCallPart
from core_llm.testing import FakeProvider
from plugin_mcp import MCPServer
server = MCPServer.stdio(sys.executable, {server!r}, name="x", prefix="", approval="never").open()
print("open", flush=True)
call = ToolCallPart(id="1", name="hang", arguments={{"note": {note!r}}})
with Client(providers=[FakeProvider([call])]) as client, client.run("fake:m", "Go", tools=server.tools) as run:
    {body}
"""


@pytest.mark.parametrize("ending", ["forgotten", "killed"])
def test_a_program_that_ends_in_a_call_leaves_no_process(tmp_path: Path, ending: str) -> None:
    """Whether it forgets to close the server or is killed in the middle of a call, the server ends with it."""
    note = tmp_path / "note"
    body = "next(e for e in run if e.type == 'tool_start')" if ending == "forgotten" else "run.finish()"
    program = PROGRAM.format(folder=str(Path(SERVER).parent), server=SERVER, note=str(note), body=body)
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"open\n"
    [child] = psutil.Process(process.pid).children()
    if ending == "killed":
        eventually(note.exists)
        process.kill()
    process.wait(60)
    process.stdout.close()
    eventually(lambda: not child.is_running() or child.status() == "zombie")


def test_a_server_that_stays_away_is_called_again_when_it_is_wanted() -> None:
    """After its tries it is left alone; the next call fails in time, and brings it back when it is there again."""
    with served() as address, at(address.url, reconnects=0, connect_timeout=5) as server:
        address.kill()
        [dead] = called(server.tools, ("add", {"a": 1, "b": 2}))
        assert dead.is_error
        address.start()
        eventually(lambda: not called(server.tools, ("add", {"a": 1, "b": 2}))[0].is_error)


def test_a_second_opening_works() -> None:
    """A server may be opened again after it was closed."""
    server = local()
    for _ in range(2):
        with server:
            assert texts(called(server.tools, ("add", {"a": 1, "b": 2}))) == ["3"]
    assert server.tools == ()
