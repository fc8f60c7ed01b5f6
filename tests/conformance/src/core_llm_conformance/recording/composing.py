"""Composing ``documented`` cassettes of what an author says of a provider's answers.

Nothing in it depends on the day or the machine: the same descriptions make the same bytes, so that a test can hold the
committed files against them.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from core_llm_conformance.applicability import modes_of
from core_llm_conformance.cassette import Cassette
from core_llm_conformance.failure import fail
from core_llm_conformance.recording.descriptions import Description
from core_llm_conformance.recording.drafting import Draft, Origins, add_mode
from core_llm_conformance.recording.promoting import Made, promote
from core_llm_conformance.recording.writing import to_yaml
from core_llm_conformance.scenario import Scenario
from core_llm_conformance.scenarios import BY_NAME
from core_llm_conformance.target import Target

DIFF_LINES = 20


def compose(target: Target, descriptions: Iterable[Description]) -> tuple[Made, ...]:
    """Write the cassettes that descriptions describe, each only if the plugin plays it as it says.

    Args:
        target: The plugin; its cassettes' folder is where the files go.
        descriptions: One a scenario.

    Returns:
        What became of each, in their order.
    """
    made = []
    for description in descriptions:
        scenario = _scenario(description)
        draft = drafted(target, scenario, description)
        cassette = draft.cassette(target, scenario, _origins(target, scenario, description))
        if draft.problems:
            made.append(Made(scenario.name, cassette.path, tuple(draft.problems)))
        else:
            made.append(promote(target, scenario, cassette, accounted=draft.accounted))
    return tuple(made)


def check_composed(target: Target, descriptions: Iterable[Description]) -> None:
    """Check that the committed cassettes are, byte for byte, what descriptions say.

    A cassette that was recorded since is passed over; so are the versions of plugin and suite, which move on.

    Raises:
        ConformanceFailure: One is missing, says something else, or is documented by no description.
    """
    described = set()
    for description in descriptions:
        scenario = _scenario(description)
        described.add(scenario.name)
        committed = target.cassette(scenario)
        if committed.head.origin == "documented":
            _check_same(target, scenario, description, committed)
    for path in sorted(target.cassettes.glob("*.yaml")):
        if path.stem not in described and Cassette.read(path).head.origin == "documented":
            raise fail("a documented cassette has a description", f"{path.name} has none", scenario=path.stem)


def drafted(target: Target, scenario: Scenario, description: Description) -> Draft:
    """Return what a description makes, with what is wrong with it."""
    draft = Draft()
    for mode in modes_of(target, scenario):
        turns = [turn.replies(mode) for turn in description.turns]
        if not all(turns):
            lacking = [str(number) for number, replies in enumerate(turns) if not replies]
            draft.problems.append(f"{mode}: the description has no answer to turn {', '.join(lacking)}")
            continue
        expected = [turn.expectations(mode) for turn in description.turns]
        add_mode(draft, target, scenario, mode, turns, expected=expected)
    return draft


def _check_same(target: Target, scenario: Scenario, description: Description, committed: Cassette) -> None:
    draft = drafted(target, scenario, description)
    if draft.problems:
        raise fail("a description is one of the plugin as it is", "; ".join(draft.problems), scenario=scenario.name)
    origins = _origins(target, scenario, description, committed)
    composed = to_yaml(draft.cassette(target, scenario, origins))
    written = committed.path.read_text("utf-8")
    if composed == written:
        return
    lines = difflib.unified_diff(written.splitlines(), composed.splitlines(), "committed", "composed", lineterm="", n=1)
    raise fail(
        "a documented cassette is what its description says",
        "\n".join(["they differ:", *list(lines)[:DIFF_LINES]]),
        scenario=scenario.name,
        look_at=f"{committed.path}: compose it anew, and review the difference",
    )


def _origins(
    target: Target, scenario: Scenario, description: Description, committed: Cassette | None = None
) -> Origins:
    model = description.model or target.model_of(scenario)
    plugin = "" if committed is None else committed.head.plugin
    suite = "" if committed is None else committed.head.suite
    return Origins("documented", description.source, model, description.date, plugin, suite, tuple(description.opaque))


def _scenario(description: Description) -> Scenario:
    scenario = BY_NAME.get(description.scenario)
    if scenario is None:
        near = difflib.get_close_matches(description.scenario, list(BY_NAME), 1)
        hint = f"do you mean {near[0]!r}?" if near else f"there are {', '.join(BY_NAME)}"
        raise fail("a description is one of a scenario", f"{description.scenario!r} is none; {hint}")
    return scenario
