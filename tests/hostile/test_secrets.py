"""No secret: a key, planted in every place it can come from, is in no text that any failure leaves behind.

Each place, on each wire, with each failure, rendered in every way; the counts are printed at the end of the run.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import subprocess
import sysconfig
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from core_llm import Client, CoreLLMError, LocalChannel, LocalProvider, Request, ToolManager, tool
from core_llm_conformance.answering import answer_to
from core_llm_conformance.server import FaultServer

from .conftest import Record
from .secrets import MARK, PLACES, fail, failures, hits, new_key, plant, renderings
from .wires import WIRES, Wire

HANG_GUARD = 60
COMMAND = str(Path(sysconfig.get_path("scripts")) / "core-llm")
ALL = [pytest.param(wire, id=wire.name) for wire in WIRES]
Texts = Iterator[tuple[str, str]]


def search(record: Record, texts: Texts) -> list[str]:
    """Return those with the key, and count."""
    count, found = hits(texts)
    record("searched", {"failures": 1, "texts": count, "hits": len(found)})
    return found


@pytest.mark.parametrize("wire", ALL)
@pytest.mark.parametrize("place", PLACES)
def test_no_failure_shows_the_key(
    place: str, wire: Wire, tmp_path: Path, caplog: pytest.LogCaptureFixture, record_property: Record
) -> None:
    """Neither as it is nor in another spelling, in our log and the HTTP library's neither."""
    caplog.set_level(logging.DEBUG)
    key = new_key()
    for name, failure in failures(key).items():
        answer = partial(failure, wire=wire)
        with FaultServer(answer, answer) as server:  # twice: a token that was refused is asked for once more
            planted = plant(place, key, wire, server.url, tmp_path)
            error, events = fail(planted, wire, first_event=0.1 if name == "silence" else 30)
            sent = server.last_request
        assert place.startswith("the address") or key in f"{sent.headers} {sent.query} {sent.body.decode()}"
        assert search(record_property, renderings(error, events)) == [], name
    assert MARK not in caplog.text


@pytest.mark.parametrize("wire", ALL)
@pytest.mark.parametrize("place", PLACES)
def test_a_server_that_is_not_there_shows_no_key(
    place: str, wire: Wire, tmp_path: Path, record_property: Record
) -> None:
    """The address is in the message, without what is secret in it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        planted = plant(place, new_key(), wire, f"http://127.0.0.1:{taken.getsockname()[1]}", tmp_path)
        error, events = fail(planted, wire, first_event=30)
    assert "127.0.0.1" in str(error)
    assert search(record_property, renderings(error, events)) == []


class Here(LocalProvider):
    """A model in this process whose code shows a key."""

    name = "here"

    def run_local(self, request: Request, channel: LocalChannel) -> None:  # noqa: ARG002  # the signature
        """Fail."""
        raise RuntimeError(f"cannot fetch the weights with {self.key}")  # type: ignore[attr-defined]


def test_a_local_model_shows_no_key(record_property: Record, caplog: pytest.LogCaptureFixture) -> None:
    """What its code raises may hold the key of another provider, or a token of the place that its weights are from."""
    here, key = Here(), new_key()
    here.key = key  # type: ignore[attr-defined]
    with Client(providers=[here], api_keys={"here": key}) as client, pytest.raises(CoreLLMError) as caught:
        client.generate("here:m", "Hi", max_retries=0)
    assert "cannot fetch the weights" in str(caught.value)
    assert search(record_property, renderings(caught.value, [])) == []
    assert MARK not in caplog.text


@pytest.mark.parametrize("on_error", ["raise", "result"])
@pytest.mark.parametrize("wire", ALL)
def test_a_tool_shows_no_key(wire: Wire, on_error: str, record_property: Record) -> None:
    """What its handler raises is in no error, and is not told to the model."""
    key = new_key()

    @tool
    def weather(city: str) -> str:
        """Current weather of a city."""
        raise RuntimeError(f"cannot ask for {city} with {key}")

    manager = ToolManager([weather], on_error=on_error)  # type: ignore[arg-type]
    keys = {wire.provider: key}
    texts: list[tuple[str, str]] = []
    with FaultServer(answer_to, answer_to) as server:
        layer = {"providers": {wire.provider: {"base_url": server.url + wire.base}}}
        with Client(config=layer, api_keys=keys) as client:
            try:
                with client.run(wire.model, "Weather?", tools=manager) as run:
                    texts = [("event", repr(event)) for event in run]
            except CoreLLMError as error:
                texts = list(renderings(error, []))
        told = [request.body.decode() for request in server.requests]
    assert len(told) == (1 if on_error == "raise" else 2)
    assert search(record_property, iter([*texts, *(("told", body) for body in told)])) == []


@pytest.mark.parametrize("arguments", [[], ["--json"], ["--no-stream"]], ids=["text", "json", "plain"])
@pytest.mark.parametrize("wire", ALL[::3])  # two of them: a process takes its time, and what it prints is the core's
def test_the_command_shows_no_key(wire: Wire, arguments: list[str], tmp_path: Path, record_property: Record) -> None:
    """Neither on its output nor on its error output."""
    key = new_key()
    file = tmp_path / "config.toml"
    names = ["401 with the key"] if arguments == ["--no-stream"] else ["401 with the key", "an error in mid-stream"]
    for name in names:
        answer = partial(failures(key)[name], wire=wire)
        with FaultServer(answer, answer) as server:
            file.write_text(f'[providers.{wire.provider}]\napi_key = "{key}"\nbase_url = "{server.url}{wire.base}"\n')
            file.chmod(0o600)
            environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "CORE_LLM_CONFIG": str(file)}
            command = [COMMAND, "chat", "-m", wire.model, *arguments, "Why?"]
            done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=HANG_GUARD, check=False)
        assert done.returncode != 0
        assert "[redacted]" in done.stdout + done.stderr
        assert search(record_property, iter([("stdout", done.stdout), ("stderr", done.stderr)])) == []


def test_the_search_finds_a_key_that_is_shown() -> None:
    """That the search would tell: an error whose text was not made by this package."""
    error = CoreLLMError("fine")
    error.__cause__ = ValueError(new_key())
    count, found = hits(renderings(error, []))
    assert count > len(found) > 4
    assert any(text.startswith("traceback: ") for text in found)
    assert json.dumps(error.to_dict()) not in found
