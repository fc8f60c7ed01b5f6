"""``core-llm`` itself: help, version, exit codes, the verbs of plugins, and what is said when something is missing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import click
import pytest

import core_llm
from core_llm_conformance.script import sse_answer, sse_event
from core_llm_conformance.server import FaultServer

Run = Callable[..., subprocess.CompletedProcess[str]]
AddPackage = Callable[..., None]

GREET = """
import click
from core_llm import hookimpl

@hookimpl
def core_llm_register_commands(cli):
    @cli.command()
    def greet():
        "Say hello."
        click.echo("hello")
"""
LOCAL = """
from core_llm import LocalProvider, hookimpl
from core_llm.wire import ModelInfo

class Here(LocalProvider):
    name = "here"

    def list_models(self):
        return (ModelInfo(id="small"), ModelInfo(id="smaller"))
        yield

    def run_local(self, request, channel):
        raise AssertionError

@hookimpl
def core_llm_register_providers():
    return [Here]
"""


def test_help_imports_nothing_heavy(environ: dict[str, str], tmp_path: Path) -> None:
    """Help needs click, and neither the HTTP library nor pydantic, rich or a plugin, unless a package brings verbs."""
    code = (
        "import sys; from core_llm.cli._app import run; sys.exit(run(['--help']) or"
        " str(sorted({'httpx', 'pydantic', 'rich', 'plugin_mybox'} & set(sys.modules))))"
    )
    for package in (click, core_llm):  # and nothing else that is installed here: the conformance suite has a verb
        (tmp_path / "site" / package.__name__).symlink_to(Path(str(package.__file__)).parent)
    command = [sys.executable, "-S", "-c", code]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert "chat" in done.stdout
    assert done.stderr == "[]\n"


def test_bare_command_shows_help(run: Run) -> None:
    """Without a verb the command says what it can."""
    done = run()
    assert done.returncode == 0
    assert done.stdout.startswith("Usage: core-llm")


def test_version(run: Run) -> None:
    """The version is that of the installed package."""
    assert run("--version").stdout == f"core-llm {version('core-llm')}\n"


def test_missing_extra_names_the_command_that_helps(run: Run, add_package: AddPackage) -> None:
    """Without click the command is one line, and exit code 1."""
    add_package("click", "raise ModuleNotFoundError(\"No module named 'click'\", name='click')\n")
    done = run("--help")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith("run: pip install 'core-llm[cli]'\n")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["caht"], "No such command 'caht'"),
        (["chat", "--wrong"], "No such option"),
        (["chat", "-m", "mybox", "Hi"], "'mybox' is not a model id; write it as 'provider:model'"),
        (["chat", "-m", "mybox:tiny", "  "], "the prompt is empty; give one as an argument or through a pipe"),
        (["chat", "-o", "temprature=1", "Hi"], "-o temprature=1: unknown setting; did you mean temperature?"),
        (["chat", "-o", "temperature=warm", "Hi"], "-o temperature=warm: "),
        (["chat", "-o", "temperature", "Hi"], "-o temperature: write it as SETTING=VALUE"),
        (["chat", "-f", "missing.txt", "Hi"], "cannot read missing.txt: No such file or directory"),
    ],
)
def test_wrong_words_are_one_line_and_code_2(run: Run, words: list[str], message: str) -> None:
    """What cannot be sent as it was written is said in one line, and nothing is sent."""
    done = run(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {message}")
    assert done.stderr.count("\n") == 1


def test_no_model_lists_providers(run: Run, add_package: AddPackage) -> None:
    """Without a model and a default the error names the providers, and a model that needs no key if one is there."""
    add_package("plugin-here", LOCAL, providers="here")
    done = run("chat", "Hi")
    assert done.returncode == 2
    assert done.stderr.startswith("error: no model; name one with -m PROVIDER:MODEL, or set default_model in ")
    assert done.stderr.endswith("Installed: here, mybox; -m here:small needs no key\n")


def test_default_model_of_the_configuration(server: FaultServer, run: Run, environ: dict[str, str]) -> None:
    """With a default model the prompt is enough."""
    environ["CORE_LLM_DEFAULT_MODEL"] = "mybox:tiny"
    server.enqueue(sse_answer(sse_event({"choices": [{"delta": {"content": "Hi!"}, "finish_reason": "stop"}]})))
    assert run("chat", "Hi").stdout == "Hi!\n"


def test_plugin_adds_a_verb(run: Run, add_package: AddPackage) -> None:
    """A plugin's verb is in the help and runs."""
    add_package("core-llm-greet", GREET, commands="greet")
    assert "  greet    Say hello.\n" in run("--help").stdout
    assert run("greet").stdout == "hello\n"


def test_broken_verb_harms_no_other(run: Run, add_package: AddPackage) -> None:
    """A plugin that fails to import, or wants another's name, is a warning; help and the other verbs work."""
    add_package("core-llm-greet", GREET, commands="greet")
    add_package("core-llm-broken", "1 / 0\n", commands="broken")
    add_package("core-llm-thief", GREET.replace("def greet", "def chat"), commands="thief")
    done = run("--help")
    assert "Say hello." in done.stdout
    assert sorted(line.partition(":")[0] for line in done.stderr.splitlines()) == ["warning", "warning"]
    assert "core-llm-thief 1.0.0 failed to add its commands: ValueError: the verb 'chat' is taken" in done.stderr
    assert run("greet").stdout == "hello\n"


def test_verb_that_is_left_out_is_explained(run: Run, add_package: AddPackage) -> None:
    """``core-llm plugins`` says why a plugin's verb is not there."""
    add_package("core-llm-thief", GREET.replace("def greet", "def chat"), commands="thief")
    [thief] = [line for line in run("plugins").stdout.splitlines() if line.startswith("thief\t")]
    assert thief.startswith("thief\tcommand\tquarantined\tcore-llm-thief\t1.0.0\t")
    assert "the verb 'chat' is taken" in thief


def test_own_verbs_load_no_plugin_of_verbs(run: Run, add_package: AddPackage) -> None:
    """A verb of this package does not wait for those of plugins."""
    add_package("core-llm-broken", "1 / 0\n", commands="broken")
    assert run("config").stderr == ""


def test_help_survives_a_wrong_configuration(run: Run, add_package: AddPackage, environ: dict[str, str]) -> None:
    """Where the configuration does not say which plugins are switched off, their verbs are left out, with a warning."""
    add_package("core-llm-greet", GREET, commands="greet")
    environ["CORE_LLM_MAX_RETRIES"] = "many"
    done = run("--help")
    assert "chat" in done.stdout
    assert done.stderr.startswith("warning: the verbs of plugins are left out: max_retries must be a whole number")


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ("raise RuntimeError('boom')", 1, "error: internal error: RuntimeError: boom; core-llm --debug shows where"),
        ("raise click.ClickException('not today')", 1, "error: not today\n"),
        ("raise SystemExit(7)", 7, ""),
        ("raise SystemExit", 0, ""),
        ("raise SystemExit('no more')", 1, "error: no more\n"),
        ("open('missing.txt')", 1, "error: No such file or directory: missing.txt\n"),
        ("raise KeyboardInterrupt", 130, ""),
        ("return 5", 0, ""),
    ],
)
def test_however_a_verb_ends(run: Run, add_package: AddPackage, body: str, code: int, message: str) -> None:
    """No verb ends in a traceback, and what it returns is no exit code."""
    add_package("core-llm-greet", GREET.replace('click.echo("hello")', body), commands="greet")
    done = run("greet")
    assert (done.returncode, "Traceback" in done.stderr) == (code, False)
    assert done.stderr.lstrip().startswith(message)


def test_debug_shows_the_traceback(run: Run, add_package: AddPackage) -> None:
    """For whoever looks for the mistake there is ``--debug``."""
    add_package("core-llm-greet", GREET.replace('click.echo("hello")', "raise RuntimeError('boom')"), commands="greet")
    assert "Traceback (most recent call last)" in run("--debug", "greet").stderr


def test_unwise_file_is_a_line_of_warning(run: Run, environ: dict[str, str], tmp_path: Path) -> None:
    """A warning of the core has the form of an error, and leaves the exit code alone."""
    file = tmp_path / "config.toml"
    file.write_text('[providers.mybox]\napi_key = "not-a-real-key"\n')
    file.chmod(0o644)
    environ["CORE_LLM_CONFIG"] = str(file)
    done = run("config")
    assert done.returncode == 0
    assert done.stderr == f"warning: other users of this computer can read the keys in {file}; run: chmod 600 {file}\n"


def test_completion_for_a_shell(start: Callable[..., subprocess.Popen[bytes]], environ: dict[str, str]) -> None:
    """The shell completion of click is there."""
    environ["_CORE_LLM_COMPLETE"] = "zsh_source"
    process = start(stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert b"#compdef core-llm" in process.stdout.read()
