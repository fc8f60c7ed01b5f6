"""The reference of the conformance suite says what the suite has: its tests, options, verbs and report.

Run as a script, this file brings the page's tables of tests and of the report up to date. The scenarios have a page of
their own, and `test_docs_scenarios`.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, get_args, get_origin

import click
import pytest
from pydantic import BaseModel

from core_llm_conformance import base, pytest_plugin
from core_llm_conformance.levels import level_of
from core_llm_conformance.policy import SETTINGS
from core_llm_conformance.report import model as report_model
from core_llm_conformance.report.files import FORMS
from core_llm_conformance.suite import ProviderSuite
from core_llm_conformance.verbs import LAYERS, conformance
from core_llm_conformance.verbs.new_plugin import WIRES, new_plugin

PAGE = Path(__file__).resolve().parents[1] / "docs/reference/conformance.md"
PARTS = (
    report_model.Report,
    report_model.SuiteReport,
    report_model.Result,
    report_model.NotApplicable,
    report_model.Capability,
    report_model.ScenarioState,
    report_model.CassetteOrigin,
    report_model.Volatile,
)


def section(title: str, level: int = 2) -> str:
    """Return what stands under a heading."""
    text = PAGE.read_text(encoding="utf-8")
    return re.split(
        rf"^#{{1,{level}}} ", text.partition(f"\n{'#' * level} {title}\n")[2], maxsplit=1, flags=re.MULTILINE
    )[0]


def first_cells(text: str) -> list[str]:
    """Return the code in the first column of all tables."""
    return [cell for row in re.findall(r"^\| ([^|]+) \|", text, re.MULTILINE) for cell in re.findall("`([^`]+)`", row)]


# What the page's tables say


def tables_of_tests() -> Iterator[str]:
    """Yield the tables of the tests, one a layer."""
    for layer in base.layers_of(ProviderSuite):
        yield from ("", f"### {layer.name}", "", "| test | level | rule |", "|---|---|---|")
        for name, test in layer.tests.items():
            rule = " ".join((inspect.getdoc(test) or "").partition("\n\n")[0].split())
            yield f"| `{name}` | {level_of(test)} | {rule} |"
    yield ""


def tables_of_report() -> Iterator[str]:
    """Yield the fields of the report, a table for each of its parts."""
    for part in PARTS:
        title, _, rest = (inspect.getdoc(part) or "").partition("\n\n")
        told = dict(re.findall(r"^    (\w+): (.+(?:\n {8}.+)*)", rest, re.MULTILINE))
        yield from (
            "",
            f"### {part.__name__}",
            "",
            " ".join(title.split()),
            "",
            "| field | type | meaning |",
            "|---|---|---|",
        )
        for name in part.model_fields:
            meaning = " ".join(told.get(name, "").replace("``", "`").split())
            yield f"| `{name}` | {shown(part, name)} | {meaning} |"
    yield ""


def shown(part: type[BaseModel], name: str) -> str:
    """Return a field's type as the source has it, and the words that it may be."""
    hint = part.model_fields[name].annotation
    if type(None) in get_args(hint):
        [hint] = [kind for kind in get_args(hint) if kind is not type(None)]
    if get_origin(hint) is Literal:
        return ", ".join(f"`{word}`" for word in get_args(hint))
    return f"`{str(part.__annotations__[name]).removesuffix(' | None')}`"


GENERATED: dict[str, Callable[[], Iterator[str]]] = {
    "report": tables_of_report,
    "tests": tables_of_tests,
}


def brought_up_to_date(text: str) -> str:
    """Return the page with its generated parts as they must be."""
    for name, lines in GENERATED.items():
        pattern = re.compile(rf"(?<=<!-- {name} -->\n).*?(?=<!-- end -->)", re.DOTALL)
        text = pattern.sub("\n".join([*lines(), ""]).replace("\\", "\\\\"), text)
    return text


def test_tests_and_report_are_told() -> None:
    """The tables are those that this file makes; as a script it writes them."""
    text = PAGE.read_text(encoding="utf-8")
    assert text == brought_up_to_date(text), f"run: python tests/{Path(__file__).name}"


def test_every_field_of_the_report_is_explained() -> None:
    """What is in the JSON has a meaning, in the model's own documentation."""
    assert [line for line in tables_of_report() if line.startswith("| `") and line.endswith("|  |")] == []


# Words


def test_attributes_of_the_class_are_told() -> None:
    """Everything that a suite class says has a row, and nothing else does."""
    assert first_cells(section("The suite class")) == list(SETTINGS)


def test_options_of_pytest_are_told() -> None:
    """Every option that the plugin of pytest adds has a row."""
    added = re.findall(r'add\("(--[\w-]+)"', inspect.getsource(pytest_plugin.pytest_addoption))
    assert [cell.split()[0] for cell in first_cells(section("Options of pytest")) if "-" in cell] == added


@pytest.mark.parametrize("verb", sorted(conformance.commands))
def test_options_of_verbs_are_told(verb: str) -> None:
    """Every option of every verb has a row, in its own table or in the one that they share."""
    text = section("Verbs") if verb != "list" else section("list", 3)
    own = text if verb == "list" else text.partition("\n### ")[0] + section(verb, 3)
    options = {
        name for word in conformance.commands[verb].params if isinstance(word, click.Option) for name in word.opts
    }
    assert {option for option in options if f"`{option}" not in own and f"[{option}]" not in own} == set()


def test_the_writing_of_plugins_is_told() -> None:
    """Every option of `new-plugin` has a row, and every wire is named, in the guide too."""
    text = section("new-plugin", 3)
    options = {name for word in new_plugin.params if isinstance(word, click.Option) for name in word.opts}
    assert {option for option in options if f"| `{option}" not in text} == set()
    assert [wire for wire in WIRES if f"`{wire}`" not in text] == []
    guide = PAGE.parents[1].joinpath("how-to/write-a-plugin.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `([a-z][a-z-]+)` \|", guide, re.MULTILINE) == list(WIRES)


def test_layers_and_files_are_told() -> None:
    """The layers, and the files of a report, are those of the code."""
    assert [layer.name for layer in base.layers_of(ProviderSuite)] == list(LAYERS)
    assert first_cells(section("Report").partition("<!--")[0]) == [name for name, _ in FORMS.values()]


if __name__ == "__main__":
    PAGE.write_text(brought_up_to_date(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
