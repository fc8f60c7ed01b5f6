"""Scenario: one named request and what must come of it. The scenarios themselves are in `scenarios`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from core_llm import CallOptions, Capabilities, Message, Prompt, Response

if TYPE_CHECKING:
    from core_llm_conformance.cassette import Interaction

Kind = Literal["chat", "error", "models", "embeddings", "token_count"]
Mode = Literal["stream", "plain"]
Level = Literal["required", "preview"]

Expectation = Callable[[Response], None]
"""Looks at the response of the scenario's last turn; raises a ConformanceFailure. Its docstring says the rule."""
OptionsFor = Callable[[Capabilities], CallOptions]
"""Makes the options of what is declared for the model: a knob that it does not take is not sent."""
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
        options: Of every turn: settings, tools, system prompt, …; or what makes them. Ask `options_for`.
        inputs: The texts of an ``embeddings`` scenario.
        follow_ups: For each turn after the first, what makes its messages.
        expects: What the last response must be.
        level: ``required``, or ``preview`` in the first minor version that has it: then a failure only warns.
        since: The version of the suite that brought it.
        is_base: Whether silence does not excuse from it: it must be shown, unless something that it needs is declared
            unsupported or untested.
        modes: The forms of answer that it has.
        model: The model it asks, if not the suite's; only for an error that takes a wrong one.
        status: The HTTP status that an ``error`` scenario usually has; 200 for an error inside a good answer.
    """

    name: str
    summary: str
    kind: Kind = "chat"
    needs: tuple[str, ...] = ()
    prompt: Prompt | None = None
    options: CallOptions | OptionsFor = field(default_factory=CallOptions)
    inputs: tuple[str, ...] = ()
    follow_ups: tuple[FollowUp, ...] = ()
    expects: tuple[Expectation, ...] = ()
    level: Level = "required"
    since: str = "1.0"
    is_base: bool = False
    modes: tuple[Mode, ...] = ("stream", "plain")
    model: str | None = None
    status: int = 200

    @property
    def turns(self) -> int:
        """How many requests it makes."""
        return 1 + len(self.follow_ups)

    def options_for(self, declared: Capabilities) -> CallOptions:
        """Return the options of its calls, to a model of which this is declared."""
        return self.options(declared) if callable(self.options) else self.options


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
