"""Finding a key: the order of the places, what is said when there is none, and that it never shows."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from core_llm._config import Config
from core_llm._config_model import ProviderConfig
from core_llm._errors import ConfigError, MissingAPIKeyError
from core_llm._keys import find_api_key
from core_llm._provider import Provider
from core_llm._redaction import redact


class Acme(Provider):
    """Needs a key, usually in one of two variables."""

    name = "acme"
    api_key_env = ("ACME_API_KEY", "ACME_TOKEN")


class Free(Provider):
    """Works without a key."""

    name = "free"
    needs_api_key = False


def config_of(environ: dict[str, str], **section: str) -> Config:
    """Return a configuration with a section for acme."""
    arguments = {"providers": {"acme": section}} if section else {}
    return Config.load(environ={"XDG_CONFIG_HOME": "/nonexistent", **environ}, arguments=arguments)


def plain(found: object) -> str:
    """Return the text of a key that was found."""
    assert isinstance(found, SecretStr)
    return found.get_secret_value()


def test_each_place_goes_before_the_next() -> None:
    """Given by the caller, configuration, plugin, first variable, second variable."""
    both = {"ACME_API_KEY": "key-from-env-1", "ACME_TOKEN": "key-from-env-2"}
    second = {"ACME_TOKEN": "key-from-env-2"}
    finders: list[tuple[str, Callable[[str], str | None]]] = [("plugin-vault 1.0", lambda _: "key-from-plugin")]
    configured = config_of(both, api_key="key-from-config")
    given = {"acme": "key-from-caller"}
    assert plain(find_api_key(Acme(), configured, finders, given)) == "key-from-caller"
    assert plain(find_api_key(Acme(), configured, finders)) == "key-from-config"
    assert plain(find_api_key(Acme(), config_of(both), finders)) == "key-from-plugin"
    assert plain(find_api_key(Acme(), config_of(both))) == "key-from-env-1"
    assert plain(find_api_key(Acme(), config_of(second))) == "key-from-env-2"


def test_a_callable_is_handed_on_uncalled() -> None:
    """Tokens that expire are fetched by the engine, when it needs one."""

    def fetch() -> str:
        pytest.fail("called too early")

    assert find_api_key(Acme(), config_of({}), explicit={"acme": fetch}) is fetch


def test_a_provider_made_with_a_key_uses_it() -> None:
    """The section that an instance was made from counts as configuration."""
    acme = Acme(ProviderConfig(api_key=SecretStr("key-of-instance")))
    assert plain(find_api_key(acme, config_of({"ACME_API_KEY": "key-from-env-1"}))) == "key-of-instance"


def test_plugins_are_asked_by_name_until_one_knows() -> None:
    """The first that is not None wins; later ones are not asked."""
    asked: list[str] = []

    def nothing(provider: str) -> None:
        asked.append(f"nothing {provider}")

    def something(provider: str) -> SecretStr:
        asked.append(f"something {provider}")
        return SecretStr("key-from-plugin")

    def never(_: str) -> str:
        pytest.fail("asked after one knew")

    found = find_api_key(Acme(), config_of({}), [("a", nothing), ("b", something), ("c", never)])
    assert plain(found) == "key-from-plugin"
    assert asked == ["nothing acme", "something acme"]


def test_a_plugin_that_raises_is_reported_and_the_next_is_asked(caplog: pytest.LogCaptureFixture) -> None:
    """The report names the plugin and holds no secret."""

    def broken(_: str) -> str:
        raise OSError("vault at https://vault?key=hunter2-secret is closed")

    with caplog.at_level(logging.WARNING, logger="core_llm"):
        found = find_api_key(Acme(), config_of({"ACME_TOKEN": "key-from-env-2"}), [("plugin-vault 1.0", broken)])
    assert plain(found) == "key-from-env-2"
    assert caplog.messages == [
        (
            "plugin-vault 1.0 failed to look up the API key of acme: "
            "OSError: vault at https://vault?key=[redacted] is closed"
        )
    ]


def test_no_key_says_where_was_looked_and_what_to_do() -> None:
    """The places are listed in their order; the message is one line."""
    finders: list[tuple[str, Callable[[str], str | None]]] = [("plugin-vault 1.0", lambda _: None)]
    config = Config.load(environ={"HOME": "/nonexistent"})
    with pytest.raises(MissingAPIKeyError) as caught:
        find_api_key(Acme(), config, finders)
    assert caught.value.message == (
        f"no API key for acme; looked in this order at Client(api_keys={{'acme': ...}}); "
        f"the setting providers.acme.api_key in {config.path}; plugin-vault 1.0; environment variable ACME_API_KEY; "
        f"environment variable ACME_TOKEN. Set ACME_API_KEY, or api_key under [providers.acme] in that file."
    )


def test_a_provider_that_can_do_without_gets_none() -> None:
    """No key is not an error there, and a key is used all the same."""
    assert find_api_key(Free(), config_of({})) is None
    assert plain(find_api_key(Free(), config_of({}), explicit={"free": "key-from-caller"})) == "key-from-caller"


@pytest.mark.parametrize("empty", ["", "  \n"])
def test_an_empty_key_is_no_key(empty: str) -> None:
    """Where one place has only blanks, the next is asked."""
    config = config_of({"ACME_API_KEY": empty, "ACME_TOKEN": "key-from-env-2"})
    assert plain(find_api_key(Acme(), config, [("a", lambda _: empty)], {"acme": empty})) == "key-from-env-2"


def test_configuration_can_name_another_variable() -> None:
    """The variable of the configuration takes the place of the usual ones."""
    environ = {"ACME_API_KEY": "key-from-env-1", "WORK_KEY": "key-from-work"}
    assert plain(find_api_key(Acme(), config_of(environ, api_key_env="WORK_KEY"))) == "key-from-work"
    with pytest.raises(MissingAPIKeyError, match=r"environment variable WORK_KEY\. Set WORK_KEY,"):
        find_api_key(Acme(), config_of({"ACME_API_KEY": "key-from-env-1"}, api_key_env="WORK_KEY"))


def test_the_usual_key_is_not_sent_to_another_server() -> None:
    """A named endpoint with its own address does not get the key of the provider whose code it uses."""
    environ = {"ACME_API_KEY": "key-from-env-1", "XDG_CONFIG_HOME": "/nonexistent"}
    section = ProviderConfig(type="acme", base_url="https://elsewhere.example")
    config = Config.load(environ=environ, arguments={"providers": {"box": section}})
    with pytest.raises(MissingAPIKeyError) as caught:
        find_api_key(Acme(section, name="box"), config)
    assert "ACME_API_KEY and ACME_TOKEN is not sent to another address" in caught.value.message
    assert 'set providers.box.api_key_env = "ACME_API_KEY"' in caught.value.message


def test_a_second_account_at_the_usual_address_may_use_the_usual_key() -> None:
    """A named endpoint without an address of its own is the same server."""
    section = ProviderConfig(type="acme")
    config = Config.load(environ={"ACME_API_KEY": "key-from-env-1"})
    assert plain(find_api_key(Acme(section, name="second"), config)) == "key-from-env-1"


def test_blanks_around_a_key_are_taken_off() -> None:
    """The line break of the file that a key came from would be an invalid header."""
    assert plain(find_api_key(Acme(), config_of({}), explicit={"acme": " key-with-break\n"})) == "key-with-break"


@pytest.mark.parametrize("key", ["\u201ckey-in-quotes\u201d", "key-first\nsecond-line", "caf\udce9-key"])
def test_a_key_that_no_header_can_hold_is_an_error_that_does_not_show_it(key: str) -> None:
    """Typographic quotes and line breaks are found here; the HTTP library's own error would show the key."""
    with pytest.raises(ConfigError) as caught:
        find_api_key(Acme(), config_of({"ACME_API_KEY": key}))
    assert caught.value.message == (
        "the API key of acme from ACME_API_KEY has a line break or a character that no HTTP header can hold, "
        "perhaps a typographic quote; copy it again"
    )


def test_every_key_that_is_found_is_redacted_from_then_on(tmp_path: Path) -> None:
    """Keys of the caller, a plugin and the environment are masked in every later text."""
    config = Config.load(environ={"ACME_API_KEY": "zx-environment", "XDG_CONFIG_HOME": str(tmp_path)})
    find_api_key(Acme(), config)
    find_api_key(Acme(), config, [("a", lambda _: "zx-from-plugin")])
    find_api_key(Acme(), config, explicit={"acme": SecretStr("zx-from-caller")})
    assert redact("zx-environment zx-from-plugin zx-from-caller") == "[redacted] [redacted] [redacted]"
