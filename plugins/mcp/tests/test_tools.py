"""Tools, resources and prompts of a real server, through runs of every kind and both transports."""

from __future__ import annotations

import anyio
import pytest

from core_llm import AsyncClient, FilePart, Message, TextPart, ToolResultPart
from core_llm.testing import FakeProvider
from plugin_mcp import MCPAnswerError, MCPServer, Prompt, Resource

from .helping import Served, asked, at, called, local, texts
from .server import PIXEL


@pytest.fixture(params=["stdio", "http"])
def reached(request: pytest.FixtureRequest, address: Served) -> MCPServer:
    """A server reached by either transport, not opened."""
    return local() if request.param == "stdio" else at(address.url)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_async_code_calls_tools(backend: str, reached: MCPServer) -> None:
    """Under `async with`, the server is used by the loop that runs."""

    async def use() -> list[str]:
        provider = FakeProvider(asked(("add", {"a": 1, "b": 2}), ("add", {"a": 3, "b": 4})), "Done.")
        async with (
            AsyncClient(providers=[provider]) as client,
            reached as server,
            client.run("fake:model", "Go.", tools=server.tools) as run,
        ):
            await run.finish()
            assert (await server.aread_resource("note://hello"))[0] == TextPart(text="hello")
        return texts([part for message in run.messages for part in message.parts if isinstance(part, ToolResultPart)])

    assert anyio.run(use, backend=backend) == ["3", "7"]


def test_sync_code_calls_tools(reached: MCPServer) -> None:
    """Under `with`, the server is used through the portal."""
    with reached as server:
        assert texts(called(server.tools, ("add", {"a": 1, "b": 2}), ("add", {"a": 3, "b": 4}))) == ["3", "7"]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_async_code_may_use_what_sync_code_opened(backend: str, ours: MCPServer) -> None:
    """A server that a program opened once serves its event loops too."""

    async def use() -> tuple[Resource, ...]:
        return await ours.aresources()

    assert [found.name for found in anyio.run(use, backend=backend)] == ["note", "pixel"]


@pytest.mark.parametrize("protocol", ["auto", "legacy"])
def test_the_older_protocol_is_spoken_too(protocol: str) -> None:
    """A server of either kind offers the same."""
    with local(protocol=protocol) as server:
        assert texts(called(server.tools, ("add", {"a": 1, "b": 2}))) == ["3"]


def test_the_model_is_told_what_the_server_says(ours: MCPServer) -> None:
    """Name, description and schema are the server's."""
    [add] = [tool for tool in ours.tools if tool.name == "add"]
    assert (add.description, add.origin) == ("Add two numbers.", "the MCP server 'ours'")
    assert add.parameters["required"] == ["a", "b"]


def test_names_begin_with_the_servers() -> None:
    """Tools of two servers do not clash; an allow-list has the server's own names."""
    with local(prefix="mine_", tools=["add", "fail"]) as server:
        assert [tool.name for tool in server.tools] == ["mine_add", "mine_fail"]


def test_a_picture_is_a_part(ours: MCPServer) -> None:
    """What is no text goes to the model as a file."""
    [result] = called(ours.tools, ("picture", {}))
    assert result.content == (FilePart(media_type="image/png", data=PIXEL),)


def test_what_fails_is_told_to_the_model(ours: MCPServer) -> None:
    """A tool that fails, and arguments that the server refuses, are results."""
    failed, refused = called(ours.tools, ("fail", {"why": "no"}), ("add", {"a": "x", "b": 1}))
    assert (failed.is_error, failed.content) == (True, "Error executing tool fail")
    assert refused.is_error
    assert "valid integer" in str(refused.content)


def test_a_result_that_is_too_large_is_not_passed_on() -> None:
    """The model is told how large it was, and what to do."""
    with local(max_result=1000) as server:
        small, large = called(server.tools, ("long", {"size": 1000}), ("long", {"size": 1001}))
    assert small.content == "x" * 1000
    assert large.is_error
    assert large.content == (
        "the tool 'long' failed: MCP server 'ours': the result of 'long' has 1001 bytes or more; at most 1000 are "
        "passed on. Ask for less"
    )


def test_calls_need_approval_unless_the_server_is_trusted() -> None:
    """By default a call needs somebody's word; tools that are named as trusted do not."""
    with local(approval="always", trusted_tools=["add"]) as server:
        results = called(server.tools, ("add", {"a": 1, "b": 2}), ("process", {}))
        approved = called(server.tools, ("process", {}), approve=lambda _: True)
    assert texts(results) == ["3", "The call was not approved."]
    assert not approved[0].is_error


def test_progress_is_passed_on() -> None:
    """Whoever wants to know is told how far a call has come, and which call."""
    told: list[tuple[str, str, float, float | None, str | None]] = []
    with local(on_progress=lambda p: told.append((p.tool, p.call_id, p.progress, p.total, p.message))) as server:
        called(server.tools, ("steps", {}))
    assert told == [("steps", "c0", 1.0, 2.0, "step 1"), ("steps", "c0", 2.0, 2.0, "step 2")]


def test_resources_are_parts(ours: MCPServer) -> None:
    """They are listed, and what they hold can go into a message."""
    assert ours.resources() == (
        Resource("note://hello", "note", "A note.", "text/plain"),
        Resource("note://pixel", "pixel", "A picture.", "image/png"),
    )
    assert ours.read_resource("note://hello") == (TextPart(text="hello"),)
    assert ours.read_resource("note://pixel") == (FilePart(media_type="image/png", data=PIXEL, name="note://pixel"),)


def test_prompts_are_messages(ours: MCPServer) -> None:
    """They are listed with their arguments, and ready to be sent."""
    assert ours.prompts() == (Prompt("greet", "Greet somebody.", required=("name",)),)
    assert ours.prompt("greet", name="Bo") == (Message.user("Greet Bo."),)


def test_what_the_server_refuses_is_a_typed_error(ours: MCPServer) -> None:
    """The error names the server and has its message."""
    with pytest.raises(MCPAnswerError, match=r"MCP server 'ours': .*note://nowhere") as caught:
        ours.read_resource("note://nowhere")
    assert caught.value.server == "ours"


def test_the_process_inherits_nothing_but_what_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys of this process are not the server's business."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-for-everybody")
    with local(env={"GIVEN": "yes"}) as server:
        [names] = called(server.tools, ("environment", {}))
    assert set(str(names.content).split()) - {"GIVEN", "LC_CTYPE"} <= {
        *("HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER"),
    }
    assert "GIVEN" in str(names.content)
