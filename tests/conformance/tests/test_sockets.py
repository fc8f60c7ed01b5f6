"""While a test of the suite runs, nothing leaves the process, whatever the plugin uses and whatever it swallows."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress

import httpx
import httpx2
import pytest

from core_llm_conformance.failure import ConformanceFailure
from core_llm_conformance.script import json_answer
from core_llm_conformance.server import FaultServer
from core_llm_conformance.sockets import closed_sockets


async def async_get(url: str) -> None:
    """Ask in the way of an async client."""
    async with httpx.AsyncClient(trust_env=False) as client:
        await client.get(url)


def datagram(host: str) -> None:
    """Send a packet, which needs no connection."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"hello", (host, 53))


def path_of_a_socket() -> None:
    """Connect to a socket in the file system."""
    with socket.socket(socket.AF_UNIX) as sender:
        sender.connect("/var/run/some.sock")


@pytest.mark.parametrize(
    ("reach_out", "found"),
    [
        (lambda: httpx.get("https://api.acme.example/v1", trust_env=False), "looked up api.acme.example"),
        (lambda: httpx2.get("https://api.acme.example/v1", trust_env=False), "looked up api.acme.example"),
        (lambda: httpx2.get("http://192.0.2.7/v1", trust_env=False), "reached for 192.0.2.7:80"),
        (lambda: asyncio.run(async_get("http://192.0.2.7/v1")), "reached for 192.0.2.7:80"),
        (lambda: asyncio.run(async_get("http://api.acme.example/v1")), "looked up api.acme.example"),
        (lambda: datagram("192.0.2.7"), "reached for 192.0.2.7:53"),
        (path_of_a_socket, "reached for /var/run/some.sock"),
        (lambda: httpx.get("http://127.0.0.1:9/v1", trust_env=False), "reached for 127.0.0.1:9"),
    ],
    ids=["httpx", "httpx2", "address", "async", "async-name", "packet", "path", "not-the-suite-s"],
)
def test_what_reaches_out_is_refused(reach_out: Callable[[], object], found: str) -> None:
    """Both HTTP libraries, sync and async, a packet, a path, and a server of this machine that is not the suite's."""
    with pytest.raises(ConformanceFailure, match=f"the plugin {found}"), closed_sockets():
        reach_out()


def test_what_is_swallowed_is_told() -> None:
    """A plugin that goes on without the connection has still asked for one."""

    def ask_and_go_on() -> None:
        with suppress(OSError):
            socket.create_connection(("api.acme.example", 443))

    with pytest.raises(ConformanceFailure, match=r"looked up api\.acme\.example"), closed_sockets():
        ask_and_go_on()


def test_servers_of_the_suite_are_reached() -> None:
    """A server that listens in this process answers."""
    with closed_sockets(), FaultServer() as server:
        server.enqueue(json_answer({"ok": True}))
        assert httpx.get(f"{server.url}/v1", trust_env=False).json() == {"ok": True}


def test_it_is_open_again_afterwards() -> None:
    """The guard is the suite's own; other tests of the same run are none of its business."""
    with closed_sockets():
        pass
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        assert client.getpeername() == server.getsockname()


def test_an_error_of_the_test_comes_through() -> None:
    """What has nothing to do with sockets stays what it was."""
    with pytest.raises(ZeroDivisionError), closed_sockets():
        raise ZeroDivisionError
