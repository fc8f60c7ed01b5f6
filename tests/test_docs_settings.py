"""The tables of settings say what is sent: a request is encoded for each of their cells, and compared.

A cell names the places in the body that a knob sets (``a.b``, with ``[]`` for each item of a list), or a header; a knob
that is ``unsupported`` raises before anything could be sent, and is declared so, that it can be dropped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import cast, get_args

import pytest

from core_llm import (
    Capabilities,
    Message,
    OutputSchema,
    Provider,
    ProviderConfig,
    Request,
    Settings,
    ToolSpec,
    UnsupportedError,
)
from core_llm._capabilities import check_capabilities
from core_llm._request import ReasoningEffort
from core_llm.wire import JSONValue, WireFormat
from plugin_anthropic import Anthropic
from plugin_azure import Azure
from plugin_gemini import Gemini, Vertex
from plugin_grok import Grok
from plugin_local import Local
from plugin_ollama import Ollama
from plugin_openai import OpenAI
from plugin_openai_compatible import OpenAICompatible
from plugin_openrouter import OpenRouter

PAGE = Path(__file__).resolve().parents[1] / "docs/reference/settings.md"
COLUMNS: Mapping[str, tuple[Provider, str]] = {
    "OpenAI Responses": (OpenAI(), "gpt-5.1"),
    "OpenAI Chat": (OpenAI(), "gpt-4o"),
    "Azure": (Azure(), "my-deployment"),
    "Grok": (Grok(), "grok-3"),
    "OpenRouter": (OpenRouter(), "deepseek/deepseek-chat"),
    "Anthropic": (Anthropic(), "claude-sonnet-4-6"),
    "Gemini, Vertex": (Gemini(), "gemini-flash-latest"),
    "Ollama": (Ollama(), "qwen3"),
    "compatible server": (OpenAICompatible(), "small"),
    "local": (Local(), "/models/any.gguf"),
}
"""Column → the provider, and a model of it that takes all that the wire has a field for."""
PROVIDERS = {provider.name: provider for provider, _ in COLUMNS.values()}
VALUES: Mapping[str, JSONValue] = {
    "temperature": 0.5,
    "top_p": 0.96,
    "top_k": 5,
    "max_tokens": 9000,
    "stop": ["END"],
    "seed": 7,
    "presence_penalty": 0.1,
    "frequency_penalty": 0.2,
    "logprobs": True,
    "top_logprobs": 2,
    "reasoning_effort": "low",
    "reasoning_budget": 2000,
    "parallel_tool_calls": False,
    "service_tier": "auto",
    "cache_key": "a-key",
    "cache_ttl": "1h",
}
NOT_AS_IT_IS = {"reasoning_effort", "parallel_tool_calls", "cache_ttl"}
"""Knobs of which some wire has another word for the value."""
SCHEMA = OutputSchema(json_schema={"type": "object", "properties": {"city": {"type": "string"}}})
OTHERS: Mapping[str, Mapping[str, object]] = {
    "`tool_choice`": {"tool_choice": "required"},
    "`output` with a schema": {"output": SCHEMA},
    '`output="json"`': {"output": "json"},
}
"""Rows that are no settings → what the request has."""
Leaf = tuple[str, str]


# What the page says


def tables(first: str) -> Iterator[tuple[list[str], list[list[str]]]]:
    """Yield the head and the rows of each table whose first head is `first`."""
    text = re.sub(r"^\|(?: ?-+ ?\|)+\n", "", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    for table in re.findall(rf"^\| {first} \|.*?(?=\n\n|\Z)", text, re.MULTILINE | re.DOTALL):
        head, *rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.strip().splitlines()]
        yield head, rows


def cells() -> Iterator[tuple[str, str, str]]:
    """Yield row, column and content of each cell that says what a knob becomes."""
    for head, rows in tables("knob"):
        if head[1] != "accepts":
            yield from ((row[0], column, cell) for row in rows for column, cell in zip(head[1:], row[1:], strict=True))


CELLS = {(row, column): cell for row, column, cell in cells()}


def places(cell: str) -> set[str]:
    """Return the places that a cell names."""
    return {name.replace("header `", "header ").strip("`") for name in cell.split(", ")}


# What is sent


def wire_of(provider: Provider, model: str) -> WireFormat:
    """Return the wire that a provider speaks with a model; the local one's is its own affair."""
    return provider._chat if isinstance(provider, Local) else provider.wire(model)


def request_for(model: str, row: str, *, is_plain: bool = False) -> Request:
    """Return a request that has a system, a tool and, unless it is plain, what a row is about."""
    fields: dict[str, object] = {}
    if not is_plain:
        name = row.strip("`")
        fields = dict(OTHERS[row]) if row in OTHERS else {"settings": {name: VALUES[name]}}
    # Where any JSON is wanted, OpenAI's instructions move into the input; that is told in a note.
    system = () if row == '`output="json"`' else (Message.system("Be brief."),)
    messages = (*system, Message.user("Hi"))
    return Request.model_validate({"model": model, "messages": messages, "tools": (ToolSpec(name="look"),), **fields})


def sent(provider: Provider, request: Request) -> set[Leaf]:
    """Return all values of the body and all headers, each with its place."""
    declared = provider.capabilities_for(request.model)
    checked = check_capabilities(request, declared, provider=provider.endpoint, on_unsupported="raise")
    wired = wire_of(provider, request.model).encode_request(checked)
    assert not isinstance(wired.body, bytes)
    return {*leaves(wired.body), *((f"header {name}", value) for name, value in wired.headers.items())}


def leaves(value: JSONValue, place: str = "") -> Iterator[Leaf]:
    """Yield each value that holds no other, with its place; a list of plain values is one."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner, f"{place}.{name}" if place else name)
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        for item in value:
            yield from leaves(item, f"{place}[]")
    else:
        yield place, repr(value)


def added(provider: Provider, model: str, row: str) -> dict[str, str]:
    """Return what a row adds to a request: place → value, or that of the last of several."""
    plain = sent(provider, request_for(model, row, is_plain=True))
    return dict(sorted(sent(provider, request_for(model, row)) - plain))


def is_at(place: str, name: str) -> bool:
    """Tell whether a place is the one that a cell names, or inside it."""
    return place == name or place.startswith(f"{name}.")


@pytest.mark.parametrize(("row", "column"), CELLS)
def test_a_cell_says_what_is_sent(row: str, column: str) -> None:
    """What the knob adds to the request is in the places that the cell names, and in each of them is something."""
    provider, model = COLUMNS[column]
    if CELLS[row, column] == "unsupported":
        with pytest.raises(UnsupportedError):
            sent(provider, request_for(model, row))
        return
    found, named = added(provider, model, row), places(CELLS[row, column])
    assert {place for place in found if not any(is_at(place, name) for name in named)} == set()
    assert {name for name in named if not any(is_at(place, name) for place in found)} == set()


def plain_cells() -> list[tuple[str, str]]:
    """Return the cells of knobs whose value every wire takes; logprobs are a word in a list over Responses."""
    knobs = {f"`{name}`" for name in VALUES if name not in NOT_AS_IT_IS}
    cells = [key for key, cell in CELLS.items() if key[0] in knobs and cell != "unsupported"]
    return [key for key in cells if key != ("`logprobs`", "OpenAI Responses")]


@pytest.mark.parametrize(("row", "column"), plain_cells())
def test_a_value_goes_as_it_is(row: str, column: str) -> None:
    """The first place that a cell names has the knob's own value."""
    value, [first, *_] = VALUES[row.strip("`")], CELLS[row, column].split(", ")
    found = {found for place, found in added(*COLUMNS[column], row).items() if is_at(place, *places(first))}
    assert (str(value) if first.startswith("header") else repr(value)) in found


def feature_of(row: str) -> str:
    """Return the name under which a row's support is declared."""
    features = {"`output` with a schema": "structured_output", '`output="json"`': "json_output"}
    name = row.strip("`")
    return features.get(row) or (f"settings.{name}" if name in VALUES else name)


@pytest.mark.parametrize(("row", "column"), [key for key, cell in CELLS.items() if cell == "unsupported"])
def test_what_is_unsupported_is_declared(row: str, column: str) -> None:
    """It is in the provider's capabilities, so that `on_unsupported="drop"` leaves it out."""
    provider, model = COLUMNS[column]
    assert provider.capabilities_for(model).support(feature_of(row)) == "unsupported"


@pytest.mark.parametrize("row", sorted({row for row, _ in CELLS}))
def test_vertex_is_as_gemini(row: str) -> None:
    """The one column for both holds for Vertex AI too."""
    provider = Vertex(ProviderConfig(options={"project": "my-project"}))
    if CELLS[row, "Gemini, Vertex"] == "unsupported":
        with pytest.raises(UnsupportedError):
            sent(provider, request_for(COLUMNS["Gemini, Vertex"][1], row))
    else:
        assert added(provider, COLUMNS["Gemini, Vertex"][1], row) == added(*COLUMNS["Gemini, Vertex"], row)


@pytest.mark.parametrize("provider", [Azure, Grok], ids=lambda provider: provider.name)
@pytest.mark.parametrize("row", sorted({row for row, _ in CELLS}))
def test_responses_of_others_is_as_openai_s(provider: type[Provider], row: str) -> None:
    """What Azure and Grok take on the Responses wire goes into the fields that OpenAI's column has."""
    on_responses = provider(ProviderConfig(options={"wire": "responses"}))
    try:
        found = added(on_responses, "model", row)
    except UnsupportedError:
        assert on_responses.capabilities_for("model").support(feature_of(row)) == "unsupported"
        return
    named = places(CELLS[row, "OpenAI Responses"]) | ({"include"} if "effort" in row else set())
    assert found
    assert {place for place in found if not any(is_at(place, name) for name in named)} == set()


def test_every_knob_has_its_cells() -> None:
    """Both tables have every knob, and together every provider that is here, once."""
    rows = {row for row, _ in CELLS}
    assert rows == {f"`{name}`" for name in Settings.model_fields} | set(OTHERS)
    assert {column for _, column in CELLS} == set(COLUMNS)
    assert len(CELLS) == len(rows) * len(COLUMNS)


# Effort


def efforts() -> Iterator[tuple[str, str, str, str]]:
    """Yield model, field, effort and what it becomes, for each cell of the table of efforts."""
    for head, rows in tables("model"):
        for model, field, *told in rows:
            for effort, value in zip(head[2:], told, strict=True):
                yield model.strip("`"), field.strip("`"), effort.strip("`"), value


@pytest.mark.parametrize(("model", "field", "effort", "value"), list(efforts()))
def test_an_effort_is_told_so(model: str, field: str, effort: str, value: str) -> None:
    """The field has the value of the table; where the effort is `none` it says so, or has none."""
    name, _, of = model.partition(":")
    settings = Settings(reasoning_effort=cast("ReasoningEffort", effort))
    request = Request(model=of, messages=(Message.user("Hi"),), settings=settings)
    if value == "refused":
        with pytest.raises(UnsupportedError):
            sent(PROVIDERS[name], request)
        return
    found = dict(sent(PROVIDERS[name], request)).get(field)
    if value == "off":
        assert found in (None, "0", "False")
    else:
        assert str(found).strip("'").lower() == value.lower()


def test_the_others_take_the_word() -> None:
    """Over Chat Completions and Responses every effort goes as it is."""
    for name in ("OpenAI Responses", "OpenAI Chat", "Azure", "Grok", "OpenRouter", "compatible server"):
        provider, model = COLUMNS[name]
        for effort in get_args(ReasoningEffort):
            settings = Settings(reasoning_effort=effort)
            request = Request(model=model, messages=(Message.user("Hi"),), settings=settings)
            assert dict(sent(provider, request))[CELLS["`reasoning_effort`", name].strip("`")] == repr(effort)


# Single models

OF_ANSWERS = {"reasoning", "parallel_tools", "usage", "cached_usage", "citations", "refusals", "continuation"}
"""What no request needs."""


def refused(provider: Provider, model: str) -> set[str]:
    """Return what is declared unsupported for a model, without what is no part of a request."""
    declared = provider.capabilities_for(model)
    features = set(Capabilities.model_fields) - {"version", "settings", "untested"} - OF_ANSWERS
    names = {name for name in features if declared.support(name) == "unsupported"}
    return names | {name for name, support in declared.settings.items() if support == "unsupported"}


def single_models() -> list[tuple[str, str, set[str]]]:
    """Return column, model and what it refuses, for each model in the table of refusals."""
    [(_, rows)] = tables("column")
    return [
        (column, model, set(re.findall("`(.+?)`", refuse)))
        for column, models, refuse in rows
        for model in re.findall("`(.+?)`", models)
    ]


@pytest.mark.parametrize(("column", "model", "expected"), single_models())
def test_a_model_refuses_what_the_table_says(column: str, model: str, expected: set[str]) -> None:
    """Besides what its column refuses, a model refuses exactly that."""
    provider, usual = COLUMNS[column]
    assert refused(provider, model) - refused(provider, usual) == expected


def is_same_wire(provider: Provider, model: str, other: str) -> bool:
    """Tell whether two models are spoken to on one wire."""
    return type(wire_of(provider, model)) is type(wire_of(provider, other))


def test_no_model_that_refuses_more_is_left_out() -> None:
    """Every pattern for which more is declared unsupported has a model in the table."""
    told = {(COLUMNS[column][0].name, model) for column, model, _ in single_models()}
    missing = []
    for column, (provider, usual) in COLUMNS.items():
        for pattern in provider.capabilities:
            example = re.sub(r"\[(.).*?\]", r"\1", pattern).replace("*", "")
            refuses = refused(provider, example) - refused(provider, usual)
            is_told = any(fnmatchcase(model, pattern) for name, model in told if name == provider.name)
            if pattern and refuses and is_same_wire(provider, example, usual) and not is_told:
                missing.append((column, pattern))
    assert missing == []


# What else can be asked for


def test_features_are_as_declared() -> None:
    """The table of what can go in, and of what can be asked for besides answers, is what the providers declare."""
    words = {"supported": "yes", "unsupported": "no", "unknown": "?"}
    [(head, rows)] = [table for table in tables("feature") if len(table[0]) > 2]
    for name, *told in rows:
        feature = name.strip("`")
        supports = [COLUMNS[column][0].capabilities_for(COLUMNS[column][1]).support(feature) for column in head[1:]]
        assert told == [words[support] for support in supports], name
    assert set(head[1:]) == set(COLUMNS)
