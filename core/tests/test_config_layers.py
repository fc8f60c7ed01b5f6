"""One layer of configuration: what is said about a wrong setting, and how settings are shown without their secrets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core_llm._config import Config
from core_llm._errors import InvalidSettingError
from core_llm._redaction import redact

KEY = "acme-key-5f2e9c77"

SECONDS = "a number of seconds above 0, at most 2592000 (30 days), or inf for no limit"


def private(file: Path, text: str) -> Path:
    """Write a configuration file that only its owner can read."""
    file.write_text(text, encoding="utf-8")
    file.chmod(0o600)
    return file


# Wrong settings


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"max_retires": 1},
            (
                "unknown setting 'max_retires' (argument); did you mean 'max_retries'? "
                "Accepted: default_model, roles, limits, max_retries, retries, recovery, fallback, "
                "max_concurrency, on_busy, transport, on_unsupported, settings, providers, disabled_plugins, plugins"
            ),
        ),
        (
            {"limits": {"totl": 1}},
            (
                "unknown setting 'limits.totl' (argument); did you mean 'limits.total'? "
                "Accepted: admission, connect, first_event, between_events, total"
            ),
        ),
        (
            {"providers": {"acme": {"url": "x"}}},
            (
                "unknown setting 'providers.acme.url' (argument). Accepted: type, base_url, api_key, api_key_env, "
                "headers, query, options, provider_options, limits, max_retries, retries, max_concurrency, "
                "model_concurrency, settings"
            ),
        ),
    ],
)
def test_an_unknown_setting_names_itself_and_what_is_accepted(arguments: dict[str, object], message: str) -> None:
    """The error has the setting, its layer, the near miss and the accepted names."""
    with pytest.raises(InvalidSettingError) as caught:
        Config.load(environ={}, arguments=arguments)
    assert caught.value.message == message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_retries": "two"}, "max_retries must be a whole number; got 'two' (argument)"),
        ({"max_retries": "2"}, "max_retries must be a whole number; got '2' (argument)"),
        ({"max_retries": True}, "max_retries must be a whole number; got True (argument)"),
        ({"max_retries": -1}, "max_retries must be 0 or more; got -1 (argument)"),
        ({"limits": {"total": 0}}, f"limits.total must be {SECONDS}; got 0 (argument)"),
        ({"limits": {"total": True}}, f"limits.total must be {SECONDS}; got True (argument)"),
        ({"limits": {"total": 1e9}}, f"limits.total must be {SECONDS}; got 1000000000.0 (argument)"),
        ({"limits": 5}, "limits must be a table; got 5 (argument)"),
        ({"providers": {"acme": "x"}}, "providers.acme must be a table; got 'x' (argument)"),
        ({"roles": {"fast": 1}}, "roles.fast must be a text; got 1 (argument)"),
        ({"transport": "curl"}, "transport must be 'httpx' or 'httpx2'; got 'curl' (argument)"),
        ({"settings": {"top_p": 2}}, "settings.top_p must be 1 or less; got 2 (argument)"),
        ({"settings": {"logprobs": "yes"}}, "settings.logprobs must be true or false; got 'yes' (argument)"),
        ({"settings": {"stop": 1}}, "settings.stop must be a list of texts; got 1 (argument)"),
        ({"disabled_plugins": "a"}, "disabled_plugins must be a list of texts; got 'a' (argument)"),
        ({"default_model": {"a": 1}}, "default_model must be a text; got {'a': 1} (argument)"),
    ],
)
def test_a_wrong_value_says_what_was_given_and_what_is_wanted(arguments: dict[str, object], message: str) -> None:
    """The error has the setting, what it must be, what was given, and its layer; pydantic's own never comes out."""
    with pytest.raises(InvalidSettingError) as caught:
        Config.load(environ={}, arguments=arguments)
    assert caught.value.message == message
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("variable", "text", "message"),
    [
        (
            "CORE_LLM_MAX_RETRIES",
            "two",
            "max_retries must be a whole number; got 'two' (environment CORE_LLM_MAX_RETRIES)",
        ),
        ("CORE_LLM_LIMITS", "5", "limits must be a table; got '5' (environment CORE_LLM_LIMITS)"),
        (
            "CORE_LLM_LIMITS__TOTL",
            "5",
            (
                "unknown setting 'limits.totl' (environment CORE_LLM_LIMITS__TOTL); did you mean 'limits.total'? "
                "Accepted: admission, connect, first_event, between_events, total"
            ),
        ),
    ],
)
def test_a_wrong_variable_is_named(variable: str, text: str, message: str) -> None:
    """An error in the environment names the variable."""
    with pytest.raises(InvalidSettingError) as caught:
        Config.load(environ={variable: text})
    assert caught.value.message == message


def test_a_long_wrong_value_is_shortened() -> None:
    """A value of any length is shown by its beginning."""
    with pytest.raises(InvalidSettingError) as caught:
        Config.load(environ={}, arguments={"max_retries": "x" * 1000})
    assert caught.value.message == f"max_retries must be a whole number; got '{'x' * 56}... (argument)"


@pytest.mark.parametrize(
    ("section", "name"),
    [
        ({"api_key": [KEY]}, "api_key"),
        ({"headers": {"x-key": [KEY]}}, "headers.x-key"),
        ({"query": {"key": [KEY]}}, "query.key"),
    ],
)
def test_a_wrong_key_is_not_shown(section: dict[str, object], name: str) -> None:
    """An error about a secret says everything but its value."""
    with pytest.raises(InvalidSettingError) as caught:
        Config.load(environ={}, arguments={"providers": {"acme": section}})
    expected = f"providers.acme.{name} must be a text; got a value that is kept secret (argument)"
    assert caught.value.message == expected


# Secrets and showing


def test_keys_join_the_redaction_set_as_they_are_read(tmp_path: Path) -> None:
    """A key, a header and a query parameter that is named like a key are masked in every later text."""
    file = private(
        tmp_path / "config.toml", f'[providers.acme]\napi_key = "{KEY}-1"\nheaders = {{ x-org = "{KEY}-2" }}\n'
    )
    Config.load(path=file, environ={"CORE_LLM_PROVIDERS__ACME__QUERY__KEY": f"{KEY}-3"})
    assert redact(f"{KEY}-1 {KEY}-2 {KEY}-3") == "[redacted] [redacted] [redacted]"


def test_a_password_in_an_address_is_a_secret_too() -> None:
    """The address is shown without it, here and in every error."""
    config = Config.load(environ={"CORE_LLM_PROVIDERS__ACME__BASE_URL": "https://me:hush-hush-7@acme.example/v1"})
    shown = next(setting.value for setting in config.explain() if setting.name == "providers.acme.base_url")
    assert shown == "https://me:[redacted]@acme.example/v1"
    assert "hush" not in f"{config.values!r} {config.values.providers['acme']}"


def test_a_password_is_known_as_it_is_and_as_an_address_has_it() -> None:
    """A server may show it either way, and so a token that stands in an address alone."""
    Config.load(environ={"CORE_LLM_PROVIDERS__ACME__BASE_URL": "https://me:pa%2Fss-word-1@acme.example/v1"})
    Config.load(environ={"CORE_LLM_PROVIDERS__ACME__BASE_URL": "https://token-0123456@acme.example/v1"})
    assert redact("pa/ss-word-1 pa%2Fss-word-1 token-0123456") == "[redacted] [redacted] [redacted]"


def test_explaining_shows_values_and_layers_and_no_secret(tmp_path: Path) -> None:
    """Every setting that has a value is listed with the layer it is from; keys are covered."""
    file = private(
        tmp_path / "config.toml",
        f"""
        transport = "httpx2"
        [providers.acme]
        api_key = "{KEY}"
        base_url = "https://acme.example"
        headers = {{ x-org = "{KEY}" }}
        provider_options = {{ user_token = "{KEY}", cache = true }}
        """,
    )
    config = Config.load(path=file, environ={"CORE_LLM_DISABLE_PLUGINS": "a,b", "CORE_LLM_LIMITS__TOTAL": "inf"})
    lines = [f"{name} = {value} ({origin.split()[0]})" for name, value, origin in config.explain()]
    assert lines == [
        "default_model = not set (default)",
        "limits.admission = 600 (default)",
        "limits.between_events = 120 (default)",
        "limits.connect = 10 (default)",
        "limits.first_event = 300 (default)",
        "limits.total = inf (environment)",
        "max_retries = 2 (default)",
        "retries.base_delay = 0.5 (default)",
        "retries.budget = 100 (default)",
        "retries.max_delay = 8 (default)",
        "retries.max_retry_after = 60 (default)",
        "retries.refill = 0.1 (default)",
        "retries.statuses = not set (default)",
        "recovery = raise (default)",
        "max_concurrency = not set (default)",
        "on_busy = wait (default)",
        "transport = httpx2 (file)",
        "on_unsupported = raise (default)",
        "providers.acme.api_key = [secret] (file)",
        "providers.acme.base_url = https://acme.example (file)",
        "providers.acme.headers.x-org = [secret] (file)",
        "providers.acme.provider_options.cache = true (file)",
        "providers.acme.provider_options.user_token = [secret] (file)",
        "disabled_plugins = a, b (environment)",
    ]


@pytest.mark.parametrize("given", ["config.toml", Path("config.toml")])
def test_a_path_in_place_of_the_configuration_gets_told_how(given: object) -> None:
    """A file is read by `Config.load`."""
    with pytest.raises(InvalidSettingError, match=r"to read a file: config=Config\.load\(path=\.\.\.\)"):
        Config.load(environ={}, arguments=given)  # type: ignore[arg-type]  # the mistake in question


def test_settings_of_a_plugin_show_no_secret() -> None:
    """They are the plugin's business, but for what their names make a secret: hidden when shown, masked in errors."""
    servers = {"git": {"command": "git-server", "env": {"TOKEN": "tok-123456"}, "api_key": "key-123456"}}
    config = Config.load(environ={}, arguments={"plugins": {"mcp": {"servers": servers}}})
    [shown] = [setting.value for setting in config.explain() if setting.name == "plugins.mcp"]
    assert shown == (
        '{"servers": {"git": {"command": "git-server", "env": {"TOKEN": "[secret]"}, "api_key": "[secret]"}}}'
    )
    assert "123456" not in redact("tok-123456 key-123456")


def test_the_name_of_a_variable_is_no_secret() -> None:
    """What says where a secret is found is shown, and may stand in an error, or nobody could tell what is not set."""
    server = {"url": "https://a.example", "headers_from": {"Authorization": "TRACKER_AUTH"}}
    config = Config.load(environ={}, arguments={"plugins": {"mcp": {"servers": {"a": server}}}})
    [shown] = [setting.value for setting in config.explain() if setting.name == "plugins.mcp"]
    assert shown == json.dumps({"servers": {"a": server}})
    assert redact("TRACKER_AUTH is not set") == "TRACKER_AUTH is not set"


def test_settings_of_a_plugin_come_from_a_variable_as_json() -> None:
    """One variable holds the whole table of a plugin."""
    config = Config.load(environ={"CORE_LLM_PLUGINS__MCP": '{"servers": {"a": {"url": "http://localhost:1"}}}'})
    assert config.values.plugins == {"mcp": {"servers": {"a": {"url": "http://localhost:1"}}}}
