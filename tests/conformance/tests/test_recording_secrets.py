"""A secret is found in a cassette wherever it is and however it is spelt, whole or cut by a stream; words are not."""

from __future__ import annotations

import base64
import datetime as dt
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core_llm_conformance.cassette import Cassette
from core_llm_conformance.corpus import CASSETTE, RESPONSE_ONLY, find_corpus, missing_reason
from core_llm_conformance.failure import ConformanceFailure
from core_llm_conformance.recording import age, check_cassette_is_clean
from core_llm_conformance.recording.allowed import allowed_request_headers, allowed_response_headers, allowed_url
from core_llm_conformance.recording.clean import suspects_of
from core_llm_conformance.recording.scrubbing import scrub_body, scrub_ids
from core_llm_conformance.recording.secrets import random_runs, suspects_in
from core_llm_conformance.recording.texts import Text, texts_of
from core_llm_conformance.secret_names import is_secret_name
from core_llm_conformance.target import KEY, Target

from .twin.acme import Acme

SECRET = "acme_Zk3Qm7Xw1Lr9Tb5Vn8Yc2Ph"  # made up; no prefix that is known
TARGET = Target(Acme, "acme-1", cassettes=Path(__file__).parent / "twin/cassettes/acme")
TEXT = TARGET.cassette("text")


def with_first(**changes: object) -> Cassette:
    """Return the cassette of a plain text with something changed in its first interaction."""
    first = TEXT.interactions[0].model_copy(update=changes)
    return TEXT.model_copy(update={"interactions": (first, *TEXT.interactions[1:])})


def with_head(**changes: object) -> Cassette:
    """Return the cassette with something changed in its head."""
    return TEXT.model_copy(update={"head": TEXT.head.model_copy(update=changes)})


def said(text: str) -> bytes:
    """Return a plain answer that says it."""
    return json.dumps({"choices": [{"message": {"content": text}}]}).encode()


def streamed(*pieces: str) -> bytes:
    """Return a stream whose deltas are these."""
    frames = [{"id": "c-1", "model": "acme-1", "choices": [{"delta": {"content": piece}}]} for piece in pieces]
    return b"".join(f"data: {json.dumps(frame)}\n\n".encode() for frame in frames)


HALF = len(SECRET) // 2
SPELT = {
    "plain": said(f"Your key is {SECRET}."),
    "in a field": json.dumps({"echo": {"deep": [SECRET]}}).encode(),
    "as a name": json.dumps({SECRET: 1}).encode(),
    "quoted": said("".join(f"%{ord(character):02X}" for character in SECRET)),
    "escaped twice": said("".join(f"\\u{ord(character):04x}" for character in SECRET)),
    "escaped": b'{"text": "' + "".join(f"\\u{ord(character):04x}" for character in SECRET).encode() + b'"}',
    "base64": said(base64.b64encode(f"user:{SECRET}".encode()).decode()),
    "base64, one on": said(base64.b64encode(f"user1:{SECRET}:".encode()).decode()),
    "base64 of addresses": said(base64.urlsafe_b64encode(f"us:{SECRET}?>".encode()).decode()),
    "hexadecimal": said(SECRET.encode().hex()),
    "backwards": said(SECRET[::-1]),
    "halves swapped": said(f"{SECRET[HALF:]} then {SECRET[:HALF]}"),
    "with blanks": said(" ".join(SECRET)),
    "cut in two": streamed("It is ", SECRET[:9], SECRET[9:], "."),
    "cut to characters": streamed("It is ", *SECRET),
    "cut, swapped": streamed(SECRET[HALF:], " and ", SECRET[:HALF]),
    "cut, base64": streamed(*base64.b64encode(SECRET.encode()).decode()),
    "in a comment": b": " + SECRET.encode() + b"\n\n" + streamed("Hello"),
    "lines of JSON": b"".join(json.dumps({"text": piece}).encode() + b"\n" for piece in (SECRET[:7], SECRET[7:])),
    "HTML": ("<p>" + "".join(f"&#{ord(character)};" for character in SECRET) + "</p>").encode(),
    "cut over fields": b"".join(
        json.dumps({"ab"[at % 2]: SECRET[at : at + 3]}).encode() + b"\n" for at in range(0, len(SECRET), 3)
    ),
    "binary": b"\x00\x00\xff" + SECRET.encode() + b"\xfe",
}


@pytest.mark.parametrize("body", SPELT.values(), ids=SPELT.keys())
def test_a_key_that_is_known_is_found(body: bytes) -> None:
    """In any spelling, whole or in the pieces of a stream."""
    found = suspects_of(with_first(body=body), secrets=[SECRET])
    assert "the key, or a part of it, in some spelling" in {suspect.what for suspect in found}
    assert SECRET not in "; ".join(map(str, found))


@pytest.mark.parametrize(
    "change",
    [
        {"url": f"https://api.acme.example/v1/chat/completions?q={SECRET}"},
        {"request_headers": {"x-custom": f"Basic {base64.b64encode(f'me:{SECRET}'.encode()).decode()}"}},
        {"request_body": json.dumps({"metadata": SECRET}).encode()},
        {"headers": {"content-type": f"text/plain; {SECRET}"}},
    ],
    ids=["address", "header", "request", "answer's header"],
)
def test_it_is_found_in_every_place(change: dict[str, object]) -> None:
    """Not only in the answer's body."""
    assert suspects_of(with_first(**change), secrets=[SECRET])


def test_it_is_found_in_the_head() -> None:
    """Where the source, the model and what is expected are written."""
    assert suspects_of(with_head(source=f"our server at x?k={SECRET}"), secrets=[SECRET])


def test_a_key_of_words_is_found_whole() -> None:
    """Its pieces are words; a shorter one is a word itself, and no secret."""
    assert suspects_in([Text("$.x", "the key made-up-key it was")], secrets=["made-up-key"])
    assert suspects_in([Text("$.x", "yek-pu-edam")], secrets=["made-up-key"])
    assert suspects_in([Text("$.x", "what was made up is a key")], secrets=["made-up-key", "key"]) == []


@given(st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=20, max_size=60), st.data())
def test_any_key_is_found_however_a_stream_cuts_it(secret: str, data: st.DataObject) -> None:
    """Whatever the key, and wherever the cuts are."""
    cuts = sorted(data.draw(st.sets(st.integers(1, len(secret) - 1), max_size=6)))
    pieces = [secret[start:end] for start, end in zip([0, *cuts], [*cuts, len(secret)], strict=True)]
    body = streamed("The key: ", *pieces, " as you know")
    assert suspects_in(texts_of(body), secrets=[secret])


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("sk-proj-aaaaBBBBccccDDDD", "begins like a key"),
        ("AIzaSyA-bcdefghijklmnopqrstuvwxyz012345", "begins like a key"),
        ("Authorization: Bearer abcdefghij0123456789", "begins like a key"),
        ("d41d8cd98f00b204e9800998ecf8427e", "what chance may have made"),
        ("Write to jane.doe@company.io", "an email address"),
        ("for org-Ab12Cd34Ef56Gh78", "the id of an account"),
        ("request req_011CQabcdef12345", "the id of an account"),
    ],
)
def test_what_looks_like_a_secret_is_found(text: str, what: str) -> None:
    """Though nobody knows it; in a stream's joined deltas too."""
    pieces = [text[at : at + 3] for at in range(0, len(text), 3)]
    assert what in str(suspects_in(texts_of(said(text)))[0])
    assert what in "; ".join(map(str, suspects_in(texts_of(streamed(*pieces)))))


@pytest.mark.parametrize(
    "text",
    [
        "Use Authorization: Bearer YOUR_KEY, as in sk-... or risk-free-and-task-oriented-words.",
        "gpt-4o-mini-2024-07-18, claude-sonnet-4-5-20250929, accounts/acme/models/llama-v3p1-405b-instruct",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaa 11111111111111111111 2026-11-21T14:47:05.123456789Z",
        "Donaudampfschifffahrtsgesellschaftskapitän, Pneumonoultramicroscopicsilicovolcanoconiosis",
        "0123456789 and 123456789abcdef are in order, as in the suite's own key",
        "mail support@example.com or help@acme.test, 3f2504e0-4f89-11d3-9a0c-0305e82c3301",
    ],
)
def test_words_names_and_dates_are_no_secrets(text: str) -> None:
    """Nor are addresses that are nobody's, nor ids with dashes in them."""
    assert suspects_in(texts_of(said(text)), secrets=[SECRET, KEY, "ollama"]) == []


CORPUS = find_corpus(Path(__file__).parents[3])


@pytest.mark.skipif(CORPUS is None, reason=missing_reason(Path(__file__).parents[3]))
def test_most_real_answers_are_no_suspects() -> None:
    """An alarm that rings at every answer is switched off: of the real ones, fewer than one in thirty rings it."""
    assert CORPUS is not None
    recordings = [one for one in CORPUS.recordings(formats=(CASSETTE, *RESPONSE_ONLY)) if len(one.body) < 300_000]
    rings = [one.test_id for one in recordings if suspects_in(texts_of(scrub_ids(scrub_body(one.body), [])))]
    assert len(recordings) > 2_000
    assert len(rings) < len(recordings) / 30, rings


def test_chance_is_right_where_it_belongs() -> None:
    """Ids, signatures, data; and whatever else the plugin knows the use of."""
    chance = "Zk3Qm7Xw1Lr9Tb5Vn8Yc2Ph4Dg6"
    assert random_runs(chance) == [chance]
    for field in ("id", "call_id", "thoughtSignature", "encrypted_content", "system_fingerprint", "obfuscation"):
        assert suspects_in([Text(f"$.x[0].{field}", chance)]) == []
    assert suspects_in([Text("$.seal", chance)], accounted=[f"ab{chance}"]) == []
    assert len(suspects_in([Text("$.seal", chance)])) == 1


def test_headers_and_addresses_pass_by_name() -> None:
    """What is on no list is out; a request's id stays a header and says nothing."""
    sent = {
        "Authorization": "Bearer x",
        "x-api-key": "x",
        "api-key": "x",
        "OpenAI-Organization": "org",
        "anthropic-version": "2023-06-01",
        "content-type": "application/json",
        "user-agent": "core-llm",
        "cookie": "a=b",
    }
    assert allowed_request_headers(sent) == {
        "openai-organization": "org",  # sent by the suite's own configuration, or it would not be here
        "anthropic-version": "2023-06-01",
        "content-type": "application/json",
    }
    got = {
        "Set-Cookie": "session=1",
        "sEt-cOOkie": "session=2",
        "openai-organization": "org-1",
        "X-Request-Id": "req_1",
        "cf-ray": "1-OSL",
        "Retry-After": "7",
        "x-ratelimit-remaining-tokens": "9",
        "openai-version": "2020-10-01",
        "Content-Type": "application/json",
        "content-encoding": "gzip",
    }
    assert allowed_response_headers(got) == {
        "x-request-id": "made-up-0001",
        "cf-ray": "made-up-0001",
        "retry-after": "7",
        "x-ratelimit-remaining-tokens": "9",
        "openai-version": "2020-10-01",
        "content-type": "application/json",
    }
    assert allowed_url("https://me:pw@a.example/v1?alt=sse&key=AIza&access_token=x") == "https://a.example/v1?alt=sse"


@pytest.mark.parametrize("name", ["key", "api_key", "apiKey", "x-goog-api-key", "access_token", "Authorization", "sig"])
def test_names_that_carry_keys(name: str) -> None:
    """Such a header or query field is never written, and never compared."""
    assert is_secret_name(name)


@pytest.mark.parametrize("name", ["pageToken", "page_token", "max_tokens", "alt", "monkey", "api-version", "keyword"])
def test_names_that_do_not(name: str) -> None:
    """A page's mark is part of what is asked."""
    assert not is_secret_name(name)


def test_accounts_are_scrubbed_and_all_else_stays() -> None:
    """Byte for byte, whether plain or a stream."""
    body = b'data: {"organization":"Our Ltd","user_id": "u-1", "project_id":7, "user":null, "role" : "user"}\n\n'
    body += b'data: {"x_groq":{"id":"req_01abcdef12345678"},"text":"at resource-of-ours.example"}\n\n'
    scrubbed = (
        b'data: {"organization":"scrubbed","user_id": "scrubbed", "project_id":0, "user":null, "role" : "user"}\n\n'
    )
    scrubbed += b'data: {"x_groq":{"id":"req_scrubbed"},"text":"at acme.example"}\n\n'
    assert scrub_body(body, {"resource-of-ours.example": "acme.example"}) == scrubbed


def test_ids_that_nobody_uses_are_numbered() -> None:
    """The same id has the same number, so that what refers to it still does; an answer's own id stays."""
    kept, other = "resp-Zk3Qm7Xw1Lr9Tb5Vn8Yc2Ph4", "item-Pd8Wm2Kx5Jr7Tq1Zn4Bv6Lc9"
    body = json.dumps({"id": kept, "items": [{"id": other}, {"item_id": other}], "text": other}).encode()
    assert json.loads(scrub_ids(body, [kept])) == {
        "id": kept,
        "items": [{"id": "scrubbed-0001"}, {"item_id": "scrubbed-0001"}],
        "text": "scrubbed-0001",
    }


UNCLEAN: dict[str, tuple[Cassette, str]] = {
    "no source": (with_head(source=" "), "its head has no source"),
    "future": (with_head(date=dt.date(2031, 1, 1)), "is in the future"),
    "scenario": (with_head(scenario="tool_call"), "its head is of scenario 'tool_call'"),
    "suite": (with_head(suite="new"), "is no version such as 1.0"),
    "key header": (with_first(request_headers={"x-goog-api-key": "k"}), "the request has a header x-goog-api-key"),
    "key in address": (with_first(url="https://a.example/v1?key=k"), "a key, a user or a password"),
    "cookie": (with_first(headers={"set-cookie": "a=b"}), "the answer has a header set-cookie"),
    "request id": (with_first(headers={"x-request-id": "req_9"}), "the answer has a header x-request-id"),
    "gzip": (with_first(body=b"\x1f\x8b\x08\x00"), "the answer is compressed"),
    "no text": (with_first(body=b"\xff\xfe", headers={"content-type": "application/json"}), "is not UTF-8"),
    "suite's key": (with_first(body=said("sk-conformance-0123456789abcdef")), "the key, or a part of it"),
    "chance": (with_first(body=said("Zk3Qm7Xw1Lr9Tb5Vn8Yc2Ph4")), "what chance may have made"),
}


@pytest.mark.parametrize(("cassette", "found"), UNCLEAN.values(), ids=UNCLEAN.keys())
def test_an_unclean_cassette_fails(cassette: Cassette, found: str) -> None:
    """And says what is wrong with it."""
    with pytest.raises(ConformanceFailure, match=found):
        check_cassette_is_clean(cassette, TARGET, today=dt.date(2026, 11, 22))


def test_a_file_that_nobody_would_read_fails(tmp_path: Path) -> None:
    """Half a megabyte is no cassette."""
    path = tmp_path / "text.yaml"
    path.write_bytes(TEXT.path.read_bytes() + b"#" * 600_000)
    with pytest.raises(ConformanceFailure, match="262,144 is the most"):
        check_cassette_is_clean(Cassette.read(path))


@pytest.mark.parametrize("path", sorted(TARGET.cassettes.glob("*.yaml")), ids=lambda path: path.stem)
def test_clean_cassettes_pass(path: Path) -> None:
    """With files in their requests, ids, signatures, and errors that speak of keys."""
    check_cassette_is_clean(Cassette.read(path), TARGET)


def test_age_is_counted_from_the_head() -> None:
    """For the report, which says how old a plugin's proof is."""
    assert age(with_head(date=dt.date(2026, 5, 1)), dt.date(2026, 11, 21)) == dt.timedelta(days=204)
