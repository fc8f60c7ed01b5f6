"""The guide to writing a plugin, followed to the letter: every command in its order, in an empty folder.

All blocks for the shell are run by one shell, so that what one of them changes (the folder, the environment) holds for
the next. What a block is besides stands in a comment before it, which no reader sees; see `tests/test_docs_code.py`.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from .machines import ROOT, Done, Machine, run

PAGE = ROOT / "docs/how-to/write-a-plugin.md"
BLOCK = re.compile(r"^((?:<!--[^\n]*-->\n)*)```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMENT = re.compile(r"<!-- ([a-z ]+?)(?:: (.*?))? -->")
MARK = "::: block on line "
"""Begins the line that separates the output of one block from that of the next."""


@dataclass(frozen=True)
class Block:
    """A block of the page, and what its comments say of it."""

    line: int
    language: str
    code: str
    comments: dict[str, str]


def blocks() -> Iterator[Block]:
    """Yield the blocks of the page."""
    text = PAGE.read_text(encoding="utf-8")
    for found in BLOCK.finditer(text):
        line = text.count("\n", 0, found.start(3)) + 1
        yield Block(line, found[2], found[3], dict(COMMENT.findall(found[1])))


def script() -> str:
    """Return the page as a program for the shell, which stops where the page is wrong."""
    lines = ["set -euo pipefail", "start=$PWD"]
    for block in blocks():
        lines.append(f"echo {shlex.quote(MARK + str(block.line))}")
        if "file" in block.comments:
            place = f'"$start"/{shlex.quote(block.comments["file"])}'
            lines.append(f"cat > {place} <<'END-OF-FILE'\n{block.code}END-OF-FILE")
        elif block.language != "sh" or "not run" in block.comments:
            continue
        elif "fails" in block.comments:
            lines.append(f"if {block.code.strip()}; then echo 'it should have failed'; exit 97; fi")
        else:
            lines.append(block.code)
    return "\n".join(lines)


@pytest.fixture(scope="module")
def followed(machine: Machine) -> Done:
    """Follow the guide."""
    folder = machine.folder / "guide"
    folder.mkdir()
    return run(["bash", "-c", script()], cwd=folder, environment=machine.environment)


def shown_by(block: Block, done: Done) -> str:
    """Return what the shell block before this one printed."""
    before = max(one.line for one in blocks() if one.language == "sh" and one.line < block.line)
    return done.output.partition(f"{MARK}{before}\n")[2].partition(MARK)[0]


def test_every_command_does_what_the_guide_says(followed: Done) -> None:
    """Who follows the guide to its end gets there."""
    assert followed.code == 0, followed.output[-5000:]


@pytest.mark.parametrize("block", [b for b in blocks() if "shows" in b.comments], ids=lambda block: str(block.line))
def test_the_guide_shows_what_is_printed(followed: Done, block: Block) -> None:
    """Each line that the guide shows of an output is in it."""
    output = shown_by(block, followed)
    assert [line for line in block.code.splitlines() if line.rstrip() not in output] == [], output


def test_what_comes_out_is_a_package(machine: Machine, followed: Done) -> None:
    """In the end there are a wheel, a source distribution, a report and a badge, and the quirk is in the wheel."""
    folder = machine.folder / "guide/plugin-acme"
    built = {path.name for path in (folder / "dist").iterdir()}
    assert followed.code == 0
    assert built == {"plugin_acme-0.1.0-py3-none-any.whl", "plugin_acme-0.1.0.tar.gz"}
    assert "acme (plugin-acme 0.1.0) conforms to 1.0." in Path(folder, "CONFORMANCE.md").read_text(encoding="utf-8")
    assert Path(folder, "conformance.svg").is_file()
    assert os.fspath(folder) not in Path(folder, "CONFORMANCE.md").read_text(encoding="utf-8")
