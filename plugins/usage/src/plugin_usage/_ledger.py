"""Ledger: what each call used and cost. A plugin of a client: it observes its calls, and costs nothing per event."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal

from core_llm import CoreLLMError, Request, Response, StreamEvent, Usage, UsageUpdate, hookimpl
from plugin_usage._budget import Budget
from plugin_usage._prices import Prices

Key = Literal["provider", "model", "tag"]
Place = tuple[str, str, str | None]
"""Provider, model, tag."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What one attempt of a call used.

    Attributes:
        provider: Who answered.
        model: The model that was asked, without the provider.
        tag: That of the call, None for none.
        usage: As the provider reported it; None if it did not.
        cost: In US dollars; None if usage or price is not known.
        is_complete: Whether the answer was whole.
        at: When the call ended.
    """

    provider: str
    model: str
    tag: str | None
    usage: Usage | None
    cost: Decimal | None
    is_complete: bool
    at: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(slots=True)
class Totals:
    """What several calls used together.

    Attributes:
        calls: How many.
        unreported: Those whose usage is not known.
        unpriced: Those whose cost is not known.
        usage: The sum of what was reported.
        cost: The sum of what is known, in US dollars.
    """

    calls: int = 0
    unreported: int = 0
    unpriced: int = 0
    usage: Usage = field(default_factory=Usage)
    cost: Decimal = Decimal(0)

    def add(self, entry: Entry) -> None:
        """Count a call."""
        self.calls += 1
        self.unreported += entry.usage is None
        self.unpriced += entry.cost is None
        self.cost += entry.cost or 0
        if entry.usage is not None:
            self.usage += entry.usage


class Ledger:
    """Observes the calls of every client whose plugin it is. Safe to share between clients and threads."""

    def __init__(
        self, *, budgets: Sequence[Budget] = (), prices: Prices | None = None, max_entries: int = 100_000
    ) -> None:
        """Make an empty ledger.

        Args:
            budgets: Told of every call that they cover.
            prices: What tokens cost.
            max_entries: How many single calls are kept; the sums are of all.
        """
        self.prices = prices or Prices()
        self.budgets = tuple(budgets)
        self._entries: deque[Entry] = deque(maxlen=max_entries)
        self._totals: dict[Place, Totals] = {}
        self._lock = threading.Lock()
        self._tag: ContextVar[str | None] = ContextVar("core_llm_usage_tag", default=None)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The latest calls, the oldest first."""
        with self._lock:
            return tuple(self._entries)

    @contextmanager
    def tagged(self, tag: str) -> Iterator[None]:
        """Give the calls that are made in the block a tag; tasks that are begun in it keep it."""
        token = self._tag.set(tag)
        try:
            yield
        finally:
            self._tag.reset(token)

    def total(self, *, provider: str | None = None, model: str | None = None, tag: str | None = None) -> Totals:
        """Return the sum of all calls, or of those of a provider, a model, a tag."""
        wanted = (provider, model, tag)
        return self._sum(lambda place: all(want in (None, has) for want, has in zip(wanted, place, strict=True)))

    def by(self, key: Key) -> dict[str | None, Totals]:
        """Return the sums for each provider, model or tag; calls without a tag are under None."""
        column = ("provider", "model", "tag").index(key)
        with self._lock:
            names = dict.fromkeys(place[column] for place in self._totals)

        def of(name: str | None) -> Totals:
            return self._sum(lambda place: place[column] == name)

        return {name: of(name) for name in names}

    def add(self, entry: Entry) -> None:
        """Put in a call that no client of this ledger made."""
        with self._lock:
            self._entries.append(entry)
            self._totals.setdefault((entry.provider, entry.model, entry.tag), Totals()).add(entry)

    @hookimpl
    def core_llm_observe_stream(self, provider: str, model: str) -> _Watch:
        return _Watch(self, provider, model, self._tag.get())

    def _sum(self, is_wanted: Callable[[Place], bool]) -> Totals:
        found = Totals()
        with self._lock:
            for key, totals in self._totals.items():
                if is_wanted(key):
                    found.calls += totals.calls
                    found.unreported += totals.unreported
                    found.unpriced += totals.unpriced
                    found.cost += totals.cost
                    found.usage += totals.usage
        return found


class _Watch:
    """Observes one call."""

    def __init__(self, ledger: Ledger, provider: str, model: str, tag: str | None) -> None:
        self._ledger = ledger
        self._provider = provider
        self._model = model
        self._tag = tag
        self._budgets = [budget for budget in ledger.budgets if budget.counts(provider, model, tag)]
        self._spent: dict[int, tuple[Decimal, Usage]] = {}

    def on_start(self, request: Request) -> None:
        """Nothing is known yet."""

    def on_event(self, event: StreamEvent) -> None:
        """Let budgets know what the answer has used so far."""
        if self._budgets and isinstance(event, UsageUpdate):
            self._spend(0, self._ledger.prices.cost(self._provider, self._model, event.usage), event.usage)

    def on_retry(self, retrying: object) -> None:
        """What a failed attempt used is in the response."""

    def on_error(self, error: CoreLLMError, partial: Response) -> None:  # noqa: ARG002  # the hook's signature
        """Enter what had come; a call to which nothing came used nothing that anybody knows of."""
        if partial.usage is not None or partial.parts:
            self._enter(partial)

    def on_finish(self, response: Response) -> None:
        """Enter the answer."""
        self._enter(response)

    def _enter(self, response: Response) -> None:
        """Enter an answer; where several attempts brought it, each that is known to have used something."""
        if not response.attempts:
            self._put(0, self._provider, self._model, response.usage, is_complete=response.is_complete)
            return
        last = len(response.attempts) - 1
        for number, attempt in enumerate(response.attempts):
            if attempt.usage is not None or number == last:
                is_complete = number == last and response.is_complete
                self._put(number, attempt.provider, attempt.model, attempt.usage, is_complete=is_complete)

    def _put(self, attempt: int, provider: str, model: str, usage: Usage | None, *, is_complete: bool) -> None:
        cost = self._ledger.prices.cost(provider, model, usage)
        self._ledger.add(Entry(provider, model, self._tag, usage, cost, is_complete))
        self._spend(attempt, cost, usage)

    def _spend(self, attempt: int, cost: Decimal | None, usage: Usage | None) -> None:
        """Let budgets know what came on top of what they know of an attempt."""
        known_cost, known = self._spent.get(attempt, (Decimal(0), Usage()))
        if usage is None:
            return
        self._spent[attempt] = (cost or Decimal(0), usage)
        more = Usage(
            input_tokens=(usage.input_tokens or 0) - (known.input_tokens or 0),
            output_tokens=(usage.output_tokens or 0) - (known.output_tokens or 0),
        )
        for budget in self._budgets:
            budget.spend((cost or Decimal(0)) - known_cost, more)
