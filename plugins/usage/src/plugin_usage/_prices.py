"""What tokens cost: the tables of genai-prices, and prices of one's own over them. What is not in them is unknown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fnmatch import fnmatchcase

from core_llm import ConfigError, Usage

MILLION = 1_000_000
NAMES = {"gemini": "google", "vertex": "google", "grok": "x-ai"}
"""Our name of a provider → that of the tables, where they differ."""


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for a million tokens. Cached input is counted as input where it has no price of its own.

    Attributes:
        input: Tokens of the input.
        output: Tokens of the output, reasoning included.
        cache_read: Of the input, tokens that came from the cache.
    """

    input: float | Decimal
    output: float | Decimal
    cache_read: float | Decimal | None = None

    def __post_init__(self) -> None:
        for name in ("input", "output", "cache_read"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < float("inf"):
                msg = f"a price is 0 or more dollars for a million tokens; {name} is {value!r}"
                raise ConfigError(msg)

    def of(self, usage: Usage) -> Decimal:
        """Return what tokens cost."""
        given = usage.input_tokens or 0
        cached = min(usage.cache_read_tokens or 0, given) if self.cache_read is not None else 0
        cost = (given - cached) * Decimal(str(self.input))
        cost += cached * Decimal(str(self.cache_read or 0))
        return (cost + (usage.output_tokens or 0) * Decimal(str(self.output))) / MILLION


class Prices:
    """Prices by model.

    The tables of genai-prices come with that package: nothing is fetched. A model that they do not have costs None.
    """

    def __init__(self, own: Mapping[str, Price] | None = None) -> None:
        """Make a list of prices.

        Args:
            own: Pattern of model ids (``ollama:*``) → price; the last that matches counts, before any table.
        """
        self._own = dict(own or {})

    def cost(self, provider: str, model: str, usage: Usage | None) -> Decimal | None:
        """Return what a call cost in US dollars; None if its usage or its price is not known."""
        if usage is None or (usage.input_tokens is None and usage.output_tokens is None):
            return None
        matching = [price for pattern, price in self._own.items() if fnmatchcase(f"{provider}:{model}", pattern)]
        if matching:
            return matching[-1].of(usage)
        return _from_tables(provider, model, usage)

    def require(self, model: str) -> None:
        """Check that a model has a price.

        Raises:
            ConfigError: It has none, so that no budget in money can be held.
        """
        provider, _, name = model.partition(":")
        if self.cost(provider, name, Usage(input_tokens=1, output_tokens=1)) is None:
            msg = (
                f"no price is known for {model!r}: check its name, update genai-prices, or give it one with "
                f"Prices({{{model!r}: Price(input=…, output=…)}}); a budget in tokens needs none"
            )
            raise ConfigError(msg)


def _from_tables(provider: str, model: str, usage: Usage) -> Decimal | None:
    import genai_prices  # noqa: PLC0415  # takes a quarter of a second, and its first use comes after an answer

    tokens = genai_prices.Usage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_write_tokens,
    )
    try:
        calculated = genai_prices.calc_price(tokens, model, provider_id=NAMES.get(provider, provider))
    except (LookupError, ValueError):  # an unknown model or provider; figures that contradict each other
        return None
    return calculated.total_price
