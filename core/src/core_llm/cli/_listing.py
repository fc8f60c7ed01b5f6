"""Listings: rows as a table on a terminal, as tab-separated lines elsewhere, or as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence

from core_llm._json import JSONValue
from core_llm.cli._output import CONTROLS, Output

Row = Mapping[str, JSONValue]
"""One line of a listing: name → value, as ``--json`` prints it."""


def show(
    rows: Iterable[Row],
    columns: Mapping[str, str],
    *,
    plain: Sequence[str] | None = None,
    as_json: bool = False,
    is_dim: Callable[[Row], bool] | None = None,
) -> None:
    """Write a listing to standard output.

    Args:
        rows: What to list.
        columns: What a table shows: name in the rows → heading. A column without any value is left out.
        plain: Names of what a line shows where there is no table; by default those of the table.
        as_json: Write each row as a line of JSON, all its values.
        is_dim: Which rows a table dims.
    """
    output, rows = Output(), list(rows)
    if as_json:
        for row in rows:
            output.write_json(dict(row))
    elif output.is_terminal:
        _show_table(output, rows, columns, is_dim)
    else:
        names = list(columns) if plain is None else plain
        output.write("".join("\t".join(_cell(row.get(name)) for name in names) + "\n" for row in rows))


def _show_table(
    output: Output, rows: Sequence[Row], columns: Mapping[str, str], is_dim: Callable[[Row], bool] | None
) -> None:
    from rich.table import Table  # noqa: PLC0415  # slow, and for terminals only
    from rich.text import Text  # noqa: PLC0415  # the same

    names = [name for name in columns if any(row.get(name) not in (None, "") for row in rows)]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in names:
        table.add_column(columns[name], overflow="fold")
    for row in rows:
        style = "dim" if is_dim is not None and is_dim(row) else ""
        table.add_row(*(Text(_cell(row.get(name)), style) for name in names))
    if rows:
        output.console.print(table)


def _cell(value: JSONValue) -> str:
    """Return a value as one line of text without tabs."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value)
    return " ".join(text.split()).translate(CONTROLS)
