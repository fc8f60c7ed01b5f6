"""The shell examples of the page about the command run as they stand, against a scripted server on this machine."""

from __future__ import annotations

import os
import re
import subprocess
import sysconfig
from itertools import repeat
from pathlib import Path

import pytest

from core_llm_conformance.answering import answer_to
from core_llm_conformance.script import json_answer
from core_llm_conformance.server import FaultServer

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/how-to/use-the-command.md"
REFERENCE = ROOT / "docs/reference/command.md"
BLOCK = re.compile(r"^(<!-- not run: [^\n]*-->\n)?```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HANG_GUARD = 120
MOST_REQUESTS = 50


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with the files that the examples name."""
    for name in ("question.txt", "notes.md", "todo.md"):
        tmp_path.joinpath(name).write_text("Why is the sky blue?\n", encoding="utf-8")
    tmp_path.joinpath("photo.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return tmp_path


def test_examples_of_the_command_run(folder: Path) -> None:
    """All examples, run as one script that stops at the first failure, print what their comments and texts promise."""
    script = "\n".join(code for is_skipped, code in BLOCK.findall(PAGE.read_text(encoding="utf-8")) if not is_skipped)
    with FaultServer() as server:
        server.enqueue(*repeat(answer_to, MOST_REQUESTS))
        server.route("/v1/models", json_answer({"data": [{"id": "gpt-5-mini"}]}))
        environ = {
            "PATH": sysconfig.get_path("scripts") + os.pathsep + os.environ["PATH"],
            "HOME": str(folder),
            "OPENAI_API_KEY": "made-up-0123456789",
            "CORE_LLM_PROVIDERS__OPENAI__BASE_URL": f"{server.url}/v1",
        }
        shell = ["bash", "-euo", "pipefail", "-c", script]
        done = subprocess.run(
            shell,
            cwd=folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=HANG_GUARD,
            check=False,
        )
    assert (done.stderr.decode(), done.returncode) == ("", 0)
    assert b"It said: The sky is blue because air scatters blue light.\n" in done.stdout
    assert b"openai:gpt-5-mini\n" in done.stdout
    assert done.stdout.count(b'"embedding": [') == 4
    assert folder.joinpath("finish.json").read_text(encoding="utf-8").startswith('{"type": "finish"')


def test_options_of_the_command_are_listed(folder: Path) -> None:
    """The reference has every option of every verb, and each verb a heading."""
    text = REFERENCE.read_text(encoding="utf-8")
    command = Path(sysconfig.get_path("scripts")) / "core-llm"
    for verb in ("chat", "embed", "models", "plugins", "config"):
        done = subprocess.run([command, verb, "--help"], cwd=folder, capture_output=True, text=True, check=True)
        section = text.partition(f"\n## {verb}\n")[2].partition("\n## ")[0]
        options = set(re.findall(r"--[a-z-]+", done.stdout)) - {"--help"}
        assert {option for option in options if option not in section} == set()
