"""The values of a report. Other programs read them as JSON: another shape is a new schema version."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from pydantic import BaseModel, ConfigDict

from core_llm_conformance.cassette import Origin
from core_llm_conformance.levels import SUITE_LEVEL
from core_llm_conformance.scenario import Level, Mode

SCHEMA_VERSION = 1

Outcome = Literal["passed", "failed", "xfailed", "not_run"]
Verdict = Literal["conforms", "conforms_but", "partial", "fails"]
"""``conforms_but``: all required tests passed but those that are known to fail; ``partial``: not all of them ran."""
State = Literal["shown", "failing", "missing", "untested", "not_applicable"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Result(_Part):
    """What came of one test.

    Attributes:
        id: Its name with its parameter; people xfail by it.
        layer: The part of the suite that it is of.
        scenario: The scenario that it plays, if it plays one.
        mode: Streamed or plain, likewise.
        level: ``required`` or ``preview``.
        outcome: A failed preview test is ``failed``, and does not count against the plugin.
        message: Why it failed.
        reason: Why it is known to fail.
        url: Where that is followed up.
    """

    id: str
    layer: str
    scenario: str | None = None
    mode: Mode | None = None
    level: Level = "required"
    outcome: Outcome = "not_run"
    message: str | None = None
    reason: str | None = None
    url: str | None = None


class NotApplicable(_Part):
    """A test that has nothing to test with this plugin.

    Attributes:
        test: Its name, without a parameter where it has no case.
        reason: Why.
    """

    test: str
    reason: str


class Capability(_Part):
    """What is declared of one feature for one model, and what shows it.

    Attributes:
        feature: As in `core_llm.Capabilities`; knobs as ``settings.<name>``.
        model: As the provider names it.
        declared: The declaration.
        shown_by: The scenarios that show it: their cassettes are there and their tests passed.
        tests: The tests of this very feature that passed, without their parameter.
        failing: The scenarios and tests that ought to show it.
        untested: Why no cassette shows what is declared supported.
    """

    feature: str
    model: str
    declared: Literal["supported", "unsupported", "unknown"]
    shown_by: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    failing: tuple[str, ...] = ()
    untested: str | None = None


class ScenarioState(_Part):
    """What became of one scenario with this plugin.

    Attributes:
        name: Also the name of its cassette.
        summary: What it shows.
        level: ``required`` or ``preview``.
        state: ``missing`` if it must be shown and has no cassette, ``untested`` if the declaration says why not.
        reason: Why it is not shown.
    """

    name: str
    summary: str
    level: Level
    state: State
    reason: str | None = None


class CassetteOrigin(_Part):
    """Where one cassette comes from, as its head says.

    Attributes:
        scenario: What it shows.
        origin: ``recorded`` from a server, or ``documented``: composed after the provider's reference.
        source: Which server, or which page.
        model: The model that answered.
        date: When it was made.
        plugin: The distribution that it was made with.
        modes: The forms of answer in it.
    """

    scenario: str
    origin: Origin
    source: str
    model: str
    date: dt.date
    plugin: str
    modes: tuple[Mode, ...]


class SuiteReport(_Part):
    """One suite class: a plugin, as its author describes it.

    Attributes:
        name: The class.
        provider: What stands before the colon in model ids.
        model: The model that most scenarios ask.
        plugin: The plugin's distribution; left out if the provider is no installed one.
        version: Its version.
        layers: The parts of the suite that the class consists of.
        verdict: What it all comes to.
        problems: What the class does that it must not.
        results: What came of each test, in the order in which they run.
        not_applicable: The tests that have nothing to test with this plugin.
        capabilities: What is declared, and what shows it.
        scenarios: What became of each scenario of the suite.
        cassettes: Where each cassette comes from.
    """

    name: str
    provider: str
    model: str
    plugin: str | None = None
    version: str | None = None
    layers: tuple[str, ...]
    verdict: Verdict
    problems: tuple[str, ...] = ()
    results: tuple[Result, ...] = ()
    not_applicable: tuple[NotApplicable, ...] = ()
    capabilities: tuple[Capability, ...] = ()
    scenarios: tuple[ScenarioState, ...] = ()
    cassettes: tuple[CassetteOrigin, ...] = ()


class Volatile(_Part):
    """What changes with time or place though the plugin does not; comparisons leave it out.

    Attributes:
        date: Of the run.
        core: The version of `core-llm`.
        suite: The version of `core-llm-conformance`, the distribution.
        age_days: Suite class → scenario → days since its cassette was made.
    """

    date: dt.date
    core: str
    suite: str
    age_days: dict[str, dict[str, int]]


class Report(_Part):
    """A whole run.

    Attributes:
        schema_version: Of this model.
        level: What a plugin that passes conforms to: the suite's version without its last number.
        verdict: The worst of the suites'.
        suites: In the order of their names.
        volatile: What a comparison leaves out.
    """

    schema_version: int = SCHEMA_VERSION
    level: str = SUITE_LEVEL
    verdict: Verdict
    suites: tuple[SuiteReport, ...]
    volatile: Volatile
