"""What importing a plugin does is seen in a fresh interpreter, whatever it is."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from core_llm_conformance.contract.imports import (
    MAX_MODULES,
    check_import_has_no_side_effects,
    check_imports_lightly,
    seen_importing,
)
from core_llm_conformance.contract.sources import PluginModule

from .probing import finding, install_beside

GOOD = """
    import re
    from core_llm import Provider
    from core_llm.wire import ChatCompletions

    class Acme(Provider):
        name = "acme"
        wire_format = ChatCompletions
"""
SIDE_EFFECTS = {
    "connects": ("import socket; socket.create_connection(('127.0.0.1', 9))", "socket."),
    "looks up a name": ("import socket; socket.getaddrinfo('api.example', 443)", "socket.getaddrinfo"),
    "swallows that it may not": (
        """
        import socket
        try:
            socket.create_connection(("127.0.0.1", 9))
        except Exception:
            pass
        """,
        "socket.",
    ),
    "starts a program": ("import subprocess; subprocess.run(['true'])", "subprocess.Popen"),
    "starts a thread": ("import threading; threading.Thread(target=int).start()", "starts a thread"),
    "writes a file": ("open('cache.json', 'w').close()", "opens cache.json for writing"),
    "makes a folder": ("import os; os.mkdir('cache')", "makes a folder"),
    "reads the environment": ("import os; KEY = os.environ.get('ACME_API_KEY')", "environment variable ACME_API_KEY"),
    "asks os.getenv": ("import os; KEY = os.getenv('ACME_API_KEY')", "environment variable ACME_API_KEY"),
    "sets the environment": ("import os; os.environ['ACME'] = '1'", "sets an environment variable"),
    "configures the log": ("import logging; logging.basicConfig(level=10)", "changes the logger 'root'"),
    "raises a level": ("import logging; logging.getLogger('httpx').setLevel(50)", "changes the logger 'httpx'"),
    "hides warnings": ("import warnings; warnings.simplefilter('ignore')", "changes the filters of warnings"),
    "warns": ("import warnings; warnings.warn('old', DeprecationWarning)", "warns: DeprecationWarning: old"),
    "takes a signal": (
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)",
        "changes the handlers of signals",
    ),
    "changes the path": ("import sys; sys.path.insert(0, '/nowhere')", "changes sys.path"),
    "sets a time limit": ("import socket; socket.setdefaulttimeout(5)", "changes the default timeout of sockets"),
    "changes the core": (
        "from core_llm.wire import ChatCompletions; ChatCompletions.chat_path = '/v2/chat'",
        "core_llm.wire.chat_completions.ChatCompletions.chat_path, which is the core's",
    ),
    "changes a table of the core": (
        "from core_llm.wire import ChatCompletions; ChatCompletions.finish_reasons['halt'] = 'stop'",
        "finish_reasons, which is the core's",
    ),
}


def plugin(folder: Path, source: str) -> PluginModule:
    """Return a plugin of one file."""
    file = folder / "plugin_acme.py"
    file.write_text(dedent(source), encoding="utf-8")
    return PluginModule("plugin_acme", file)


def test_a_usual_plugin_does_nothing(tmp_path: Path) -> None:
    """A provider's class costs no module and has no effect."""
    made = plugin(tmp_path, GOOD)
    check_imports_lightly(made)
    check_import_has_no_side_effects(made)
    assert seen_importing(made).modules == ("plugin_acme",)


@pytest.mark.parametrize("what", SIDE_EFFECTS)
def test_side_effects_are_seen(what: str, tmp_path: Path) -> None:
    """Each is named, also where the plugin hides that it was refused."""
    source, told = SIDE_EFFECTS[what]
    made = plugin(tmp_path, source)
    assert told in finding(lambda: check_import_has_no_side_effects(made)).found


def test_the_line_is_named(tmp_path: Path) -> None:
    """Who reads the failure finds the line."""
    made = plugin(tmp_path, "import re\n\nopen('x', 'w').close()\n")
    assert finding(lambda: check_import_has_no_side_effects(made)).look_at == f"{made.file}:3"


def test_output_is_a_side_effect(tmp_path: Path) -> None:
    """A plugin that prints spoils whatever its user pipes."""
    made = plugin(tmp_path, "print('Acme loaded')")
    assert finding(lambda: check_import_has_no_side_effects(made)).found == "it prints: Acme loaded"


def test_a_failing_import_is_shown(tmp_path: Path) -> None:
    """What an import raises is the finding."""
    made = plugin(tmp_path, "raise SystemExit('no licence')")
    assert finding(lambda: check_imports_lightly(made)).found == "importing plugin_acme raises SystemExit: no licence"


def test_heavy_libraries_are_named(tmp_path: Path) -> None:
    """An HTTP client of its own is a library too many; that of the core is not loaded before it is needed."""
    made = plugin(tmp_path, "import httpx")
    assert finding(lambda: check_imports_lightly(made)).found == "importing plugin_acme imports httpx"


def test_another_plugin_is_none_of_its_business(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plugins stand alone."""
    install_beside(tmp_path, monkeypatch)
    made = plugin(tmp_path, "import plugin_beside")
    assert finding(lambda: check_imports_lightly(made)).found.endswith("imports another plugin: plugin_beside")


def test_many_modules_are_too_many(tmp_path: Path) -> None:
    """Whatever they are called: each costs its users time."""
    package = tmp_path / "crowd"
    package.mkdir()
    for number in range(MAX_MODULES + 1):
        (package / f"m{number}.py").write_text("")
    lines = [f"import sys; sys.path.append({str(tmp_path)!r})", *(f"import crowd.m{n}" for n in range(MAX_MODULES + 1))]
    made = plugin(tmp_path, "\n".join(lines))
    assert (
        f"brings {MAX_MODULES + 2} modules, {MAX_MODULES} at most: crowd"
        in finding(lambda: check_imports_lightly(made)).found
    )


def test_an_interpreter_is_started_once(tmp_path: Path) -> None:
    """Several tests look at one import."""
    made = plugin(tmp_path, GOOD)
    assert seen_importing(made) is seen_importing(made)
