"""Limits that processes share through a server, which the tests start: Redis where it can be installed, and Valkey."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from core_llm import Client, PluginError
from core_llm.testing import FakeProvider
from plugin_limits import Limit, RateLimits

from .helping import GUARD, MODES, Mode, outcomes

WORKER = str(Path(__file__).with_name("worker.py"))


def together(count: int, *arguments: object) -> list[int]:
    """Run processes at the same time; return how many calls of each were answered."""
    command = [sys.executable, WORKER, json.dumps(arguments, default=str)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(count)]
    return [int(process.communicate(timeout=GUARD)[0]) for process in processes]


@pytest.mark.parametrize("strategy", ["moving-window", "sliding-window-counter", "fixed-window"])
def test_two_processes_get_together_what_there_is(redis_url: str, strategy: str) -> None:
    """Sixty calls of two processes at once, forty allowed an hour: forty are answered, however they share."""
    assert sum(together(2, redis_url, uuid4(), strategy, 40, 3600, 30, "raise")) == 40


def test_two_processes_wait_for_each_other(redis_url: str) -> None:
    """Ten calls of two processes, four a second: all are answered, and none fails."""
    assert together(2, redis_url, uuid4(), "moving-window", 4, 1, 5, "wait") == [5, 5]


def test_namespaces_are_apart(redis_url: str) -> None:
    """What one application uses is no other's."""
    assert together(1, redis_url, uuid4(), "moving-window", 2, 3600, 3, "raise") == [2]
    assert together(1, redis_url, uuid4(), "moving-window", 2, 3600, 3, "raise") == [2]


@pytest.mark.parametrize("mode", MODES)
def test_every_client_can_share(redis_url: str, mode: Mode) -> None:
    """The storage is asked in a thread; a call that has used it up leaves nothing for the limits of another."""
    name = str(uuid4())
    first, second = (
        RateLimits({"acme:*": Limit(requests=2, per=3600)}, storage=redis_url, namespace=name, on_limit="raise")
        for _ in range(2)
    )
    provider = FakeProvider("Blue.", name="acme")
    assert outcomes(mode, provider, first, {}) == ["Blue."]
    assert outcomes(mode, provider, second, {}, {}) == ["Blue.", "BusyError"]
    assert outcomes(mode, provider, first, {}) == ["BusyError"]


def test_nothing_goes_out_while_the_storage_is_away() -> None:
    """The error says what failed, and nothing of the URL's password."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        url = f"redis://me:hunter2@127.0.0.1:{port}"
        limits = RateLimits({"acme:*": Limit(requests=1)}, storage=url)
        provider = FakeProvider("Blue.", name="acme")
        failing = pytest.raises(PluginError, match="what admits calls failed")
        with Client(providers=[provider], plugins=[limits]) as client, failing as raised:
            client.generate("acme:m", "Why?")
    assert provider.requests == []
    assert "hunter2" not in str(raised.value) + repr(raised.value.__cause__)
