"""The corpus reader: a folder made here in every form that cassettes have, and the real one if it is there."""

from __future__ import annotations

import gzip
import json
import zlib
from pathlib import Path

import pytest
import yaml

from core_llm_conformance.corpus import (
    CASSETTE,
    RESPONSE_ONLY,
    VARIABLE,
    Corpus,
    CorpusError,
    find_corpus,
    missing_reason,
)

REPOSITORY = Path(__file__).resolve().parents[3]
CHAT = "https://api.example/v1/chat/completions"
CHAT_FAMILIES = (
    "openai-chat groq deepseek together cerebras moonshot zai llamacpp other-openai-compat mistral perplexity "
    "huggingface"
).split()


def add(folder: Path, name: str, content: str | bytes, **line: object) -> None:
    """Write one file of a corpus and its line of the manifest."""
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    family = name.partition("/")[0]
    described = {"file": name, "family": family, "format": CASSETTE, "provenance": "recorded", **line}
    with (folder / "MANIFEST.jsonl").open("a") as manifest:
        manifest.write(json.dumps(described) + "\n")


def cassette(body: object, headers: dict[str, list[str]] | None = None) -> str:
    """Compose a cassette of one exchange whose response has this body, as vcrpy stores it."""
    request = {"method": "POST", "uri": CHAT, "headers": {"Accept": ["a", "b"]}, "body": '{"model": "m"}'}
    response = {"status": {"code": 200, "message": "OK"}, "headers": headers or {}, "body": body}
    return yaml.safe_dump({"version": 1, "interactions": [{"request": request, "response": response}]})


@pytest.mark.parametrize(
    ("stored", "headers", "body"),
    [
        ({"string": "plain ä"}, {}, "plain ä".encode()),
        ({"string": b"\xff\x00"}, {}, b"\xff\x00"),
        ({"base64_string": "aGk="}, {}, b"hi"),
        ("bare", {}, b"bare"),
        (["one", b" two"], {}, b"one two"),
        ({"string": ["one", " two"]}, {}, b"one two"),
        (None, {}, b""),
        ({"string": gzip.compress(b"zipped")}, {"Content-Encoding": ["gzip"]}, b"zipped"),
        ({"string": "unzipped"}, {"Content-Encoding": ["gzip"]}, b"unzipped"),
        ({"string": zlib.compress(b"deflated")}, {"content-encoding": ["deflate"]}, b"deflated"),
        ({"string": zlib.compress(b"raw", wbits=-15)}, {"content-encoding": ["deflate"]}, b"raw"),
    ],
    ids=["text", "binary", "base64", "bare", "list", "list in string", "none", "gzip", "gzip undone", "deflate", "raw"],
)
def test_every_form_of_a_body(tmp_path: Path, stored: object, headers: dict[str, list[str]], body: bytes) -> None:
    """Whatever vcrpy made of a body, it is read as the bytes that the server meant."""
    add(tmp_path, "acme/a.yaml", cassette(stored, headers))
    (recording,) = Corpus(tmp_path).recordings()
    assert recording.body == body
    assert "content-encoding" not in recording.headers


def test_a_recording_knows_its_exchange(tmp_path: Path) -> None:
    """Request, response and the manifest's words are all there."""
    stream = cassette({"string": "data: 1\n\n"}, {"Content-Type": ["text/event-stream; charset=utf-8"]})
    add(tmp_path, "acme/a.yaml", stream, tags=["tools"], models=["m-1"], hosts=["api.example"])
    (recording,) = Corpus(tmp_path).recordings("acme")
    assert (recording.method, recording.url, recording.path) == ("POST", CHAT, "/v1/chat/completions")
    assert (recording.request_body, recording.request_headers) == (b'{"model": "m"}', {"accept": "a, b"})
    assert (recording.status, recording.is_streaming, recording.is_chat_completions) == (200, True, True)
    assert (recording.tags, recording.models, recording.test_id) == (frozenset({"tools"}), ("m-1",), "acme/a.yaml#0")


def test_the_oldest_httpx_cassettes(tmp_path: Path) -> None:
    """Vcrpy's first httpx stub wrote content and status_code."""
    response = {"http_version": "HTTP/1.1", "status_code": 201, "headers": {}, "content": "old"}
    request = {"method": "GET", "uri": "https://h/", "headers": {}, "body": ""}
    add(tmp_path, "acme/a.yaml", yaml.safe_dump({"interactions": [{"request": request, "response": response}]}))
    (recording,) = Corpus(tmp_path).recordings()
    assert (recording.status, recording.body, recording.is_streaming) == (201, b"old", False)


def test_fixtures_without_a_request(tmp_path: Path) -> None:
    """A bare body becomes an exchange with the manifest's endpoint; parsed chunks become a stream again."""
    line = {"endpoints": ["POST /v1/chat/completions"], "hosts": ["h"], "statuses": [200]}
    add(tmp_path, "acme/a.json", "{}", format="json-raw", **line)
    add(tmp_path, "acme/b.txt", '{"a": 1}\n{"a": 2}\n', format="json-lines-chunks", **line)
    plain, stream = Corpus(tmp_path).recordings(formats=RESPONSE_ONLY)
    assert (plain.url, plain.body, plain.is_streaming) == ("https://h/v1/chat/completions", b"{}", False)
    assert (stream.body, stream.is_streaming) == (b'data: {"a": 1}\n\ndata: {"a": 2}\n\n', True)


def test_families_are_read_apart_and_files_once(tmp_path: Path) -> None:
    """Asking for one family opens no other's files, and asking again opens none."""
    add(tmp_path, "acme/a.yaml", cassette({"string": "a"}))
    add(tmp_path, "other/b.yaml", "not: a cassette")
    corpus = Corpus(tmp_path)
    assert corpus.families == ("acme", "other")
    first = list(corpus.recordings("acme"))
    (tmp_path / "acme/a.yaml").unlink()
    assert list(corpus.recordings("acme")) == first
    with pytest.raises(CorpusError, match=r"other/b\.yaml: not a vcrpy cassette"):
        list(corpus.recordings("other"))


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    """An unknown format, body or encoding says which file and what."""
    add(tmp_path, "a/a.har", "{}", format="har")
    add(tmp_path, "b/b.yaml", cassette({"unknown": 1}))
    add(tmp_path, "c/c.yaml", cassette({"string": b"x"}, {"content-encoding": ["br"]}))
    corpus = Corpus(tmp_path)
    for family, message in (("a", "no reader for format 'har'"), ("b", "none of vcrpy's"), ("c", "'br' needs")):
        with pytest.raises(CorpusError, match=message):
            list(corpus.recordings(family, formats=(CASSETTE, "har")))


def test_where_the_corpus_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable names the folder; without it, it lies beside the checkout; the reason of a skip says where."""
    monkeypatch.delenv(VARIABLE, raising=False)
    assert find_corpus(tmp_path / "checkout") is None
    assert str(tmp_path / "shared" / "corpus") in missing_reason(tmp_path / "checkout")
    add(tmp_path, "acme/a.yaml", cassette("a"))
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    corpus = find_corpus(tmp_path / "checkout")
    assert corpus is not None
    assert corpus.root == tmp_path


@pytest.fixture(scope="module")
def real() -> Corpus:
    """Give the real corpus, if this machine has it."""
    corpus = find_corpus(REPOSITORY)
    if corpus is None:
        pytest.skip(missing_reason(REPOSITORY))
    return corpus


def test_every_real_cassette_loads(real: Corpus) -> None:
    """Each file says as many exchanges as are read, each with a body that is no longer compressed."""
    for entry in real.entries:
        if entry.format == CASSETTE:
            recordings = real.read(entry)
            assert recordings, entry.file
            assert not any(recording.body.startswith(b"\x1f\x8b") for recording in recordings), entry.file


@pytest.mark.parametrize("family", CHAT_FAMILIES)
def test_every_chat_family_has_streams_and_answers(real: Corpus, family: str) -> None:
    """Both kinds are there for each family, so that no test of them can pass for want of recordings."""
    recordings = [r for r in real.recordings(family, formats=(CASSETTE, *RESPONSE_ONLY)) if r.is_chat_completions]
    assert {r.is_streaming for r in recordings if r.status == 200} == {True, False}
