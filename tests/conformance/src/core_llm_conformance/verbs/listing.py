"""``core-llm conformance list``: the scenarios and the tests of the suite."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import click

from core_llm_conformance.base import layers_of
from core_llm_conformance.levels import level_of
from core_llm_conformance.scenarios import ALL
from core_llm_conformance.suite import ProviderSuite

Row = dict[str, str]


def scenarios() -> Iterator[Row]:
    """Yield a row for each scenario."""
    for scenario in ALL:
        needs = ", ".join(scenario.needs) or ("every provider" if scenario.is_base else "")
        yield {"scenario": scenario.name, "level": scenario.level, "needs": needs, "shows": scenario.summary}


def tests() -> Iterator[Row]:
    """Yield a row for each test, without what it is repeated over."""
    for layer in layers_of(ProviderSuite):
        for name, test in layer.tests.items():
            rule = " ".join((test.__doc__ or "").split("\n\n")[0].split())
            yield {"test": name, "layer": layer.name, "level": level_of(test), "rule": rule}


def show(rows: Iterator[Row], *, as_json: bool) -> None:
    """Print rows in columns, or as JSON, one a line."""
    listed = list(rows)
    if as_json:
        for row in listed:
            click.echo(json.dumps(row, ensure_ascii=False))
        return
    for cells in _set([[name.upper() for name in listed[0]], *(list(row.values()) for row in listed)]):
        click.echo(cells)


def _set(table: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    for row in table:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
