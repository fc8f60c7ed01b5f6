"""Shape: how one wire puts what is said. Its methods return answers as a file of descriptions has them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from core_llm_conformance.scaffold.answers.said import Failed, JsonObject, Said


@dataclass(frozen=True, slots=True)
class Shape(ABC):
    """One wire's bodies, for a model of a service."""

    model: str

    @abstractmethod
    def streamed(self, said: Said) -> JsonObject:
        """Return a stream: ``sse`` or ``ndjson``."""

    @abstractmethod
    def plain(self, said: Said) -> JsonObject:
        """Return a plain body."""

    @abstractmethod
    def error(self, failed: Failed) -> JsonObject:
        """Return the body of an error."""

    @abstractmethod
    def broken_off(self, failed: Failed) -> JsonObject:
        """Return a stream that an error ends."""

    @abstractmethod
    def listing(self, models: tuple[str, ...]) -> JsonObject:
        """Return the body of a listing."""
