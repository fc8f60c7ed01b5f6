"""Settings of servers: careful where they come from code, and where they come from the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from core_llm import Client, Config, InvalidRequestError, InvalidSettingError
from plugin_mcp import MCPServer


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "give either command, to start a server, or url, to reach one"),
        ({"command": "a", "url": "http://localhost/mcp"}, "give either command"),
        ({"command": "a", "headers": {"X": "y"}}, "headers are for servers with a url"),
        ({"url": "http://localhost/mcp", "env": {"X": "y"}}, "env_from and cwd are for servers with a command"),
        ({"url": "ftp://localhost/mcp"}, "url must be an address such as https://example.com/mcp"),
        ({"url": "https://me:secret@example.com/mcp"}, "url must hold no user and password"),
        ({"url": "http://example.com/mcp", "headers": {"Authorization": "x"}}, "headers are sent over https only"),
        ({"url": "https://a.example/mcp", "headers": {"X": "y\n"}}, "the header X holds a character that cannot be"),
        ({"command": "a", "approval": "sometimes"}, "approval: Input should be 'always' or 'never'"),
        ({"command": "a", "tmeout": 3}, "tmeout: Extra inputs are not permitted"),
        ({"command": "a", "env_from": ["NOT_SET"]}, "names the variable NOT_SET, which is not set"),
    ],
)
def test_what_cannot_be_meant_is_refused(settings: dict[str, object], message: str) -> None:
    """The error names the setting, and shows no value."""
    with Client(config=_config(settings)) as client, pytest.raises(InvalidSettingError, match=message) as caught:
        client.tool_source("x")
    assert "plugins.mcp.servers.x" in caught.value.message
    assert "secret" not in caught.value.message


def _config(settings: Mapping[str, object], **environ: str) -> Config:
    return Config.load(environ=environ, arguments={"plugins": {"mcp": {"servers": {"x": settings}}}})


def test_the_configuration_has_servers_by_name() -> None:
    """Variables that are named are looked up; what is secret is shown nowhere."""
    settings = {"command": "serve-it", "args": ["-v"], "env": {"A": "aaaa"}, "env_from": ["TOKEN"], "tools": ["add"]}
    config = _config(settings, TOKEN="tok-123456")
    with Client(config=config) as client:
        server = client.tool_source("x")
    assert isinstance(server, MCPServer)
    assert {name: value.get_secret_value() for name, value in server.settings.env.items()} == {
        "A": "aaaa",
        "TOKEN": "tok-123456",
    }
    assert (server.settings.tools, server.settings.approval) == (("add",), "always")
    assert "tok-123456" not in repr(server.settings)


def test_headers_may_come_from_variables() -> None:
    """So that a token need not stand in the file."""
    settings = {"url": "https://example.com/mcp", "headers_from": {"Authorization": "MCP_AUTH"}}
    with Client(config=_config(settings, MCP_AUTH="Bearer abc")) as client:
        server = client.tool_source("x")
    assert isinstance(server, MCPServer)
    assert server.settings.headers["Authorization"].get_secret_value() == "Bearer abc"


def test_a_variable_that_is_not_set_concerns_its_own_server_only() -> None:
    """Another server of the same configuration works without it; the error names the variable."""
    servers = {
        "files": {"command": "serve-it"},
        "tracker": {"url": "https://a.example/mcp", "headers_from": {"Authorization": "TRACKER_AUTH"}},
    }
    config = Config.load(environ={}, arguments={"plugins": {"mcp": {"servers": servers}}})
    with Client(config=config) as client:
        assert client.tool_source("files").name == "files"
        with pytest.raises(InvalidSettingError, match="the variable TRACKER_AUTH, which is not set"):
            client.tool_source("tracker")


def test_what_follows_the_scheme_of_a_header_is_in_no_message() -> None:
    """A server may echo the token alone."""
    server = MCPServer.http("https://a.example/mcp", name="x", headers={"Authorization": "Bearer tok-9"})
    assert server.scrubbed("no such token: tok-9") == "no such token: [secret]"


def test_an_unknown_server_is_an_error(tmp_path: Path) -> None:
    """Whether or not others are configured."""
    for config in (Config.load(environ={"HOME": str(tmp_path)}), _config({"command": "a"}, HOME=str(tmp_path))):
        with Client(config=config) as client, pytest.raises(InvalidRequestError, match="no plugin knows tools of 'y'"):
            client.tool_source("y")


def test_code_is_held_to_the_same_rules() -> None:
    """A server made by code refuses the same, and a word that it does not know."""
    with pytest.raises(InvalidSettingError, match=r"MCP server 'x'.*headers are sent over https only"):
        MCPServer.http("http://example.com/mcp", name="x", headers={"Authorization": "y"})
    with pytest.raises(InvalidSettingError, match="timeout: Input should be greater than 0"):
        MCPServer.stdio("a", name="x", timeout=0)
    with pytest.raises(InvalidSettingError, match="approval: Input should be 'always' or 'never'"):
        MCPServer.stdio("a", name="x", approval="sometimes")  # type: ignore[arg-type]  # a wrong word
    with pytest.raises(InvalidSettingError, match="takes no 'approvals'; did you mean 'approval'"):
        MCPServer.stdio("a", name="x", approvals="never")  # type: ignore[call-arg]  # a wrong word
