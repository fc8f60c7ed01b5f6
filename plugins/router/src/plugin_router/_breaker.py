"""Breaker: leaves a model alone for a while that has failed again and again. One circuit for each model of a route."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from core_llm import InvalidSettingError


@dataclass(slots=True)
class _Circuit:
    """What is known of one model.

    Attributes:
        failures: In a row.
        opened_at: When it was given up, or a call last began to find out if it works again; None while it is in use.
    """

    failures: int = 0
    opened_at: float | None = None


class Breaker:
    """Gives a model up after some failures in a row; each time some seconds have passed, one call tries it again.

    Thread-safe.
    """

    def __init__(self, *, failures: int = 5, seconds: float = 30.0) -> None:
        """Make a breaker whose circuits are all closed.

        Args:
            failures: In a row, after which a model is given up.
            seconds: After which one call finds out whether it works again.

        Raises:
            InvalidSettingError: One of them is out of range.
        """
        if failures < 1:
            msg = f"a breaker's failures must be 1 or more, not {failures!r}"
            raise InvalidSettingError(msg)
        if not 0 < seconds < float("inf"):
            msg = f"a breaker's seconds must be above 0, not {seconds!r}"
            raise InvalidSettingError(msg)
        self.failures = failures
        self.seconds = seconds
        self._circuits: dict[str, _Circuit] = {}
        self._lock = threading.Lock()

    def is_closed(self, model: str, now: float) -> bool:
        """Whether a model may be asked. Where its time has come, one caller is told yes, to find out.

        If nothing is heard of what came of that (the call was stopped, say), the next may find out as long after.
        """
        with self._lock:
            circuit = self._circuits.get(model)
            if circuit is None or circuit.opened_at is None:
                return True
            if now - circuit.opened_at < self.seconds:
                return False
            circuit.opened_at = now
            return True

    def failed(self, model: str, now: float) -> None:
        """Take note of a failure."""
        with self._lock:
            circuit = self._circuits.setdefault(model, _Circuit())
            circuit.failures += 1
            if circuit.failures >= self.failures:
                circuit.opened_at = now

    def succeeded(self, model: str) -> None:
        """Take note of a success: the model is in use again."""
        with self._lock:
            self._circuits.pop(model, None)

    def opens_first(self, models: list[str]) -> str:
        """Return the model that was given up longest ago."""
        with self._lock:
            return min(models, key=lambda model: self._circuits.get(model, _Circuit(opened_at=0.0)).opened_at or 0.0)
