"""MCP servers that nobody here wrote, from npm: both transports, killed and restarted in the middle of calls.

They are not Python packages, so ``nox -s mcp`` fetches them, and names the folder that has them.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import psutil  # type: ignore[import-untyped]  # it has no annotations
import pytest

from core_llm import AbortedError, AsyncClient, Client, FilePart, TextPart, ToolManager, ToolResultPart
from core_llm.testing import FakeProvider
from plugin_mcp import Elicitation, MCPServer, Progress, Sampling

from .helping import HANG_GUARD, Served, asked, called, children, eventually, served

FOLDER = os.environ.get("MCP_SERVERS_FROM_NPM", "")
pytestmark = pytest.mark.skipif(not FOLDER, reason="the servers come from npm; `nox -s mcp` fetches them")
EVERYTHING = str(Path(FOLDER) / "node_modules/.bin/mcp-server-everything")
FILES = str(Path(FOLDER) / "node_modules/.bin/mcp-server-filesystem")


def everything(**options: object) -> MCPServer:
    """Return the server that has a tool for everything, as a process."""
    given: dict[str, object] = {"approval": "never", "prefix": "", **options}
    return MCPServer.stdio(EVERYTHING, "stdio", name="everything", **given)  # type: ignore[arg-type]  # options


def in_turn(server: MCPServer, *calls: tuple[str, dict[str, object]]) -> list[ToolResultPart]:
    """Return the results of calls that are made one after the other."""
    return called(ToolManager(server.tools, max_parallel=1), *calls)


@contextmanager
def everything_served() -> Iterator[Served]:
    """Serve the same at an address."""
    with served(lambda _: [EVERYTHING, "streamableHttp"], lambda port: {"PORT": str(port)}) as address:
        yield address


@pytest.fixture(params=["stdio", "http"])
def reached(request: pytest.FixtureRequest) -> Iterator[Callable[..., MCPServer]]:
    """Make the server, reached by either transport."""
    if request.param == "stdio":
        yield everything
        return
    with everything_served() as address:

        def make(**options: object) -> MCPServer:
            given: dict[str, object] = {"approval": "never", "prefix": "", **options}
            return MCPServer.http(address.url, name="everything", **given)  # type: ignore[arg-type]  # options

        yield make


def test_tools_of_all_kinds(reached: Callable[..., MCPServer]) -> None:
    """Text, numbers, pictures, links, embedded resources and structure."""
    with reached() as server:
        echo, total, image, links, reference, structure = in_turn(
            server,
            ("echo", {"message": "hi"}),
            ("get-sum", {"a": 2, "b": 3}),
            ("get-tiny-image", {}),
            ("get-resource-links", {"count": 2}),
            ("get-resource-reference", {"resourceType": "Text", "resourceId": 1}),
            ("get-structured-content", {"location": "Chicago"}),
        )
    assert echo.content == "Echo: hi"
    assert total.content == "The sum of 2 and 3 is 5."
    assert [part.media_type for part in image.content if isinstance(part, FilePart)] == ["image/png"]
    assert str(links.content).count("demo://resource/dynamic/") == 2
    assert "demo://resource/dynamic/text/1" in str(reference.content)
    assert '"temperature":' in str(structure.content)
    assert not any(result.is_error for result in (echo, total, image, links, reference, structure))


def test_wrong_arguments_are_told(reached: Callable[..., MCPServer]) -> None:
    """What the server refuses goes to the model, which may call again."""
    with reached() as server:
        wrong, right = in_turn(server, ("get-sum", {"a": "x"}), ("get-sum", {"a": 1, "b": 1}))
    assert (wrong.is_error, right.is_error) == (True, False)
    assert "Invalid arguments" in str(wrong.content)


def test_resources_and_prompts(reached: Callable[..., MCPServer]) -> None:
    """They are listed, read, and become parts and messages."""
    with reached() as server:
        uris = [resource.uri for resource in server.resources()]
        [document] = server.read_resource("demo://resource/static/document/architecture.md")
        [blob] = server.read_resource("demo://resource/dynamic/blob/1")
        prompts = {prompt.name: prompt for prompt in server.prompts()}
        said = server.prompt("args-prompt", city="Oslo")
    assert "demo://resource/static/document/architecture.md" in uris
    assert isinstance(document, TextPart)
    assert "Everything Server" in document.text
    assert isinstance(blob, FilePart)
    assert prompts["args-prompt"].required == ("city",)
    assert "Oslo" in said[0].text


def test_progress_and_cancelling(reached: Callable[..., MCPServer]) -> None:
    """A long operation says how far it is; stopping the run stops waiting for it, and the server lives."""
    told: list[Progress] = []
    with reached(on_progress=told.append) as server:
        provider = FakeProvider(asked(("trigger-long-running-operation", {"duration": 60, "steps": 120})))
        with (
            Client(providers=[provider]) as client,
            client.run("fake:model", "Go.", tools=ToolManager(server.tools, timeout=HANG_GUARD)) as run,
        ):

            def stop() -> None:
                eventually(lambda: len(told) > 1)
                run.abort("enough")

            threading.Thread(target=stop).start()
            with pytest.raises(AbortedError):
                run.finish()
        assert in_turn(server, ("echo", {"message": "hi"}))[0].content == "Echo: hi"
    assert (told[0].progress, told[0].total) == (1.0, 120.0)


def test_sampling_and_elicitation(reached: Callable[..., MCPServer]) -> None:
    """The server offers what asks us only if we may be asked; then our model and our user answer."""
    questions: list[Elicitation] = []

    def elicit(question: Elicitation) -> dict[str, object]:
        questions.append(question)
        return {"name": "Ada"}

    with reached() as server:
        assert "trigger-sampling-request" not in {tool.name for tool in server.tools}
    with Client(providers=[FakeProvider("A poem.")]) as client:
        sampling = Sampling(client, "fake:small", max_tokens=50)
        with reached(sampling=sampling, elicit=elicit) as server:
            eventually(lambda: "trigger-elicitation-request" in {tool.name for tool in server.tools})
            model, user = in_turn(
                server,
                ("trigger-sampling-request", {"prompt": "Hi", "maxTokens": 10}),
                ("trigger-elicitation-request", {}),
            )
    assert "A poem." in str(model.content)
    assert "Ada" in str(user.content)
    assert questions[0].schema is not None


# Under trio the SDK leaves the reader of an event stream to the garbage collector, which trio warns of.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_async_code(backend: str, reached: Callable[..., MCPServer]) -> None:
    """The same under both event loops."""

    async def use() -> list[str]:
        provider = FakeProvider(asked(("echo", {"message": "hi"}), ("get-sum", {"a": 2, "b": 3})), "Done.")
        async with (
            AsyncClient(providers=[provider]) as client,
            reached() as server,
            client.run("fake:model", "Go.", tools=server.tools) as run,
        ):
            await run.finish()
        results = [part for said in run.messages for part in said.parts if isinstance(part, ToolResultPart)]
        return [str(result.content) for result in results]

    assert anyio.run(use, backend=backend) == ["Echo: hi", "The sum of 2 and 3 is 5."]


def test_a_process_killed_in_a_call_comes_back_and_none_is_left() -> None:
    """The call fails with the server's name, the next one works, and closing leaves nothing."""
    before = children()
    told: list[Progress] = []

    def kill() -> None:
        eventually(lambda: told)
        for pid in children() - before:
            psutil.Process(pid).kill()

    with everything(on_progress=told.append) as server:
        killer = threading.Thread(target=kill)
        killer.start()
        dead, alive = in_turn(
            server, ("trigger-long-running-operation", {"duration": 60, "steps": 120}), ("echo", {"message": "hi"})
        )
        killer.join()
    assert dead.is_error
    assert "MCP server 'everything': the connection was lost" in str(dead.content)
    assert alive.content == "Echo: hi"
    assert children() - before == set()


def test_an_address_killed_in_a_call_comes_back() -> None:
    """The call fails when the connection does; after a restart, calls work again in a new session."""
    told: list[Progress] = []
    with everything_served() as address:
        given: dict[str, object] = {"approval": "never", "prefix": "", "on_progress": told.append}
        with MCPServer.http(address.url, name="everything", **given) as server:  # type: ignore[arg-type]  # options

            def restart() -> None:
                eventually(lambda: told)
                address.kill()
                address.start()

            killer = threading.Thread(target=restart)
            killer.start()
            [dead] = in_turn(server, ("trigger-long-running-operation", {"duration": 60, "steps": 120}))
            killer.join()
            assert dead.is_error
            eventually(lambda: not in_turn(server, ("echo", {"message": "hi"}))[0].is_error)


def test_the_filesystem_server(tmp_path: Path) -> None:
    """It reads and writes its folder, refuses another, and is offered as the allow-list says."""
    tmp_path.joinpath("a.txt").write_text("hello", encoding="utf-8")
    allowed = ["read_text_file", "write_file", "list_directory"]
    given: dict[str, object] = {"approval": "never", "tools": allowed}
    with MCPServer.stdio(FILES, str(tmp_path), name="files", **given) as server:  # type: ignore[arg-type]  # options
        assert {tool.name for tool in server.tools} == {f"files_{name}" for name in allowed}
        read, written, listed, outside = in_turn(
            server,
            ("files_read_text_file", {"path": str(tmp_path / "a.txt")}),
            ("files_write_file", {"path": str(tmp_path / "b.txt"), "content": "bye"}),
            ("files_list_directory", {"path": str(tmp_path)}),
            ("files_read_text_file", {"path": "/etc/passwd"}),
        )
    assert read.content == "hello"
    assert not written.is_error
    assert tmp_path.joinpath("b.txt").read_text(encoding="utf-8") == "bye"
    assert "[FILE] b.txt" in str(listed.content)
    assert outside.is_error
    assert "outside allowed directories" in str(outside.content)
