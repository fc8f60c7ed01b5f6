"""``core-llm new-plugin``: its words and what it says. What it writes is in `core_llm_conformance.scaffold`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from core_llm_conformance.scaffold.plan import Plan
    from core_llm_conformance.scaffold.writing import Written

WIRES: Final = ("chat-completions", "anthropic", "gemini", "ndjson", "custom", "local")
"""The names in `scaffold.wires`, which is not imported for help."""
_TELLING: Final = {
    "_provider.py": "what it is called, where it is, what its models can",
    "_wire.py": "how it is spoken to",
    "_decode.py": "how its answers are read",
    "descriptions.yaml": "what it answers: made up, for you to correct; the cassettes are composed of it",
    "test_conformance.py": "the suite",
}


@click.command("new-plugin")
@click.argument("name")
@click.option("--wire", required=True, type=click.Choice(WIRES), help="How the service is spoken to.")
@click.option(
    "--directory",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="Where the new folder goes, if not here.",
)
@click.option("--url", metavar="URL", help="The address of the service, such as https://api.acme.example/v1.")
@click.option("--env", "variable", metavar="VARIABLE", help="The variable of its key, if not <NAME>_API_KEY.")
@click.option("--author", metavar="AUTHOR", help='You: "Ada Lovelace <ada@example.org>".')
@click.option("--no-report", is_flag=True, help="Do not run the suite; CONFORMANCE.md is then left out.")
def new_plugin(
    name: str,
    *,
    wire: str,
    directory: Path,
    url: str | None,
    variable: str | None,
    author: str | None,
    no_report: bool,
) -> None:
    """Write a package for a provider plugin of a service called NAME, such as acme.

    It is complete: provider, tests, documented cassettes, licence, CI. It installs, and passes the conformance suite as
    it is. Nothing that is there is overwritten.
    """
    from core_llm_conformance.scaffold.names import NameRefusedError  # noqa: PLC0415  # help needs none of it
    from core_llm_conformance.scaffold.plan import Plan, PlanRefusedError  # noqa: PLC0415
    from core_llm_conformance.scaffold.writing import NotWrittenError, write_plugin  # noqa: PLC0415

    try:
        plan = Plan.of(name, wire, url=url, variable=variable, author=author)
    except (NameRefusedError, PlanRefusedError) as error:
        raise click.UsageError(str(error)) from None
    if not no_report:
        click.echo("writing it, and running the suite …", err=True)
    try:
        written = write_plugin(plan, directory, with_report=not no_report)
    except NotWrittenError as error:
        raise click.ClickException(str(error)) from None
    for line in _told(plan, written, directory):
        click.echo(line)
    if written.conforms is False:
        raise click.ClickException(f"it does not conform as it is; {written.folder / 'CONFORMANCE.md'} says why")


def _told(plan: Plan, written: Written, directory: Path) -> Iterator[str]:
    folder = directory / plan.names.distribution
    yield f"wrote {plan.names.distribution} into {folder}, {len(written.files)} files; to begin with:"
    yield ""
    for path in written.files:
        if (telling := _TELLING.get(path.rpartition("/")[2])) is not None:
            yield f"  {path:<44} {telling}"
    if written.conforms is not None:
        yield f"  {'CONFORMANCE.md':<44} what it proves, and by what"
    yield from ("", "next:", "", f"  cd {folder}", "  pip install -e . --group test --group lint", "  pytest")
