"""What a distribution requires, read from its metadata."""

from __future__ import annotations

import re
from importlib.metadata import Distribution

_REQUIREMENT = re.compile(
    r"\s*(?P<name>[A-Za-z0-9._-]+)\s*(?:\[[^\]]*\])?\s*\(?(?P<bounds>[^;)@]*)\)?\s*(?P<marker>;.*)?"
)
_LOWER, _UPPER, _BOTH = {">=", ">"}, {"<=", "<"}, {"~=", "===", "=="}


def required(found: Distribution) -> dict[str, str]:
    """Return what everybody who installs a distribution gets: name → bounds."""
    return {name: bounds for text in found.requires or () for name, bounds in [_parsed(text)] if name}


def is_bounded(bounds: str) -> bool:
    """Whether bounds hold below and above."""
    operators = {_operator(bound) for bound in bounds.split(",") if bound.strip()}
    return bool(operators & _BOTH) or bool(operators & _LOWER and operators & _UPPER)


def normalized(name: str) -> str:
    """Return a distribution's name in the one spelling that is used for comparing."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _parsed(text: str) -> tuple[str, str]:
    """Return name and bounds of a requirement; an empty name for one of an extra."""
    found = _REQUIREMENT.match(text)
    if found is None or "extra" in (found["marker"] or ""):
        return "", ""
    return normalized(found["name"]), found["bounds"].strip()


def _operator(bound: str) -> str:
    signs = ("===", "==", "~=", ">=", "<=", "!=", ">", "<")
    return next((sign for sign in signs if bound.strip().startswith(sign)), "")
