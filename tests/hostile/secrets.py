"""Where a key can come from, how a server can show it, and every text that a failed call leaves behind."""

from __future__ import annotations

import json
import logging
import pickle  # errors of ours must survive it
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from core_llm import CallOptions, Client, Config, CoreLLMError, Limits, Retrying, StreamEvent, event_to_dict, hookimpl
from core_llm._config_model import Credentials
from core_llm._json import JSONObject
from core_llm_conformance.answering import break_off
from core_llm_conformance.script import Answer, Gate, Reset, Send, Stall, json_answer, sse_event
from core_llm_conformance.server import RecordedRequest

from .case import chunk, head, raw
from .wires import Wire, words

NUMBERS = count(1000)
MARK = "walrus"
"""What every planted key has in it, in each spelling."""


def new_key() -> str:
    """Return a key that this process does not know yet; like no provider's, so that only knowing it can mask it."""
    return f"{MARK}+made/up={next(NUMBERS)}"


@dataclass
class Planted:
    """A client that got its key from some place, and what the call adds.

    Attributes:
        config: Of the client.
        api_keys: Of the client.
        plugins: Of the client.
        call: Options of the call.
    """

    config: Config
    api_keys: Mapping[str, Credentials]
    plugins: Sequence[object]
    call: CallOptions


class KeyRing:
    """A plugin that knows the key of every provider."""

    def __init__(self, key: str) -> None:
        self.key = key

    @hookimpl
    def core_llm_find_api_key(self, provider: str) -> str:
        """Give it."""
        return self.key if provider else ""


PLACES = (
    "api_keys",
    "a callable",
    "several keys",
    "the environment",
    "the file",
    "a plugin",
    "the address",
    "the address, alone",
    "a header of the configuration",
    "a query field of the configuration",
    "extra_headers",
    "extra_query",
    "provider_options",
)
IS_THE_PROVIDERS = frozenset(PLACES[:6])
"""Those where it is the provider's own key; in the others that is another one."""
VARIABLES = {
    "chat": "CORE_LLM_PROVIDERS__OPENAI-COMPATIBLE__API_KEY",
    "responses": "OPENAI_API_KEY",
    "anthropic": "ANTHROPIC_API_KEY",
    "gemini": "GEMINI_API_KEY",
    "ollama": "OLLAMA_API_KEY",
}
"""Wire → the variable that its provider's key is in."""


def plant(place: str, key: str, wire: Wire, url: str, folder: Path) -> Planted:
    """Put the key there."""
    name, quoted = wire.provider, quote(key, safe="")
    section: dict[str, object] = {"base_url": url + wire.base}
    if place not in IS_THE_PROVIDERS:
        section["api_key"] = "another-0123456789"
    places: dict[str, dict[str, object]] = {
        "the address": {"base_url": url.replace("://", f"://user:{quoted}@") + wire.base},
        "the address, alone": {"base_url": url.replace("://", f"://{quoted}@") + wire.base},
        "a header of the configuration": {"headers": {"x-gateway-key": key}},
        "a query field of the configuration": {"query": {"api_key": key}},
    }
    section |= places.get(place, {})
    environ = {"HOME": str(folder)}
    if place == "the environment":
        environ[VARIABLES[wire.name]] = key
    elif place == "the file":
        file = folder / "config.toml"
        file.write_text(f'[providers.{name}]\napi_key = "{key}"\n')
        file.chmod(0o600)
        environ["CORE_LLM_CONFIG"] = str(file)
    keys: dict[str, dict[str, Credentials]] = {
        "api_keys": {name: key},
        "a callable": {name: lambda: key},
        "several keys": {name: [key, key + "b"]},
    }
    return Planted(
        Config.load(environ=environ, arguments={"providers": {name: section}}),
        keys.get(place, {}),
        [KeyRing(key)] if place == "a plugin" else [],
        _options(place, key, name),
    )


def _options(place: str, key: str, provider: str) -> CallOptions:
    mcp: JSONObject = {"name": "search", "headers": {"Authorization": f"Bearer {key}"}}
    given: dict[str, CallOptions] = {
        "extra_headers": {"extra_headers": {"X-Proxy-Token": f"Bearer {key}"}},
        "extra_query": {"extra_query": {"apikey": key}},
        "provider_options": {"provider_options": {provider: {"mcp_servers": [mcp]}}},
    }
    return given.get(place, {})


class Failure(Protocol):
    """Makes the spoilt answer to a request."""

    def __call__(self, request: RecordedRequest, wire: Wire) -> Answer:
        """Return it."""
        ...


def failures(key: str) -> Mapping[str, Failure]:
    """Return ways to fail, in which the server shows the key wherever it can."""
    said: JSONObject = {"error": {"message": f"Incorrect API key: {key}", "code": key, "type": key, "status": key}}
    plain, page = {"content-type": "text/plain"}, {"content-type": f"text/{key}"}
    always = {
        "401 with the key": json_answer(said, 401, {"x-request-id": key, "server": key, "x-echo": key}),
        "400 with the key": Answer(400, plain, [Send(f"Bearer {key}".encode())]),
        "429 with the key": json_answer({"error": key}, 429, {"retry-after": key}),
        "500 with a page": Answer(500, page, [Send(f"<p>{key}</p>".encode())]),
        "a redirect to the key": Answer(307, {"location": f"https://elsewhere.test/{key}?key={key}"}),
        "a page for a stream": Answer(200, page, [Send(f"<p>{key}".encode())]),
        "a header that is none": raw(f"HTTP/1.1 200 OK\r\n{key}\r\n\r\n".encode()),
        "a head that is none": raw(f"{key} walks into a bar\r\n\r\n".encode()),
        "reset": raw(Reset()),
        "silence": raw(Stall()),
    }
    return {
        **{name: _always(answer) for name, answer in always.items()},
        "an error in mid-stream": lambda request, wire: _streamed(request, wire, _frame(wire, said)),
        "a frame that is no JSON": lambda request, wire: _streamed(request, wire, _line(wire, f"{{no {key}".encode())),
        "a chunk that is none": lambda request, wire: _raw_after_words(request, wire, f"{key}\r\n".encode()),
        "cut": lambda request, wire: _streamed(request, wire, b""),
    }


def _always(answer: Answer) -> Failure:
    return lambda request, wire: answer  # noqa: ARG005  # the signature


def _streamed(request: RecordedRequest, wire: Wire, data: bytes) -> Answer:
    return Answer(200, {"content-type": wire.media}, [Send(break_off(request)), Send(data)])


def _raw_after_words(request: RecordedRequest, wire: Wire, data: bytes) -> Answer:
    said = words(wire, request, Gate(), Gate(), "")
    return raw(head(said), chunk(said.begun), data)


def _frame(wire: Wire, value: JSONObject) -> bytes:
    return json.dumps(value).encode() + b"\n" if wire.name == "ollama" else sse_event(value)


def _line(wire: Wire, data: bytes) -> bytes:
    return data + b"\n" if wire.name == "ollama" else b"data: " + data + b"\n\n"


def fail(planted: Planted, wire: Wire, *, first_event: float) -> tuple[CoreLLMError, list[StreamEvent]]:
    """Make the call, which must fail."""
    events: list[StreamEvent] = []
    call: CallOptions = {**planted.call, "limits": Limits(first_event=first_event), "max_retries": 0}
    with Client(config=planted.config, api_keys=planted.api_keys, plugins=planted.plugins) as client:
        stream = client.stream(wire.model, "Why?", **call)
        try:
            with stream:
                events.extend(stream)
        except CoreLLMError as error:
            return error, events
    raise AssertionError(f"the call did not fail: {stream.response!r}")


def renderings(error: CoreLLMError, events: list[StreamEvent]) -> Iterator[tuple[str, str]]:
    """Yield every text that a failed call leaves behind, with how it was made."""
    errors = [error, *(event.error for event in events if isinstance(event, Retrying))]
    for event in events:
        yield "event: repr", repr(event)
        yield "event: JSON", json.dumps(event_to_dict(event))
    for each in errors:
        dumped = pickle.dumps(each)
        yield "pickle", repr(dumped)
        yield "JSON", json.dumps(each.to_dict())
        yield "traceback", "".join(traceback.format_exception(each))
        yield "logging", _logged(each)
        yield from _chain("", each)
        yield from _chain("unpickled ", pickle.loads(dumped))  # noqa: S301  # of our own making
        if (partial := getattr(each, "partial", None)) is not None:
            yield "partial: repr", repr(partial)
            yield "partial: JSON", partial.to_json()


def _chain(of: str, error: BaseException | None) -> Iterator[tuple[str, str]]:
    while error is not None:
        yield of + "str", str(error)
        yield of + "repr", repr(error)
        yield of + "args", repr(error.args)
        yield of + "attributes", repr(vars(error))
        yield of + "notes", repr(getattr(error, "__notes__", ()))
        error = error.__cause__ or error.__context__


def _logged(error: BaseException) -> str:
    """Return what a caller's own logger, which knows nothing of keys, makes of it."""
    record = logging.LogRecord("theirs", logging.ERROR, "", 0, "failed: %s %r", (error, error), None)
    record.exc_info = (type(error), error, error.__traceback__)
    return logging.Formatter().format(record)


def hits(texts: Iterator[tuple[str, str]]) -> tuple[int, list[str]]:
    """Return how many texts there were, and those with the key."""
    found = list(texts)
    return len(found), [f"{how}: {text}" for how, text in found if MARK in text]
