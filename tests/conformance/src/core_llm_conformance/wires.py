"""Which recording speaks which wire, and which installed provider has to understand it.

An exchange is judged by its own method and path, never by the family of its file: one file may hold several providers'.
What is of no chat wire at all is named in `OTHER_EXCHANGES`, so that nothing is left out in silence.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Literal, Protocol
from urllib.parse import urlsplit

from pydantic import JsonValue

from core_llm import Client, Config, Provider
from core_llm.wire import ChatCompletions
from core_llm_conformance import cuts
from core_llm_conformance.corpus import CASSETTE, RESPONSE_ONLY, Corpus, Recording
from core_llm_conformance.script import sse_event
from core_llm_conformance.walk import (
    Expected,
    walk_anthropic,
    walk_chat_completions,
    walk_gemini,
    walk_grok,
    walk_ollama,
    walk_responses,
)


class Walk(Protocol):
    """Finds what a body holds."""

    def __call__(self, body: bytes, *, status: int = 200) -> Expected:
        """Return what `body` holds, cut off or not."""
        ...


@dataclass(frozen=True, slots=True)
class Wire:
    """A way to speak, as tests see it.

    Attributes:
        name: For ids of tests.
        path: What the path of its requests ends with, as a regular expression.
        walk: Finds what a body holds, by code that shares nothing with a decoder.
        framing: How its streams are framed.
    """

    name: str
    path: str
    walk: Walk
    framing: Literal["sse", "ndjson"] = "sse"

    def ends(self, body: bytes) -> list[int]:
        """Return the offset after each frame of a stream, where it may be truncated."""
        return cuts.event_ends(body) if self.framing == "sse" else cuts.line_ends(body)


CHAT = Wire("chat", r"/chat/completions", walk_chat_completions)
ANTHROPIC = Wire("anthropic", r"/v1/messages", walk_anthropic)
GEMINI = Wire("gemini", r":(generateContent|streamGenerateContent)", walk_gemini)
OLLAMA = Wire("ollama", r"^/api/chat", walk_ollama, "ndjson")
RESPONSES = Wire("responses", r"/responses", walk_responses)
WIRES = (CHAT, ANTHROPIC, GEMINI, OLLAMA, RESPONSES)

OTHER_EXCHANGES = {
    r"(GET|DELETE) ": "fetches or deletes: a listing, a stored response, a file, a page",
    r"POST .*/(embeddings|embed)$": "embeds: replayed by `core_llm_conformance.embedding`",
    r"POST .*/(files|cachedContents)$": "uploads a file or a context",
    r"POST .*/(images|images/edits|audio/\w+|ocr|rerank)$": "makes or reads an image, a sound, a page, a ranking",
    r"POST .*:countTokens$": "counts tokens",
    r"POST .*:predict$": "Vertex's endpoint for other models than Gemini",
    r"POST .*:analyze$": "Azure's content understanding",
    r"POST .*oauth2.*/token$": "fetches a token; `Client` is handed one",
    r"POST .*/pipeline/": "Hugging Face's tasks: fills masks, classifies",
    r"POST .*/traces/ingest$": "OpenAI's agents SDK reporting on itself",
    r"POST .*/(api/generate|completions)$": "completes a text: the wires before chat, out of scope",
    r"POST .*bedrock-runtime.*/converse$": "Bedrock Converse in another provider's file; that family has its own turn",
}
"""Method, address without query → why such an exchange is not replayed here."""


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who has to understand a recording.

    Attributes:
        provider: The name of an installed provider's entry point; empty for `AnyChat`.
        base_url: For a provider that has none of its own.
        options: Its configuration.
        walk: Finds what a body of its holds, where that is not what the wire's does.
    """

    provider: str
    base_url: str | None = None
    options: Mapping[str, JsonValue] = field(default_factory=dict)
    walk: Walk | None = None

    def load(self) -> Provider:
        """Return the provider, found as a user's client finds it and configured by nothing else."""
        if not self.provider:
            return AnyChat()
        return _load(self.provider, json.dumps({"base_url": self.base_url, "options": dict(self.options)}))


class AnyChat(Provider):
    """Whoever speaks Chat Completions and has no plugin of its own yet."""

    name = "recorded"
    base_url = "https://recorded.test/v1"
    needs_api_key = False
    wire_format = ChatCompletions


ANY_CHAT = Speaker("")
AZURE = "https://recorded.test"
BY_CHAT: dict[str, JsonValue] = {"wire": "chat"}
BY_RESPONSES: dict[str, JsonValue] = {"wire": "responses"}
VERTEX: dict[str, JsonValue] = {"project": "p", "location": "global"}
SPEAKERS: dict[tuple[str, str], Speaker] = {
    (CHAT.name, r"api\.openai\.com"): Speaker("openai", options=BY_CHAT),
    (CHAT.name, r"api\.x\.ai"): Speaker("grok", options=BY_CHAT, walk=walk_grok),
    (CHAT.name, r"openrouter\.ai"): Speaker("openrouter"),
    (CHAT.name, r"azure\.com"): Speaker("azure", base_url=AZURE, options=BY_CHAT),
    (CHAT.name, r""): ANY_CHAT,
    (ANTHROPIC.name, r""): Speaker("anthropic"),
    (GEMINI.name, r"generativelanguage\.googleapis\.com"): Speaker("gemini"),
    (GEMINI.name, r"aiplatform\.googleapis\.com"): Speaker("vertex", options=VERTEX),
    (OLLAMA.name, r""): Speaker("ollama"),
    (RESPONSES.name, r"api\.x\.ai"): Speaker("grok", options=BY_RESPONSES),
    (RESPONSES.name, r"azure\.com"): Speaker("azure", base_url=AZURE, options=BY_RESPONSES),
    (RESPONSES.name, r""): Speaker("openai", options=BY_RESPONSES),
}
"""Wire, the end of a host → who understands it; the first that fits."""


_NUMBERED = (
    "vertex-gemini/openinference__openinference-instrumentation-langchain_test_instrumentor__"
    "test_gemini_token_counts_streaming.00e4ab"
)
NOT_REPLAYED = {
    "ollama/prism__ollama__structured-with-multiple-tools-structured-mode-1.f785e5.json#0": (
        "holds a Chat Completions body, though the request was one to /api/chat"
    ),
    f"{_NUMBERED}.norm.yaml#0": "was asked for with numbers for names (enum-encoding=int), which ours never does",
    f"{_NUMBERED}.yaml#0": "the same",
}
"""Recording → why it is no answer of its wire."""
CHANGES: dict[str, dict[str, Callable[[bytes], bytes]]] = {
    "sse": {
        "CRLF": cuts.with_crlf,
        "CR": cuts.with_cr,
        "BOM": cuts.with_bom,
        "comments": cuts.with_comments,
        "no spaces": cuts.without_spaces,
    },
    "ndjson": {"CRLF": cuts.with_crlf, "blank lines": cuts.with_blank_lines},
}
"""Framing → ways to change a stream without changing what it means."""


@dataclass(frozen=True, slots=True)
class Case:
    """A recording with its wire and who has to understand it."""

    recording: Recording
    wire: Wire
    speaker: Speaker

    @property
    def test_id(self) -> str:
        """A short name for a parametrised test, unique in the corpus."""
        return self.recording.test_id

    def expected(self, body: bytes | None = None) -> Expected:
        """Return what the recording holds, or would hold if its body were `body`."""
        walk = self.speaker.walk or self.wire.walk
        return walk(self.recording.body if body is None else body, status=self.recording.status)


def cases(corpus: Corpus) -> Iterator[Case]:
    """Yield every exchange of the corpus that speaks a wire, but for those `NOT_REPLAYED`."""
    for recording in corpus.recordings(formats=(CASSETTE, *RESPONSE_ONLY)):
        case = None if recording.test_id in NOT_REPLAYED else case_of(recording)
        if case is not None:
            yield case


def case_of(recording: Recording) -> Case | None:
    """Return an exchange with its wire, as it would have been had it been asked for as we ask; None if it has none."""
    wire = wire_of(recording)
    if wire is None:
        return None
    return Case(as_asked(recording, wire), wire, speaker_of(recording, wire))


def wire_of(recording: Recording) -> Wire | None:
    """Return the wire that an exchange speaks, None for one of `OTHER_EXCHANGES`."""
    if recording.method != "POST":
        return None
    return next((wire for wire in WIRES if re.search(wire.path + "$", recording.path)), None)


def speaker_of(recording: Recording, wire: Wire) -> Speaker:
    """Return who has to understand an exchange.

    Raises:
        LookupError: `SPEAKERS` names nobody.
    """
    host = urlsplit(recording.url).hostname or ""
    for (name, pattern), speaker in SPEAKERS.items():
        if wire.name == name and re.search(pattern + "$", host):
            return speaker
    msg = f"{recording.test_id}: nobody speaks {wire.name} for {host}"
    raise LookupError(msg)


def reason_not_replayed(recording: Recording) -> str | None:
    """Return what `OTHER_EXCHANGES` says of an exchange, None if nothing."""
    request = f"{recording.method} {recording.url.partition('?')[0]}"
    return next((reason for pattern, reason in OTHER_EXCHANGES.items() if re.match(pattern, request)), None)


def as_asked(recording: Recording, wire: Wire) -> Recording:
    """Return the exchange as it would have been, had it been asked for as we ask.

    Gemini streams an array unless ``alt=sse`` is in the address, as it always is in ours: each of its elements becomes
    an event. A fixture of Ollama that holds the body alone is given the type that its server says.
    """
    if wire is OLLAMA and recording.is_streaming:
        return replace(recording, headers={**recording.headers, "content-type": "application/x-ndjson"})
    is_array = wire is GEMINI and recording.body.lstrip()[:1] == b"["
    if not is_array or recording.status != HTTPStatus.OK:
        return recording
    body = b"".join(map(sse_event, json.loads(recording.body)))
    return replace(recording, body=body, headers={"content-type": "text/event-stream"}, is_streaming=True)


@cache
def _load(name: str, settings: str) -> Provider:
    layer = {"providers": {name: {key: value for key, value in json.loads(settings).items() if value}}}
    config = Config(path=Path("none.toml"), file={}, environ={}, arguments=[layer])
    with Client(config=config) as client:
        return client.provider(name)
