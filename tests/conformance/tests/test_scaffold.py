"""New plugins: what is written, that it is all or nothing, and that nothing is written over.

That each of them installs and passes the whole suite is tested with the published packages, in `tests/published`.
"""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from core_llm_conformance.cassette import Cassette
from core_llm_conformance.recording import read_descriptions
from core_llm_conformance.scaffold.answers.said import ANSWERS, ERRORS
from core_llm_conformance.scaffold.describing import descriptions
from core_llm_conformance.scaffold.plan import Plan
from core_llm_conformance.scaffold.wires import WIRES
from core_llm_conformance.scaffold.writing import NotWrittenError, write_plugin
from core_llm_conformance.scenarios import ALL

TODAY = dt.date(2026, 11, 21)
HANG_GUARD = 120
OWN = [name for name, wire in WIRES.items() if wire.requires is None]
"""Wires that stand on nothing but the core."""
USUAL = {
    ".github/workflows/ci.yml",
    ".gitignore",
    "CHANGELOG.md",
    "LICENSE",
    "README.md",
    "pyproject.toml",
    "src/plugin_acme/__init__.py",
    "src/plugin_acme/_provider.py",
    "src/plugin_acme/py.typed",
    "tests/test_conformance.py",
}


@pytest.mark.parametrize("wire", OWN)
def test_a_whole_package_is_written(wire: str, tmp_path: Path) -> None:
    """Every file is there, every scenario described is a cassette, and nothing else is left behind."""
    written = write_plugin(Plan.of("acme", wire, today=TODAY), tmp_path, with_report=False)
    assert set(written.files) >= USUAL
    cassettes = {path.stem for path in (written.folder / "tests/cassettes").glob("*")}
    asked = {*ANSWERS, *ERRORS, "model_listing"} if WIRES[wire].shape else set()
    assert cassettes == asked
    assert [path.name for path in tmp_path.iterdir()] == ["plugin-acme"]
    assert not list(written.folder.rglob("__pycache__"))


def test_what_was_composed_says_so(tmp_path: Path) -> None:
    """A cassette is documented, by whom it was made up, and by which version of the plugin it is read."""
    written = write_plugin(Plan.of("acme", "ndjson", today=TODAY), tmp_path, with_report=False)
    head = Cassette.read(written.folder / "tests/cassettes/text.yaml").head
    assert (head.origin, head.plugin, head.date, head.model) == ("documented", "plugin-acme 0.1.0", TODAY, "acme-1")
    assert (
        head.source
        == "made up by core-llm new-plugin after lines of JSON elsewhere; the pages of Acme have yet to be read"
    )


def test_nothing_is_written_over(tmp_path: Path) -> None:
    """What is there stays, be it an empty folder."""
    (tmp_path / "plugin-acme").mkdir()
    with pytest.raises(NotWrittenError, match="is there already"):
        write_plugin(Plan.of("acme", "local"), tmp_path, with_report=False)
    assert list((tmp_path / "plugin-acme").iterdir()) == []


def test_it_is_all_or_nothing(tmp_path: Path) -> None:
    """A plugin whose cassettes are refused, here for a key in the address, is not written at all."""
    address = "https://api.acme.example/sk-proj-Zk3vQ9xW7mB2nL5tR8yU4pD6"
    with pytest.raises(NotWrittenError, match="the cassettes could not be composed: text: nothing written"):
        write_plugin(Plan.of("acme", "custom", url=address), tmp_path, with_report=False)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_takes_nothing(tmp_path: Path) -> None:
    """A file in the place of a folder is said to be that."""
    (tmp_path / "file").write_text("")
    with pytest.raises(NotWrittenError, match="cannot be written to"):
        write_plugin(Plan.of("acme", "local"), tmp_path / "file", with_report=False)


def test_the_report_says_what_came_of_it(tmp_path: Path) -> None:
    """The suite is run, and its page is part of the package."""
    written = write_plugin(Plan.of("acme", "local"), tmp_path)
    assert written.conforms is True
    assert "acme (plugin-acme 0.1.0) conforms to 1." in (written.folder / "CONFORMANCE.md").read_text(encoding="utf-8")


def test_every_scenario_that_all_must_show_is_answered() -> None:
    """Whoever adds a scenario for everybody says here what new plugins answer to it."""
    assert {scenario.name for scenario in ALL if scenario.is_base} - {*ANSWERS, *ERRORS} == {"model_listing"}


@pytest.mark.parametrize("wire", [name for name, wire in WIRES.items() if wire.shape])
def test_descriptions_can_be_read_and_changed(wire: str, tmp_path: Path) -> None:
    """The file is YAML that an author edits: every frame on a line, non-Latin text as it is."""
    shape = WIRES[wire].shape
    assert shape is not None
    text = descriptions(shape("acme-1"), provider="acme", title="Acme", wire=wire, today=TODAY)
    path = tmp_path / "descriptions.yaml"
    path.write_text(text, encoding="utf-8")
    assert [one.scenario for one in read_descriptions(path)] == [*ANSWERS, "model_listing", *ERRORS]
    assert yaml.safe_load(text)["date"] == TODAY
    assert "東京" in text
    assert text == descriptions(shape("acme-1"), provider="acme", title="Acme", wire=wire, today=TODAY)


def test_a_borrowed_wire_is_required() -> None:
    """Within the bounds of the version that was there."""
    pyproject = Plan.of("acme", "chat-completions").texts()["pyproject.toml"]
    assert tomllib.loads(pyproject)["project"]["dependencies"] == ["core-llm>=0.1,<0.2"]
    assert {name: wire.requires for name, wire in WIRES.items() if wire.requires} == {
        "anthropic": "plugin-anthropic",
        "gemini": "plugin-gemini",
    }


def core_llm(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    program = "import sys; from core_llm.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", program, *words]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=HANG_GUARD, check=False)


def test_the_verb_says_what_to_do_next(tmp_path: Path) -> None:
    """What was written, what to look at first, and the three commands after that."""
    done = core_llm("new-plugin", "acme", "--wire", "local", "--directory", "here", "--no-report", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("wrote plugin-acme into here/plugin-acme, 10 files; to begin with:\n")
    assert done.stdout.endswith("  cd here/plugin-acme\n  pip install -e . --group test --group lint\n  pytest\n")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["7b", "--wire", "custom"], "error: '7b' is no name for a provider"),
        (["acme", "--wire", "smoke"], "error: Invalid value for '--wire': 'smoke' is not one of 'chat-completions'"),
        (["acme"], "error: Missing option '--wire'"),
        (["acme", "--wire", "local", "--env", "KEY"], "error: a model in this process has neither"),
    ],
)
def test_the_verb_refuses_in_one_line(words: list[str], told: str, tmp_path: Path) -> None:
    """Nothing is written, and the exit code is that of a wrong command line."""
    done = core_llm("new-plugin", *words, cwd=tmp_path)
    assert done.stderr.splitlines()[-1].startswith(told)
    assert (done.returncode, list(tmp_path.iterdir())) == (2, [])


def test_the_verb_knows_every_wire(tmp_path: Path) -> None:
    """The list in its help is that of the wires there are."""
    help_ = " ".join(core_llm("new-plugin", "--help", cwd=tmp_path).stdout.split())
    assert f"[{'|'.join(WIRES)}]" in help_
