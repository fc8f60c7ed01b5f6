"""The verb ``chat``: one answer, or a conversation at a prompt."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import click

from core_llm._client import Client
from core_llm._errors import AbortedError, ConfigError, CoreLLMError, InvalidRequestError, PluginError, ProviderError
from core_llm._messages import FilePart, Message, ReasoningPart
from core_llm._model_id import resolve_model
from core_llm._options import CallOptions
from core_llm._plugins import PluginRegistry
from core_llm._provider import LocalProvider
from core_llm._response import Response
from core_llm.cli._app import exit_code
from core_llm.cli._input import as_message, parse_options, piped_text, read_files, typed_text
from core_llm.cli._interrupts import StopAnswer, ctrl_c_does, leave
from core_llm.cli._output import Output, say
from core_llm.cli._printers import JSONPrinter, Printer, TextPrinter


def run_chat(
    *,
    prompt: str | None,
    model: str | None,
    system: str | None,
    options: Sequence[str],
    files: Sequence[Path],
    as_json: bool,
    is_whole: bool,
) -> None:
    """Answer once, or hold a conversation where nothing was asked and both ends are a terminal.

    Raises:
        CoreLLMError: The question cannot be sent, or the answer failed.
    """
    output = Output()
    printer: Printer = JSONPrinter(output) if as_json else TextPrinter(output)
    try:
        settings, provider_options = parse_options(options)
        asked: CallOptions = {"settings": settings, "provider_options": provider_options}
        if system is not None:
            asked["system"] = typed_text(system)
        is_conversation = prompt is None and sys.stdin is not None and sys.stdin.isatty()
        if is_conversation and (as_json or not output.is_terminal):
            raise InvalidRequestError("no prompt; give one as an argument or through a pipe")
        attached = read_files(files)
        message = None if is_conversation else as_message((typed_text(prompt or ""), piped_text()), attached)
        with Client() as client:
            _check_model(client, model)
            asking = Asking(client, model, asked, printer, is_whole=is_whole)
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
    """Sends conversations to one model, with what all its answers have in common."""

    def __init__(
        self, client: Client, model: str | None, options: CallOptions, printer: Printer, *, is_whole: bool
    ) -> None:
        self.client = client
        self.model = model
        self._options = options
        self._printer = printer
        self._is_whole = is_whole

    def ask(self, messages: Sequence[Message], stop: StopAnswer) -> Response:
        """Print the answer as it comes, and return it.

        Args:
            messages: The conversation so far, the question last.
            stop: The handler of Ctrl-C that is in force.

        Raises:
            AbortedError: Ctrl-C stopped the answer.
            CoreLLMError: The answer failed; what came before is printed.
        """
        try:
            if self._is_whole:
                with ctrl_c_does(stop.otherwise):
                    response = self.client.generate(self.model, messages, **self._options)
                self._printer.response(response)
                return response
            stream = self.client.stream(self.model, messages, **self._options)
            stop.watch(stream)
            with stream:
                for event in stream:
                    self._printer.event(event)
                return stream.response
        finally:
            self._printer.end()


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
            answer = self._asking.ask([*self._messages, question], self._stop).message
        except KeyboardInterrupt:
            self._output.write("\n")
            return
        except (ConfigError, PluginError):
            raise
        except CoreLLMError as error:
            if not isinstance(error, AbortedError):
                say("error", error.message)
            partial = error.partial if isinstance(error, AbortedError | ProviderError) else None
            if partial is None:
                return
            answer = partial.message
        if not all(isinstance(part, ReasoningPart) for part in answer.parts):
            self._messages += [question, answer]
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
