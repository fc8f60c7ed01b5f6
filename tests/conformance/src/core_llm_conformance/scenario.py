"""Scenario: one named request and what must come of it. The scenarios themselves are in `scenarios`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from core_llm import CallOptions, Message, Prompt, Response

if TYPE_CHECKING:
    from core_llm_conformance.cassette import Interaction

Kind = Literal["chat", "error", "models", "embeddings", "token_count"]
Mode = Literal["stream", "plain"]
Level = Literal["required", "preview"]

Expectation = Callable[[Response], None]
"""Looks at the response of the scenario's last turn; raises a ConformanceFailure. Its docstring says the rule."""
FollowUp = Callable[[Response], Sequence[Message]]
"""Makes the next turn's new messages of the response before it; the response's own message goes before them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One request, or a conversation of a few, and its expectations. It names no provider and no wire.

    Attributes:
        name: Also the name of its cassette, without ``.yaml``; lower case with underscores.
        summary: What it shows, in a sentence.
        kind: Which call is made: a chat, a chat that fails, a listing, embeddings, a count of tokens.
        needs: Features of `core_llm.Capabilities` (``tools``, ``settings.seed``) without which it cannot be shown.
        prompt: Of the first turn.
        options: Of every turn: settings, tools, system prompt, …
        follow_ups: For each turn after the first, what makes its messages.
        expects: What the last response must be.
        level: ``required``, or ``preview`` in the first minor version that has it: then a failure only warns.
        since: The version of the suite that brought it.
        is_base: Whether every provider must show it, whatever it declares.
        modes: The forms of answer that it has.
        status: The HTTP status of an ``error`` scenario; 200 for an error inside a good answer.
    """

    name: str
    summary: str
    kind: Kind = "chat"
    needs: tuple[str, ...] = ()
    prompt: Prompt | None = None
    options: CallOptions = field(default_factory=CallOptions)
    follow_ups: tuple[FollowUp, ...] = ()
    expects: tuple[Expectation, ...] = ()
    level: Level = "required"
    since: str = "1.0"
    is_base: bool = False
    modes: tuple[Mode, ...] = ("stream", "plain")
    status: int = 200

    @property
    def turns(self) -> int:
        """How many requests it makes."""
        return 1 + len(self.follow_ups)


@dataclass(frozen=True, slots=True)
class Shown:
    """A scenario as one cassette shows it: what the tests of the cassette and fault layers are parametrised with.

    Attributes:
        scenario: The scenario.
        mode: Streamed or plain.
        interactions: One a turn.
    """

    scenario: Scenario
    mode: Mode
    interactions: tuple[Interaction, ...]

    @property
    def test_id(self) -> str:
        """The name of the parameter in the test's id."""
        return f"{self.scenario.name}-{self.mode}"
