"""Redaction: known secrets in every form a message may hold them, and what looks like one without being known."""

from __future__ import annotations

import threading
from base64 import b64encode
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core_llm._redaction import MAX_SECRETS, redact, register_secret

ODD_KEY = 'od/d+ke"y=é\\2'


def test_a_known_secret_is_masked_wherever_it_stands() -> None:
    """In a sentence, twice, in the middle of a word."""
    register_secret("opensesame-7")
    assert redact("key opensesame-7, xopensesame-7x") == "key [redacted], x[redacted]x"


@pytest.mark.parametrize(
    "form",
    [
        ODD_KEY,
        quote(ODD_KEY),
        quote(ODD_KEY, safe=""),
        b64encode(ODD_KEY.encode()).decode().rstrip("="),
        ODD_KEY.encode("unicode_escape").decode(),
        ODD_KEY.replace("/", "\\/"),
    ],
)
def test_a_known_secret_is_masked_in_every_form(form: str) -> None:
    """As it is, in an address, in base64, in a Python repr, in JSON with escaped slashes."""
    register_secret(ODD_KEY)
    assert redact(f"<{form}>") == "<[redacted]>"


@given(secret=st.text(min_size=6).filter(lambda text: len(text.strip()) >= 6), before=st.text(), after=st.text())
def test_no_registered_secret_comes_through(secret: str, before: str, after: str) -> None:
    """Whatever surrounds it, the text of a registered secret is gone."""
    register_secret(secret)
    assert secret.strip() not in redact(f"{before}{secret}{after}").replace("[redacted]", "")


def test_a_secret_within_another_does_not_leave_the_rest() -> None:
    """The longer one is masked first."""
    register_secret("inner-secret")
    register_secret("prefix-inner-secret-suffix")
    assert redact("a prefix-inner-secret-suffix b") == "a [redacted] b"


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "Basic", "Token"])
def test_what_follows_the_scheme_of_a_header_is_masked_alone(scheme: str) -> None:
    """A server that says which token it did not like leaves the scheme out."""
    register_secret(f"{scheme} tok-of-{scheme}")
    assert redact(f"no such token: tok-of-{scheme}") == "no such token: [redacted]"


def test_short_values_are_not_masked() -> None:
    """A key of three letters would shred ordinary text."""
    register_secret("the")
    assert redact("the other") == "the other"


@pytest.mark.parametrize(
    "key",
    [
        "sk-abcdefghijklmnop1234",
        "sk-proj-abc_def-1234567890",
        "gsk_abcdefghijklmnop1234",
        "AIzaSyA-1234567890abcdefghijklmnopqrstu",
        "AKIAIOSFODNN7EXAMPLE",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc-DEF_123",
    ],
)
def test_what_looks_like_a_key_is_masked_without_being_known(key: str) -> None:
    """A server may echo a key that was sent by other means."""
    assert redact(f"bad key '{key}'!") == "bad key '[redacted]'!"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Authorization: Bearer abcdefgh12345", "Authorization: Bearer [redacted]"),
        ("GET https://a.example/v1?key=abc123&alt=sse", "GET https://a.example/v1?key=[redacted]&alt=sse"),
        ("https://a.example/v1?alt=sse&key=abc123", "https://a.example/v1?alt=sse&key=[redacted]"),
        ("https://a.example/v1?api-key=abc123", "https://a.example/v1?api-key=[redacted]"),
    ],
)
def test_where_keys_usually_stand_they_are_masked(text: str, expected: str) -> None:
    """After "Bearer" and in the query parameters that hold keys; the rest of the text stays."""
    assert redact(text) == expected


@pytest.mark.parametrize("text", ["", "task-force of the risk-averse", "monkey=banana", "the bearer of news", "sk-1"])
def test_ordinary_text_is_left_alone(text: str) -> None:
    """Nothing in it looks like a key."""
    assert redact(text) == text


def test_a_secret_that_is_no_text_is_masked() -> None:
    """A variable of the environment may hold bytes that are not UTF-8."""
    register_secret("caf\udce9-secret")
    assert redact("key caf\udce9-secret!") == "key [redacted]!"


def test_the_mask_is_not_masked() -> None:
    """A key that is a part of the mask does not garble it."""
    register_secret("redacted")
    register_secret("garbled-key")
    assert redact("key garbled-key") == "key [redacted]"


def test_old_tokens_are_forgotten() -> None:
    """A process that gets a new token every minute stays small; the latest are known."""
    for number in range(MAX_SECRETS + 10):
        register_secret(f"token-number-{number:06d}.")
    assert redact("token-number-000000.") == "token-number-000000."
    assert redact(f"token-number-{MAX_SECRETS + 9:06d}.") == "[redacted]"


def test_threads_may_register_and_redact_at_once() -> None:
    """A secret that a thread has registered is masked for it at once, whatever the others do."""
    leaked: list[str] = []

    def work(name: str) -> None:
        for number in range(50):
            secret = f"thread-{name}-secret-{number}."
            register_secret(secret)
            if secret in redact(f"x {secret} y"):
                leaked.append(secret)

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert leaked == []
