"""The words of the command line: verbs, options, help, and how every failure ends.

What a verb does is in the module of its name, which is imported when it runs: help must not wait for what it does not
use.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

import click

from core_llm._errors import AbortedError, CoreLLMError, InvalidRequestError, RedactedCause
from core_llm._redaction import redact
from core_llm.cli import EXTRA, MISSING_EXTRA
from core_llm.cli._interrupts import INTERRUPTED, on_ctrl_c
from core_llm.cli._output import prepare_streams, say, show_warnings

FAILURE, USAGE, READER_GONE = 1, 2, 141
"""Exit codes, besides INTERRUPTED. The last is what a shell reports for a program that SIGPIPE ended."""


class Verbs(click.Group):
    """The verbs of this package, and those of plugins, which are loaded only when none of these is meant."""

    is_debug = False
    _has_asked = False

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all verbs."""
        self._ask_plugins()
        return super().list_commands(ctx)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a verb, if there is one of that name."""
        if cmd_name not in self.commands:
            self._ask_plugins()
        return super().get_command(ctx, cmd_name)

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        """Add a verb.

        Raises:
            ValueError: Its name is taken: no plugin replaces what another one, or this package, has.
        """
        if (name or cmd.name) in self.commands:
            raise ValueError(f"the verb {name or cmd.name!r} is taken")
        super().add_command(cmd, name)

    def invoke(self, ctx: click.Context) -> None:
        """Run the verb that was asked for. What it returns is no exit code."""
        show_warnings()
        try:
            super().invoke(ctx)
        except BrokenPipeError:  # click would make it an ordinary failure
            _forget_output()
            ctx.exit(READER_GONE)

    def _ask_plugins(self) -> None:
        if self._has_asked:
            return
        self._has_asked = True
        from core_llm._installed import COMMANDS, installed  # noqa: PLC0415  # reads the list of all packages

        if not installed(COMMANDS):
            return
        from core_llm.cli.plugins import register_verbs  # noqa: PLC0415  # imports plugins

        show_warnings()
        try:
            register_verbs(self)
        except CoreLLMError as error:
            say("warning", f"the verbs of plugins are left out: {error.message}")


def _show_version(ctx: click.Context, _parameter: click.Parameter, is_asked: bool) -> None:  # noqa: FBT001  # click's
    if is_asked:
        from importlib.metadata import version  # noqa: PLC0415  # slow, and rarely asked for

        click.echo(f"core-llm {version('core-llm')}")
        ctx.exit()


@click.group(cls=Verbs, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version, help="Show the version."
)
@click.option("--debug", is_flag=True, hidden=True, help="Show the traceback of an error.")
@click.pass_context
def cli(ctx: click.Context, *, debug: bool) -> None:
    """Talk to language models: one command, every provider that is installed."""
    cli.is_debug = debug
    if ctx.invoked_subcommand not in OWN_VERBS:
        on_ctrl_c(signal.default_int_handler)  # which is what plugins know
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, one object a line.")


@cli.command()
@click.argument("prompt", required=False)
@click.option("-m", "--model", metavar="PROVIDER:MODEL", help="The model, or a role of the configuration.")
@click.option("-s", "--system", metavar="TEXT", help="An instruction put before the conversation.")
@click.option(
    "-o", "--option", "options", multiple=True, metavar="SETTING=VALUE", help="A setting, e.g. temperature=0.2."
)
@click.option(
    "-f", "--file", "files", multiple=True, metavar="PATH", type=click.Path(path_type=Path), help="A file to send."
)
@click.option("--json", "as_json", is_flag=True, help="Print the events of the answer as JSON, one a line.")
@click.option("--no-stream", "is_whole", is_flag=True, help="Ask for the whole answer at once.")
@click.option(
    "-T", "--tool", "tools", multiple=True, metavar="MODULE:FUNCTION", help="A tool; or its name, of a plugin's."
)
@click.option(
    "--mcp", "sources", multiple=True, metavar="NAME", help="A configured MCP server, whose tools may be used."
)
@click.option(
    "--approve",
    type=click.Choice(("ask", "always", "never")),
    default="ask",
    show_default=True,
    help="What becomes of calls that need approval.",
)
def chat(  # noqa: PLR0917  # click passes them by name
    prompt: str | None,
    model: str | None,
    system: str | None,
    options: tuple[str, ...],
    files: tuple[Path, ...],
    as_json: bool,  # noqa: FBT001  # the same
    is_whole: bool,  # noqa: FBT001  # the same
    tools: tuple[str, ...],
    sources: tuple[str, ...],
    approve: Literal["ask", "always", "never"],
) -> None:
    """Ask a model, or hold a conversation.

    It is asked PROMPT, what comes through a pipe, or both; without either, a conversation begins. There Ctrl-C stops
    an answer, /clear starts anew, and Ctrl-D or /quit leaves.

    A model that is given tools may call them until it answers. Calls that need approval are asked about at the
    terminal; where there is none, they do not run.
    """
    from core_llm.cli.chat import run_chat  # noqa: PLC0415  # each verb brings what it needs

    run_chat(
        prompt=prompt,
        model=model,
        system=system,
        options=options,
        files=files,
        as_json=as_json,
        is_whole=is_whole,
        tools=tools,
        sources=sources,
        approve=approve,
    )


@cli.command()
@click.argument("texts", nargs=-1, metavar="[TEXT]...")
@click.option(
    "-m", "--model", metavar="PROVIDER:MODEL", required=True, help="The model, or a role of the configuration."
)
@click.option("-d", "--dimensions", type=click.IntRange(min=1), metavar="N", help="How many numbers a vector has.")
@click.option("-t", "--input-type", type=click.Choice(("query", "document")), help="What the texts are in a search.")
@click.option(
    "-o", "--option", "options", multiple=True, metavar="PROVIDER.FIELD=VALUE", help="A field for that provider only."
)
def embed(
    texts: tuple[str, ...],
    model: str,
    dimensions: int | None,
    input_type: Literal["query", "document"] | None,
    options: tuple[str, ...],
) -> None:
    """Turn texts into vectors.

    Each TEXT, or else each line that comes through a pipe, becomes one line of JSON with its vector.
    """
    from core_llm.cli.embed import run_embed  # noqa: PLC0415  # as above

    run_embed(texts=texts, model=model, dimensions=dimensions, input_type=input_type, options=options)


@cli.command()
@click.argument("provider", required=False)
@_as_json
def models(provider: str | None, as_json: bool) -> None:  # noqa: FBT001  # click passes it by name
    """List the models of a provider.

    Without PROVIDER, the installed providers are listed.
    """
    from core_llm.cli.models import list_models, list_providers  # noqa: PLC0415  # as above

    if provider is None:
        list_providers(as_json=as_json)
    else:
        list_models(provider, as_json=as_json)


@cli.command()
@_as_json
def plugins(as_json: bool) -> None:  # noqa: FBT001  # click passes it by name
    """List the installed plugins, broken ones too.

    Of a plugin that is broken, it says what is wrong and what to do.
    """
    from core_llm.cli.plugins import list_plugins  # noqa: PLC0415  # as above

    list_plugins(as_json=as_json)


@cli.command()
@_as_json
def config(as_json: bool) -> None:  # noqa: FBT001  # click passes it by name
    """Show what is set, and which layer set it.

    A secret is never shown.
    """
    from core_llm.cli.config import show_config  # noqa: PLC0415  # as above

    show_config(as_json=as_json)


OWN_VERBS = frozenset(cli.commands)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code.

    Args:
        arguments: Its words, without the name of the program; by default those of the process.
    """
    prepare_streams()
    try:
        code = cli.main(arguments, "core-llm", standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
    except SystemExit as end:  # of a plugin's verb
        code = end.code
        if isinstance(code, str):
            say("error", code)
            code = FAILURE
    except BaseException as error:  # noqa: BLE001  # whatever it is, the person gets one line
        if cli.is_debug:
            with suppress(OSError):
                sys.stderr.write(redact(traceback.format_exc()))
        code = _report(error)
    finally:
        on_ctrl_c(signal.SIG_DFL)  # what is left to do is Python's, which runs no handlers any more
    return code if isinstance(code, int) else 0


def exit_code(error: CoreLLMError) -> int:
    """Return the exit code that an error stands for."""
    match error:
        case AbortedError():
            return INTERRUPTED
        case InvalidRequestError():
            return USAGE
        case _:
            return FAILURE


def _report(error: BaseException) -> int:
    """Say in one line what went wrong; return the exit code."""
    match error:
        case KeyboardInterrupt() | click.Abort(__cause__=KeyboardInterrupt()):
            return INTERRUPTED
        case click.Abort():
            say("error", "stopped")
            return FAILURE
        case click.UsageError(ctx=click.Context() as ctx):
            say("error", f"{error.format_message()} (see {ctx.command_path} --help)")
            return error.exit_code
        case click.ClickException():
            say("error", error.format_message())
            return error.exit_code
        case CoreLLMError():
            if not isinstance(error, AbortedError):  # nobody needs to be told what they did
                say("error", error.message)
            return exit_code(error)
        case BrokenPipeError():
            _forget_output()
            return READER_GONE
        case OSError():
            say("error", f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}")
            _forget_output()
            return FAILURE
        case ModuleNotFoundError(name=name) if name in EXTRA:
            sys.stderr.write(MISSING_EXTRA)
            return FAILURE
        case _:
            say("error", f"internal error: {RedactedCause.of(error)}; core-llm --debug shows where; please report it")
            return FAILURE


def _forget_output() -> None:
    """Where standard output can take no more, let Python's last flush succeed; it would complain otherwise."""
    with suppress(AttributeError, ValueError):
        try:
            sys.stdout.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
