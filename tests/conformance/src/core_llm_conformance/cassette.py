"""A plugin's own cassettes: one YAML a scenario, which stock vcrpy plays, with a head of ours that vcrpy passes over.

Here they are read. Writing, scrubbing and promoting them is in `recording`; how a request is matched, in `matching`.

    core_llm_conformance:
      suite: "1.0"
      scenario: text
      origin: recorded            # or: documented
      source: llama.cpp b10434    # the server and its version, or the page of the provider's reference
      model: smollm2
      date: 2026-11-21
      plugin: plugin-acme 0.1.0
      interactions:
      - mode: stream              # one of these for each interaction below, in the same order
        turn: 0
        expected: {text: Hello, finish_reason: stop, …}
    interactions: […]             # vcrpy's
    version: 1
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Literal, Self, cast
from urllib.parse import urlsplit

import yaml
from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter, ValidationError

from core_llm_conformance.failure import fail
from core_llm_conformance.scenario import Mode
from core_llm_conformance.walk.expected import Expected

try:
    from yaml import CSafeLoader as _YamlLoader
except ImportError:  # PyYAML without libyaml
    from yaml import SafeLoader as _YamlLoader  # type: ignore[assignment]

HEAD = "core_llm_conformance"
"""The key of our head in the file."""
Origin = Literal["recorded", "documented"]
_JSON: TypeAdapter[JsonValue] = TypeAdapter(JsonValue)


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class InteractionHead(_Strict):
    """What our head says of one of vcrpy's interactions."""

    mode: Mode
    turn: int = 0
    expected: Expected | None = None
    """What the plugin must make of the answer; None only for a call that is no chat."""
    value: JsonValue = None
    """What a call that is no chat must return, as JSON."""


class Head(_Strict):
    """Where a cassette comes from."""

    suite: str
    scenario: str
    origin: Origin
    source: str
    model: str
    date: dt.date
    plugin: str
    opaque: tuple[str, ...] = ()
    """Names of fields of answers whose values chance makes and that are no secrets, as the author says."""
    interactions: tuple[InteractionHead, ...]


class Interaction(_Strict):
    """One request and its answer."""

    head: InteractionHead
    method: str
    url: str
    request_headers: Mapping[str, str]
    request_body: bytes = Field(repr=False)
    status: int
    headers: Mapping[str, str]
    """Of the answer; names in lower case."""
    body: bytes = Field(repr=False)

    @property
    def path(self) -> str:
        """The address's path."""
        return urlsplit(self.url).path

    @property
    def request_json(self) -> JsonValue:
        """The request's body, parsed; None if it has none."""
        return _JSON.validate_json(self.request_body) if self.request_body else None


class Cassette(_Strict):
    """One file."""

    path: Path
    head: Head
    interactions: tuple[Interaction, ...]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a cassette.

        Raises:
            ConformanceFailure: It is missing, or is no cassette of ours; says what is wrong with it.
        """
        try:
            state = path.stat()
            return cast("Self", _read(path, state.st_mtime_ns, state.st_size))
        except FileNotFoundError:
            raise fail(
                "every scenario that a plugin claims has a cassette",
                f"there is no {path.name} in {path.parent}",
                scenario=path.stem,
                look_at="record it with `core-llm conformance record`, compose it with `--compose`, or declare the "
                "capability untested(reason)",
            ) from None
        except yaml.YAMLError as error:
            raise fail("a cassette is YAML", str(error), scenario=path.stem, look_at=str(path)) from None

    @classmethod
    def of_yaml(cls, path: Path, raw: object) -> Self:
        """Return the cassette that a file's YAML is.

        Raises:
            ConformanceFailure: It is none of ours; says what is wrong with it.
        """
        try:
            raw_head, played = raw[HEAD], raw["interactions"]  # type: ignore[index]  # anything else is caught below
            head = Head.model_validate(raw_head)
            pairs = zip(head.interactions, played, strict=True)
            return cls(path=path, head=head, interactions=tuple(_interaction(*pair) for pair in pairs))
        except (KeyError, TypeError, ValueError, ValidationError) as error:
            raise fail(
                "a cassette has our head and vcrpy's interactions, one entry in the head for each",
                f"{type(error).__name__}: {error}",
                scenario=path.stem,
                look_at=str(path),
            ) from None

    def of(self, mode: Mode) -> tuple[Interaction, ...]:
        """Return the interactions of one mode, a turn each, in order."""
        found = [interaction for interaction in self.interactions if interaction.head.mode == mode]
        return tuple(sorted(found, key=lambda interaction: interaction.head.turn))


@lru_cache(maxsize=512)
def _read(path: Path, changed_ns: int, size: int) -> Cassette:  # noqa: ARG001  # they tell a changed file from the known one
    """Read a file once, for every test of the suite asks for it."""
    return Cassette.of_yaml(path, yaml.load(path.read_bytes(), _YamlLoader))  # a safe loader


def _interaction(head: InteractionHead, played: Mapping[str, Mapping[str, object]]) -> Interaction:
    request, response = played["request"], played["response"]
    status = response["status"]
    body = response["body"]
    return Interaction(
        head=head,
        method=str(request["method"]),
        url=str(request["uri"]),
        request_headers=_flat(request["headers"]),
        request_body=_bytes(request.get("body")),
        status=status["code"] if isinstance(status, Mapping) else 0,
        headers=_flat(response["headers"]),
        body=_bytes(body["string"] if isinstance(body, Mapping) else body),
    )


def _flat(headers: object) -> dict[str, str]:
    """Return vcrpy's headers, each a list of values, as one value a name; names in lower case."""
    found: dict[str, str] = {}
    for name, values in headers.items() if isinstance(headers, Mapping) else ():
        found[str(name).lower()] = ", ".join(values) if isinstance(values, list) else str(values)
    return found


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value or "").encode()
