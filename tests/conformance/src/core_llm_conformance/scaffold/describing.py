"""The file of descriptions that a new plugin begins with: every scenario that it claims, as its wire answers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Final

import yaml

from core_llm_conformance.scaffold.answers.said import ANSWERS, ERRORS, FIRST_ERROR, LISTED, Failed, JsonObject, Said
from core_llm_conformance.scaffold.answers.shape import Shape
from core_llm_conformance.scenarios import BY_NAME

WIDTH: Final = 110
_SENT: Final = frozenset({"base", "expected", "json", "ndjson", "sse"})
_HEAD: Final = """\
# What {title} answers, of which tests/cassettes is composed. It is made up, after what this wire looks like elsewhere:
# put the answers in here that {title}'s own documentation shows, with the address of the page and the day you read it,
# and compose the cassettes anew:
#
#     core-llm conformance record {provider} --compose tests/descriptions.yaml
#
# With a key, recorded answers are better: core-llm conformance record {provider}
"""


def descriptions(shape: Shape, *, provider: str, title: str, wire: str, today: dt.date) -> str:
    """Return the file as YAML that `core_llm_conformance.recording.read_descriptions` reads.

    Args:
        shape: How the wire puts answers.
        provider: What stands before the colon.
        title: The service's name for people.
        wire: The wire's name for people.
        today: When it was made.
    """
    source = f"made up by core-llm new-plugin after {wire} elsewhere; the pages of {title} have yet to be read"
    shared = {"source": source, "date": today}
    whole = {**shared, "scenarios": [_set(scenario) for scenario in _scenarios(shape, provider)]}
    text = yaml.dump(whole, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=WIDTH)
    return f"{_HEAD.format(title=title, provider=provider)}\n{text}"


def _scenarios(shape: Shape, provider: str) -> Iterator[JsonObject]:
    for name, answers in ANSWERS.items():
        yield {"scenario": name, "turns": [_turn(shape, said) for said in answers]}
    models = tuple(f"{provider}-{name}" for name in LISTED)
    yield {
        "scenario": "model_listing",
        "turns": [{"plain": {"json": shape.listing(models)}, "expected": {"ids": [*models]}}],
    }
    for name, failed in ERRORS.items():
        yield {"scenario": name, "turns": [_failing(shape, name, failed)]}


def _turn(shape: Shape, said: Said) -> JsonObject:
    return {"stream": shape.streamed(said), "plain": {"json": shape.plain(said)}, "expected": said.expected}


def _failing(shape: Shape, name: str, failed: Failed) -> JsonObject:
    if BY_NAME[name].status < FIRST_ERROR:
        return {"stream": shape.broken_off(failed), "expected": failed.expected}
    answer: JsonObject = {"status": failed.status, "json": shape.error(failed)}
    return {"plain": answer, "expected": failed.expected}


class _OneLine(dict[str, object]):
    """An object that is set on one line, as far as it fits."""


class _Dumper(yaml.SafeDumper):
    """Knows `_OneLine`."""


def _represent(dumper: yaml.SafeDumper, value: _OneLine) -> yaml.Node:
    return dumper.represent_mapping("tag:yaml.org,2002:map", value, flow_style=True)


_Dumper.add_representer(_OneLine, _represent)


def _set(value: object, *, is_sent: bool = False) -> object:
    """Return a value whose objects that go over the wire, or say what is expected, are set on a line each."""
    if isinstance(value, dict):
        if is_sent:
            return _OneLine(value)
        return {name: _set(item, is_sent=name in _SENT) for name, item in value.items()}
    return [_set(item, is_sent=is_sent) for item in value] if isinstance(value, list) else value
