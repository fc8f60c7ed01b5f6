"""Parity: one answer comes to the same, sync or async, streamed or plain, through our transport or through vcrpy."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from functools import partial

import anyio

from core_llm import Response, StreamEvent, TextPart, Usage
from core_llm_conformance.applicability import modes_of
from core_llm_conformance.conversation import Played, converse, play, play_async
from core_llm_conformance.failure import fail
from core_llm_conformance.playing import played_by_vcrpy, unconnected_client
from core_llm_conformance.scenario import Scenario, Shown
from core_llm_conformance.target import Target

FIGURES = [name for name in Usage.model_fields if name != "raw"]


def check_async_equals_sync(target: Target, shown: Shown) -> None:
    """Check that the async client makes the same events and the same answers, on asyncio and, if installed, on trio.

    Raises:
        ConformanceFailure: It says at which event they part.
    """
    sync = play(target, shown)
    for loop in _loops():
        check_same(sync, anyio.run(partial(play_async, target, shown), backend=loop), loop)


def check_same(sync: Played, found: Played, loop: str) -> None:
    """Check that two conversations came to the same.

    Raises:
        ConformanceFailure: They did not.
    """
    rule, scenario = f"async (on {loop}) comes to what sync comes to", sync.scenario.name
    look_at = "what the plugin keeps between calls, or asks of the event loop: a wire is pure"
    if (_told(sync), sync.value) != (_told(found), found.value):
        raise fail(rule, f"{_told(found)}, not {_told(sync)}", scenario=scenario, look_at=look_at)
    for number, (wanted, got) in enumerate(zip(_events(sync), _events(found), strict=False)):
        if wanted != got:
            raise fail(rule, f"{got!r}, not {wanted!r}", scenario=scenario, event=number, look_at=look_at)
    if len(list(_events(sync))) != len(list(_events(found))) or sync.responses != found.responses:
        raise fail(rule, "other events, or another response", scenario=scenario, look_at=look_at)


def _loops() -> tuple[str, ...]:
    return ("asyncio", "trio") if importlib.util.find_spec("trio") else ("asyncio",)


def _told(played: Played) -> str:
    if played.error is None:
        return f"{len(played.turns)} answers"
    return f"{type(played.error).__name__}: {played.error}"


def _events(played: Played) -> Iterator[StreamEvent]:
    return (event for turn in played.turns for event in turn.events)


def check_plain_equals_stream(target: Target, shown: tuple[Shown, Shown]) -> None:
    """Check that an answer has the same to say in both forms, whatever a model said the one time and the other.

    Compared is what no freedom of a model excuses: which kinds of parts there are where the bodies have both, what they
    keep of the provider's, the finish reason, and which figures of usage are known.

    Raises:
        ConformanceFailure: They differ.
    """
    streamed, plain = (play(target, one) for one in shown)
    streamed.check()
    plain.check()
    for turn, (one, other) in enumerate(zip(streamed.responses, plain.responses, strict=True)):
        heads = [shown[number].interactions[turn].head.expected for number in (0, 1)]
        is_exact = heads[0] is not None and heads[1] is not None and _said(one) == _said(other)
        for what in _differing(one, other, is_exact=is_exact):
            raise fail(
                "a stream has to say what a plain answer says",
                f"turn {turn}: {what}",
                scenario=shown[0].scenario.name,
                look_at="what is read from a plain body and not from a stream's frames, or the other way round",
            )


def _said(response: Response) -> tuple[str, int, bool]:
    """Return what decides whether two answers are the same answer; reasoning may be cut into parts otherwise."""
    return response.text, len(response.tool_calls), response.refusal is None


def _differing(streamed: Response, plain: Response, *, is_exact: bool) -> Iterator[str]:
    if streamed.finish_reason != plain.finish_reason:
        yield f"finish_reason is {streamed.finish_reason} streamed, {plain.finish_reason} plain"
    known = [_figures(response) for response in (streamed, plain)]
    if known[0] != known[1]:
        yield f"usage has {', '.join(known[0]) or 'nothing'} streamed, {', '.join(known[1]) or 'nothing'} plain"
    if (streamed.id is None, streamed.model is None) != (plain.id is None, plain.model is None):
        yield f"id and model are {streamed.id, streamed.model} streamed, {plain.id, plain.model} plain"
    if not is_exact:
        return
    shapes = [_shape(response) for response in (streamed, plain)]
    if shapes[0] != shapes[1]:
        yield f"parts are {shapes[0]} streamed, {shapes[1]} plain"
    if streamed.text == plain.text and streamed.reasoning and plain.reasoning and streamed.reasoning != plain.reasoning:
        yield f"reasoning is {streamed.reasoning!r} streamed, {plain.reasoning!r} plain"


def _figures(response: Response) -> list[str]:
    return [] if response.usage is None else [name for name in FIGURES if getattr(response.usage, name) is not None]


def _shape(response: Response) -> list[str]:
    """Return the kinds of parts, with the names of what is kept for the provider, and whether sources are cited."""
    shapes = set()
    for part in response.parts:
        state = part.provider_state.get(response.provider or "")
        kept = f"({', '.join(sorted(state))})" if isinstance(state, dict) else ""
        cited = " with citations" if isinstance(part, TextPart) and part.citations else ""
        shapes.add(f"{part.kind}{kept}{cited}")
    return sorted(shapes)


def check_vcrpy_plays_it(target: Target, scenario: Scenario) -> None:
    """Check that stock vcrpy plays the cassette to the plugin, every interaction once, and to the same end.

    Raises:
        ConformanceFailure: It does not.
    """
    cassette = target.cassette(scenario)
    modes = list(dict.fromkeys(interaction.head.mode for interaction in cassette.interactions))
    with played_by_vcrpy(cassette), unconnected_client() as http, target.client(http) as client:
        heard = [(mode, converse(client, target, scenario, mode)) for mode in modes]
    for mode, found in heard:
        if mode not in modes_of(target, scenario):
            continue
        wanted = play(target, Shown(scenario, mode, cassette.of(mode)))
        if (_told(wanted), wanted.value, wanted.responses) != (_told(found), found.value, found.responses):
            raise fail(
                "a cassette played by vcrpy comes to the same",
                f"{mode}: {_told(found)}, not {_told(wanted)}",
                scenario=scenario.name,
                look_at=f"{cassette.path.name}: what is of one form of answer stands together, in the order of turns",
            )
