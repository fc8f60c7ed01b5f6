"""Reading the folder of real recorded exchanges that tests replay; nothing of it is part of this repository.

The folder is described by its own README. Here: its manifest, the cassettes that stock vcrpy loads (in every body form
that vcrpy has ever written) and the fixtures that hold a response alone. What the bodies mean is not this module's
business: see `core_llm_conformance.walk`.
"""

from __future__ import annotations

import base64
import gzip
import json
import os
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import yaml
from pydantic import JsonValue

try:
    from yaml import CSafeLoader as _YamlLoader
except ImportError:  # PyYAML without libyaml
    from yaml import SafeLoader as _YamlLoader  # type: ignore[assignment]

VARIABLE = "CORE_LLM_CORPUS"
"""The environment variable that names the folder."""
CASSETTE = "vcr-yaml"
"""The manifest's word for a standard vcrpy cassette, original or normalised."""
RESPONSE_ONLY = ("json-raw", "sse-raw", "json-lines-chunks")
"""The manifest's words for a response body without its request: plain JSON, an SSE stream, one parsed chunk a line."""

_STREAM_TYPES = ("text/event-stream", "application/x-ndjson", "application/vnd.amazon.eventstream")
_STREAM_STARTS = (b"data:", b"event:", b":")
_FRAMING_HEADERS = frozenset(("content-encoding", "content-length", "transfer-encoding"))


class CorpusError(Exception):
    """The folder holds something that this reader does not understand."""


@dataclass(frozen=True, slots=True)
class Recording:
    """One recorded exchange.

    Attributes:
        file: The file's name inside the folder, ``<family>/<name>``.
        family: Whose wire it is, the manifest's word.
        interaction_index: Which of the file's exchanges, from 0.
        method: ``POST``, ``GET``, …
        url: The whole address that was called.
        request_headers: Names in lower case.
        request_body: Another client's request; empty for a fixture that holds the response alone.
        status: HTTP status.
        headers: Of the response, names in lower case, without those that describe the transfer.
        body: Of the response, decompressed. For ``json-lines-chunks`` composed: one ``data:`` event a line.
        is_streaming: Whether the response is a stream, judged by this exchange's type and body.
        format: The manifest's word for the file's format.
        provenance: The manifest's words; anything but ``recorded`` may have been edited.
        tags: What the file has in it (``tools``, ``reasoning``, …).
        models: The models of the file.
    """

    file: str
    family: str
    interaction_index: int
    method: str
    url: str
    request_headers: Mapping[str, str] = field(repr=False)
    request_body: bytes = field(repr=False)
    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    is_streaming: bool
    format: str
    provenance: str = field(repr=False)
    tags: frozenset[str] = field(repr=False)
    models: tuple[str, ...] = field(repr=False)

    @property
    def path(self) -> str:
        """The address's path."""
        return urlsplit(self.url).path

    @property
    def is_chat_completions(self) -> bool:
        """Whether the exchange speaks the Chat Completions wire."""
        return self.method == "POST" and self.path.endswith("/chat/completions")

    @property
    def test_id(self) -> str:
        """A short name for a parametrised test, unique in the corpus."""
        return f"{self.file}#{self.interaction_index}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the manifest: one file."""

    file: str
    family: str
    format: str
    provenance: str
    tags: frozenset[str]
    models: tuple[str, ...]
    hosts: tuple[str, ...]
    endpoints: tuple[str, ...]
    statuses: tuple[int, ...]


class Corpus:
    """The folder, read lazily; each file is parsed once in the life of the object."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._entries: tuple[Entry, ...] | None = None
        self._parsed: dict[str, tuple[Recording, ...]] = {}

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All lines of the manifest, in its order."""
        if self._entries is None:
            lines = (self.root / "MANIFEST.jsonl").read_text("utf-8").splitlines()
            self._entries = tuple(_entry(json.loads(line)) for line in lines if line.strip())
        return self._entries

    @property
    def families(self) -> tuple[str, ...]:
        """Every family of the folder, sorted."""
        return tuple(sorted({entry.family for entry in self.entries}))

    def recordings(self, *families: str, formats: tuple[str, ...] = (CASSETTE,)) -> Iterator[Recording]:
        """Yield the exchanges of `families` (of all, if none is named), files in the manifest's order.

        Raises:
            CorpusError: A file is not what the manifest says.
        """
        for entry in self.entries:
            if entry.format in formats and (not families or entry.family in families):
                yield from self.read(entry)

    def read(self, entry: Entry) -> tuple[Recording, ...]:
        """Return the exchanges of one file.

        Raises:
            CorpusError: The file is not what the manifest says.
        """
        if entry.file not in self._parsed:
            raw = (self.root / entry.file).read_bytes()
            if entry.format == CASSETTE:
                self._parsed[entry.file] = tuple(_read_cassette(entry, raw))
            elif entry.format in RESPONSE_ONLY:
                self._parsed[entry.file] = (_read_response(entry, raw),)
            else:
                raise CorpusError(f"{entry.file}: no reader for format {entry.format!r}; read its normalised copy")
        return self._parsed[entry.file]


def read_cassette(path: Path, *, family: str = "") -> tuple[Recording, ...]:
    """Return the exchanges of one vcrpy cassette, wherever it lies; a plugin's own cassettes are read so.

    Raises:
        CorpusError: The file is not a cassette.
    """
    entry = Entry(path.name, family, CASSETTE, "", frozenset(), (), (), (), ())
    return tuple(_read_cassette(entry, path.read_bytes()))


def corpus_folder(repository: Path) -> Path:
    """Return where the corpus is expected: the variable's folder, else ``../shared/corpus`` beside `repository`."""
    named = os.environ.get(VARIABLE)
    return Path(named) if named else repository.resolve().parent / "shared" / "corpus"


def find_corpus(repository: Path) -> Corpus | None:
    """Return the corpus, or None where this machine has none; `missing_reason` then says what to do.

    Args:
        repository: The root of the checkout whose neighbour the folder is by default.
    """
    folder = corpus_folder(repository)
    return Corpus(folder) if (folder / "MANIFEST.jsonl").is_file() else None


def missing_reason(repository: Path) -> str:
    """Say where the corpus was looked for, as the reason of a skipped test."""
    return f"no recordings: {corpus_folder(repository)} has no MANIFEST.jsonl; set {VARIABLE} to the corpus folder"


def _entry(line: Mapping[str, JsonValue]) -> Entry:
    return Entry(
        file=str(line["file"]),
        family=str(line["family"]),
        format=str(line["format"]),
        provenance=str(line["provenance"]),
        tags=frozenset(_strings(line.get("tags"))),
        models=_strings(line.get("models")),
        hosts=_strings(line.get("hosts")),
        endpoints=_strings(line.get("endpoints")),
        statuses=tuple(value for value in _items(line.get("statuses")) if isinstance(value, int)),
    )


def _read_cassette(entry: Entry, raw: bytes) -> Iterator[Recording]:
    cassette = yaml.load(raw, _YamlLoader)
    if not isinstance(cassette, dict) or not isinstance(cassette.get("interactions"), list):
        raise CorpusError(f"{entry.file}: not a vcrpy cassette")
    for index, interaction in enumerate(cassette["interactions"]):
        request, response = _mapping(interaction.get("request")), _mapping(interaction.get("response"))
        headers = _headers(response.get("headers"))
        # vcrpy's first httpx stub wrote `content` and `status_code` where it now writes `body` and `status`.
        stored = response["body"] if "body" in response else response.get("content")
        body = _decompress(_body(stored, entry.file), headers.get("content-encoding", ""), entry.file)
        status = _mapping(response["status"])["code"] if "status" in response else response["status_code"]
        yield Recording(
            file=entry.file,
            family=entry.family,
            interaction_index=index,
            method=str(request["method"]),
            url=str(request["uri"]),
            request_headers=_headers(request.get("headers")),
            request_body=_body(request.get("body"), entry.file),
            status=int(str(status)),
            headers={name: value for name, value in headers.items() if name not in _FRAMING_HEADERS},
            body=body,
            is_streaming=_is_stream(headers, body),
            format=entry.format,
            provenance=entry.provenance,
            tags=entry.tags,
            models=entry.models,
        )


def _read_response(entry: Entry, raw: bytes) -> Recording:
    body, content_type = raw, "text/event-stream"
    if entry.format == "json-raw":
        content_type = "application/json"
    elif entry.format == "json-lines-chunks":
        body = b"".join(b"data: %b\n\n" % line for line in raw.splitlines() if line.strip())
    method, _, path = (entry.endpoints[0] if entry.endpoints else "POST /").partition(" ")
    return Recording(
        file=entry.file,
        family=entry.family,
        interaction_index=0,
        method=method,
        url=f"https://{entry.hosts[0] if entry.hosts else 'unknown.invalid'}{path}",
        request_headers={},
        request_body=b"",
        status=entry.statuses[0] if entry.statuses else 200,
        headers={"content-type": content_type},
        body=body,
        is_streaming=content_type in _STREAM_TYPES,
        format=entry.format,
        provenance=entry.provenance,
        tags=entry.tags,
        models=entry.models,
    )


def _body(stored: object, file: str) -> bytes:
    """Return the bytes of a body in any of vcrpy's forms: nothing, text, ``!!binary``, a list, a dict around one."""
    match stored:
        case None:
            return b""
        case bytes():
            return stored
        case str():
            return stored.encode()
        case list():
            return b"".join(_body(piece, file) for piece in stored)
        case {"base64_string": str(text) | bytes(text)}:
            return base64.b64decode(text)
        case {"string": inner}:
            return _body(inner, file)
    raise CorpusError(f"{file}: a body of form {type(stored).__name__} is none of vcrpy's")


def _decompress(body: bytes, encoding: str, file: str) -> bytes:
    """Undo the content encoding, unless the recorder has done so already and kept the header."""
    match encoding.strip().lower():
        case "" | "identity":
            return body
        case "gzip" | "x-gzip":
            return gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body
        case "deflate":
            try:
                return zlib.decompress(body)
            except zlib.error:  # some servers send the bare stream, without zlib's head
                return zlib.decompress(body, -zlib.MAX_WBITS)
    raise CorpusError(f"{file}: content-encoding {encoding!r} needs a library beyond the standard one")


def _is_stream(headers: Mapping[str, str], body: bytes) -> bool:
    content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    return content_type in _STREAM_TYPES or (not content_type and body.lstrip().startswith(_STREAM_STARTS))


def _headers(stored: object) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in _mapping(stored).items():
        values = value if isinstance(value, list) else [value]
        headers[name.lower()] = ", ".join(str(item) for item in values)
    return headers


def _mapping(value: object) -> dict[str, object]:
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def _items(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []


def _strings(value: JsonValue) -> tuple[str, ...]:
    return tuple(str(item) for item in _items(value))
