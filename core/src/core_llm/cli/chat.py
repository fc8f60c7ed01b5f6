"""The verb ``chat``: one answer, or a conversation at a prompt."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from core_llm._client import Client
from core_llm._errors import AbortedError, ConfigError, CoreLLMError, InvalidRequestError, PluginError, ProviderError
from core_llm._messages import FilePart, Message, ReasoningPart
from core_llm._model_id import resolve_model
from core_llm._options import ChatOptions
from core_llm._plugins import PluginRegistry
from core_llm._provider import LocalProvider
from core_llm.cli._app import exit_code
from core_llm.cli._input import as_message, parse_options, piped_text, read_files, typed_text
from core_llm.cli._interrupts import StopAnswer, ctrl_c_does, leave
from core_llm.cli._output import Output, say
from core_llm.cli._printers import JSONPrinter, Printer, TextPrinter
from core_llm.cli._tools import Mode, TerminalApproval, opened_tools

if TYPE_CHECKING:
    from core_llm._tools.manager import ToolManager


def run_chat(
    *,
    prompt: str | None,
    model: str | None,
    system: str | None,
    options: Sequence[str],
    files: Sequence[Path],
    as_json: bool,
    is_whole: bool,
    tools: Sequence[str],
    sources: Sequence[str],
    approve: Mode,
) -> None:
    """Answer once, or hold a conversation where nothing was asked and both ends are a terminal.

    Raises:
        CoreLLMError: The question cannot be sent, or the answer failed.
    """
    output = Output()
    has_tools = bool(tools or sources)
    printer: Printer = JSONPrinter(output) if as_json else TextPrinter(output, runs_tools=has_tools)
    try:
        if has_tools and is_whole:
            raise InvalidRequestError("--no-stream asks once; with -T or --mcp there may be several answers")
        settings, provider_options = parse_options(options)
        asked: ChatOptions = {"settings": settings, "provider_options": provider_options}
        if system is not None:
            asked["system"] = typed_text(system)
        is_conversation = prompt is None and sys.stdin is not None and sys.stdin.isatty()
        if is_conversation and (as_json or not output.is_terminal):
            raise InvalidRequestError("no prompt; give one as an argument or through a pipe")
        attached = read_files(files)
        message = None if is_conversation else as_message((typed_text(prompt or ""), piped_text()), attached)
        with Client() as client, ExitStack() as stack:
            _check_model(client, model)
            asking = Asking(client, model, asked, printer, is_whole=is_whole)
            if has_tools:
                asking.use(stack.enter_context(opened_tools(client, tools, sources)), TerminalApproval(approve))
            if message is None:
                Conversation(asking, output, attached).run()
            else:
                stop = StopAnswer(leave)
                with ctrl_c_does(stop):
                    asking.ask([message], stop)
    except CoreLLMError as error:
        if not printer.failure(error):
            raise
        raise click.exceptions.Exit(exit_code(error)) from None


class Asking:
    """Sends conversations to one model, with what all its answers have in common.

    Attributes:
        came: What came of the last question, also if it failed: messages that can go back into the conversation.
    """

    def __init__(
        self, client: Client, model: str | None, options: ChatOptions, printer: Printer, *, is_whole: bool
    ) -> None:
        self.client = client
        self.model = model
        self.came: tuple[Message, ...] = ()
        self._options = options
        self._printer = printer
        self._is_whole = is_whole
        self._tools: ToolManager | None = None
        self._approval: TerminalApproval | None = None

    def use(self, tools: ToolManager, approval: TerminalApproval) -> None:
        """Let the model call these tools, those that need it with approval."""
        self._tools, self._approval = tools, approval

    def ask(self, messages: Sequence[Message], stop: StopAnswer) -> None:
        """Print the answer as it comes.

        Args:
            messages: The conversation so far, the question last.
            stop: The handler of Ctrl-C that is in force.

        Raises:
            AbortedError: Ctrl-C stopped the answer.
            CoreLLMError: The answer failed; what came before is printed.
        """
        self.came = ()
        try:
            if self._tools is not None and self._approval is not None:
                self._run(messages, self._tools, self._approval, stop)
            elif self._is_whole:
                with ctrl_c_does(stop.otherwise):
                    response = self.client.generate(self.model, messages, **self._options)
                self._printer.response(response)
                self.came = (response.message,)
            else:
                self._stream(messages, stop)
        except (AbortedError, ProviderError) as error:
            if not self.came and error.partial is not None:
                self.came = (error.partial.message,)
            raise
        finally:
            self._printer.end()

    def _stream(self, messages: Sequence[Message], stop: StopAnswer) -> None:
        stream = self.client.stream(self.model, messages, **self._options)
        stop.watch(stream)
        with stream:
            for event in stream:
                self._printer.event(event)
        self.came = (stream.response.message,)

    def _run(
        self, messages: Sequence[Message], tools: ToolManager, approval: TerminalApproval, stop: StopAnswer
    ) -> None:
        run = self.client.run(self.model, messages, tools=tools, approve=approval, **self._options)
        stop.watch(run)
        try:
            with run:
                for event in run:
                    self._printer.event(event)
        finally:
            self.came = run.messages[len(messages) :]


class Conversation:
    """A conversation at a prompt: it goes on after a stopped or failed answer, with what came of it."""

    def __init__(self, asking: Asking, output: Output, files: Sequence[str | FilePart]) -> None:
        self._asking = asking
        self._output = output
        self._files = tuple(files)  # they go with the first question that is answered
        self._messages: list[Message] = []
        self._stop = StopAnswer(signal.default_int_handler)

    def run(self) -> None:
        """Ask and answer until the person leaves.

        Raises:
            ConfigError: The set-up is wrong, so that no question could be answered.
            PluginError: The same.
        """
        with suppress(ImportError):  # history and line editing at the prompt; not on every platform
            import readline  # noqa: F401, PLC0415  # for its effect on `input`, which is wanted only here
        model = resolve_model(self._asking.client.config.values, self._asking.model)
        self._output.write(f"{model} (Ctrl-C stops an answer, /clear starts anew, Ctrl-D or /quit leaves)\n")
        with ctrl_c_does(self._stop):
            while self._turn():
                self._stop.reset()

    def _turn(self) -> bool:
        """Read a line and do what it says; return False if the person leaves."""
        try:
            with ctrl_c_does(signal.default_int_handler):
                line = input("> ")
        except KeyboardInterrupt:
            self._output.write("\n")
            return True
        except EOFError:
            self._output.write("\n")
            return False
        match line.strip():
            case "":
                return True
            case "/quit":
                return False
            case "/clear":
                self._messages.clear()
                return True
            case _:
                self._answer(typed_text(line))
                return True

    def _answer(self, line: str) -> None:
        try:
            question = as_message((line,), self._files)
            self._asking.ask([*self._messages, question], self._stop)
        except KeyboardInterrupt:  # at the question whether a call may run, or pressed twice
            self._output.write("\n")
        except (ConfigError, PluginError):
            raise
        except CoreLLMError as error:
            if not isinstance(error, AbortedError):
                say("error", error.message)
        came = self._asking.came
        if not all(isinstance(part, ReasoningPart) for message in came for part in message.parts):
            self._messages += [question, *came]
            self._files = ()


def _check_model(client: Client, model: str | None) -> None:
    """See that there is a model to ask, before a person types a question.

    Raises:
        InvalidRequestError: None was named and none is configured; says what could be.
        CoreLLMError: The model cannot be asked.
    """
    if model is None and client.config.values.default_model is None:
        how = f"name one with -m PROVIDER:MODEL, or set default_model in {client.config.path}"
        raise InvalidRequestError(f"no model; {how}. {_offers(client)}")
    client.provider(resolve_model(client.config.values, model).provider)


def _offers(client: Client) -> str:
    """Return what could be named: the installed providers, and models that run here without any key."""
    names = PluginRegistry(client.config).names()
    if not names:
        return "No provider is installed; one is in a package of its own: pip install plugin-<provider>"
    local = []
    for name in names:
        with suppress(CoreLLMError):  # one that is broken cannot be recommended
            if isinstance(client.provider(name), LocalProvider):
                local += [f"-m {name}:{found.id}" for found in client.models(name)[:1]]
    keyless = f"; {' or '.join(local)} needs no key" if local else ""
    return f"Installed: {', '.join(names)}{keyless}"
