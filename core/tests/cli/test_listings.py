"""``core-llm models``, ``plugins`` and ``config``: what they list, through a pipe and as JSON."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import JsonValue

from core_llm_conformance.script import json_answer
from core_llm_conformance.server import FaultServer

Run = Callable[..., subprocess.CompletedProcess[str]]
AddPackage = Callable[..., None]

LISTED: JsonValue = {"object": "list", "data": [{"id": "tiny", "owned_by": "me"}, {"id": "huge", "owned_by": "me"}]}


def test_models_are_listed_as_chat_takes_them(server: FaultServer, run: Run) -> None:
    """Each line is what ``-m`` takes, in alphabetical order."""
    server.enqueue(json_answer(LISTED))
    done = run("models", "mybox")
    assert (done.returncode, done.stdout, done.stderr) == (0, "mybox:huge\nmybox:tiny\n", "")
    assert server.last_request.path == "/v1/models"


def test_models_as_json(server: FaultServer, run: Run) -> None:
    """``--json`` gives all that the provider says, one model a line."""
    server.enqueue(json_answer(LISTED))
    first = json.loads(run("models", "mybox", "--json").stdout.splitlines()[0])
    assert (first["model"], first["id"], first["owned_by"]) == ("mybox:huge", "huge", "me")


def test_models_without_provider_lists_providers(run: Run, environ: dict[str, str]) -> None:
    """Without a provider the verb says which there are, endpoints of the configuration included."""
    environ["CORE_LLM_PROVIDERS__DESK__TYPE"] = "mybox"
    rows = [json.loads(line) for line in run("models", "--json").stdout.splitlines()]
    assert rows == [
        {"provider": "desk", "from": "endpoint of mybox"},
        {"provider": "mybox", "from": "plugin-mybox 1.0.0"},
    ]


def test_unknown_provider_names_the_near_miss(run: Run) -> None:
    """A provider that nobody has is an error with what is installed and what may have been meant."""
    done = run("models", "mybx")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: no provider 'mybx'; installed: mybox; did you mean 'mybox'?\n"


def test_plugins_says_what_is_broken_and_how_to_fix_it(run: Run, add_package: AddPackage) -> None:
    """A plugin that cannot be imported is listed with the reason and the command that may help; the others work."""
    add_package("plugin-broken", "import a_package_that_is_not_there\n", providers="broken")
    done = run("plugins", "--json")
    plugins = {plugin["name"]: plugin for plugin in map(json.loads, done.stdout.splitlines())}
    assert plugins["mybox"]["state"] == "loaded"
    assert plugins["broken"]["state"] == "quarantined"
    assert "No module named 'a_package_that_is_not_there'" in plugins["broken"]["reason"]
    assert "pip install -U core-llm plugin-broken" in plugins["broken"]["reason"]
    assert (done.returncode, done.stderr) == (0, "")


def test_plugins_through_a_pipe(run: Run, environ: dict[str, str]) -> None:
    """Each line has the same fields, separated by tabs."""
    environ["CORE_LLM_DISABLE_PLUGINS"] += ",mybox"
    lines = [line.split("\t") for line in run("plugins").stdout.splitlines()]
    [mybox] = [line for line in lines if line[0] == "mybox"]
    assert mybox[:5] == ["mybox", "provider", "disabled", "plugin-mybox", "1.0.0"]


def test_config_says_which_layer_set_what(run: Run, environ: dict[str, str], tmp_path: Path) -> None:
    """Each setting has its value and where that comes from; the file's path is the first line."""
    file = tmp_path / "config.toml"
    file.write_text('default_model = "mybox:tiny"\n')
    environ |= {"CORE_LLM_CONFIG": str(file), "CORE_LLM_MAX_RETRIES": "5"}
    lines = [line.split("\t") for line in run("config").stdout.splitlines()]
    assert lines[0] == ["configuration file", str(file), "exists"]
    assert ["default_model", "mybox:tiny", f"file {file}"] in lines
    assert ["max_retries", "5", "environment CORE_LLM_MAX_RETRIES"] in lines
    assert ["transport", "httpx", "default"] in lines


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_config_shows_no_secret(run: Run, environ: dict[str, str], form: list[str]) -> None:
    """A key is shown as set, never as it is."""
    environ["CORE_LLM_PROVIDERS__MYBOX__API_KEY"] = "a-key-that-nobody-may-see"
    done = run("config", *form)
    assert "providers.mybox.api_key" in done.stdout
    assert "nobody-may-see" not in done.stdout + done.stderr


def test_config_that_does_not_parse(run: Run, environ: dict[str, str], tmp_path: Path) -> None:
    """A mistake in the file is one line with its place."""
    file = tmp_path / "config.toml"
    file.write_text("default_model = \n")
    environ["CORE_LLM_CONFIG"] = str(file)
    done = run("config")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: {file}, line 1, column 17: ")
    assert done.stderr.count("\n") == 1
