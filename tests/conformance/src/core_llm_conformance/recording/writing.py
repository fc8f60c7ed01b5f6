"""Setting a cassette out as YAML: bodies as blocks of text, keys in one order, the same bytes for the same values.

What a file may hold is not judged here, apart from its size: see `clean`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path

import yaml
from pydantic import JsonValue, TypeAdapter

from core_llm_conformance.cassette import HEAD, Cassette, Head, Interaction, InteractionHead
from core_llm_conformance.failure import fail
from core_llm_conformance.walk.expected import Expected

try:
    from yaml import CSafeLoader as _YamlLoader
except ImportError:  # PyYAML without libyaml
    from yaml import SafeLoader as _YamlLoader  # type: ignore[assignment]

MAX_BYTES = 256 * 1024
"""Of a file. A longer one is no cassette that somebody reads: choose a shorter answer."""
LINE = 120
SHORT_VECTOR = 8
"""Numbers; a longer vector is set out in lines, not with a line for each."""
_BREAKS_OF_UNICODE = frozenset("\x85\u2028\u2029\ufeff")
"""What YAML takes for line breaks, or drops, in a block of text."""
_EXPECTED: TypeAdapter[Expected] = TypeAdapter(Expected)


class _Block(str):
    """A text that is set out as a block, line by line."""

    __slots__ = ()


class _Dumper(yaml.SafeDumper):
    """The pure Python one: what libyaml writes differs between its versions."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002  # the base's
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if isinstance(text, _Block) or "\n" in text else None
    if _BREAKS_OF_UNICODE & frozenset(text):
        style = '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style)


def _represent_list(dumper: yaml.SafeDumper, items: list[object]) -> yaml.SequenceNode:
    is_vector = len(items) > SHORT_VECTOR and all(isinstance(item, float | int) for item in items)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=is_vector)


_Dumper.add_representer(str, _represent_text)
_Dumper.add_representer(list, _represent_list)
_Dumper.add_representer(_Block, _represent_text)


def to_yaml(cassette: Cassette) -> str:
    """Return a cassette as the text of its file, which stock vcrpy loads.

    Raises:
        ConformanceFailure: It is too long, or YAML cannot hold it.
    """
    head = cassette.head
    raw = {
        HEAD: _head(head),
        "interactions": [_interaction(interaction) for interaction in cassette.interactions],
        "version": 1,
    }
    text: str = yaml.dump(raw, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=LINE)
    check_size(text, head.scenario, cassette.path)
    if yaml.load(text, _YamlLoader) != raw:  # a safe loader
        raise fail("a cassette reads as it was written", "YAML changed a body", scenario=head.scenario)
    return text


def check_size(text: str, scenario: str, path: Path) -> None:
    """Raise if a cassette's text is longer than anybody reads."""
    if (size := len(text.encode())) > MAX_BYTES:
        found = f"{size:,} bytes; {MAX_BYTES:,} is the most"
        raise fail(
            "a cassette is small enough to be read",
            found,
            scenario=scenario,
            look_at=f"{path.name}: ask for a shorter answer, or compose it with fewer frames",
        )


def shown_expectations(head: Head) -> str:
    """Return what the head expects, as the author is to review it."""
    text: str = yaml.dump(
        [_interaction_head(entry) for entry in head.interactions],
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=LINE,
    )
    return text


def _head(head: Head) -> dict[str, object]:
    return {
        "suite": head.suite,
        "scenario": head.scenario,
        "origin": head.origin,
        "source": head.source,
        "model": head.model,
        "date": head.date,
        "plugin": head.plugin,
        **({"opaque": list(head.opaque)} if head.opaque else {}),
        "interactions": [_interaction_head(entry) for entry in head.interactions],
    }


def _interaction_head(entry: InteractionHead) -> dict[str, object]:
    head: dict[str, object] = {"mode": entry.mode, "turn": entry.turn}
    if entry.expected is not None:
        head["expected"] = _EXPECTED.dump_python(entry.expected, mode="json", exclude_defaults=True)
    if entry.value is not None:
        head["value"] = entry.value
    return head


def _interaction(interaction: Interaction) -> dict[str, object]:
    return {
        "request": {
            "method": interaction.method,
            "uri": interaction.url,
            "headers": _headers(interaction.request_headers),
            "body": _body(_readable(interaction.request_body)) if interaction.request_body else None,
        },
        "response": {
            "status": {"code": interaction.status, "message": _phrase(interaction.status)},
            "headers": _headers(interaction.headers),
            "body": {"string": _body(interaction.body)},
        },
    }


def _headers(headers: Mapping[str, str]) -> dict[str, list[str]]:
    return {name: [headers[name]] for name in sorted(headers)}


def _body(body: bytes) -> _Block | bytes:
    try:
        return _Block(body.decode())
    except UnicodeDecodeError:
        return body


def _readable(body: bytes) -> bytes:
    """Return JSON with a line for each value. A request is compared as JSON, so that nothing is lost."""
    try:
        parsed: JsonValue = json.loads(body)
        return json.dumps(parsed, indent=2, ensure_ascii=False).encode()
    except ValueError:  # no JSON, or half of a surrogate pair in it
        return body


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
