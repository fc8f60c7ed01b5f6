"""Tools on the command line: those that were named, and the person's word before one runs that needs it."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Literal

import click

from core_llm._client import Client
from core_llm._messages import ToolCallPart, ToolResultPart
from core_llm.cli._interrupts import ctrl_c_does
from core_llm.cli._output import CONTROLS, say

if TYPE_CHECKING:
    from core_llm._json import JSONObject, JSONValue
    from core_llm._runs.approval import Approval
    from core_llm._tools.manager import ToolManager

Mode = Literal["ask", "always", "never"]
SHOWN = 300
"""Characters of a result that a line shows."""
FORBIDDEN = "The user allows no calls that need approval."
NOBODY = "It needs approval, and there is no terminal at which the user could give it."
UNANSWERED = "The user did not answer."


@contextmanager
def opened_tools(client: Client, named: Sequence[str], sources: Sequence[str]) -> Iterator[ToolManager]:
    """Return the tools of ``-T`` and ``--mcp``; leaving the block closes the sources.

    Args:
        client: Whose plugins are asked.
        named: Each ``module:name``, or the name of a tool that a plugin supplies.
        sources: Names of sources of tools, such as configured MCP servers.

    Raises:
        CoreLLMError: One is not there, cannot be opened, or has a name that another has.
        KeyboardInterrupt: Ctrl-C was pressed while one was opened.
    """
    from core_llm._tools.loading import load_tools  # noqa: PLC0415  # tools cost those who use them
    from core_llm._tools.manager import ToolManager  # noqa: PLC0415  # the same

    if "" not in sys.path:
        sys.path.append("")  # tools of the folder that one stands in, after all that is installed
    manager = ToolManager()
    for name in named:
        manager.register(*(load_tools(name) if ":" in name else client.plugin_tools(name)))
    with ExitStack() as stack:
        for name in sources:
            with ctrl_c_does(signal.default_int_handler):  # raised, so that what was begun is cleaned up
                source = stack.enter_context(client.tool_source(name))
            source.attach(manager)
        yield manager


class TerminalApproval:
    """Asks the person at the terminal about a call; without one, or without an answer, the call does not run."""

    def __init__(self, mode: Mode) -> None:
        self._mode = mode
        self._always: set[str] = set()

    def __call__(self, call: ToolCallPart) -> Approval:
        """Return what the person says; asked in the thread that reads the events, which is the main one.

        Raises:
            KeyboardInterrupt: They pressed Ctrl-C.
        """
        from core_llm._runs.approval import Approval  # noqa: PLC0415  # as above

        if self._mode == "always" or call.name in self._always:
            return Approval.approve()
        if self._mode == "never":
            return Approval.deny(FORBIDDEN)
        if not _is_there_a_person():
            return Approval.deny(NOBODY)
        with ctrl_c_does(signal.default_int_handler):
            return self._ask(call)

    def _ask(self, call: ToolCallPart) -> Approval:
        from core_llm._runs.approval import Approval  # noqa: PLC0415  # as above

        arguments = dict(call.arguments or {})
        while True:
            _write(f"{call_text(call.name, arguments)}\nRun it? [y]es, [n]o, [e]dit, [a]lways: ")
            try:
                word, _, rest = input().strip().partition(" ")
            except EOFError:
                _write("\n")
                return Approval.deny(UNANSWERED)
            match word.lower():
                case "y" | "yes" | "a" | "always":
                    if word.lower().startswith("a"):
                        self._always.add(call.name)
                    return Approval.approve(arguments=None if arguments == call.arguments else arguments)
                case "n" | "no":
                    return Approval.deny(rest.strip() or "The user said no.")
                case "e" | "edit":
                    arguments = _edited(arguments)
                case _:
                    _write("Answer with y, n (and why, if you like), e or a.\n")


def _edited(arguments: JSONObject) -> JSONObject:
    """Return arguments as the person changed them in their editor; as they were, if these cannot be used."""
    try:
        text = click.edit(json.dumps(arguments, indent=2, ensure_ascii=False), extension=".json")
    except click.ClickException as error:
        say("error", error.format_message())
        return arguments
    if text is None:
        return arguments
    try:
        edited = json.loads(text)
    except ValueError as error:
        say("error", f"that is no JSON: {error}")
        return arguments
    if not isinstance(edited, dict):
        say("error", "arguments are a JSON object")
        return arguments
    return edited


def call_text(name: str, arguments: JSONObject) -> str:
    """Return a call as a line: every argument in full, since a person decides by it."""
    shown = (f"{key if key.isidentifier() else _json(key)}={_json(value)}" for key, value in arguments.items())
    return f"{name}({', '.join(shown)})"


def _json(value: JSONValue) -> str:
    """Return JSON that a person can read and that can steer nothing: what does not print is escaped."""
    text = json.dumps(value, ensure_ascii=False)
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text)


def result_text(result: ToolResultPart) -> str:
    """Return a result as a line, cut where it is long."""
    if isinstance(result.content, str):
        text = result.content
    else:
        text = " ".join(part.text if part.kind == "text" else f"[{part.media_type}]" for part in result.content)
    text = " ".join(text.split())
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}… ({len(text)} characters)"


def _is_there_a_person() -> bool:
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr is not None and sys.stderr.isatty()


def _write(text: str) -> None:
    if sys.stdout is not None:
        sys.stdout.flush()
    sys.stderr.write(text.translate(CONTROLS))
    sys.stderr.flush()
