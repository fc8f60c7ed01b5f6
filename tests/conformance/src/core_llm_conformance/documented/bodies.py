"""Bodies: how a provider puts what is said. One instance is for one scenario of one plugin."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from core_llm import CallOptions
from core_llm_conformance.documented.said import Failed, JsonObject, Said
from core_llm_conformance.documented.usual import MODELS, VECTOR_TOKENS
from core_llm_conformance.recording.descriptions import Reply, Turn
from core_llm_conformance.scenario import Scenario

Vectors = Sequence[Sequence[float]]


@dataclass(frozen=True, slots=True)
class Bodies(ABC):
    """The answers of one provider to one scenario.

    Attributes:
        model: The model that is asked.
        scenario: The scenario, for answers that say again what was asked.
        options: Of its calls.
        answer_id: The answer's id, where the wire has one.
        listed: The models that a listing names.
    """

    model: str
    scenario: Scenario
    options: CallOptions
    answer_id: ClassVar[str | None] = None
    listed: ClassVar[Sequence[str]] = MODELS

    @abstractmethod
    def streamed(self, said: Said, turn: int) -> Reply:
        """Return a stream; `turn` is the number of the request in the conversation."""

    @abstractmethod
    def plain(self, said: Said, turn: int) -> Reply:
        """Return a plain answer."""

    @abstractmethod
    def error(self, failed: Failed) -> Reply:
        """Return an error at the front door, or in a plain answer whose status is good."""

    @abstractmethod
    def broken_off(self, failed: Failed) -> Reply:
        """Return a stream that an error ends, or that is nothing but one."""

    @abstractmethod
    def expected(self, said: Said) -> JsonObject:
        """Return what a plugin has to make of an answer, by the names of `Expected`."""

    @abstractmethod
    def expected_error(self, failed: Failed) -> JsonObject:
        """Return what a plugin has to make of an error, likewise."""

    def models(self) -> Sequence[Reply]:
        """Return the pages of a listing of `listed`; none if there is no listing."""
        return ()

    def embeddings(self, vectors: Vectors) -> Reply | None:  # noqa: ARG002  # for overriding
        """Return vectors; None if there are none."""
        return None

    def token_count(self, tokens: int) -> Reply | None:  # noqa: ARG002  # for overriding
        """Return a count of tokens; None if nobody counts."""
        return None

    def embedded_tokens(self) -> int | None:
        """Return the tokens that `embeddings` says went in; None if it says nothing."""
        return VECTOR_TOKENS

    def turn(self, said: Said, number: int) -> Turn:
        """Return one turn in both forms."""
        return Turn(stream=self.streamed(said, number), plain=self.plain(said, number), expected=self.expected(said))
