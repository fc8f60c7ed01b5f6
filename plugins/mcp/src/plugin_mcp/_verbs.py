"""The verbs of the command line: ``core-llm mcp serve``, ``servers``, ``tools`` and ``approve``."""

from __future__ import annotations

import json
import signal
import sys
from typing import TYPE_CHECKING

import click

from core_llm import Client, Config, ConfigError, InvalidRequestError, hookimpl, load_tools

if TYPE_CHECKING:
    from plugin_mcp._server import MCPServer


@hookimpl
def core_llm_register_commands(cli: click.Group) -> None:
    cli.add_command(mcp)


@click.group()
def mcp() -> None:
    """Use MCP servers, and be one."""


@mcp.command()
@click.option("-T", "--tool", "tools", multiple=True, metavar="MODULE:FUNCTION", help="A tool to offer.")
@click.option("-m", "--model", "models", multiple=True, metavar="PROVIDER:MODEL", help="A model to offer.")
@click.option("--without-approval", multiple=True, metavar="TOOL", help="Offer a tool though its calls need approval.")
@click.option("--http", "address", metavar="[HOST:]PORT", help="Listen there, in place of standard input and output.")
@click.option("--host-name", "hosts", multiple=True, metavar="NAME:PORT", help="A name by which clients may call it.")
@click.option("--origin", "origins", multiple=True, metavar="ORIGIN", help="An origin whose pages may call it.")
@click.option("--token-env", metavar="VARIABLE", help="The variable with the token that clients have to send.")
def serve(  # noqa: PLR0917  # click passes them by name
    tools: tuple[str, ...],
    models: tuple[str, ...],
    without_approval: tuple[str, ...],
    address: str | None,
    hosts: tuple[str, ...],
    origins: tuple[str, ...],
    token_env: str | None,
) -> None:
    """Offer tools and models to MCP clients.

    Only what is named is offered. It speaks through standard input and output, or listens on this machine with --http;
    to listen elsewhere it needs a token.
    """
    import anyio  # noqa: PLC0415  # the other verbs do not need it

    from plugin_mcp._service import MCPService, say  # noqa: PLC0415  # the same

    token = _token(token_env)
    sys.path.append("")  # tools of the folder that one stands in, after all that is installed
    found = [tool for target in tools for tool in load_tools(target, approval="never")]
    with Client() as client:
        service = MCPService(found, models=models, client=client, without_approval=without_approval)
        if address is None:
            # The thread that reads standard input cannot be stopped, and what Ctrl-C raises would wait for it.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            anyio.run(service.run_stdio)
            return
        host, port = _address(address)

        async def run() -> None:
            await service.run_http(
                host, port, hosts=hosts, origins=origins, token=token, listening=lambda url: say(f"listening on {url}")
            )

        anyio.run(run)


@mcp.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one object a line.")
def servers(*, as_json: bool) -> None:
    """List the servers of the configuration."""
    from plugin_mcp._configured import servers_of  # noqa: PLC0415  # as above

    for name, settings in servers_of(_config()).items():
        how = settings.url or " ".join([settings.command or "", *settings.args])
        click.echo(json.dumps({"name": name, "server": how}) if as_json else f"{name}\t{how}")


@mcp.command("tools")
@click.argument("server")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one object a line.")
def list_tools(server: str, *, as_json: bool) -> None:
    """List the tools of a server, and whether they are as they were approved."""
    with _server(server) as opened:
        for tool in opened.states:
            if as_json:
                row = {"name": tool.name, "state": tool.state, "description": tool.description}
                click.echo(json.dumps({**row, "parameters": tool.parameters, "fingerprint": tool.fingerprint}))
            else:
                click.echo(f"{tool.name}\t{tool.state}\t{' '.join(tool.description.split())}")


@mcp.command()
@click.argument("server")
@click.argument("tools", nargs=-1, required=True)
def approve(server: str, tools: tuple[str, ...]) -> None:
    """Approve tools of a server that have changed since they were approved.

    `core-llm mcp tools SERVER --json` shows what they are now.
    """
    with _server(server) as opened:
        opened.approve(*tools)


def _config() -> Config:
    return Config.load()


def _server(name: str) -> MCPServer:
    from plugin_mcp._configured import find_server  # noqa: PLC0415  # as above

    server = find_server(name, _config())
    if server is None:
        raise InvalidRequestError(f"no MCP server {name!r} is configured; `core-llm mcp servers` lists those that are")
    return server


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not port.isdecimal() or int(port) > 65535:  # noqa: PLR2004  # the last port
        raise InvalidRequestError(f"--http {text}: write it as PORT or HOST:PORT")
    return host.strip("[]") or "127.0.0.1", int(port)


def _token(variable: str | None) -> str | None:
    if variable is None:
        return None
    token = _config().variable(variable)
    if token is None:
        raise ConfigError(f"--token-env names the variable {variable}, which is not set")
    return token
