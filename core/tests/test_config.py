"""Configuration: which layer wins, where a setting came from, and what is said about a wrong one."""

from __future__ import annotations

import math
import os
import sys
import warnings
from pathlib import Path

import pytest
from pydantic import SecretStr

from core_llm._config import Config, ConfigWarning, cache_folder, config_folder
from core_llm._config_model import ConfigValues, Limits, ProviderConfig
from core_llm._errors import ConfigError

KEY = "acme-key-5f2e9c77"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the configuration file would be; not made yet."""
    return tmp_path / "config.toml"


def write(file: Path, text: str) -> Path:
    """Write a configuration file that only its owner can read."""
    file.write_text(text, encoding="utf-8")
    file.chmod(0o600)
    return file


# Layers


def test_without_any_layer_the_defaults_hold() -> None:
    """Nothing set: the defaults of the model, and limits that suit language models."""
    config = Config.load(environ={"HOME": "/nonexistent"})
    assert (config.values.max_retries, config.values.transport, config.values.default_model) == (2, "httpx", None)
    assert config.values.limits == Limits(admission=600, connect=10, first_event=300, between_events=120, total=1800)
    assert config.origin("limits.total") == "default"


def test_each_layer_overrides_the_one_below(file: Path) -> None:
    """Defaults, file, plugin, environment, argument: the later one wins, setting by setting."""
    write(file, "max_retries = 1\n[limits]\nconnect = 1\nfirst_event = 1\nbetween_events = 1\ntotal = 1\n")
    config = Config.load(
        path=file,
        layers=[("plugin-a 1.0", {"limits": {"first_event": 2, "between_events": 2, "total": 2}})],
        environ={"CORE_LLM_LIMITS__BETWEEN_EVENTS": "3", "CORE_LLM_LIMITS__TOTAL": "3"},
        arguments={"limits": {"total": 4}},
    )
    assert config.values.limits == Limits(admission=600).merged(
        Limits(connect=1, first_event=2, between_events=3, total=4)
    )
    assert config.values.max_retries == 1


def test_every_setting_remembers_its_layer(file: Path) -> None:
    """The origin of a setting is the layer that set it last."""
    write(file, 'transport = "httpx2"\n')
    config = Config.load(
        path=file,
        layers=[("plugin-a 1.0", {"roles": {"fast": "acme:small"}})],
        environ={"CORE_LLM_MAX_RETRIES": "0"},
        arguments={"on_unsupported": "drop"},
    )
    assert config.origin("transport") == f"file {file}"
    assert config.origin("roles.fast") == "plugin plugin-a 1.0"
    assert config.origin("max_retries") == "environment CORE_LLM_MAX_RETRIES"
    assert config.origin("on_unsupported") == "argument"


def test_of_two_plugins_the_later_one_wins() -> None:
    """Layers of plugins are merged in their order."""
    layers: list[tuple[str, dict[str, object]]] = [("a", {"max_retries": 5}), ("b", {"max_retries": 6})]
    assert Config.load(environ={}, layers=layers).values.max_retries == 6


def test_layers_of_plugins_can_come_later(file: Path) -> None:
    """What plugins supply once they are loaded goes below what the environment had already set."""
    config = Config.load(path=write(file, "max_retries = 1\n"), environ={"CORE_LLM_TRANSPORT": "httpx2"})
    later = config.with_layers([("a", {"max_retries": 5, "transport": "httpx"})])
    assert (later.values.max_retries, later.values.transport) == (5, "httpx2")
    assert config.values.max_retries == 1


def test_arguments_can_come_later() -> None:
    """Settings given with a client go above all others, the earlier arguments included."""
    config = Config.load(environ={"CORE_LLM_MAX_RETRIES": "1"}, arguments={"max_retries": 2, "transport": "httpx2"})
    later = config.with_arguments({"max_retries": 3}).with_layers([("a", {"max_retries": 9})])
    assert (later.values.max_retries, later.values.transport) == (3, "httpx2")


def test_values_given_in_code_override_only_what_they_set() -> None:
    """Of a ConfigValues, the fields that its maker set are arguments; the others leave the lower layers alone."""
    given = ConfigValues(limits=Limits(total=7), providers={"acme": ProviderConfig(api_key=SecretStr(KEY))})
    config = Config.load(environ={"CORE_LLM_MAX_RETRIES": "0", "CORE_LLM_LIMITS__CONNECT": "5"}, arguments=given)
    assert config.values.max_retries == 0
    assert (config.values.limits.connect, config.values.limits.total) == (5, 7)
    key = config.provider("acme").api_key
    assert key is not None
    assert key.get_secret_value() == KEY


def test_models_may_stand_where_the_file_has_tables() -> None:
    """A mapping given in code may hold Limits and ProviderConfig."""
    arguments = {"limits": Limits(total=math.inf), "providers": {"box": ProviderConfig(base_url="http://box:1")}}
    config = Config.load(environ={}, arguments=arguments)
    assert config.values.limits.total == math.inf
    assert config.provider("box").base_url == "http://box:1"


# The file


def test_a_whole_file_is_read(file: Path) -> None:
    """Every kind of setting that a file can hold arrives in its place."""
    write(
        file,
        """
        default_model = "mybox:small"
        disabled_plugins = ["plugin-b"]
        [roles]
        planning = "acme:large"
        [settings]
        temperature = 0
        stop = ["END", "STOP"]
        [limits]
        total = inf
        [providers.mybox]
        type = "openai-compatible"
        base_url = "http://127.0.0.1:8080/v1"
        headers = { x-org = "blue" }
        query = { version = "2" }
        options = { region = "eu" }
        provider_options = { cache_prompt = true, nested = { a = [1, 2] } }
        settings = { max_tokens = 100 }
        """,
    )
    values = Config.load(path=file, environ={}).values
    assert (values.default_model, values.disabled_plugins) == ("mybox:small", ("plugin-b",))
    assert values.roles == {"planning": "acme:large"}
    assert (values.settings.temperature, values.settings.stop, values.limits.total) == (0, ("END", "STOP"), math.inf)
    box = values.providers["mybox"]
    assert (box.type, box.base_url, box.query, box.options) == (
        "openai-compatible",
        "http://127.0.0.1:8080/v1",
        {"version": "2"},
        {"region": "eu"},
    )
    assert box.headers["x-org"].get_secret_value() == "blue"
    assert box.provider_options == {"cache_prompt": True, "nested": {"a": [1, 2]}}
    assert box.settings.max_tokens == 100


def test_the_file_is_found_in_the_platforms_folder(tmp_path: Path) -> None:
    """Without a path, config.toml of the configuration folder is read."""
    folder = tmp_path / "core-llm"
    folder.mkdir()
    write(folder / "config.toml", "max_retries = 9\n")
    config = Config.load(environ={"XDG_CONFIG_HOME": str(tmp_path), "APPDATA": str(tmp_path), "HOME": str(tmp_path)})
    if sys.platform != "darwin":
        assert config.values.max_retries == 9
    assert config.path == config_folder({"XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path)}) / "config.toml"


def test_a_variable_names_another_file(file: Path) -> None:
    """CORE_LLM_CONFIG goes before the platform's folder."""
    write(file, "max_retries = 9\n")
    assert Config.load(environ={"CORE_LLM_CONFIG": str(file)}).values.max_retries == 9


def test_a_named_file_must_exist(file: Path) -> None:
    """A file that somebody named and that is not there is an error that names it."""
    with pytest.raises(ConfigError) as caught:
        Config.load(environ={"CORE_LLM_CONFIG": str(file)})
    assert caught.value.message == (f"no configuration file {file}; check the path, or CORE_LLM_CONFIG if it is set")


def test_a_folder_is_not_a_file(tmp_path: Path) -> None:
    """A path that cannot be read says why."""
    with pytest.raises(ConfigError, match=r"cannot read the configuration file .*: Is a directory; check"):
        Config.load(path=tmp_path, environ={})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("max_retries = 1\n= 2\n", "line 2, column 1: Invalid statement"),
        ('default_model = "a:b\n', "line 1, column 21: Illegal character '\\n'"),
        ("a = [1,\n  2", "line 2, column 4: Unclosed array; the file ends too early"),
    ],
)
def test_a_file_that_does_not_parse_says_line_and_column(file: Path, text: str, expected: str) -> None:
    """The error has the path, the line, the column and the parser's reason."""
    with pytest.raises(ConfigError) as caught:
        Config.load(path=write(file, text), environ={})
    assert caught.value.message == f"{file}, {expected}"
    assert caught.value.__context__ is None


def test_a_byte_order_mark_does_no_harm(file: Path) -> None:
    """Editors on Windows put one before the text."""
    file.write_bytes(b"\xef\xbb\xbfmax_retries = 4\n")
    file.chmod(0o600)
    assert Config.load(path=file, environ={}).values.max_retries == 4


def test_a_file_that_is_not_utf8_says_where(file: Path) -> None:
    """Text in another encoding is an error with its line."""
    file.write_bytes(b"# one\ndefault_model = 'caf\xe9:x'\n")
    with pytest.raises(ConfigError) as caught:
        Config.load(path=file, environ={})
    assert caught.value.message == f"{file}, line 2: not UTF-8; save the file as UTF-8"


@pytest.mark.skipif(os.name != "posix", reason="Windows has no permission bits")
def test_a_file_with_keys_that_others_can_read_gets_a_warning(file: Path) -> None:
    """The warning says which command puts it right."""
    write(file, f'[providers.acme]\napi_key = "{KEY}"\n').chmod(0o644)
    with pytest.warns(ConfigWarning) as caught:
        Config.load(path=file, environ={})
    assert str(caught[0].message) == f"other users of this computer can read the keys in {file}; run: chmod 600 {file}"


def test_a_file_without_keys_may_be_read_by_all(file: Path) -> None:
    """Neither does a private file with keys get a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        write(file, "max_retries = 1\n").chmod(0o644)
        assert Config.load(path=file, environ={}).values.max_retries == 1
        write(file, f'[providers.acme]\napi_key = "{KEY}"\n')
        assert Config.load(path=file, environ={}).provider("acme").api_key == SecretStr(KEY)


# The environment


def test_variables_are_read_by_their_paths() -> None:
    """Texts become what the setting is; two underscores go one table down."""
    config = Config.load(
        environ={
            "CORE_LLM_DEFAULT_MODEL": "mybox:small",
            "CORE_LLM_MAX_RETRIES": "5",
            "CORE_LLM_LIMITS__TOTAL": "2.5",
            "CORE_LLM_ROLES__PLANNING": "acme:large",
            "CORE_LLM_SETTINGS__LOGPROBS": "true",
            "CORE_LLM_PROVIDERS__MYBOX__BASE_URL": "http://box:8080/v1",
            "CORE_LLM_PROVIDERS__MYBOX__MAX_RETRIES": "0",
        }
    )
    values = config.values
    assert (values.default_model, values.max_retries, values.limits.total) == ("mybox:small", 5, 2.5)
    assert values.roles == {"planning": "acme:large"}
    assert values.settings.logprobs is True
    assert values.providers["mybox"] == ProviderConfig(base_url="http://box:8080/v1", max_retries=0)


def test_what_only_a_provider_knows_may_be_json() -> None:
    """Options in variables are JSON if they can be read so, and texts otherwise."""
    prefix = "CORE_LLM_PROVIDERS__ACME__"
    config = Config.load(
        environ={
            f"{prefix}OPTIONS__API_VERSION": "2024-10-21",
            f"{prefix}PROVIDER_OPTIONS__CACHE_PROMPT": "true",
            f"{prefix}PROVIDER_OPTIONS__SAFETY": '{"level": [1, 2]}',
        }
    )
    acme = config.provider("acme")
    assert acme.options == {"api_version": "2024-10-21"}
    assert acme.provider_options == {"cache_prompt": True, "safety": {"level": [1, 2]}}


def test_hyphens_return_to_the_names_that_have_them() -> None:
    """No variable can hold a hyphen: names of endpoints and headers get it back, unless the file has an underscore."""
    environ = {
        "CORE_LLM_PROVIDERS__MY_BOX__HEADERS__X_ORG": "blue",
        "CORE_LLM_PROVIDERS__OLD_BOX__BASE_URL": "http://new",
    }
    config = Config.load(environ=environ, layers=[("a", {"providers": {"old_box": {"base_url": "http://old"}}})])
    assert sorted(config.values.providers) == ["my-box", "old_box"]
    assert list(config.provider("my-box").headers) == ["x-org"]
    assert config.provider("old_box").base_url == "http://new"


def test_disabled_plugins_are_a_comma_list() -> None:
    """CORE_LLM_DISABLE_PLUGINS takes names with commas between."""
    values = Config.load(environ={"CORE_LLM_DISABLE_PLUGINS": "plugin-a, acme,"}).values
    assert values.disabled_plugins == ("plugin-a", "acme")


@pytest.mark.parametrize(("text", "stop"), [("END", ("END",)), ('["a", "b"]', ("a", "b"))])
def test_stop_texts_are_one_or_a_json_list(text: str, stop: tuple[str, ...]) -> None:
    """A stop text may have commas in it, so a list is written as JSON."""
    assert Config.load(environ={"CORE_LLM_SETTINGS__STOP": text}).values.settings.stop == stop


def test_empty_and_foreign_variables_are_no_settings() -> None:
    """An empty variable is not set; those of plugins and of tests belong to others."""
    environ = {"CORE_LLM_TRANSPORT": " ", "CORE_LLM_PLUGIN_LOCAL_X": "1", "CORE_LLM_CORPUS": "/x", "OTHER": "1"}
    assert Config.load(environ=environ).values.transport == "httpx"


def test_an_empty_variable_is_not_set() -> None:
    """Looking a variable up takes blanks for nothing, and takes them off a value."""
    config = Config.load(environ={"A": "  ", "B": " x\n"})
    assert (config.variable("A"), config.variable("B"), config.variable("C")) == (None, "x", None)


# Folders


@pytest.mark.parametrize(
    ("platform", "environ", "config", "cache"),
    [
        ("linux", {"HOME": "/home/me"}, "/home/me/.config/core-llm", "/home/me/.cache/core-llm"),
        (
            "linux",
            {"HOME": "/home/me", "XDG_CONFIG_HOME": "/etc/me", "XDG_CACHE_HOME": "/tmp/me"},  # noqa: S108  # not used
            "/etc/me/core-llm",
            "/tmp/me/core-llm",  # noqa: S108  # not used
        ),
        (
            "linux",
            {"HOME": "/home/me", "XDG_CONFIG_HOME": "here", "XDG_CACHE_HOME": "here"},
            "/home/me/.config/core-llm",
            "/home/me/.cache/core-llm",
        ),
        (
            "darwin",
            {"HOME": "/Users/me", "XDG_CONFIG_HOME": "/x"},
            "/Users/me/Library/Application Support/core-llm",
            "/Users/me/Library/Caches/core-llm",
        ),
        (
            "win32",
            {"APPDATA": "C:/Users/me/Roaming", "LOCALAPPDATA": "C:/Users/me/Local"},
            "C:/Users/me/Roaming/core-llm",
            "C:/Users/me/Local/core-llm/Cache",
        ),
    ],
)
def test_each_platform_has_its_folders(platform: str, environ: dict[str, str], config: str, cache: str) -> None:
    """The folders are where the platform's own programs keep such files; a relative XDG path is ignored."""
    assert config_folder(environ, platform) == Path(config)
    assert cache_folder(environ, platform) == Path(cache)
