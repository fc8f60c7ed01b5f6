"""The page about cassettes tells what there is: fields of the head and of descriptions, headers that are kept."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from core_llm_conformance.cassette import Head, InteractionHead
from core_llm_conformance.recording.allowed import allowed_response_headers
from core_llm_conformance.recording.description_files import _Reply, _Scenario, _Turn
from core_llm_conformance.recording.writing import MAX_BYTES
from core_llm_conformance.walk.expected import Expected, ExpectedCall, ExpectedError, ExpectedUsage

PAGE = (Path(__file__).parents[1] / "docs/reference/cassettes.md").read_text(encoding="utf-8")


def told(title: str) -> set[str]:
    """Return the names in the first column of the table that has this title."""
    table = PAGE.partition(f"| {title} |")[2].partition("\n\n")[0]
    cells = [line.split("|")[1] for line in table.splitlines()[2:]]
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


@pytest.mark.parametrize(
    ("title", "names"),
    [
        ("field", set(Head.model_fields)),
        ("field of `expected`", {field.name for field in fields(Expected)}),
        ("field of a scenario", set(_Scenario.model_fields)),
        ("field of a turn", set(_Turn.model_fields)),
        ("field of an answer", {field.alias or name for name, field in _Reply.model_fields.items()}),
    ],
)
def test_fields_are_listed(title: str, names: set[str]) -> None:
    """Every one, and no other."""
    assert told(title) == names


@pytest.mark.parametrize(
    ("name", "kind"), [("tool_calls", ExpectedCall), ("usage", ExpectedUsage), ("error", ExpectedError)]
)
def test_what_fields_hold_is_listed(name: str, kind: type) -> None:
    """In the cell beside the field."""
    (row,) = re.findall(rf"^\| `{name}` \|(.*)\|$", PAGE, re.MULTILINE)
    assert {field.name for field in fields(kind)} <= set(re.findall(r"`(\w+)`", row))


def test_entries_are_described() -> None:
    """An entry of the head has these fields."""
    assert [name for name in InteractionHead.model_fields if f"`{name}`" not in PAGE] == []


def test_headers_that_are_kept_are_listed() -> None:
    """Each passes the allow-list, and one that is not listed does not."""
    (row,) = re.findall(r"^\| headers \|([^|]*)\|", PAGE, re.MULTILINE)
    names = re.findall(r"`([a-z-]+)`", row)
    listed = [name for name in names if not name.startswith("-")]
    assert len(listed) == 8
    kept = allowed_response_headers(dict.fromkeys([*listed, "x-ratelimit-limit", "openai-version", "server"], "x"))
    assert set(kept) == {*listed, "x-ratelimit-limit", "openai-version"}


def test_the_size_is_told() -> None:
    """In the unit in which the code has it."""
    assert f"{MAX_BYTES // 1024} KiB" in PAGE
