"""``core-llm conformance record``: cassettes from the live API, or composed from descriptions. See `recording`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import click

from core_llm_conformance.failure import ConformanceFailure
from core_llm_conformance.recording import Made, compose, read_descriptions, record
from core_llm_conformance.target import Target
from core_llm_conformance.verbs.asked import Asked, described
from core_llm_conformance.verbs.running import FAILED, PASSED


def make_cassettes(
    asked: Asked,
    scenarios: Sequence[str],
    *,
    descriptions: Path | None,
    source: str | None,
    served_model: str | None,
    opaque: Sequence[str] = (),
) -> int:
    """Make cassettes, print what became of each, and return the command's exit code.

    Args:
        asked: Which plugin.
        scenarios: Their names; all if there are none.
        descriptions: The file to compose them from, instead of recording them.
        source: Which server answers, with its version.
        served_model: What the server calls its model.
        opaque: Fields of answers whose values chance makes and that are no secrets.

    Raises:
        click.ClickException: The plugin, a scenario or the file is not there or not as it must be.
    """
    plugin = described(asked)
    target = Target(plugin.provider, plugin.model, plugin.models, plugin.config, plugin.cassettes, plugin.extras)
    try:
        if descriptions is None:
            made = record(target, scenarios, source=source, model=served_model, opaque=opaque, on_made=_say)
        else:
            made = _composed(target, descriptions, scenarios)
    except ConformanceFailure as failure:
        raise click.ClickException(f"{failure.finding.found}; {failure.finding.look_at}") from None
    except LookupError as error:
        raise click.UsageError(str(error.args[0])) from None
    refused = [one.scenario for one in made if not one.is_promoted]
    if refused:
        click.echo(f"not made: {', '.join(refused)}", err=True)
    return FAILED if refused or not made else PASSED


def _composed(target: Target, path: Path, scenarios: Iterable[str]) -> tuple[Made, ...]:
    names = set(scenarios)
    chosen = [one for one in read_descriptions(path) if not names or one.scenario in names]
    if missing := names - {one.scenario for one in chosen}:
        raise LookupError(f"{path} describes no {', '.join(sorted(missing))}")
    made = compose(target, chosen)
    for one in made:
        _say(one)
    return made


def _say(made: Made) -> None:
    click.echo(str(made))
