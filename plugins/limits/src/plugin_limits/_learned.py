"""Learned: what a provider's answers say is left of its own limits, so that no request is sent that it would refuse.

Sources, checked 2026-11: the documentation of the vendors. All of them name such headers alike but for the order: in
the name is ``ratelimit``, then ``limit``, ``remaining`` or ``reset``, and ``requests`` or ``tokens``. Most fill a limit
up evenly, and mean by its reset the moment when it is full.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from core_llm.wire import retry_after_seconds, seconds_until
from plugin_limits._line import Line

LONGEST_SECONDS = 3600.0
"""No answer keeps others back for longer."""
_HEADER = re.compile(
    r"(?:.*-)?rate-?limit-(?:(?P<what>limit|remaining|reset)(?:-(?P<of>(?:requests|tokens)(?:-\w+)?))?"
    r"|(?P<of_first>requests|tokens)-(?P<what_last>limit|remaining|reset))"
)
_REFUSED = (429, 503, 529)


@dataclass(slots=True)
class Left:
    """What was left of one figure when an answer said so.

    Attributes:
        remaining: How much.
        limit: What there is of it in all; None if unknown.
        at: When the answer came.
        seconds: How long after it all is free again.
        spent: What was sent since.
    """

    remaining: float
    limit: float | None
    at: float
    seconds: float
    spent: float = 0.0

    def wait(self, cost: float, now: float) -> float | None:
        """Return for how many seconds there is less than `cost`; None if there is enough."""
        passed = now - self.at
        if passed >= self.seconds:
            return None
        filling = max((self.limit or 0) - self.remaining, 0) / self.seconds  # 0: nothing comes back before the reset
        lacking = min(cost, self.limit or cost) - (self.remaining + filling * passed - self.spent)
        if lacking <= 0:
            return None
        to_reset = self.seconds - passed
        return min(lacking / filling, to_reset) if filling else to_reset


class Learned:
    """What is known of the limits of one model. Any thread may take, and tell news."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.line = Line()
        self._clock = clock
        self._paused_until = 0.0
        self._left: dict[str, Left] = {}

    def take(self, tokens: int) -> float | None:
        """Return None where nothing is known to keep a request back, or the seconds after which to ask again."""
        now = self._clock()
        if now < self._paused_until:
            return self._paused_until - now
        known = [(left, float(tokens) if of.startswith("tokens") else 1.0) for of, left in list(self._left.items())]
        waits = [wait for left, cost in known if (wait := left.wait(cost, now)) is not None]
        if waits:
            return max(waits)
        for left, cost in known:
            left.spent += cost
        return None

    def learn(self, status: int, headers: Mapping[str, str]) -> None:
        """Take what the head of an answer says."""
        now = self._clock()
        if status in _REFUSED and (pause := retry_after_seconds(headers, now)) is not None:
            self._paused_until = max(self._paused_until, now + min(pause, LONGEST_SECONDS))
        for of, said in _figures(headers).items():
            seconds = seconds_until(said.get("reset", ""), now)
            remaining = _number(said.get("remaining"))
            if seconds and remaining is not None:
                self._left[of] = Left(remaining, _number(said.get("limit")), now, min(seconds, LONGEST_SECONDS))


def _figures(headers: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return what is said of each figure."""
    found: dict[str, dict[str, str]] = {}
    for name, value in headers.items():
        if "limit" in name and (match := _HEADER.fullmatch(name)):
            of = match["of"] or match["of_first"] or "requests"
            found.setdefault(of, {})[match["what"] or match["what_last"]] = value
    return found


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None
