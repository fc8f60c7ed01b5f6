"""Trials: answers that were spoilt in one way each, played one after the other through one client, and judged.

A share of them, always the same, is played through the async client too, on asyncio, and some on trio if it is there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal, Self, TypeVar, Unpack
from zlib import crc32

import anyio
import httpx

from core_llm import AsyncClient, Client, ClientOptions, Limits, check_events
from core_llm_conformance.failure import ConformanceFailure, fail
from core_llm_conformance.faults import rules
from core_llm_conformance.faults.framed import Framed
from core_llm_conformance.faults.rules import Broken, Played
from core_llm_conformance.faults.subject import Asked, Capture, Subject
from core_llm_conformance.replay import Replay, ReplayAnswer, ReplayTransport
from core_llm_conformance.scenario import Shown
from core_llm_conformance.target import Target

Judge = Callable[[Played], Broken | str | None]
"""Says what is wrong with what a call came to, or which other rule than the trial's it broke; None if nothing."""
Backend = Literal["asyncio", "trio"]
T = TypeVar("T")

ASYNC_AMONG, ASYNC_SHARE = 4, 8
"""Of every fourth check of a cassette, every eighth trial is played on asyncio too; of cuts, always."""
TRIO_AMONG, TRIO_SHARE = 16, 16
"""Likewise on trio. What a plugin is made of knows nothing of either, so a share is enough."""
MOST_KNOWN = 256
BACKENDS: tuple[Backend, ...] = ("asyncio", "trio") if find_spec("trio") else ("asyncio",)


@dataclass(frozen=True, slots=True)
class Trial:
    """One answer, spoilt in one way.

    Attributes:
        rule: What must hold.
        fault: What was done to it, as a sentence's part: which cut and seed, which frame, which offset.
        answer: The answer.
        judge: Looks at what came of it.
        framed: The frames to show in a failure.
        at: The number of the frame at which it was done.
        limits: Of the call.
        may_differ: Whether the arguments of calls may have been changed by what was done.
        look_at: Where to look, for the plugin's author.
    """

    rule: str
    fault: str
    answer: ReplayAnswer
    judge: Judge
    framed: Framed | None = None
    at: int | None = None
    limits: Limits | None = None
    may_differ: bool = False
    look_at: str = ""


class Player:
    """A sync client whose calls are answered as each trial says."""

    def __init__(self, asked: Asked, **options: Unpack[ClientOptions]) -> None:
        self._asked = asked
        self._transport = ReplayTransport([])
        self.http = httpx.Client(transport=self._transport, trust_env=False)
        self.client: Client = asked.target.client(self.http, **options)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the clients."""
        self.client.close()
        self.http.close()

    def script(self, answer: ReplayAnswer) -> Replay:
        """Let the next call be answered so; return what knows of its body."""
        replay = self._transport.replay = Replay(answer)
        return replay

    def play(self, answer: ReplayAnswer, limits: Limits | None = None) -> Played:
        """Make one call and take all its events."""
        asked, replay, played = self._asked, self.script(answer), Played()
        stream = self.client.stream(asked.model_id, asked.prompt, **asked.options(limits))
        try:
            with stream:
                for event in check_events(stream):
                    played.events.append(event)
            played.is_success = True
        except Exception as error:  # noqa: BLE001  # whatever comes out is judged
            played.error = error
        played.response, played.bodies, played.requests = stream.response, replay.bodies, replay.requests
        return played

    def generate(self, answer: ReplayAnswer) -> Played:
        """Ask for a plain answer in one call."""
        asked, replay, played = self._asked, self.script(answer), Played(runner="sync, plain")
        try:
            played.response = self.client.generate(asked.model_id, asked.prompt, **asked.options())
            played.is_success = True
        except Exception as error:  # noqa: BLE001  # whatever comes out is judged
            played.error = error
        played.bodies, played.requests = replay.bodies, replay.requests
        return played


class AsyncPlayer:
    """The same with the async client; one call at a time."""

    def __init__(self, asked: Asked, runner: str = "asyncio", **options: Unpack[ClientOptions]) -> None:
        self._asked = asked
        self._runner = runner
        self._transport = ReplayTransport([])
        self.http = httpx.AsyncClient(transport=self._transport, trust_env=False)
        self.client: AsyncClient = asked.target.async_client(self.http, **options)

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the clients."""
        await self.client.close()
        await self.http.aclose()

    def script(self, answer: ReplayAnswer) -> Replay:
        """Let the next call be answered so; return what knows of its body."""
        replay = self._transport.replay = Replay(answer)
        return replay

    async def play(self, answer: ReplayAnswer, limits: Limits | None = None) -> Played:
        """Make one call and take all its events."""
        asked, replay, played = self._asked, self.script(answer), Played(runner=self._runner)
        stream = self.client.stream(asked.model_id, asked.prompt, **asked.options(limits))
        try:
            async with stream:
                async for event in stream:
                    played.events.append(event)
            for _ in check_events(played.events):
                pass
            played.is_success = True
        except Exception as error:  # noqa: BLE001  # whatever comes out is judged
            played.error = error
        played.response, played.bodies, played.requests = stream.response, replay.bodies, replay.requests
        return played


_known: dict[int, Subject] = {}
"""Identity of an interaction → its subject, which keeps it alive: each check of a cassette needs the same one."""


def subjects(target: Target, shown: Shown) -> Iterator[Subject]:
    """Yield the answers of a scenario's turns, each with what the undisturbed one came to.

    Raises:
        ConformanceFailure: The undisturbed answer is no success.
    """
    for interaction in shown.interactions:
        known = _known.get(id(interaction))
        if known is None or known.target is not target or known.interaction is not interaction:
            known = _played(Subject(target, shown.scenario, shown, interaction))
            if len(_known) >= MOST_KNOWN:
                _known.clear()
            _known[id(interaction)] = known
        yield known


def _played(subject: Subject) -> Subject:
    capture = Capture()
    with Player(subject, plugins=[capture]) as player:
        played = player.play(subject.answer(subject.interaction.body))
    if not played.is_success or played.response is None or capture.request is None:
        raise fail(
            rules.WHOLE,
            str(played),
            scenario=subject.test_id,
            look_at="test_scenario first: as long as the whole answer fails, no spoilt one can be judged",
        )
    subject.whole, subject.events, subject.request = played.response, played.events, capture.request
    return subject


def run(subject: Subject, trials: Iterable[Trial]) -> None:
    """Play every trial sync, and a share of them async, and judge them.

    Raises:
        ConformanceFailure: A rule was broken; names the fault, the frame and the rule.
    """
    tried = list(trials)
    with Player(subject) as player:
        for trial in tried:
            judge(subject, trial, player.play(trial.answer, trial.limits))
    for backend, among, share in zip(BACKENDS, (ASYNC_AMONG, TRIO_AMONG), (ASYNC_SHARE, TRIO_SHARE), strict=False):
        is_chosen = backend == "asyncio" and tried[:1] and tried[0].rule == rules.SAME
        if is_chosen or crc32(f"{subject.test_id} {[trial.rule for trial in tried[:1]]}".encode()) % among == 0:
            run_async(subject, tried[len(tried) % share // 2 :: share] or tried[-1:], backend)


def run_async(subject: Subject, trials: Sequence[Trial], backend: Backend, *, at_once: bool = False) -> None:
    """Play the trials async and judge them; `at_once` for those that take time by waiting."""

    async def play_all() -> list[Played]:
        results: dict[int, Played] = {}

        async def play(numbers: Iterable[int]) -> None:
            async with AsyncPlayer(subject, backend) as player:
                for number in numbers:
                    results[number] = await player.play(trials[number].answer, trials[number].limits)

        numbers = range(len(trials))
        async with anyio.create_task_group() as group:
            for turn in [[number] for number in numbers] if at_once else [numbers]:
                group.start_soon(play, turn)
        return [results[number] for number in numbers]

    for trial, played in zip(trials, in_loop(play_all, backend), strict=True):
        judge(subject, trial, played)


def in_loop(function: Callable[[], Awaitable[T]], backend: Backend) -> T:
    """Run an async function to its end in a new event loop."""
    return anyio.run(function, backend=backend)


def judge(subject: Subject, trial: Trial, played: Played) -> None:
    """Hold what a trial came to to the rules.

    Raises:
        ConformanceFailure: One was broken.
    """
    broken = rules.broken_always(played, subject.whole, may_differ=trial.may_differ)
    if broken is None and (found := trial.judge(played)) is not None:
        broken = found if isinstance(found, Broken) else Broken(trial.rule, found)
    if broken is not None:
        raise failure(subject, trial, played.runner, broken)


def failure(subject: Subject, trial: Trial, runner: str, broken: Broken) -> ConformanceFailure:
    """Return the failure that says which rule was broken, where and by what."""
    body = (trial.framed or subject.framed).body
    return fail(
        broken.rule,
        f"{broken.found}\ndone: {trial.fault} ({runner})",
        scenario=subject.test_id,
        event=trial.at,
        received=body.decode("utf-8", "replace"),
        look_at=trial.look_at or "the wire format's decoder",
    )
