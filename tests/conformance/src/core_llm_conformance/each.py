"""`each`: what a test of the suite is repeated over, found out from the target when tests are collected."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from core_llm_conformance.target import Target

P = ParamSpec("P")
R = TypeVar("R")

ATTRIBUTE = "_core_llm_each"


@dataclass(frozen=True, slots=True)
class Case:
    """One value of a parameter, with its name in the test's id."""

    id: str
    value: object


Source = Callable[[Target], Iterable[Case]]
"""Finds the cases that apply to a target; none is fine: the test is then not applicable, which the report says."""


@dataclass(frozen=True, slots=True)
class Each:
    """The argument of a test, where its values come from, and why there may be none."""

    argument: str
    source: Source
    otherwise: str


def each(argument: str, source: Source, *, otherwise: str = "") -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a decorator that repeats a test of a suite class for every case of `source`.

    Args:
        argument: The test's argument that gets the case's value.
        source: Finds the cases.
        otherwise: Why the test is not applicable where there is no case, for the report.
    """
    why = otherwise or f"nothing of this plugin is among: {getattr(source, '__name__', 'cases').replace('_', ' ')}"

    def decorate(test: Callable[P, R]) -> Callable[P, R]:
        setattr(test, ATTRIBUTE, Each(argument, source, why))
        return test

    return decorate


def each_of(test: object) -> Each | None:
    """Return what a test is repeated over, None if it runs once."""
    found = getattr(test, ATTRIBUTE, None)
    return found if isinstance(found, Each) else None
