"""Layers of configuration: how one is checked, how they are merged, and where each setting came from.

Pure: mappings in, values out. What reads files and the environment is `_config`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import PurePath
from typing import NamedTuple, get_args, get_origin
from urllib.parse import unquote

from pydantic import BaseModel, SecretStr, ValidationError

from core_llm._config_model import DEFAULT_LIMITS, WANTED_SECONDS, ConfigValues
from core_llm._errors import InvalidSettingError
from core_llm._redaction import redact, register_secret
from core_llm._retries import DEFAULT_RETRIES
from core_llm._value import OF_A_LAYER

SettingPath = tuple[str, ...]
"""Where a setting stands: ``("providers", "acme", "api_key")``."""
Layer = Mapping[str, object]
"""Settings in the shape of the configuration file, whose tables may also be the models of `_config_model`."""

_FREE_TABLES = ("options", "provider_options", "query")
"""Tables of a provider whose names are the provider's own; only the name can tell a secret from another value."""
_SECRET_NAME = re.compile(r"(^|[_-])(api[_-]?key|key|token|secret|password|authorization)$", re.IGNORECASE)
_SECRET_TABLES = ("env", "headers")
"""Tables of a plugin's settings all of whose values are secret."""
_NAMES_VARIABLES = "_from"
"""Ends the name of a plugin's setting that says which variables hold secrets, and holds none itself."""
_URL_PASSWORD = re.compile(r"://(?:[^/@:]*:)?([^/@]+)@")


class Leaf(NamedTuple):
    """One setting as a layer gives it."""

    value: object
    origin: str


class ExplainedSetting(NamedTuple):
    """One line of ``core-llm config``: the setting's name, its value as it may be shown, and the layer that set it."""

    name: str
    value: str
    origin: str


Leaves = dict[SettingPath, Leaf]


def default_leaves() -> Leaves:
    """Return the lowest layer: what holds where nothing is set."""
    scalars = (
        "default_model",
        "max_retries",
        "recovery",
        "max_concurrency",
        "on_busy",
        "transport",
        "on_unsupported",
        "disabled_plugins",
    )
    leaves: Leaves = {(name,): Leaf(ConfigValues.model_fields[name].default, "default") for name in scalars}
    for name, value in DEFAULT_LIMITS:
        leaves["limits", name] = Leaf(value, "default")
    for name, value in DEFAULT_RETRIES:
        leaves["retries", name] = Leaf(value, "default")
    return leaves


def read_layer(layer: Layer, origin: str, *, is_strict: bool = True) -> Leaves:
    """Return one layer's settings, checked.

    Args:
        layer: Nested as the configuration file is.
        origin: What to call the layer, e.g. ``file /home/me/.config/core-llm/config.toml``.
        is_strict: Whether ``"2"`` is no number; False for the environment, where all values are texts.

    Raises:
        InvalidSettingError: A setting is unknown or has a value of the wrong type.
    """
    leaves = {path: Leaf(_secured(path, value), origin) for path, value in _walk(layer, ConfigValues, (), origin)}
    values = build_values(leaves, is_strict=is_strict)
    # Within one layer only: a total that shortens what a lower layer set is how layers are meant.
    for limits in (values.limits, *(provider.limits for provider in values.providers.values())):
        limits.check_reach(f" ({origin})")
    return leaves


def build_values(leaves: Leaves, *, is_strict: bool = False) -> ConfigValues:
    """Return the configuration that `leaves` make.

    Raises:
        InvalidSettingError: A value has the wrong type or is out of its range.
    """
    nested: dict[str, object] = {}
    for path, leaf in leaves.items():
        table = nested
        for name in path[:-1]:
            table = table.setdefault(name, {})  # type: ignore[assignment]  # inner tables are made on this line
        table[path[-1]] = leaf.value
    try:
        return ConfigValues.model_validate(nested, strict=is_strict, context=OF_A_LAYER)
    except ValidationError as error:
        wrong = _wrong_value(error, leaves)
    # Not inside the block, so that nothing leads to pydantic's error, which holds the input: it may be a key.
    raise wrong


def explain_leaves(leaves: Leaves) -> list[ExplainedSetting]:
    """Return every setting that has a value, in the order of the configuration model, none of them showing a secret."""
    order = list(ConfigValues.model_fields)
    paths = sorted(leaves, key=lambda path: (order.index(path[0]), path))
    return [ExplainedSetting(".".join(path), _shown(path, leaves[path].value), leaves[path].origin) for path in paths]


_Settings = Iterator[tuple[SettingPath, object]]


def _walk(layer: object, model: type[BaseModel], path: SettingPath, origin: str) -> _Settings:
    """Yield each setting of a layer with its path; a table that is free in its names ends the walk below it."""
    for name, value in _table(layer, path, origin).items():
        field = model.model_fields.get(name)
        if field is None:
            raise _unknown_setting((*path, name), model.model_fields, origin)
        yield from _walk_field(value, field.annotation, (*path, name), origin)


def _walk_field(value: object, kind: object, path: SettingPath, origin: str) -> _Settings:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield from _walk(value, kind, path, origin)
    elif get_origin(kind) is dict:
        inner = get_args(kind)[1]
        for name, item in _table(value, path, origin).items():
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                yield from _walk(item, inner, (*path, name), origin)
            else:
                yield (*path, name), item
    else:
        wants_tuple = any(get_origin(kind_or_part) is tuple for kind_or_part in (kind, *get_args(kind)))
        yield path, tuple(value) if wants_tuple and isinstance(value, list) else value


def _table(value: object, path: SettingPath, origin: str) -> dict[str, object]:
    if isinstance(value, BaseModel):
        return {name: getattr(value, name) for name in value.model_fields_set}
    if isinstance(value, Mapping):
        return {str(name): item for name, item in value.items()}
    where = ".".join(path) or "the configuration"
    hint = "" if path or not isinstance(value, str | PurePath) else "; to read a file: config=Config.load(path=...)"
    raise InvalidSettingError(f"{where} must be a table; got {_given(path, value)} ({origin}){hint}")


def _is_secret(path: SettingPath) -> bool:
    match path:
        case ("providers", _, "api_key") | ("providers", _, "headers", _):
            return True
        case ("providers", _, table, name) if table in _FREE_TABLES:
            return _SECRET_NAME.search(name) is not None
        case _:
            return False


def _secured(path: SettingPath, value: object) -> object:
    """Return the value, a key as SecretStr; whatever is secret joins the redaction set on the way."""
    if path[-1] == "base_url" and isinstance(value, str) and (found := _URL_PASSWORD.search(value)):
        register_secret(found[1])
        register_secret(unquote(found[1]))
    if path[0] == "plugins":
        _hidden(value)
    if not _is_secret(path):
        return value
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    if not isinstance(text, str):
        return value
    register_secret(text)
    return value if path[2] in _FREE_TABLES else SecretStr(text)


def _hidden(value: object, *, is_secret: bool = False) -> object:
    """Return a plugin's settings without what its name makes a secret, which joins the redaction set on the way."""
    match value:
        case str() if is_secret:
            register_secret(value)
            return "[secret]"
        case Mapping():
            names = {
                name: is_secret or name in _SECRET_TABLES or bool(_SECRET_NAME.search(str(name))) for name in value
            }
            return {
                name: item if str(name).endswith(_NAMES_VARIABLES) else _hidden(item, is_secret=names[name])
                for name, item in value.items()
            }
        case list() | tuple():
            return [_hidden(item, is_secret=is_secret) for item in value]
        case _:
            return value


def has_secret(settings: object) -> bool:
    """Whether a plugin's settings hold what its name makes a secret."""
    return _hidden(settings) != settings


def _shown(path: SettingPath, value: object) -> str:
    if isinstance(value, SecretStr) or _is_secret(path):
        return "[secret]"
    if path[0] == "plugins":
        value = _hidden(value)
    match value:
        case None:
            return "not set"
        case str():
            return redact(value)
        case tuple():
            return redact(", ".join(str(item) for item in value)) or "none"
        case float():
            return f"{value:g}"
        case _:
            return redact(json.dumps(value, default=str))


def _unknown_setting(path: SettingPath, accepted: Iterable[str], origin: str) -> InvalidSettingError:
    accepted = list(accepted)
    near = get_close_matches(path[-1], accepted, n=1)
    hint = f"; did you mean {'.'.join((*path[:-1], near[0]))!r}?" if near else "."
    return InvalidSettingError(f"unknown setting {'.'.join(path)!r} ({origin}){hint} Accepted: {', '.join(accepted)}")


_WANTED = {
    "bool": "true or false",
    "dict": "a table",
    "float": "a number",
    "finite": "a number",
    "seconds": WANTED_SECONDS,
    "int": "a whole number",
    "string": "a text",
    "tuple": "a list of texts",
}


def _wrong_value(error: ValidationError, leaves: Leaves) -> InvalidSettingError:
    first = error.errors(include_url=False)[0]
    loc = tuple(str(part) for part in first["loc"])
    path = next((loc[:end] for end in range(len(loc), 0, -1) if loc[:end] in leaves), loc)
    leaf = leaves.get(path, Leaf(first["input"], "configuration"))
    limits = first.get("ctx", {})
    match first["type"]:
        case "literal_error":
            wanted = f"{limits['expected']}"
        case "greater_than":
            wanted = f"greater than {limits['gt']:g}"
        case "greater_than_equal":
            wanted = f"{limits['ge']:g} or more"
        case "less_than_equal":
            wanted = f"{limits['le']:g} or less"
        case kind:
            wanted = _WANTED.get(kind.partition("_")[0]) or f"valid: {first['msg'].removeprefix('Value error, ')}"
    name = ".".join(path)
    return InvalidSettingError(f"{name} must be {wanted}; got {_given(path, leaf.value)} ({leaf.origin})")


def _given(path: SettingPath, value: object) -> str:
    if isinstance(value, SecretStr) or _is_secret(path):
        return "a value that is kept secret"
    text = repr(_hidden(value) if path[:1] == ("plugins",) else value)
    return text if len(text) <= 60 else f"{text[:57]}..."  # noqa: PLR2004  # enough to recognise it by
