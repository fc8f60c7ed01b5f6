"""Limit: so many requests and tokens in so many seconds, and which models a pattern means. Values, checked at once."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from core_llm import ConfigError, InvalidSettingError

LONGEST_SECONDS = 31 * 86_400
MOST = 10**12


@dataclass(frozen=True, slots=True)
class Limit:
    """So many requests, so many tokens, or both, in so many seconds.

    Attributes:
        requests: How many attempts at calls; None for any number.
        tokens: How many tokens, input and output together; None for any number.
        per: The window in whole seconds, at most 31 days.
        each_model: Whether each model that a pattern means has a limit of its own; else they share one.

    Raises:
        InvalidSettingError: There is neither figure, or one that cannot be meant.
    """

    requests: int | None = None
    tokens: int | None = None
    per: int = 60
    each_model: bool = False

    def __post_init__(self) -> None:
        if self.requests is None and self.tokens is None:
            msg = "a limit needs a figure: requests=, tokens=, or both"
            raise InvalidSettingError(msg)
        for name, most in (("requests", MOST), ("tokens", MOST), ("per", LONGEST_SECONDS)):
            value = getattr(self, name)
            is_whole = isinstance(value, int) and not isinstance(value, bool)
            if (value is not None or name == "per") and not (is_whole and 1 <= value <= most):
                what = "whole number of seconds" if name == "per" else "whole number"
                msg = f"a limit's {name} must be a {what} from 1 to {most}, not {value!r}"
                raise InvalidSettingError(msg)


def checked_pattern(pattern: object) -> str:
    """Return a pattern of model ids.

    Raises:
        ConfigError: It can match no model id.
    """
    if isinstance(pattern, str) and (pattern == "*" or all(pattern.partition(":"))):
        return pattern
    example = f"{pattern}:*" if isinstance(pattern, str) and pattern and ":" not in pattern else "openai:*"
    msg = f"{pattern!r} is no pattern of model ids, which are provider:model; do you mean {example!r}?"
    raise ConfigError(msg)


def is_meant(pattern: str, provider: str, model: str) -> bool:
    """Whether a pattern means a model; what is no call of a model has an empty name, and no pattern means it."""
    return bool(model) and fnmatchcase(f"{provider}:{model}", pattern)


def specificity(pattern: str) -> int:
    """Return how much of a model id a pattern says."""
    return sum(char not in "*?" for char in pattern)
