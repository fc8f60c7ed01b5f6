"""Budget: how much may be spent. Calls that are given its signal stop when it is spent, and none begins after."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from decimal import Decimal
from fnmatch import fnmatchcase

from core_llm import InvalidSettingError, Signal, SignalController, Usage
from plugin_usage._prices import Prices


class Budget:
    """A bound on what calls cost or use together.

    Give its `signal` to calls: they are aborted when it is spent, and calls made after that fail at once. A provider
    that reports usage only at the end of an answer lets that answer go beyond it.

    Attributes:
        usd: The bound in US dollars; None for none.
        tokens: The bound in tokens, input and output together; None for none.
        covers: Patterns of model ids (``openai:*``) whose calls count.
        tag: The tag whose calls count; None for all.
    """

    def __init__(
        self,
        *,
        usd: float | Decimal | None = None,
        tokens: int | None = None,
        covers: Sequence[str] = ("*",),
        tag: str | None = None,
        models: Sequence[str] = (),
        prices: Prices | None = None,
    ) -> None:
        """Make a budget of which nothing is spent.

        Args:
            usd: The bound in US dollars.
            tokens: The bound in tokens.
            covers: Patterns of model ids whose calls count.
            tag: The tag whose calls count.
            models: Models that will be asked: each must have a price, or the budget cannot be held.
            prices: Where those are looked up.

        Raises:
            InvalidSettingError: There is no bound, or one that is not above 0.
            ConfigError: A model has no price.
        """
        if usd is None and tokens is None:
            msg = "a budget needs a bound: usd=, tokens=, or both"
            raise InvalidSettingError(msg)
        for name, bound in (("usd", usd), ("tokens", tokens)):
            if bound is not None and not 0 < bound < float("inf"):
                msg = f"a budget's {name} must be a number above 0, not {bound!r}"
                raise InvalidSettingError(msg)
        self.usd = None if usd is None else Decimal(str(usd))
        self.tokens = tokens
        self.covers = tuple(covers)
        self.tag = tag
        self._controller = SignalController()
        self._lock = threading.Lock()
        self._cost = Decimal(0)
        self._used = 0
        if usd is not None:
            known = prices or Prices()
            for model in models:
                known.require(model)

    @property
    def signal(self) -> Signal:
        """Fires when the budget is spent."""
        return self._controller.signal

    @property
    def cost(self) -> Decimal:
        """What was spent in US dollars, as far as prices are known."""
        return self._cost

    @property
    def used(self) -> int:
        """The tokens that were used, as far as they were reported."""
        return self._used

    @property
    def is_spent(self) -> bool:
        """Whether nothing is left."""
        return self.signal.is_fired

    def counts(self, provider: str, model: str, tag: str | None) -> bool:
        """Whether a call counts."""
        name = f"{provider}:{model}"
        return (self.tag is None or self.tag == tag) and any(fnmatchcase(name, pattern) for pattern in self.covers)

    def spend(self, cost: Decimal | None, usage: Usage | None) -> None:
        """Take what a call cost; what is not known counts as nothing."""
        with self._lock:
            self._cost += cost or 0
            if usage is not None:
                self._used += (usage.input_tokens or 0) + (usage.output_tokens or 0)
            if self.usd is not None and self._cost >= self.usd:
                reason = f"the budget of {self.usd} US dollars is spent"
            elif self.tokens is not None and self._used >= self.tokens:
                reason = f"the budget of {self.tokens} tokens is spent"
            else:
                return
        self._controller.abort(reason)
