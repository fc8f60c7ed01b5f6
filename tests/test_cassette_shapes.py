"""Documented cassettes of the plugins against real recordings, place by place: no key, no type that nobody ever sent.

For each answer and each request the recordings of the same provider count, then those of the whole wire. What is only
in the latter, or in none, is listed in the plugin's `tests/unseen.yaml` with the reason and the page that has it.
"""

from __future__ import annotations

import datetime as dt
import fnmatch
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from core_llm_conformance.cassette import Cassette, Interaction
from core_llm_conformance.corpus import CASSETTE, RESPONSE_ONLY, Recording, find_corpus, missing_reason
from core_llm_conformance.recording import read_descriptions
from core_llm_conformance.scaffold.describing import descriptions
from core_llm_conformance.scaffold.wires import WIRES as NEW_WIRES
from core_llm_conformance.scenarios import BY_NAME
from core_llm_conformance.shapes import Shape, shape_of, unseen
from core_llm_conformance.wires import WIRES, speaker_of, wire_of

ROOT = Path(__file__).parents[1]
CORPUS = find_corpus(ROOT)
PLUGINS = sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))
needs_corpus = pytest.mark.skipif(CORPUS is None, reason=missing_reason(ROOT))
FIRST_ERROR = 400
ENDPOINTS = {
    **{wire.name: rf"POST .*{wire.path.removeprefix('^')}$" for wire in WIRES},
    "embeddings": r"POST .*(/embeddings|/embed|:(batchE|e)mbedContents?|:predict)$",
    "models": r"GET .*/(models|tags)$",
    "token_count": r"POST .*(/count_tokens|:countTokens|/input_tokens)$",
    "model_card": r"POST .*/api/show$",
}
"""What is asked for → method and path."""

ANY = "openai-compatible"
"""Who speaks for all that have no plugin of their own."""
HOSTS = {
    "openai": r"api\.openai\.com",
    "azure": r"azure\.com",
    "grok": r"api\.x\.ai",
    "openrouter": r"openrouter\.ai",
    "anthropic": r"api\.anthropic\.com",
    "gemini": r"generativelanguage\.googleapis\.com",
    "vertex": r"aiplatform\.googleapis\.com",
    "ollama": r"localhost|127\.0\.0\.1",
}
"""Provider → whose host a call is answered by that is no chat."""

NEW = {"chat-completions": "chat", "anthropic": "anthropic", "gemini": "gemini"}
"""Wire of `core-llm new-plugin` → the wire whose recordings are at hand."""


@dataclass(frozen=True, slots=True)
class Side:
    """What has one shape: the requests to an endpoint, its answers plain or streamed, its errors."""

    endpoint: str
    kind: str

    def __str__(self) -> str:
        """Return it as exceptions name it."""
        return f"{self.endpoint} {self.kind}"


@dataclass(frozen=True, slots=True)
class Unseen:
    """An exception: places of a side (a pattern) that no recording of the provider has, and why that is right."""

    side: str
    place: str
    reason: str
    page: str
    types: tuple[str, ...] = ()
    elsewhere: bool = False
    """Only what others sent on this wire is excepted."""

    def is_of(self, side: Side, place: str, kind: str) -> bool:
        """Whether a place is excepted."""
        pattern = re.escape(self.place).replace(re.escape("**"), ".*")
        return (
            fnmatch.fnmatchcase(str(side), self.side)
            and re.fullmatch(pattern, place) is not None
            and (not self.types or kind in self.types)
            and (not self.elsewhere or (place, kind) in seen().at_large.get(side, Shape()))
        )


@dataclass(slots=True)
class Seen:
    """The shapes of all recordings: of each provider, and of each wire at large."""

    of_provider: dict[tuple[str, Side], Shape] = field(default_factory=dict)
    at_large: dict[Side, Shape] = field(default_factory=dict)


@cache
def seen() -> Seen:
    """Return the shapes of the corpus."""
    assert CORPUS is not None
    found = Seen()
    for recording in CORPUS.recordings(formats=(CASSETTE, *RESPONSE_ONLY)):
        name = endpoint(recording.method, recording.path)
        if name is None:
            continue
        for side, body in _bodies(name, recording):
            shape = shape_of([body])
            for provider in _providers(name, recording):
                found.of_provider.setdefault((provider, side), Shape()).update(shape)
            found.at_large.setdefault(side, Shape()).update(shape)
    return found


def endpoint(method: str, path: str) -> str | None:
    """Return what is asked for, None if it is nothing that a cassette of ours asks."""
    return next((name for name, pattern in ENDPOINTS.items() if re.fullmatch(pattern, f"{method} {path}")), None)


def _bodies(name: str, recording: Recording) -> Iterator[tuple[Side, bytes]]:
    if recording.request_body.lstrip()[:1] == b"{":
        yield Side(name, "request"), recording.request_body
    yield Side(name, _kind(recording.status, is_stream=recording.is_streaming)), recording.body


def _providers(name: str, recording: Recording) -> Iterator[str]:
    """Yield who speaks so: by the wire's table, or by the host for a call that is no chat."""
    wire = wire_of(recording)
    if wire is not None and wire.name == name:
        yield speaker_of(recording, wire).provider or ANY
        return
    host = urlsplit(recording.url).hostname or ""
    yield from (provider for provider, pattern in HOSTS.items() if re.search(f"({pattern})$", host))


def _kind(status: int, *, is_stream: bool) -> str:
    return "error" if status >= FIRST_ERROR else "stream" if is_stream else "plain"


def documented(plugin: Path) -> Iterator[tuple[Cassette, str]]:
    """Yield the documented cassettes of a plugin, each with the name of its provider."""
    for path in sorted((plugin / "tests" / "cassettes").rglob("*.yaml")):
        cassette = Cassette.read(path)
        if cassette.head.origin == "documented":
            yield cassette, provider_of(plugin, path)


def provider_of(plugin: Path, cassette: Path) -> str:
    """Return whose a cassette is: the plugin's, or that of a folder which is named after another provider of it."""
    folders = cassette.relative_to(plugin / "tests" / "cassettes").parts[:-1]
    return next((folder for folder in folders if folder == "vertex"), plugin.name)


def sides(interaction: Interaction) -> Iterator[tuple[Side, bytes]]:
    """Yield the bodies of an interaction."""
    name = endpoint(interaction.method, interaction.path)
    assert name is not None, f"{interaction.method} {interaction.url} is none of ENDPOINTS"
    if interaction.request_body:
        yield Side(name, "request"), interaction.request_body
    is_stream = interaction.headers.get("content-type", "").partition(";")[0] in (
        "text/event-stream",
        "application/x-ndjson",
    )
    yield Side(name, _kind(interaction.status, is_stream=is_stream)), interaction.body


def exceptions(plugin: Path) -> tuple[Unseen, ...]:
    """Return what a plugin's cassettes have that was not seen of its provider."""
    path = plugin / "tests" / "unseen.yaml"
    listed = yaml.safe_load(path.read_text("utf-8")) if path.is_file() else []
    return tuple(
        Unseen(place=place, **{**group, "types": tuple(group.get("types", ()))})
        for group in listed
        for place in group.pop("places")
    )


@needs_corpus
@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda plugin: plugin.name)
def test_every_place_was_sent_by_somebody(plugin: Path) -> None:
    """A documented body has no key and no type that no recording of its provider has, but for what is listed."""
    excepted = exceptions(plugin)
    used: set[Unseen] = set()
    found: dict[tuple[str, str], str] = {}
    for cassette, provider in documented(plugin):
        for interaction in cassette.interactions:
            for side, body in sides(interaction):
                for place, kind in unseen(body, seen().of_provider.get((provider, side), Shape())):
                    matching = [exception for exception in excepted if exception.is_of(side, place, kind)]
                    used.update(matching)
                    if not matching:
                        is_elsewhere = (place, kind) in seen().at_large.get(side, Shape())
                        found[f"{provider}: {side}", f"{place} ({kind})"] = (
                            f"{cassette.path.stem}{', seen elsewhere on this wire' if is_elsewhere else ''}"
                        )
    shown = [f"{where}: {place}: first in {name}" for (where, place), name in found.items()]
    assert not shown, "\n".join(["no recording has:", *shown])
    idle = [f"{exception.side}: {exception.place}" for exception in excepted if exception not in used]
    assert not idle, "\n".join(["listed in unseen.yaml for nothing:", *idle])


@needs_corpus
@pytest.mark.parametrize("wire", NEW)
def test_new_plugins_begin_with_what_somebody_sent(wire: str, tmp_path: Path) -> None:
    """What `core-llm new-plugin` describes of a known wire has only the words made up."""
    shape = NEW_WIRES[wire].shape
    assert shape is not None
    path = tmp_path / "descriptions.yaml"
    text = descriptions(shape("acme-1"), provider="acme", title="Acme", wire=wire, today=dt.date(2026, 11, 21))
    path.write_text(text, encoding="utf-8")
    found: dict[str, str] = {}
    for description in read_descriptions(path):
        endpoint = "models" if BY_NAME[description.scenario].kind == "models" else NEW[wire]
        for turn in description.turns:
            for mode in ("stream", "plain"):
                for reply in turn.replies(mode):
                    kinds = (
                        ["error"] if reply.status >= FIRST_ERROR else [mode, "error"]
                    )  # an error may come in mid-stream
                    shapes = [seen().at_large.get(Side(endpoint, kind), Shape()) for kind in kinds]
                    found |= {f"{endpoint} {kinds[0]} {place}": kind for place, kind in unseen(reply.body, *shapes)}
    assert found == {}


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda plugin: plugin.name)
def test_exceptions_have_a_reason_and_a_page(plugin: Path) -> None:
    """What was not seen is documented, and somebody can read where."""
    for exception in exceptions(plugin):
        assert len(exception.reason) > 20
        assert exception.page.startswith("https://")


def test_a_made_up_place_is_found() -> None:
    """A key that nobody sent, a type that nobody sent, and a field that belongs to another kind of object."""
    real = shape_of([json.dumps({"type": "a", "items": [{"type": "x", "text": "t"}, {"type": "y", "n": 1}]}).encode()])
    made = {"type": "a", "items": [{"type": "x", "text": None}, {"type": "y", "text": "t"}], "extra": True}
    assert unseen(json.dumps(made).encode(), real) == [
        ("${a}.items[*]{x}.text", "null"),
        ("${a}.items[*]{y}.text", "string"),
        ("${a}.extra", "boolean"),
    ]


def test_what_callers_put_in_has_no_shape() -> None:
    """A schema and arguments have keys of their own; that there is an object is all that counts."""
    real = shape_of([b'{"tools": [{"type": "function", "parameters": {"a": 1}}]}'])
    assert unseen(b'{"tools": [{"type": "function", "parameters": {"other": {"deep": []}}}]}', real) == []
    assert unseen(b'{"tools": [{"type": "function", "parameters": "text"}]}', real) != []
