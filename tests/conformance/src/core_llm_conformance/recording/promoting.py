"""From a cassette in memory to the file in its place: searched, staged, played back, and put there in one step.

Whatever fails, the file that was there before stays as it was, and nothing unsearched touches the disk.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from core_llm_conformance.cassette import Cassette
from core_llm_conformance.compare import differences
from core_llm_conformance.conversation import Played, converse, play
from core_llm_conformance.failure import ConformanceFailure
from core_llm_conformance.playing import Playback, played_by_vcrpy, unconnected_client
from core_llm_conformance.recording.clean import suspects_of, wrong_in_form, wrong_in_head
from core_llm_conformance.recording.descriptions import as_object
from core_llm_conformance.recording.expecting import differing_fields
from core_llm_conformance.recording.secrets import suspects_in
from core_llm_conformance.recording.texts import Text
from core_llm_conformance.recording.writing import shown_expectations, to_yaml
from core_llm_conformance.scenario import Scenario, Shown
from core_llm_conformance.target import KEY, Target
from core_llm_conformance.telling import told_error, told_value

STAGING = ".staging"
"""The folder inside of the cassettes' own, so that a file can be renamed into its place."""


@dataclass(frozen=True, slots=True)
class Made:
    """What became of one scenario.

    Attributes:
        scenario: Its name.
        path: Where its cassette is, or would be.
        problems: Why it is not there, a sentence each.
        review: What the plugin is held to from now on: for the author to look at.
    """

    scenario: str
    path: Path
    problems: tuple[str, ...] = ()
    review: str = ""

    @property
    def is_promoted(self) -> bool:
        """Whether the file is in its place."""
        return not self.problems

    def __str__(self) -> str:
        """Say what became of it, and show the expectations."""
        if self.problems:
            return "\n  ".join([f"{self.scenario}: nothing written, because", *self.problems])
        return f"{self.scenario}: {self.path}\n{self.review}".rstrip()


def promote(
    target: Target,
    scenario: Scenario,
    cassette: Cassette,
    *,
    secrets: Collection[str] = (),
    accounted: Collection[str] = (),
) -> Made:
    """Put a cassette in its place if it is clean and the plugin plays it as it says.

    Args:
        target: The plugin; its cassettes' folder is where the file goes.
        scenario: What the cassette shows.
        cassette: In memory.
        secrets: Keys that were used to record it.
        accounted: Strings by chance that are no secrets.
    """
    review = shown_expectations(cassette.head)
    problems = [*wrong_in_head(cassette), *wrong_in_form(cassette)]
    problems += map(str, suspects_of(cassette, secrets={KEY, *secrets}, accounted=accounted))
    if problems:
        return Made(scenario.name, cassette.path, tuple(problems), review)
    staged = cassette.path.parent / STAGING / cassette.path.name
    try:
        text = to_yaml(cassette)
        if left := suspects_in_file(text, {KEY, *secrets}):
            return Made(scenario.name, cassette.path, (left,), review)
        _save(staged, text)
        problems += check_plays(target, scenario, Cassette.read(staged))
        if not problems:
            staged.replace(cassette.path)
    except ConformanceFailure as failure:
        problems.append(str(failure))
    except OSError as error:
        problems.append(f"it could not be saved: {error}")
    finally:
        with suppress(OSError):
            staged.unlink(missing_ok=True)
            staged.parent.rmdir()  # if nothing else is in it
    return Made(scenario.name, cassette.path, tuple(problems), review)


def check_plays(target: Target, scenario: Scenario, cassette: Cassette) -> list[str]:
    """Return where the plugin, played a cassette by us and by stock vcrpy, does not come to what the cassette says."""
    problems: list[str] = []
    for mode in scenario.modes:
        if not (interactions := cassette.of(mode)):
            continue
        shown = Shown(scenario, mode, interactions)
        with Playback(*interactions, scenario=scenario.name) as playback:
            played = play(target, shown, playback)
            playback.check_requests(target, scenario, played.responses)
        problems += [f"{mode}: {problem}" for problem in _unexpected(shown, played)]
    problems += _unplayed(target, scenario, cassette)
    return problems


def suspects_in_file(text: str, secrets: Collection[str]) -> str:
    """Return what the whole text of a file, as it would be written, has of a key; empty if nothing."""
    found = suspects_in([Text("the file", text, "joint")], secrets=secrets)
    return "; ".join(map(str, found))


def _unexpected(shown: Shown, played: Played) -> Iterator[str]:
    """Yield where an outcome is not what the head or the scenario says."""
    scenario, heads = shown.scenario, [interaction.head for interaction in shown.interactions]
    for turn, response in enumerate(played.responses):
        expected = next((head.expected for head in heads if head.turn == turn and head.expected is not None), None)
        if expected is None:
            yield f"turn {turn} has no expectations in the head"
            continue
        for name, (wanted, got) in differences(expected, response).items():
            yield f"turn {turn}: {name} is {got!r}, where the head has {wanted!r}"
    if played.error is not None:
        last = heads[-1].expected
        told = told_error(played.error)
        if scenario.kind != "error" or last is None:
            yield f"the plugin failed with {type(played.error).__name__}: {played.error}"
        else:
            yield from differing_fields({"error": as_object(last)["error"]}, told)
    if played.value is not None and (made := told_value(played.value)) != heads[-1].value:
        yield f"the plugin returned {made!r}, where the head has {heads[-1].value!r}"
    if played.responses and scenario.kind == "chat":
        for expect in scenario.expects:
            try:
                expect(played.responses[-1])
            except ConformanceFailure as failure:
                yield f"the scenario expects that {failure.finding.rule}: {failure.finding.found}"


def _unplayed(target: Target, scenario: Scenario, cassette: Cassette) -> Iterator[str]:
    """Yield what stock vcrpy has against a cassette."""
    try:
        with played_by_vcrpy(cassette), unconnected_client() as http, target.client(http) as client:
            for mode in dict.fromkeys(interaction.head.mode for interaction in cassette.interactions):
                converse(client, target, scenario, mode)
    except ConformanceFailure as failure:
        yield f"{failure.finding.rule}: {failure.finding.found}"


def _save(path: Path, text: str) -> None:
    """Write a file so that it is whole on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
