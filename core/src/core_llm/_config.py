"""Config: settings from every layer, merged. The only reader of the environment.

Layers, the lowest first: defaults, the configuration file, plugins, the environment, arguments. What the settings are
is in `_config_model`; how a layer is checked and merged, in `_config_layers`; how a key is found, in `_keys`.
"""

from __future__ import annotations

import json
import os
import re
import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self, TypeVar

from core_llm._config_layers import (
    ExplainedSetting,
    Layer,
    Leaves,
    build_values,
    default_leaves,
    explain_leaves,
    has_secret,
    read_layer,
)
from core_llm._config_model import ConfigValues, ProviderConfig
from core_llm._errors import ConfigError

PREFIX = "CORE_LLM_"
FILE_VARIABLE = "CORE_LLM_CONFIG"
"""Names another configuration file."""
PLUGIN_PREFIX = "CORE_LLM_PLUGIN_"
"""Variables that begin so belong to plugins; they are no settings of the core."""
_LISTS = frozenset({("disabled_plugins",), ("fallback", "models"), ("fallback", "on"), ("retries", "statuses")})
"""Settings whose variables hold several values, separated by commas; those of a provider without its name."""
_NOT_SETTINGS = frozenset({FILE_VARIABLE, "CORE_LLM_CORPUS"})
_READABLE_BY_OTHERS = 0o044

T = TypeVar("T")


class ConfigWarning(UserWarning):
    """The set-up works but is unwise: a file with keys that other users can read."""


class Config:
    """The merged configuration, which remembers where each setting came from.

    Attributes:
        values: The settings.
        environ: The environment that was read; keys are looked up in it when they are needed.
        path: The configuration file, whether or not it exists.
    """

    def __init__(
        self,
        *,
        path: Path,
        file: Leaves,
        environ: Mapping[str, str],
        layers: Sequence[tuple[str, Layer]] = (),
        arguments: Sequence[Layer | ConfigValues] = (),
    ) -> None:
        self.path = path
        self.environ = environ
        self._file = file
        self._layers = tuple(layers)
        self._arguments = tuple(arguments)
        leaves = default_leaves() | file
        for plugin, layer in layers:
            leaves |= read_layer(layer, f"plugin {plugin}")
        leaves |= _read_environment(environ, leaves)
        for given in arguments:
            leaves |= read_layer(_as_layer(given), "argument")
        self._leaves = leaves
        self.values: ConfigValues = build_values(leaves)

    @classmethod
    def load(
        cls,
        *,
        path: Path | None = None,
        environ: Mapping[str, str] | None = None,
        layers: Sequence[tuple[str, Layer]] = (),
        arguments: Layer | ConfigValues | None = None,
    ) -> Self:
        """Read and merge all layers.

        Args:
            path: The configuration file, which must exist. By default the one that ``CORE_LLM_CONFIG`` names or, if
                there is one, ``config.toml`` in the platform's configuration folder.
            environ: In place of the process's environment.
            layers: What plugins supply, each with the plugin's name; a later one overrides an earlier one.
            arguments: What the caller gives, in the shape of the file; it overrides everything.

        Raises:
            ConfigError: A file that was named is missing, cannot be read or is not TOML; says the line and column.
            InvalidSettingError: A setting is unknown or has a wrong value; says which, its layer and what is accepted.
        """
        environ = os.environ if environ is None else environ
        path, is_named = _config_path(path, environ)
        file = _read_file(path, is_named=is_named)
        return cls(
            path=path, file=file, environ=environ, layers=layers, arguments=() if arguments is None else (arguments,)
        )

    def with_layers(self, layers: Sequence[tuple[str, Layer]]) -> Config:
        """Return this configuration with these layers of plugins too: above the file, below the environment.

        Raises:
            InvalidSettingError: A layer has an unknown setting or a wrong value.
        """
        return self._with((*self._layers, *layers), self._arguments)

    def with_arguments(self, arguments: Layer | ConfigValues) -> Config:
        """Return this configuration with these settings above all others.

        Raises:
            InvalidSettingError: A setting is unknown or has a wrong value.
        """
        return self._with(self._layers, (*self._arguments, arguments))

    def _with(self, layers: Sequence[tuple[str, Layer]], arguments: Sequence[Layer | ConfigValues]) -> Config:
        return Config(path=self.path, file=self._file, environ=self.environ, layers=layers, arguments=arguments)

    def provider(self, name: str) -> ProviderConfig:
        """Return the section of a provider or named endpoint; an empty one if it has none."""
        return self.values.providers.get(name) or ProviderConfig()

    def origin(self, name: str) -> str:
        """Return the layer that set a setting, e.g. ``environment CORE_LLM_MAX_RETRIES``; ``default`` if none did."""
        leaf = self._leaves.get(tuple(name.split(".")))
        return "default" if leaf is None else leaf.origin

    def explain(self) -> list[ExplainedSetting]:
        """Return every setting with its value and its layer, for ``core-llm config``; never a secret."""
        return explain_leaves(self._leaves)

    def variable(self, name: str) -> str | None:
        """Return an environment variable; None if it is not set or empty."""
        return self.environ.get(name, "").strip() or None


def config_folder(environ: Mapping[str, str] | None = None, platform: str = sys.platform) -> Path:
    """Return where the platform keeps configuration.

    Args:
        environ: In place of the process's environment.
        platform: As `sys.platform` has it.
    """
    return _platform_folder(environ, platform, "XDG_CONFIG_HOME", ".config", "Application Support", "APPDATA")


def cache_folder(environ: Mapping[str, str] | None = None, platform: str = sys.platform) -> Path:
    """Return where the platform keeps what can be fetched again.

    Args:
        environ: In place of the process's environment.
        platform: As `sys.platform` has it.
    """
    folder = _platform_folder(environ, platform, "XDG_CACHE_HOME", ".cache", "Caches", "LOCALAPPDATA")
    return folder / "Cache" if platform == "win32" else folder


def _platform_folder(  # noqa: PLR0917  # a table's row
    environ: Mapping[str, str] | None, platform: str, xdg: str, dotted: str, library: str, windows: str
) -> Path:
    environ = os.environ if environ is None else environ
    if platform == "win32":
        given = environ.get(windows) or environ.get("USERPROFILE")
        return Path(given or _home(environ)) / "core-llm"
    if platform == "darwin":
        return _home(environ) / "Library" / library / "core-llm"
    given = environ.get(xdg, "")
    # The XDG specification says to ignore a relative path.
    return (Path(given) if given.startswith("/") else _home(environ) / dotted) / "core-llm"


def _home(environ: Mapping[str, str]) -> Path:
    if environ.get("HOME"):
        return Path(environ["HOME"])
    try:
        return Path.home()
    except RuntimeError:  # a container may run as a user that is not in its password file
        return Path(os.sep)


def _config_path(path: Path | None, environ: Mapping[str, str]) -> tuple[Path, bool]:
    """Return the file to read, and whether somebody named it, so that it must exist."""
    if path is not None:
        return Path(path), True
    if named := environ.get(FILE_VARIABLE):
        return Path(named).expanduser(), True
    return config_folder(environ) / "config.toml", False


def _read_file(path: Path, *, is_named: bool) -> Leaves:
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        if not is_named:
            return {}
        raise ConfigError(f"no configuration file {path}; check the path, or {FILE_VARIABLE} if it is set") from None
    except OSError as error:
        if not is_named and not os.access(path.parent, os.X_OK):
            return {}  # a container may run with the home folder of another user
        msg = f"cannot read the configuration file {path}: {error.strerror}; check its permissions"
        raise ConfigError(msg) from None
    leaves = read_layer(_parse_toml(content, path), f"file {path}")
    _warn_of_readers(path, leaves)
    return leaves


def _parse_toml(content: bytes, path: Path) -> Layer:
    import tomllib  # noqa: PLC0415  # most people have no file

    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}, line {line}: not UTF-8; save the file as UTF-8") from None
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
    # Not inside the block, so that nothing leads to the error: from Python 3.14 on, it holds the text of the file.
    if found := re.search(r"\s*\(at line (\d+), column (\d+)\)$", message):
        line, column = int(found[1]), int(found[2])
        message = message[: found.start()]
    else:  # "(at end of document)"
        message = re.sub(r"\s*\(at end of document\)$", "; the file ends too early", message)
        line, column = text.count("\n") + 1, len(text) - text.rfind("\n")
    raise ConfigError(f"{path}, line {line}, column {column}: {message}")


def _warn_of_readers(path: Path, leaves: Leaves) -> None:
    """Warn if others than the owner may read a file that holds keys. Windows has no such bits."""
    has_key = any(name[0] == "providers" and name[2] in ("api_key", "headers") for name in leaves)
    has_key = has_key or any(has_secret(leaf.value) for name, leaf in leaves.items() if name[0] == "plugins")
    if has_key and os.name == "posix" and path.stat().st_mode & _READABLE_BY_OTHERS:
        msg = f"other users of this computer can read the keys in {path}; run: chmod 600 {path}"
        warnings.warn(ConfigWarning(msg), stacklevel=2)


def _read_environment(environ: Mapping[str, str], lower: Leaves) -> Leaves:
    """Return the settings of the environment: ``CORE_LLM_``, then the path joined by ``__``; an empty one is none."""
    providers = {path[1] for path in lower if path[0] == "providers"}
    leaves: Leaves = {}
    for variable, text in environ.items():
        is_setting = variable.startswith(PREFIX) and not variable.startswith(PLUGIN_PREFIX)
        if not is_setting or variable in _NOT_SETTINGS or not text.strip():
            continue
        path = _variable_path(variable, providers)
        layer: Layer = {path[-1]: _parse_variable(path, text)}
        for name in reversed(path[:-1]):
            layer = {name: layer}
        leaves |= read_layer(layer, f"environment {variable}", is_strict=False)
    return leaves


def _variable_path(variable: str, providers: set[str]) -> list[str]:
    """Return a setting's path; names that may hold a hyphen, which no variable can, get it back."""
    path = variable.removeprefix(PREFIX).lower().split("__")
    if path == ["disable_plugins"]:
        return ["disabled_plugins"]
    if path[0] == "providers" and len(path) > 1:
        hyphenated = path[1].replace("_", "-")
        path[1] = next((name for name in providers if name.lower().replace("-", "_") == path[1]), hyphenated)
        if len(path) == 4 and path[2] == "headers":  # noqa: PLR2004  # providers, name, headers, header
            path[3] = path[3].replace("_", "-")
    return path


def _parse_variable(path: Sequence[str], text: str) -> str | tuple[str, ...] | Layer:
    """Return a variable's value; numbers and the like stay texts, which the check of the layer converts."""
    if tuple(path) in _LISTS or tuple(path[2:]) in _LISTS:
        return tuple(name.strip() for name in text.split(",") if name.strip())
    is_free = path[0] == "plugins" or (
        path[0] == "providers" and len(path) > 3 and path[2] in ("options", "provider_options")  # noqa: PLR2004
    )
    if is_free or (path[-1] == "stop" and text.startswith("[")):
        try:
            parsed: Layer = json.loads(text)
        except ValueError:
            return text
        return parsed
    return text


def _as_layer(arguments: Layer | ConfigValues) -> Layer:
    if isinstance(arguments, ConfigValues):
        return {name: getattr(arguments, name) for name in arguments.model_fields_set}
    return arguments
