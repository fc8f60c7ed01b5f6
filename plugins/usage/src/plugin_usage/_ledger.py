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

from core_llm import (
    AttemptEvent,
    CoreLLMError,
    FellBack,
    Request,
    Response,
    Resumed,
    StreamEvent,
    Usage,
    UsageUpdate,
    hookimpl,
)
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


@dataclass(frozen=True, slots=True)
class _Used:
    """What one attempt used, as far as it is known."""

    provider: str
    model: str
    usage: Usage | None
    cost: Decimal | None


class _Watch:
    """Observes one call."""

    def __init__(self, ledger: Ledger, provider: str, model: str, tag: str | None) -> None:
        self._ledger = ledger
        self._provider = provider
        self._model = model
        self._tag = tag
        self._spent = {budget: (Decimal(0), 0) for budget in ledger.budgets}
        """What each budget was told of this call."""
        self._before: list[_Used] = []
        self._present: _Used | None = None

    def on_start(self, request: Request) -> None:
        """Nothing is known yet."""

    def on_event(self, event: StreamEvent) -> None:
        """Let budgets know what the answer has used so far."""
        if isinstance(event, UsageUpdate) and self._is_covered():
            self._present = self._used(self._provider, self._model, event.usage)
            self._spend([*self._before, self._present])

    def on_retry(self, retrying: AttemptEvent) -> None:
        """Begin another attempt, perhaps at another model; an answer that is resumed is the same one."""
        if self._present is not None and not (isinstance(retrying, Resumed) and retrying.mode == "resume"):
            self._before.append(self._present)
            self._present = None
        if isinstance(retrying, FellBack):
            self._provider, self._model = retrying.provider, retrying.model

    def on_error(self, error: CoreLLMError, partial: Response) -> None:  # noqa: ARG002  # the hook's signature
        """Enter what had come; a call to which nothing came used nothing that anybody knows of."""
        if partial.usage is not None or partial.parts:
            self._enter(partial)

    def on_finish(self, response: Response) -> None:
        """Enter the answer."""
        self._enter(response)

    def _enter(self, response: Response) -> None:
        """Enter an answer; where several attempts brought it, each that is known to have used something."""
        used = [self._used(attempt.provider, attempt.model, attempt.usage) for attempt in response.attempts]
        used = used or [self._used(self._provider, self._model, response.usage)]
        last = used[-1]
        for attempt in used:
            if attempt.usage is not None or attempt is last:
                is_complete = attempt is last and response.is_complete
                self._ledger.add(
                    Entry(attempt.provider, attempt.model, self._tag, attempt.usage, attempt.cost, is_complete)
                )
        self._spend(used)

    def _is_covered(self) -> bool:
        return any(budget.counts(self._provider, self._model, self._tag) for budget in self._spent)

    def _used(self, provider: str, model: str, usage: Usage | None) -> _Used:
        return _Used(provider, model, usage, self._ledger.prices.cost(provider, model, usage))

    def _spend(self, used: Sequence[_Used]) -> None:
        """Let each budget know what came on top of what it knows of this call's attempts, of those that it covers."""
        for budget, (known_cost, known_tokens) in self._spent.items():
            mine = [attempt for attempt in used if budget.counts(attempt.provider, attempt.model, self._tag)]
            cost = sum((attempt.cost or Decimal(0) for attempt in mine), Decimal(0))
            tokens = sum(_tokens(attempt.usage) for attempt in mine)
            if (cost, tokens) != (known_cost, known_tokens):
                self._spent[budget] = (cost, tokens)
                budget.spend(cost - known_cost, Usage(input_tokens=tokens - known_tokens))


def _tokens(usage: Usage | None) -> int:
    return 0 if usage is None else (usage.input_tokens or 0) + (usage.output_tokens or 0)
