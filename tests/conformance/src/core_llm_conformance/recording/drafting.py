"""From answers to a cassette: they are played to the plugin under its clean configuration, what it sends is written.

So requests come from the plugin's own encoder, as it is today, whoever gave the answers, and hold nothing of a machine
or an account: no key but the made-up one, no address, header or setting of a user's.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import entry_points

import httpx
from pydantic import JsonValue

from core_llm._stream.plan import Clock  # noqa: PLC2701  # a wire may sign with the time, or number its requests
from core_llm_conformance._replay_core import Replay, ReplayAnswer, ReplayedRequest
from core_llm_conformance.cassette import Cassette, Head, Interaction, InteractionHead, Origin
from core_llm_conformance.conversation import Played, converse
from core_llm_conformance.levels import SUITE_LEVEL
from core_llm_conformance.matching import owned_by
from core_llm_conformance.recording.allowed import allowed_request_headers, allowed_response_headers, allowed_url
from core_llm_conformance.recording.descriptions import JsonObject, Reply
from core_llm_conformance.recording.expecting import differing_fields, overlaid
from core_llm_conformance.replay import ReplayTransport
from core_llm_conformance.scenario import Mode, Scenario
from core_llm_conformance.script import ScriptError
from core_llm_conformance.target import Target
from core_llm_conformance.telling import accounted_for, told_turns, told_value
from core_llm_conformance.walk.expected import Expected

GROUP = "core_llm.providers"
_STILL = Clock(now=lambda: 1_700_000_000.0, random=lambda: 0.5, token=lambda: "0" * 32)
"""The same request today and tomorrow, where a plugin puts the time or chance into it."""


@dataclass(frozen=True, slots=True)
class Origins:
    """Where answers come from.

    Attributes:
        origin: ``recorded`` or ``documented``.
        source: The server and its version, or the page.
        model: The model that answered.
        date: When.
        plugin: Name and version; that of the target if it is empty.
        suite: The suite's; the current one if it is empty.
        opaque: Names of fields whose values chance makes, as the author says.
    """

    origin: Origin
    source: str
    model: str
    date: dt.date
    plugin: str = ""
    suite: str = ""
    opaque: tuple[str, ...] = ()


@dataclass(slots=True)
class Draft:
    """One scenario on its way to a cassette.

    Attributes:
        interactions: Those of all modes, in order.
        accounted: Strings by chance that the plugin knows the use of.
        problems: What is wrong with it, each a sentence.
    """

    interactions: list[Interaction] = field(default_factory=list)
    accounted: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)

    def cassette(self, target: Target, scenario: Scenario, origins: Origins) -> Cassette:
        """Return the cassette, with its head."""
        head = Head(
            suite=origins.suite or SUITE_LEVEL,
            scenario=scenario.name,
            origin=origins.origin,
            source=origins.source,
            model=origins.model,
            date=origins.date,
            plugin=origins.plugin or plugin_of(target),
            opaque=origins.opaque,
            interactions=tuple(interaction.head for interaction in self.interactions),
        )
        path = target.cassettes / f"{scenario.name}.yaml"
        return Cassette(path=path, head=head, interactions=tuple(self.interactions))


def add_mode(
    draft: Draft,
    target: Target,
    scenario: Scenario,
    mode: Mode,
    turns: Sequence[Sequence[Reply]],
    *,
    expected: Sequence[JsonObject] = (),
) -> Played:
    """Play the answers of one mode to the plugin, and add what is to be written to the draft.

    Args:
        draft: What is added to; problems go there too.
        target: The plugin.
        scenario: What it is asked.
        mode: How.
        turns: For each turn its answers.
        expected: For each turn what its author expects of it, by the names of `Expected`, as far as they say.
    """
    replies = [(turn, reply) for turn, answers in enumerate(turns) for reply in answers]
    replay = Replay(*(ReplayAnswer(reply.body, reply.status, reply.headers) for _, reply in replies))
    played = play_clean(target, scenario, mode, replay)
    draft.problems += [f"{mode}: {problem}" for problem in _misplayed(scenario, played, replay, len(turns))]
    draft.accounted |= {*accounted_for(played), *owned_by(target, scenario, played.responses).texts}
    heads = _heads(draft, scenario, mode, played, expected)
    for number, ((turn, reply), request) in enumerate(zip(replies, replay.requests, strict=False)):
        is_last_of_turn = number + 1 == len(replies) or replies[number + 1][0] != turn
        entry = heads[turn] if is_last_of_turn and turn < len(heads) else InteractionHead(mode=mode, turn=turn)
        draft.interactions.append(_interaction(entry, request, reply))
    return played


def play_clean(target: Target, scenario: Scenario, mode: Mode, replay: Replay) -> Played:
    """Play a scenario under the target's own configuration, with a clock that stands still."""
    with httpx.Client(transport=ReplayTransport(replay)) as http, target.client(http, clock=_STILL) as client:
        return converse(client, target, scenario, mode)


def plugin_of(target: Target) -> str:
    """Return name and version of the distribution that a target is in; its class where it is in none."""
    provider = type(target.loaded)
    home = provider.__module__.partition(".")[0]
    for entry in entry_points(group=GROUP):
        is_it = entry.name == target.provider or entry.value.partition(":")[0].partition(".")[0] == home
        if is_it and entry.dist is not None:
            return f"{entry.dist.name} {entry.dist.version}"
    return f"{provider.__module__}.{provider.__qualname__}"


def _misplayed(scenario: Scenario, played: Played, replay: Replay, turns: int) -> list[str]:
    """Return what went otherwise than the scenario says."""
    try:
        replay.check()
    except ScriptError as error:
        return [f"the plugin sent more requests than there are answers: {error}"]
    problems = []
    if scenario.kind == "error":
        if played.error is None:
            problems.append("the plugin took an error for a good answer")
    elif played.error is not None:
        problems.append(f"the plugin failed with {type(played.error).__name__}: {played.error}")
    if scenario.kind in ("chat", "error") and turns != scenario.turns:
        problems.append(f"there are {turns} turns; the scenario has {scenario.turns}")
    if not problems and replay.unused:
        problems.append(f"{replay.unused} answers were not asked for")
    return problems


def _heads(
    draft: Draft, scenario: Scenario, mode: Mode, played: Played, expected: Sequence[JsonObject]
) -> list[InteractionHead]:
    """Return a head for each turn: what the author expects, and for the rest what the plugin made of the answer."""
    wanted = [*expected, *({} for _ in range(scenario.turns - len(expected)))]
    if scenario.kind not in ("chat", "error"):
        value = None if played.value is None else told_value(played.value)
        return [InteractionHead(mode=mode, value=_checked_value(draft, mode, wanted[0], value))]
    heads = []
    for turn, (told, given) in enumerate(zip(told_turns(played), wanted, strict=False)):
        draft.problems += [f"{mode}, turn {turn}: {problem}" for problem in differing_fields(given, told)]
        heads.append(InteractionHead(mode=mode, turn=turn, expected=_comparable(overlaid(told, given))))
    return heads


def _comparable(expected: Expected) -> Expected:
    """Return what is expected without the finish reason of an answer that never finished."""
    return expected if expected.is_complete else replace(expected, finish_reason=None, raw_finish_reason=None)


def _checked_value(draft: Draft, mode: Mode, given: JsonObject, told: JsonValue) -> JsonValue:
    made = told if isinstance(told, dict) else {}
    for name, wanted in given.items():
        if made.get(name) != wanted:
            draft.problems.append(f"{mode}: {name} is {made.get(name)!r}, where {wanted!r} is expected")
    return {**made, **given} or None


def _interaction(head: InteractionHead, request: ReplayedRequest, reply: Reply) -> Interaction:
    return Interaction(
        head=head,
        method=request.method,
        url=allowed_url(request.url),
        request_headers=allowed_request_headers(request.headers),
        request_body=request.body,
        status=reply.status,
        headers=allowed_response_headers(reply.headers),
        body=reply.body,
    )
