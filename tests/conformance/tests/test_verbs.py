"""``core-llm conformance``: a stranger's plugin is run, reported and checked without anything being written for it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROVIDER = '''
"""Acme."""
from core_llm import Provider, hookimpl
from core_llm.wire import ChatCompletions


class Acme(Provider):
    """Models hosted by Acme."""

    name = "acme"
    base_url = "https://api.acme.example/v1"
    wire_format = ChatCompletions


@hookimpl
def core_llm_register_providers():
    return [Acme]
'''
SUITE = """
from core_llm_conformance import ProviderSuite, Xfail


class TestAcme(ProviderSuite):
    provider = "acme"
    model = "acme-1"
"""
ONE = "test_options_are_described"
"""A test that needs no cassette."""
HANG_GUARD = 120


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder in which acme is installed."""
    info = tmp_path / "site/plugin_acme-1.2.0.dist-info"
    info.mkdir(parents=True)
    info.joinpath("METADATA").write_text("Metadata-Version: 2.1\nName: plugin-acme\nVersion: 1.2.0\n")
    info.joinpath("entry_points.txt").write_text("[core_llm.providers]\nacme = plugin_acme\n")
    info.with_name("plugin_acme.py").write_text(PROVIDER)
    return tmp_path


def core_llm(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command ``core-llm conformance`` in a folder, beside what is installed there."""
    program = (
        f"import sys; sys.path.insert(0, {str(folder / 'site')!r}); from core_llm.cli import main; sys.exit(main())"
    )
    return subprocess.run(
        [sys.executable, "-c", program, "conformance", *words],
        cwd=folder,
        env={"PATH": "", "PYTHONPATH": ":".join([str(folder / "site"), *sys.path]), "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=HANG_GUARD,
        check=False,
    )


def test_a_plugin_is_run_without_a_test_file(folder: Path) -> None:
    """Provider and model are all that has to be said; a test that passes ends with 0."""
    done = core_llm(folder, "run", "acme", "--model", "acme-1", "-k", ONE)
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 passed" in done.stdout
    assert "acme (plugin-acme 1.2.0) is not shown to conform to 1.0: not all of the suite ran" in done.stdout


def test_a_failure_says_how_to_run_it_again(folder: Path) -> None:
    """A missing cassette fails with the command that runs this test alone, and the run ends with 1."""
    done = core_llm(folder, "run", "acme", "--model", "acme-1", "--layer", "exchanges", "--scenario", "text", "-x")
    assert done.returncode == 1
    again = "core-llm conformance run acme --model acme-1 -k 'test_every_claim_has_its_cassette[text]'"
    assert f"  again     {again}\n" in done.stdout


def test_the_author_s_class_is_used(folder: Path) -> None:
    """With a test file the class in it says what there is to say, its known failures too."""
    (folder / "tests").mkdir()
    known = f'    xfail = {{"{ONE}": Xfail("not yet", "https://acme.example/1")}}\n'
    (folder / "tests/test_conformance.py").write_text(SUITE + known)
    done = core_llm(folder, "run", "acme", "-k", ONE)
    assert done.returncode == 1
    assert "it passed, though it is marked xfail: not yet (https://acme.example/1)" in done.stdout
    assert f"again     core-llm conformance run acme -k {ONE}\n" in done.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "acne", "-m", "x"], "no provider 'acne' is installed; there are: acme"),
        (["run", "acme"], "no model: name one with --model"),
        (["run", "acme", "-m", "x", "-o", "wire"], "'wire' is no NAME=VALUE"),
        (["run", "acme", "-m", "x", "--scenario", "txt"], "no scenario txt (do you mean 'text'?); there are text, "),
        (["record", "acme", "-m", "x", "--compose", "none.yaml"], "No such file or directory; none.yaml"),
        (["report", "acme", "--from", "none.json"], "No such file or directory: none.json"),
        (["report", "acme", "--from", "site/plugin_acme.py"], "is no report in JSON"),
    ],
)
def test_what_is_missing_is_said_in_a_line(folder: Path, words: list[str], message: str) -> None:
    """A wrong command is told what is wrong with it, and runs nothing."""
    done = core_llm(folder, *words)
    assert done.returncode in (1, 2)
    assert message in done.stderr
    assert done.stdout == ""


def test_a_report_is_written_and_checked(folder: Path) -> None:
    """A run's JSON becomes a page; the page is up to date until the plugin changes."""
    core_llm(folder, "run", "acme", "-m", "acme-1", "-k", ONE, "--report", "out")
    assert sorted(path.name for path in (folder / "out").iterdir()) == [
        "CONFORMANCE.md",
        "conformance.json",
        "conformance.svg",
        "conformance.xml",
    ]
    source = ("report", "acme", "--from", "out/conformance.json")
    core_llm(folder, *source, "--output", "CONFORMANCE.md")
    assert (folder / "CONFORMANCE.md").read_text() == (folder / "out/CONFORMANCE.md").read_text()
    assert core_llm(folder, *source, "--check").returncode == 0

    later = json.loads((folder / "out/conformance.json").read_text())
    later["suites"][0]["version"] = "1.3.0"
    (folder / "out/conformance.json").write_text(json.dumps(later))
    done = core_llm(folder, *source, "--check")
    assert done.returncode == 1
    assert "+acme (plugin-acme 1.3.0)" in done.stdout
    assert done.stderr == "CONFORMANCE.md is out of date; write it anew with --output CONFORMANCE.md\n"


def test_the_scenarios_are_listed(folder: Path) -> None:
    """Each with its level, what has to be declared, and what it shows."""
    done = core_llm(folder, "list", "--json")
    assert json.loads(done.stdout.splitlines()[0]) == {
        "scenario": "text",
        "level": "required",
        "needs": "every provider",
        "shows": "A short question is answered with text.",
    }


def test_the_tests_are_listed(folder: Path) -> None:
    """Each with its layer and its rule."""
    assert f"{ONE}  " in core_llm(folder, "list", "--tests").stdout


def test_the_suite_stands_without_the_command() -> None:
    """Without click and rich, which are an extra of the core, a suite class is collected and reported all the same."""
    program = (
        "import sys; sys.modules.update(click=None, rich=None);"
        "import core_llm_conformance.pytest_plugin, core_llm_conformance.suite, core_llm_conformance.suite_run"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_plugin_of_pytest_imports_nothing_where_no_suite_is() -> None:
    """It is loaded in every run of pytest, and costs those that test something else nothing."""
    program = (
        "import sys, pytest; before = set(sys.modules); import core_llm_conformance.pytest_plugin;"
        "print(sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "['core_llm_conformance', 'core_llm_conformance.pytest_plugin']\n"
