"""A key, planted in each place that it can come from, is in nothing that a failing call leaves behind."""

from __future__ import annotations

import logging
import pickle  # errors of ours must survive it
import socket
import traceback
from pathlib import Path
from urllib.parse import quote

import pytest
from pydantic import SecretStr

from core_llm import (
    Auth,
    CoreLLMError,
    Limits,
    OutgoingRequest,
    Provider,
    Retrying,
    event_to_dict,
    hookimpl,
)
from core_llm._calls import ClientOptions
from core_llm._config import Config
from core_llm_conformance.script import Answer, Reset, Send, Stall, json_answer, sse_answer
from core_llm_conformance.server import FaultServer

from .calls import Caller, Outcome
from .tiny import HELLO, Locked, at, event

KEY = "walrus+made/up=4711"
"""Like no provider's keys, so that only knowing it can mask it; and written differently in an address."""

SCRIPT: dict[str, Answer] = {
    "echo in a 401": json_answer(
        {"error": {"message": f"Incorrect API key: {KEY}", "code": KEY}}, 401, {"x-request-id": KEY, "x-echo": KEY}
    ),
    "echo in a 400": Answer(400, {"content-type": "text/plain"}, [Send(f"Bearer {KEY} is no key".encode())]),
    "echo in a 429": json_answer({"error": KEY}, 429, {"retry-after": KEY}),
    "redirect": Answer(307, {"location": f"https://elsewhere.test/{KEY}?key={KEY}"}),
    "error object": sse_answer(HELLO[0], event(error={"message": f"no quota for {KEY}", "type": KEY})),
    "malformed frame": sse_answer(HELLO[0], f"data: {{not json {KEY}\n\n".encode()),
    "not the wire's": Answer(200, {"content-type": f"text/{KEY}"}, [Send(f"<html>{KEY}</html>".encode())]),
    "cut": sse_answer(HELLO[0], Reset()),
    "no head": Answer(before=[Reset()]),
    "no answer": Answer(before=[Stall()]),
}


class QueryAuth(Auth):
    """The key in the address."""

    def sign(self, request: OutgoingRequest, credentials: SecretStr, now: float) -> OutgoingRequest:  # noqa: ARG002
        """Put it there."""
        request.url += f"?key={quote(credentials.get_secret_value(), safe='')}"
        return request


class InTheQuery(Locked):
    """A provider that wants its key there."""

    auth = QueryAuth()


class KeyRing:
    """A plugin that knows keys."""

    @hookimpl
    def core_llm_find_api_key(self, provider: str) -> str | None:
        """Give the one."""
        return KEY if provider == "tiny" else None


def planted(place: str, base_url: str, folder: Path) -> ClientOptions:
    """Return the options of a client that gets the key from there."""
    environ = {"HOME": str(folder)}
    options = ClientOptions()
    kind: type[Provider] = InTheQuery if place == "in the query" else Locked
    match place:
        case "argument" | "in the query":
            options["api_keys"] = {"tiny": KEY}
        case "callable":
            options["api_keys"] = {"tiny": lambda: KEY}
        case "environment":
            environ["TINY_API_KEY"] = KEY
        case "file":
            (folder / "config.toml").write_text(f'[providers.tiny]\napi_key = "{KEY}"\n')
            (folder / "config.toml").chmod(0o600)
            environ["CORE_LLM_CONFIG"] = str(folder / "config.toml")
        case "plugin":
            options["plugins"] = [KeyRing()]
    options["config"] = Config.load(environ=environ)
    options["providers"] = [type("Tiny", (kind,), {"base_url": base_url})]
    return options


def left_behind(outcome: Outcome) -> list[str]:
    """Return every text that a failed call leaves behind: its error, what hangs on it, its events and its response."""
    error = outcome.error
    assert error is not None
    errors: list[BaseException] = [error, *(each.error for each in outcome.events if isinstance(each, Retrying))]
    texts = [repr(outcome.response), outcome.response.to_json(), *map(repr, outcome.events)]
    texts += [repr(event_to_dict(each)) for each in outcome.events]
    for each in errors:
        assert isinstance(each, CoreLLMError)
        again = pickle.loads(pickle.dumps(each))  # noqa: S301  # of our own making
        texts += [repr(pickle.dumps(each)), repr(each.to_dict()), "".join(traceback.format_exception(each))]
        while again is not None:
            texts += [str(again), repr(again), repr(again.args), repr(vars(again))]
            again = again.__cause__ or again.__context__
    return texts


@pytest.mark.parametrize("place", ["argument", "in the query"])
def test_no_failure_shows_the_key(wired: Caller, place: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever goes wrong: neither as it is nor as an address has it, in the HTTP library's own log neither."""
    caplog.set_level(logging.DEBUG)
    fail_in_every_way(wired, place, tmp_path)
    assert "[redacted]" in caplog.text
    assert "walrus" not in caplog.text


@pytest.mark.parametrize("place", ["callable", "environment", "file", "plugin"])
def test_no_source_makes_a_key_visible(place: str, tmp_path: Path) -> None:
    """Wherever the key came from, it is known as one."""
    fail_in_every_way(Caller("sync"), place, tmp_path)


def fail_in_every_way(caller: Caller, place: str, folder: Path) -> None:
    """Make a call for each failure of the script, and look at what it leaves behind."""
    for wrong, answer in SCRIPT.items():
        with FaultServer(answer, answer) as server:  # twice: a token that was refused is asked for once more
            options = planted(place, server.url, folder)
            outcome = caller.stream(
                at(server.url), client={**options, "max_retries": 0}, limits=Limits(first_event=0.5)
            )
            sent = server.last_request
            assert KEY in (sent.query["key"] if place == "in the query" else sent.headers["authorization"])
        assert [text for text in left_behind(outcome) if "walrus" in text] == [], wrong


def test_a_server_that_is_not_there_shows_no_key(wired: Caller, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing was sent, and the address with its password is not shown either."""
    caplog.set_level(logging.DEBUG)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://user:{quote(KEY, safe='')}@127.0.0.1:{taken.getsockname()[1]}"
        outcome = wired.stream(at(url, Locked), client={"api_keys": {"tiny": KEY}, "max_retries": 0})
    assert [text for text in [*left_behind(outcome), caplog.text] if "walrus" in text] == []
