"""Conversations: a scenario's turns, asked one after the other, sync or async, streamed or plain, and what came of it.

What answers is somebody else's affair: the client that is handed in has a transport that plays a cassette, whole or
broken. Nothing is judged here but that events keep the grammar.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Unpack

import httpx

from core_llm import (
    AsyncClient,
    CallOptions,
    Client,
    CoreLLMError,
    Embeddings,
    Message,
    Part,
    Prompt,
    Response,
    StreamEvent,
    StreamGrammarError,
    check_events,
)
from core_llm.wire import ModelInfo
from core_llm_conformance._replay_core import Replay
from core_llm_conformance.failure import fail
from core_llm_conformance.playing import Playback
from core_llm_conformance.replay import ReplayTransport
from core_llm_conformance.scenario import Mode, Scenario, Shown
from core_llm_conformance.target import Target

Value = tuple[ModelInfo, ...] | Embeddings | int
"""What a call that is no chat returns."""


@dataclass(slots=True)
class Turn:
    """One request and what came of it.

    Attributes:
        prompt: The conversation as it was sent.
        events: Those of a stream, in order; none of a plain answer.
        response: None if it failed.
    """

    prompt: Prompt
    events: list[StreamEvent] = field(default_factory=list)
    response: Response | None = None


@dataclass(slots=True)
class Played:
    """A whole conversation, as far as it came.

    Attributes:
        scenario: What was asked.
        turns: One for each request that was made.
        error: What the last turn failed with.
        value: What a call returned that is no chat.
    """

    scenario: Scenario
    turns: list[Turn] = field(default_factory=list)
    error: CoreLLMError | None = None
    value: Value | None = None

    @property
    def responses(self) -> list[Response]:
        """Those of all turns that came to one."""
        return [turn.response for turn in self.turns if turn.response is not None]

    @property
    def response(self) -> Response:
        """That of the last turn.

        Raises:
            ConformanceFailure: There is none: the call failed.
        """
        self.check()
        found = self.turns[-1].response if self.turns else None
        assert found is not None
        return found

    def check(self) -> None:
        """Raise if the conversation failed.

        Raises:
            ConformanceFailure: It says with what.
        """
        if self.error is None:
            return
        event = self.error.event_number if isinstance(self.error, StreamGrammarError) else None
        raise fail(
            "a whole answer is understood",
            f"turn {len(self.turns) - 1} failed with {type(self.error).__name__}: {self.error}",
            scenario=self.scenario.name,
            event=event,
            look_at="the wire's decoder"
            if event is None
            else "the events that the wire's decoder makes, by core_llm's rules",
        ) from self.error


def play(target: Target, shown: Shown, replay: Replay | None = None, **options: Unpack[CallOptions]) -> Played:
    """Play a scenario in one mode, sync.

    Args:
        target: The plugin.
        shown: The scenario, and the interactions to answer with.
        replay: What answers instead, in pieces or with faults; it is not checked here.
        **options: On top of the scenario's own.

    Raises:
        ConformanceFailure: What was asked is not what the interactions answer, or not all were asked for.
    """
    if replay is None:
        with Playback(*shown.interactions, scenario=shown.scenario.name) as playback:
            return play(target, shown, playback, **options)
    with httpx.Client(transport=ReplayTransport(replay)) as http, target.client(http) as client:
        return converse(client, target, shown.scenario, shown.mode, **options)


async def play_async(
    target: Target, shown: Shown, replay: Replay | None = None, **options: Unpack[CallOptions]
) -> Played:
    """Do the same with the async client, on whichever event loop runs."""
    if replay is None:
        with Playback(*shown.interactions, scenario=shown.scenario.name) as playback:
            return await play_async(target, shown, playback, **options)
    async with httpx.AsyncClient(transport=ReplayTransport(replay)) as http, target.async_client(http) as client:
        return await converse_async(client, target, shown.scenario, shown.mode, **options)


def converse(client: Client, target: Target, scenario: Scenario, mode: Mode, **options: Unpack[CallOptions]) -> Played:
    """Ask a scenario's turns of a client; an error ends the conversation and is in what is returned."""
    played = Played(scenario)
    model = target.model_id(scenario)
    asked: CallOptions = {**target.options(scenario), **options}
    try:
        if scenario.kind not in ("chat", "error"):
            played.value = _call(client, target, scenario, asked)
            return played
        for turn in _turns(played):
            if mode == "plain":
                turn.response = client.generate(model, turn.prompt, **asked)
                continue
            with client.stream(model, turn.prompt, **asked) as stream:
                for event in check_events(stream):
                    turn.events.append(event)
            turn.response = stream.response
    except CoreLLMError as error:
        played.error = error
    return played


async def converse_async(
    client: AsyncClient, target: Target, scenario: Scenario, mode: Mode, **options: Unpack[CallOptions]
) -> Played:
    """Do the same with an async client."""
    played = Played(scenario)
    model = target.model_id(scenario)
    asked: CallOptions = {**target.options(scenario), **options}
    try:
        if scenario.kind not in ("chat", "error"):
            played.value = await _call_async(client, target, scenario, asked)
            return played
        for turn in _turns(played):
            if mode == "plain":
                turn.response = await client.generate(model, turn.prompt, **asked)
                continue
            async with client.stream(model, turn.prompt, **asked) as stream:
                async for event in stream:
                    turn.events.append(event)
            for _ in check_events(turn.events):
                pass
            turn.response = stream.response
    except CoreLLMError as error:
        played.error = error
    return played


def _turns(played: Played) -> Generator[Turn]:
    """Yield each turn to be asked, entered in `played`; its response must be there when the next one is wanted."""
    scenario = played.scenario
    prompt = scenario.prompt
    asked: list[str | Part | Message] = (
        list(prompt) if isinstance(prompt, Sequence) and not isinstance(prompt, str) else []
    )
    if not asked and prompt is not None:
        asked = [prompt]  # type: ignore[list-item]  # no sequence of anything but texts, parts and messages
    for follow_up in (None, *scenario.follow_ups):
        if follow_up is not None:
            answer = played.turns[-1].response
            assert answer is not None
            asked = [*asked, answer.message, *follow_up(answer)]
        turn = Turn(asked)
        played.turns.append(turn)
        yield turn


def _call(client: Client, target: Target, scenario: Scenario, asked: CallOptions) -> Value:
    match scenario.kind:
        case "models":
            return client.models(target.name)
        case "embeddings":
            return client.embed(target.model_id(scenario), scenario.inputs)
        case _:
            return client.count_tokens(target.model_id(scenario), scenario.prompt, **asked)


async def _call_async(client: AsyncClient, target: Target, scenario: Scenario, asked: CallOptions) -> Value:
    match scenario.kind:
        case "models":
            return await client.models(target.name)
        case "embeddings":
            return await client.embed(target.model_id(scenario), scenario.inputs)
        case _:
            return await client.count_tokens(target.model_id(scenario), scenario.prompt, **asked)
