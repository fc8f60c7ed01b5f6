"""All the names of a new plugin follow from one, and what cannot be a name is refused with what can."""

from __future__ import annotations

import datetime as dt
import re

import pytest

from core_llm_conformance.scaffold.names import MAX_LENGTH, NameRefusedError, Names, checked_address, split_author
from core_llm_conformance.scaffold.plan import Plan, PlanRefusedError, bounds


def test_all_names_follow_from_one() -> None:
    """A service of two words has them joined in five ways."""
    assert Names.of("acme-cloud") == Names(
        provider="acme-cloud",
        distribution="plugin-acme-cloud",
        package="plugin_acme_cloud",
        kind="AcmeCloud",
        title="Acme Cloud",
        variable="ACME_CLOUD_API_KEY",
    )


@pytest.mark.parametrize("given", ["acme-cloud", "Acme Cloud", "acme_cloud", "plugin-acme-cloud", "  acme.cloud "])
def test_however_it_is_written(given: str) -> None:
    """There is one way to write a name in the end."""
    assert Names.of(given).provider == "acme-cloud"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("", "is no name for a provider"),
        ("7b", "begins with a letter"),
        ("acmé", "letters, digits and single hyphens"),
        ("acme:large", "is no name"),
        ("../acme", "is no name"),
        ("plugin-", "is no name"),
        ("a" * (MAX_LENGTH + 1), "is too long: 25 characters, 24 at most"),
        ("OpenAI", "openai is the provider of plugin-openai"),
        ("provider", "would make a class Provider, which is taken; name it provider-ai"),
        ("none", "would make a class None"),
    ],
)
def test_what_is_no_name_is_refused(given: str, told: str) -> None:
    """The message says what a name is, or who has it."""
    with pytest.raises(NameRefusedError, match=re.escape(told)):
        Names.of(given)


def test_an_address_loses_its_last_slash() -> None:
    """Paths begin with one."""
    assert checked_address("https://api.acme.example/v1/") == "https://api.acme.example/v1"
    assert checked_address("http://127.0.0.1:8080") == "http://127.0.0.1:8080"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("api.acme.example", "is no address"),
        ("ftp://acme.example", "is no address"),
        ("https://acme.example:port", "is no address"),
        ('https://acme.example/"', "is no address"),
        ("http://acme.example", "is not https"),
        ("https://acme.example/v1?key=k", "a query"),
        ("https://me:secret@acme.example", "a password"),
    ],
)
def test_what_is_no_address_is_refused(given: str, told: str) -> None:
    """So is one over which a key would go in the open."""
    with pytest.raises(NameRefusedError, match=re.escape(told)):
        checked_address(given)


def test_an_author_has_a_name() -> None:
    """The mail address may be left out, and nothing may break out of its line."""
    assert split_author("Ada Lovelace <ada@example.org>") == ("Ada Lovelace", "ada@example.org")
    assert split_author("Ada Lovelace") == ("Ada Lovelace", "")
    for given in ("<ada@example.org>", "Ada\nLovelace", "Ada <no address>"):
        with pytest.raises(NameRefusedError):
            split_author(given)


def test_a_model_in_this_process_has_no_address() -> None:
    """What makes no sense together is refused before anything is written."""
    with pytest.raises(PlanRefusedError, match="neither an address nor a key"):
        Plan.of("acme", "local", url="https://acme.example")
    with pytest.raises(PlanRefusedError, match="neither an address nor a key"):
        Plan.of("acme", "local", variable="ACME_API_KEY")


def test_whoever_has_the_wire_must_be_there() -> None:
    """The message says what to install; what is there gives the bounds."""
    with pytest.raises(PlanRefusedError, match="has the wire; install it first: pip install plugin-nobody"):
        bounds("plugin-nobody")
    assert bounds("core-llm") == ">=0.1,<0.2"


def test_a_variable_is_one() -> None:
    """The one given stands in the place of the one that follows from the name."""
    assert Plan.of("acme", "custom", variable="ACME_TOKEN").variable == "ACME_TOKEN"
    with pytest.raises(NameRefusedError, match="acme-token"):
        Plan.of("acme", "custom", variable="acme-token")


def test_a_quote_in_a_name_breaks_nothing() -> None:
    """The author's name is escaped where it is quoted."""
    texts = Plan.of("acme", "custom", author='Ada "Countess" \\ Lovelace', today=dt.date(2026, 11, 21)).texts()
    assert 'authors = [{ name = "Ada \\"Countess\\" \\\\ Lovelace" }]' in texts["pyproject.toml"]
    assert 'Copyright (c) 2026 Ada "Countess" \\ Lovelace' in texts["LICENSE"]
