"""Tables of model patterns: which patterns can never matter, or were not meant as what they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from core_llm import Capabilities

NOT_FNMATCH = ("^", "$", ".*", "\\", "(", "|")
"""What stands in a regular expression and in no model's name."""


def sample_of(pattern: str) -> str:
    """Return a model that a pattern matches."""
    plain = pattern.replace("*", "x").replace("?", "x")
    return plain if fnmatchcase(plain, pattern) else pattern


def odd_patterns(patterns: Sequence[object], provider: str) -> list[str]:
    """Return what is wrong with patterns as patterns, a sentence each."""
    found = []
    for pattern in patterns:
        if not isinstance(pattern, str):
            found.append(f"{pattern!r} is no text")
        elif pattern.startswith(f"{provider}:"):
            found.append(f"{pattern!r} begins with the provider; a pattern is for the model's name alone")
        elif any(sign in pattern for sign in NOT_FNMATCH):
            found.append(f"{pattern!r} looks like a regular expression; patterns are fnmatch's, as `o3*`")
    return found


def covers(general: str, special: str) -> bool:
    """Whether every model that `special` matches is matched by `general` too, as far as one can tell."""
    return general != special and fnmatchcase(sample_of(special), general) and fnmatchcase(special, general)


def hidden_declarations(table: Mapping[str, Capabilities]) -> list[str]:
    """Return which declarations a later and more general pattern takes back, a sentence each.

    All patterns that match a model apply in order, so what is special stands after what is general.
    """
    patterns = list(table)
    found = []
    for number, special in enumerate(patterns):
        for general in patterns[number + 1 :]:
            if not covers(general, special):
                continue
            for feature, support in told(table[special]).items():
                other = told(table[general]).get(feature, support)
                if other != support:
                    found.append(
                        f"{special!r} declares {feature} {support}, and {general!r}, which comes after it and matches "
                        f"the same models, declares it {other}"
                    )
    return found


def hidden_wires(table: Mapping[str, type]) -> list[str]:
    """Return which patterns of `Provider.wires` never count, since the last that matches does; a sentence each."""
    patterns = list(table)
    return [
        f"{special!r} never counts: {general!r} comes after it and matches the same models"
        for number, special in enumerate(patterns)
        for general in patterns[number + 1 :]
        if covers(general, special) and table[general] is not table[special]
    ]


def told(declared: Capabilities) -> dict[str, str]:
    """Return what a declaration says itself: feature → support; what it leaves unknown is not in it."""
    plain = {
        name: getattr(declared, name)
        for name in declared.model_fields_set - {"settings", "untested", "version"}
        if getattr(declared, name) != "unknown"
    }
    return plain | {f"settings.{name}": support for name, support in declared.settings.items()}
