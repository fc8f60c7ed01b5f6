"""Which plugin a verb was asked about: what the author's own suite class says of it, or the words of the command.

The author's file is read and not run: its class says what it says in literals.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import click
import yaml
from pydantic import JsonValue

AUTHORS_FILES: Final = ("tests/test_conformance.py", "test_conformance.py")
"""Where an author's suite class is looked for, from the current folder."""
_LITERALS: Final = ("provider", "model", "models", "config", "cassettes", "extras")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The words of the command about the plugin."""

    provider: str
    model: str | None
    cassettes: Path | None
    base_url: str | None
    options: tuple[str, ...]
    suite: str | None

    @property
    def says_how(self) -> bool:
        """Whether the command describes the plugin itself, so that the author's class is not asked."""
        return any((self.model, self.cassettes, self.base_url, self.options))


@dataclass(frozen=True, slots=True)
class Described:
    """What is said of a plugin: by a suite class, or by the words of the command."""

    name: str
    provider: str
    model: str
    models: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, JsonValue] = field(default_factory=dict)
    cassettes: Path = Path("tests/cassettes")
    extras: Mapping[str, Mapping[str, JsonValue]] = field(default_factory=dict)


def authors_file(provider: str) -> Path | None:
    """Return the file in which the author has a suite class for this provider."""
    for name in AUTHORS_FILES:
        if any(_suites(Path(name), provider)):
            return Path(name)
    return None


def described(asked: Asked) -> Described:
    """Return what is said of the plugin: by the author's class, if the command says nothing itself.

    Raises:
        click.UsageError: Neither says which model is asked, or there are several classes and none is named.
    """
    file = None if asked.says_how else authors_file(asked.provider)
    if file is None:
        return _from_words(asked)
    found = [suite for suite in _suites(file, asked.provider) if asked.suite in (None, suite.name)]
    if len(found) != 1:
        names = ", ".join(suite.name for suite in _suites(file, asked.provider))
        raise click.UsageError(f"{file} has {names} for {asked.provider}; name one with --suite")
    return found[0]


def _from_words(asked: Asked) -> Described:
    folder = (asked.cassettes or Path("tests/cassettes")).absolute()
    model = asked.model or _recorded_model(folder)
    if model is None:
        raise click.UsageError(f"no model: name one with --model; there are no cassettes in {folder} to tell one")
    config: dict[str, JsonValue] = {"base_url": asked.base_url} if asked.base_url else {}
    if asked.options:
        config["options"] = dict(map(_option, asked.options))
    name = "Test" + "".join(word.capitalize() for word in asked.provider.replace("_", "-").split("-"))
    return Described(name, asked.provider, model, {}, config, folder)


def _option(text: str) -> tuple[str, JsonValue]:
    """Return an option and its value: JSON, or else a text."""
    name, is_given, value = text.partition("=")
    if not is_given:
        raise click.UsageError(f"{text!r} is no NAME=VALUE")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _recorded_model(folder: Path) -> str | None:
    """Return the model of the first cassette that tells one, the plainest first."""
    for path in (folder / "text.yaml", *sorted(folder.glob("*.yaml"))):
        with suppress(OSError, yaml.YAMLError, KeyError, TypeError):
            model = yaml.safe_load(path.read_bytes())["core_llm_conformance"]["model"]
            return model if isinstance(model, str) else None
    return None


def _suites(file: Path, provider: str) -> Iterator[Described]:
    """Yield what the classes of a file say of a provider."""
    try:
        tree = ast.parse(file.read_bytes(), filename=str(file))
    except (OSError, SyntaxError):
        return
    said: dict[str, dict[str, object]] = {}
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            bases = [base.id for base in node.bases if isinstance(base, ast.Name)]
            said[node.name] = {
                **{k: v for base in bases for k, v in said.get(base, {}).items()},
                **dict(_literals(node)),
            }
            found = said[node.name]
            if found.get("provider") == provider and isinstance(found.get("model"), str):
                yield _described(node.name, found, file)


def _described(name: str, said: Mapping[str, object], file: Path) -> Described:
    models, config, extras = said.get("models"), said.get("config"), said.get("extras")
    return Described(
        name,
        str(said["provider"]),
        str(said["model"]),
        models if isinstance(models, dict) else {},
        config if isinstance(config, dict) else {},
        file.absolute().parent / str(said.get("cassettes", "cassettes")),
        extras if isinstance(extras, dict) else {},
    )


def _literals(node: ast.ClassDef) -> Iterator[tuple[str, object]]:
    for statement in node.body:
        match statement:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ) if name in _LITERALS:
                with suppress(ValueError):
                    yield name, ast.literal_eval(value)
            case _:
                pass
