"""The plugin as it is installed: it costs a client nothing, and gives the command its servers."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
from pathlib import Path

import plugin_mcp

from .helping import SERVER

COMMAND = str(Path(sysconfig.get_path("scripts")) / "core-llm")
SCRIPTED = """
from core_llm import ToolCallPart, hookimpl
from core_llm.testing import FakeProvider

@hookimpl
def core_llm_register_providers():
    call = ToolCallPart(id="1", name="ours_add", arguments={"a": 1, "b": 2})
    return [FakeProvider([call], "Three.", name="scripted")]
"""


def test_every_name_can_be_imported() -> None:
    """The lazy front door has what it says."""
    assert {name for name in plugin_mcp.__all__ if not isinstance(getattr(plugin_mcp, name), type)} == set()


def test_a_client_that_uses_no_server_pays_nothing() -> None:
    """The plugin is imported with every client; the SDK and an event loop are not."""
    program = (
        "import sys\nfrom core_llm import Client\nClient()\n"
        "print('plugin_mcp._plugin' in sys.modules, {'mcp', 'asyncio', 'plugin_mcp._server'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "True set()\n"


def test_the_command_uses_a_configured_server(tmp_path: Path) -> None:
    """From the configuration to the server's tool and back, through a conversation with a model."""
    site = tmp_path / "site"
    info = site / "plugin_scripted-1.0.dist-info"
    info.mkdir(parents=True)
    info.joinpath("METADATA").write_text("Metadata-Version: 2.1\nName: plugin-scripted\nVersion: 1.0\n")
    info.joinpath("entry_points.txt").write_text("[core_llm.providers]\nscripted = scripted\n")
    site.joinpath("scripted.py").write_text(SCRIPTED)
    servers = {"ours": {"command": sys.executable, "args": [SERVER], "trusted_tools": ["add"]}}
    environ = {
        "HOME": str(tmp_path),
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": str(site),
        "CORE_LLM_PLUGINS__MCP": json.dumps({"servers": servers}),
    }
    words = [COMMAND, "chat", "-m", "scripted:model", "--mcp", "ours", "1 + 2?"]
    done = subprocess.run(
        words, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (
        0,
        "Three.\n",
        "tool: ours_add(a=1, b=2)\nresult: ours_add: 3\n",
    )
