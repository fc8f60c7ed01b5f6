"""Our tools and models as an MCP server: read back through our own client, over both transports, and kept narrow."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread
import httpx
import pytest

from core_llm import (
    AbortedError,
    Callbacks,
    Client,
    CoreLLMError,
    InvalidRequestError,
    Response,
    TextPart,
    ToolCallPart,
    tool,
)
from core_llm.testing import Delay, FakeProvider
from plugin_mcp import MCPServer, MCPService

from .helping import HANG_GUARD, at, called, eventually, texts

COMMAND = str(Path(sysconfig.get_path("scripts")) / "core-llm")
TOOLS = '''
from core_llm import tool

def shout(text: str) -> str:
    """Shout a text."""
    print("noise, which must not get between the messages")
    return text.upper()

@tool(approval="always")
def pay(amount: int) -> str:
    """Pay."""
    return f"paid {amount}"
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with tools, and a home without configuration."""
    tmp_path.joinpath("ourtools.py").write_text(TOOLS, encoding="utf-8")
    return tmp_path


def command(folder: Path, *words: str, **options: object) -> MCPServer:
    """Return ``core-llm mcp serve`` as a server, not opened."""
    given: dict[str, object] = {"approval": "never", "prefix": "", "env": {"HOME": str(folder)}, **options}
    return MCPServer.stdio(COMMAND, "mcp", "serve", *words, name="served", cwd=str(folder), **given)  # type: ignore[arg-type]


def test_tools_are_served_through_standard_input_and_output(folder: Path) -> None:
    """What a tool prints does not get between the messages; what fails is told."""
    with command(folder, "-T", "ourtools:shout") as server:
        [shout] = server.tools
        assert (shout.name, shout.description) == ("shout", "Shout a text.")
        right, wrong = called(server.tools, ("shout", {"text": "hey"}), ("shout", {"txt": "hey"}))
    assert right.content == "HEY"
    assert wrong.is_error
    assert "- text: is required" in str(wrong.content)


def test_ctrl_c_ends_the_server_at_once(folder: Path) -> None:
    """Also while a client holds its standard input open."""
    words = [COMMAND, "mcp", "serve", "-T", "ourtools:shout"]
    environ = {"HOME": str(folder), "PATH": "/usr/bin:/bin"}
    ping = b'{"jsonrpc": "2.0", "id": 1, "method": "ping"}\n'
    pipe = subprocess.PIPE
    with subprocess.Popen(words, cwd=folder, env=environ, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(ping)
        process.stdin.flush()
        assert b'"id":1' in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        try:
            assert process.wait(HANG_GUARD) == -signal.SIGINT
        finally:
            process.kill()


def test_a_tool_that_needs_approval_is_left_out_unless_it_is_named(folder: Path) -> None:
    """A server has nobody to ask; who starts it may leave that to the clients' users."""
    words = ("mcp", "serve", "-T", "ourtools:pay")
    done = subprocess.run([COMMAND, *words], cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "calls of the tool 'pay' need approval" in done.stderr
    with command(folder, "-T", "ourtools:pay", "--without-approval", "pay") as server:
        assert texts(called(server.tools, ("pay", {"amount": 3}))) == ["paid 3"]


@contextmanager
def listening(folder: Path, *words: str, **environ: str) -> Iterator[str]:
    """Start ``core-llm mcp serve --http`` and return its address."""
    started = subprocess.Popen(
        [COMMAND, "mcp", "serve", "-T", "ourtools:shout", "--http", "0", *words],
        cwd=folder,
        env={"HOME": str(folder), "PATH": "/usr/bin:/bin", **environ},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert started.stderr is not None
    try:
        line = started.stderr.readline()
        found = re.fullmatch(r"listening on (http://127\.0\.0\.1:\d+/mcp)\n", line)
        assert found is not None, line + started.stderr.read()
        yield found[1]
    finally:
        started.terminate()
        started.communicate(timeout=HANG_GUARD)


def test_tools_are_served_over_http_to_this_machine_and_no_page(folder: Path) -> None:
    """A browser's page and a name that leads here by a trick are turned away."""
    with listening(folder) as url:
        with at(url) as server:
            assert texts(called(server.tools, ("shout", {"text": "hey"}))) == ["HEY"]
        page = httpx.post(url, json={}, headers={"Origin": "http://localhost:3000"})
        rebound = httpx.post(url, json={}, headers={"Host": "evil.example"})
    assert (page.status_code, rebound.status_code) == (403, 421)


def test_a_token_keeps_others_out(folder: Path) -> None:
    """With a token, only who has it comes in."""
    with listening(folder, "--token-env", "OUR_TOKEN", OUR_TOKEN="t0ken") as url:
        assert httpx.post(url, json={}).status_code == 401
        assert httpx.post(url, json={}, headers={"Authorization": "Bearer wrong"}).status_code == 401
        with at(url, headers={"Authorization": "Bearer t0ken"}) as server:
            assert texts(called(server.tools, ("shout", {"text": "hey"}))) == ["HEY"]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["-T", "ourtools:shout", "--http", "0.0.0.0:0"], 2, "on 0.0.0.0 everybody could call it; set a token"),
        (["-T", "ourtools:shout", "--http", "0.0.0.0:x"], 2, "write it as PORT or HOST:PORT"),
        (["-T", "ourtools:shout", "--token-env", "NOT_SET"], 1, "names the variable NOT_SET, which is not set"),
        (["-T", "ourtools:nothing"], 2, "there is no 'nothing'"),
        (["-m", "nobody:model"], 1, "no provider 'nobody'"),
        ([], 2, "there is nothing to offer"),
    ],
)
def test_what_would_be_open_or_wrong_is_refused(folder: Path, words: list[str], code: int, message: str) -> None:
    """Nothing is served; one line says why."""
    done = subprocess.run(
        [COMMAND, "mcp", "serve", *words], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (code, "")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_models_are_served_through_one_tool() -> None:
    """Only those that are named can be asked."""
    with Client(providers=[FakeProvider("Blue.")]) as client:
        service = MCPService(models=["fake:small"], client=client)
        ask: dict[str, object] = {"model": "fake:small", "prompt": "Sky?", "system": "Be brief."}
        right, wrong = called(service.manager, ("ask_model", ask), ("ask_model", {**ask, "model": "fake:large"}))
    assert right.content == "Blue."
    assert wrong.is_error
    assert "- model: must be one of ['fake:small'] (got 'fake:large')" in str(wrong.content)


def test_an_answer_that_was_cut_is_not_passed_off_as_whole() -> None:
    """Who asked a model through the tool has only the text to go by."""
    cut = Response(provider="fake", model="small", parts=(TextPart(text="The sky is"),), finish_reason="length")
    with Client(providers=[FakeProvider(cut)]) as client:
        service = MCPService(models=["fake:small"], client=client)
        [result] = called(service.manager, ("ask_model", {"model": "fake:small", "prompt": "Sky?"}))
    assert result.content == "The sky is\n\n[fake:small did not finish this answer: length]"


def test_a_cancelled_call_stops_the_model() -> None:
    """Its answer would be paid for, and read by nobody."""
    provider = FakeProvider([*(Delay(0.05) for _ in range(1200)), "Blue."])
    ask = ToolCallPart(id="1", name="ask_model", arguments={"model": "fake:small", "prompt": "Sky?"})
    ended: list[CoreLLMError] = []
    told = Callbacks(on_error=lambda error, _recoverable: ended.append(error))
    with Client(providers=[provider], callbacks=told) as client:
        service = MCPService(models=["fake:small"], client=client)

        async def use() -> None:
            async with anyio.create_task_group() as group:
                group.start_soon(service.manager.call, ask)
                await anyio.to_thread.run_sync(eventually, lambda: provider.requests)
                group.cancel_scope.cancel()

        anyio.run(use)
        eventually(lambda: ended)
    assert isinstance(ended[0], AbortedError)


def test_a_service_can_be_mounted_and_is_careful_by_itself() -> None:
    """The application is ASGI; it refuses to be made open to everybody."""

    @tool
    def shout(text: str) -> str:
        """Shout a text."""
        return text.upper()

    service = MCPService([shout])
    with pytest.raises(InvalidRequestError, match=r"on 0.0.0.0 everybody could call it"):
        service.app("0.0.0.0")  # noqa: S104  # which is the point
    with pytest.raises(InvalidRequestError, match="the token is empty"):
        service.app("0.0.0.0", token="")  # noqa: S104  # the same
    assert callable(service.app())
    with pytest.raises(InvalidRequestError, match="models need a client"):
        MCPService(models=["fake:small"])


def test_a_port_that_is_taken_is_said() -> None:
    """The error has the port."""

    def nothing() -> str:
        """Do nothing."""
        return ""

    with socket.create_server(("127.0.0.1", 0)) as taken:
        serve = partial(MCPService([nothing]).run_http, port=taken.getsockname()[1])
        with pytest.raises(InvalidRequestError, match=r"cannot listen on 127.0.0.1, port \d+: Address already in use"):
            anyio.run(serve)
