"""Finding a provider's API key: given by the caller, in the configuration, from a plugin, in the environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from pydantic import SecretStr

from core_llm._config import Config
from core_llm._config_model import Credentials
from core_llm._errors import ConfigError, MissingAPIKeyError
from core_llm._logging import logger
from core_llm._redaction import register_secret

if TYPE_CHECKING:
    from core_llm._provider import Provider

KeyFinder = tuple[str, Callable[[str], SecretStr | str | None]]
"""A plugin's name, and what it does when asked for the key of a provider."""


def find_api_key(
    provider: Provider,
    config: Config,
    finders: Sequence[KeyFinder] = (),
    explicit: Mapping[str, Credentials] | None = None,
) -> Credentials | None:
    """Return a provider's key, or None if there is none and the provider can do without.

    Looks at what the caller gave, then the configuration, then plugins in their order, then environment variables. A
    key that is found joins the redaction set. A plugin that raises is reported in the log, and the next is asked; since
    plugins may block, run this in a worker thread under the async client.

    Args:
        provider: Who needs the key.
        config: The configuration.
        finders: What plugins offer, see `PluginRegistry.key_finders`.
        explicit: Provider's name → key, or a callable that returns one; what ``Client(api_keys=)`` takes.

    Raises:
        MissingAPIKeyError: No key was found and the provider needs one; says where was looked and what to do.
        ConfigError: What was found cannot be a key.
    """
    name = provider.endpoint
    given = (explicit or {}).get(name)
    if given is not None and not isinstance(given, str | SecretStr):
        return given
    if given is not None and (key := as_key(given, name, f"Client(api_keys={{{name!r}: ...}})")):
        return key
    configured = provider.config.api_key or config.provider(name).api_key
    if configured is not None and (key := as_key(configured, name, f"the setting providers.{name}.api_key")):
        return key
    for plugin, find in finders:
        if key := _ask(plugin, find, name):
            return key
    variables, unused = _variables(provider, config)
    for variable in variables:
        if (text := config.variable(variable)) and (key := as_key(text, name, variable)):
            return key
    if not provider.needs_api_key:
        return None
    raise _missing(name, config, [plugin for plugin, _ in finders], variables, unused)


def _ask(plugin: str, find: Callable[[str], SecretStr | str | None], name: str) -> SecretStr | None:
    try:
        found = find(name)
        return None if found is None else as_key(found, name, plugin)
    except Exception as error:  # noqa: BLE001  # whatever a plugin raises, the next one is asked
        logger.warning("%s failed to look up the API key of %s: %s: %s", plugin, name, type(error).__name__, error)
        return None


def as_key(value: str | SecretStr, name: str, source: str) -> SecretStr | None:
    """Return the key without blanks around it, such as the line break of the file it came from; None if it is empty.

    Raises:
        ConfigError: It has a character that no HTTP header can hold; the HTTP library's own error would show the key.
    """
    text = (value.get_secret_value() if isinstance(value, SecretStr) else value).strip()
    if not text:
        return None
    register_secret(text)
    if not (text.isascii() and text.isprintable()):
        msg = (
            f"the API key of {name} from {source} has a line break or a character that no HTTP header can hold, "
            f"perhaps a typographic quote; copy it again"
        )
        raise ConfigError(msg)
    return SecretStr(text)


def _variables(provider: Provider, config: Config) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the variables to look at, and those left out.

    A named endpoint with an address of its own is somebody else's server: the usual key of the provider whose code it
    uses is not sent there unless the configuration says so.
    """
    section = config.provider(provider.endpoint)
    if own := provider.config.api_key_env or section.api_key_env:
        return (own,), ()
    usual = provider.api_key_env or ()
    usual = (usual,) if isinstance(usual, str) else tuple(usual)
    is_elsewhere = provider.endpoint != provider.name and (provider.config.base_url or section.base_url) is not None
    return ((), usual) if is_elsewhere else (usual, ())


def _missing(
    name: str, config: Config, plugins: Sequence[str], variables: Sequence[str], unused: Sequence[str]
) -> MissingAPIKeyError:
    looked = [f"Client(api_keys={{{name!r}: ...}})", f"the setting providers.{name}.api_key in {config.path}"]
    looked += plugins
    looked += [f"environment variable {variable}" for variable in variables]
    msg = f"no API key for {name}; looked in this order at {'; '.join(looked)}."
    if unused:
        msg += (
            f" {' and '.join(unused)} is not sent to another address; to send it, "
            f'set providers.{name}.api_key_env = "{unused[0]}".'
        )
    first = f"Set {variables[0]}" if variables else f"Set providers.{name}.api_key_env to the variable that holds it"
    return MissingAPIKeyError(f"{msg} {first}, or api_key under [providers.{name}] in that file.")
