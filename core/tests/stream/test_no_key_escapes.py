"""A key, planted in each place that it can come from, is in nothing that a failing call leaves behind."""

from __future__ import annotations

import itertools
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
from core_llm._options import CallOptions
from core_llm.wire import JSONObject
from core_llm_conformance.script import Answer, Reset, Send, Stall, json_answer, sse_answer
from core_llm_conformance.server import FaultServer

from .calls import GUARD, Caller, Outcome
from .tiny import HELLO, Locked, at, event

NUMBERS = itertools.count(1000)


def new_key() -> str:
    """Return a key that this process does not know yet; like no provider's, so that only knowing it can mask it."""
    return f"walrus+made/up={next(NUMBERS)}"


def script(key: str) -> dict[str, Answer]:
    """Return ways to fail, in which the server shows the key wherever it can."""
    return {
        "echo in a 401": json_answer(
            {"error": {"message": f"Incorrect API key: {key}", "code": key}}, 401, {"x-request-id": key, "x-echo": key}
        ),
        "echo in a 400": Answer(400, {"content-type": "text/plain"}, [Send(f"Bearer {key} is no key".encode())]),
        "echo in a 429": json_answer({"error": key}, 429, {"retry-after": key}),
        "redirect": Answer(307, {"location": f"https://elsewhere.test/{key}?key={key}"}),
        "error object": sse_answer(HELLO[0], event(error={"message": f"no quota for {key}", "type": key})),
        "malformed frame": sse_answer(HELLO[0], f"data: {{not json {key}\n\n".encode()),
        "not the wire's": Answer(200, {"content-type": f"text/{key}"}, [Send(f"<html>{key}</html>".encode())]),
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

    def __init__(self, key: str) -> None:
        self.key = key

    @hookimpl
    def core_llm_find_api_key(self, provider: str) -> str | None:
        """Give the one."""
        return self.key if provider == "tiny" else None


def planted(place: str, key: str, base_url: str, folder: Path) -> ClientOptions:
    """Return the options of a client that gets the key from there."""
    environ = {"HOME": str(folder)}
    options = ClientOptions()
    kind: type[Provider] = InTheQuery if place == "in the query" else Locked
    match place:
        case "argument" | "in the query":
            options["api_keys"] = {"tiny": key}
        case "callable":
            options["api_keys"] = {"tiny": lambda: key}
        case "environment":
            environ["TINY_API_KEY"] = key
        case "file":
            (folder / "config.toml").write_text(f'[providers.tiny]\napi_key = "{key}"\n')
            (folder / "config.toml").chmod(0o600)
            environ["CORE_LLM_CONFIG"] = str(folder / "config.toml")
        case "plugin":
            options["plugins"] = [KeyRing(key)]
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
    key = new_key()
    for wrong, answer in script(key).items():
        with FaultServer(answer, answer) as server:  # twice: a token that was refused is asked for once more
            options = planted(place, key, server.url, folder)
            options["max_retries"] = 0
            limits = Limits(first_event=0.2 if wrong == "no answer" else GUARD)
            outcome = caller.stream(at(server.url), client=options, limits=limits)
            server.wait_for_requests(1)
            sent = server.last_request
            assert key in (sent.query["key"] if place == "in the query" else sent.headers["authorization"])
        assert [text for text in left_behind(outcome) if "walrus" in text] == [], wrong


@pytest.mark.parametrize("where", ["extra_headers", "extra_query"])
@pytest.mark.parametrize("name", ["Authorization", "x-api-key", "api_key", "apikey", "X-Proxy-Token", "password"])
def test_a_key_that_only_the_call_has_is_known_too(where: str, name: str) -> None:
    """The names of headers and of query fields say that a key is in them."""
    key = new_key()
    extra = (
        CallOptions(extra_headers={name: f"Bearer {key}"})
        if where == "extra_headers"
        else CallOptions(extra_query={name: key})
    )
    with FaultServer(script(key)["echo in a 401"]) as server:
        outcome = Caller("sync").stream(at(server.url), client={"max_retries": 0}, **extra)
    assert [text for text in left_behind(outcome) if "walrus" in text] == []


def test_a_key_in_the_options_of_a_call_is_known_too() -> None:
    """Such as that of a remote server whose tools the provider is to call; what is no secret there stays readable."""
    key = new_key()
    server_of_tools: JSONObject = {"url": "https://tools.test", "headers": {"Authorization": f"Bearer {key}"}}
    options: dict[str, JSONObject] = {"tiny": {"tools": [server_of_tools], "prompt_cache_key": "customer-17"}}
    message = f"{key} is no key (customer-17)"
    with FaultServer(json_answer({"error": {"message": message}}, 400)) as server:
        outcome = Caller("sync").stream(at(server.url), client={"max_retries": 0}, provider_options=options)
    assert [text for text in left_behind(outcome) if "walrus" in text] == []
    assert "customer-17" in str(outcome.error)


def test_a_server_that_is_not_there_shows_no_key(wired: Caller, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing was sent, and the address with its password is not shown either."""
    caplog.set_level(logging.DEBUG)
    key = new_key()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://user:{quote(key, safe='')}@127.0.0.1:{taken.getsockname()[1]}"
        outcome = wired.stream(at(url, Locked), client={"api_keys": {"tiny": key}, "max_retries": 0})
    assert [text for text in [*left_behind(outcome), caplog.text] if "walrus" in text] == []
