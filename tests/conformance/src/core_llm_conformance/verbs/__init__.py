"""``core-llm conformance …``: its words, options and exit codes. What a verb does is in a module of its own.

Each of those is imported when its verb runs: help must not wait for what it does not use.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from core_llm_conformance.verbs.asked import Asked

if TYPE_CHECKING:
    from core_llm_conformance.report.files import Form

LAYERS = ("contract", "exchanges", "faults", "payload")
FORMS = ("markdown", "json", "junit", "badge")


@click.group()
def conformance() -> None:
    """Prove that a provider plugin does what it declares: run the conformance suite against it."""


def _about_the_plugin(verb: Callable[..., None]) -> Callable[..., None]:
    """Add the argument and the options that say which plugin is meant; the verb gets them as one `Asked`."""
    file = click.Path(path_type=Path, file_okay=False)
    words = [
        click.argument("provider"),
        click.option(
            "-m", "--model", metavar="NAME", help="The model that the scenarios ask, as the provider names it."
        ),
        click.option("--cassettes", metavar="DIR", type=file, help="The cassettes' folder, if not tests/cassettes."),
        click.option("--base-url", metavar="URL", help="Its base_url in the configuration, if not its own."),
        click.option(
            "-o", "--option", "options", multiple=True, metavar="NAME=VALUE", help="An option of the provider."
        ),
        click.option(
            "--suite", metavar="CLASS", help="Which class of tests/test_conformance.py, where it has several."
        ),
    ]

    @functools.wraps(verb)
    def call(**given: Any) -> None:  # noqa: ANN401  # click's
        about = {field.name: given.pop(field.name) for field in dataclasses.fields(Asked)}
        verb(Asked(**about), **given)

    return functools.reduce(lambda decorated, word: word(decorated), reversed(words), call)


@conformance.command()
@_about_the_plugin
@click.option("--layer", "layers", multiple=True, type=click.Choice(LAYERS), help="Only one layer; repeatable.")
@click.option("--scenario", "scenarios", multiple=True, metavar="NAME", help="Only one scenario; repeatable.")
@click.option("-k", "expression", metavar="EXPRESSION", help="Only the tests whose names match, as pytest has it.")
@click.option("-x", "--exitfirst", "is_first", is_flag=True, help="Stop at the first failure.")
@click.option("-v", "--verbose", "is_verbose", is_flag=True, help="Name every test.")
@click.option("--report", metavar="DIR", type=click.Path(path_type=Path), help="Write the report, in all its forms.")
def run(
    asked: Asked,
    layers: tuple[str, ...],
    scenarios: tuple[str, ...],
    expression: str | None,
    *,
    report: Path | None,
    is_first: bool,
    is_verbose: bool,
) -> None:
    """Run the suite against the plugin of PROVIDER.

    Its class in tests/test_conformance.py is used, if there is one; without it, nothing has to be written.
    """
    from core_llm_conformance.verbs.running import run_suite  # noqa: PLC0415

    arguments = [f"--core-llm-layer={layer}" for layer in layers]
    arguments += [f"--core-llm-scenario={scenario}" for scenario in scenarios]
    arguments += ["-k", expression] if expression else []
    arguments += ["-x"] if is_first else []
    arguments += ["-v" if is_verbose else "-q"]
    arguments += [f"--core-llm-report={report.absolute()}"] if report else []
    click.get_current_context().exit(run_suite(asked, arguments))


@conformance.command()
@_about_the_plugin
@click.argument("scenarios", nargs=-1, metavar="[SCENARIO]...")
@click.option("--source", metavar="TEXT", help="Which server answers, with its version, if not the provider's own.")
@click.option("--served-model", metavar="NAME", help="What that server calls its model.")
@click.option("--opaque", metavar="FIELD", multiple=True, help="A field of answers by chance that is no secret.")
@click.option("--compose", "descriptions", metavar="FILE", type=click.Path(path_type=Path), help="Compose, not record.")
def record(
    asked: Asked,
    scenarios: tuple[str, ...],
    *,
    source: str | None,
    served_model: str | None,
    opaque: tuple[str, ...],
    descriptions: Path | None,
) -> None:
    """Record the cassettes of PROVIDER from the live API: each SCENARIO, or all that the plugin may show.

    Key and address come from the usual places. What is recorded is scrubbed, searched for secrets and played back, and
    only then takes its place. With --compose, answers come from a file of descriptions and are marked as documented.
    """
    from core_llm_conformance.verbs.recording import make_cassettes  # noqa: PLC0415

    code = make_cassettes(
        asked, scenarios, descriptions=descriptions, source=source, served_model=served_model, opaque=opaque
    )
    click.get_current_context().exit(code)


@conformance.command()
@_about_the_plugin
@click.option("--format", "form", type=click.Choice(FORMS), default="markdown", show_default=True, help="The form.")
@click.option("--output", metavar="FILE", type=click.Path(path_type=Path), help="Where to write it, or what to check.")
@click.option("--check", "is_check", is_flag=True, help="Write nothing; fail if the committed report is out of date.")
@click.option(
    "--from", "source", metavar="FILE", type=click.Path(path_type=Path), help="A report in JSON; runs nothing."
)
def report(asked: Asked, form: Form, output: Path | None, source: Path | None, *, is_check: bool) -> None:
    """Run the suite against the plugin of PROVIDER and print its report.

    It fails where the plugin does not conform, and with --check where the committed report says something else than the
    run; what changes with time alone is not compared.
    """
    from core_llm_conformance.verbs.reporting import make_report  # noqa: PLC0415

    click.get_current_context().exit(make_report(asked, form, output, source, is_check=is_check))


@conformance.command("list")
@click.option("--tests", "is_tests", is_flag=True, help="List the tests instead of the scenarios.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one object a line.")
def list_(*, is_tests: bool, as_json: bool) -> None:
    """List the scenarios: what each shows, its level, and what a plugin must declare for it."""
    from core_llm_conformance.verbs.listing import scenarios, show, tests  # noqa: PLC0415

    show(tests() if is_tests else scenarios(), as_json=as_json)
