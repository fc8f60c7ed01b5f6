"""The suite on one plugin in this process: every test, or the named ones, as the pytest plugin runs them."""

from __future__ import annotations

import importlib
import shutil
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from core_llm_conformance import ProviderSuite
from core_llm_conformance.each import Case, Source, each_of
from core_llm_conformance.failure import ConformanceFailure, NotApplicableError, fail
from core_llm_conformance.levels import level_of
from core_llm_conformance.policy import problems_of, tests_of
from core_llm_conformance.sockets import closed_sockets
from core_llm_conformance.target import Target

from ..twin.acme import Acme
from .bugs import POLICY, Bug

TWINS = Path(__file__).parent.parent / "twin" / "cassettes"
UNFOUND = "not-found"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a test of the suite came to.

    Attributes:
        test: Its name with its parameter.
        error: What it raised; None if it passed.
    """

    test: str
    error: Exception | None

    @property
    def name(self) -> str:
        """The test's name alone."""
        return self.test.partition("[")[0]


def suite_of(bug: Bug, folder: Path) -> type[ProviderSuite]:
    """Return a suite class for a broken plugin, its cassettes edited in `folder` if need be."""
    cassettes = TWINS / bug.twin
    if bug.edit is not None:
        cassettes = shutil.copytree(cassettes, folder / "cassettes")
        bug.edit(cassettes)
    said = {"__module__": __name__, "provider": bug.broken, "model": bug.model, "cassettes": cassettes}
    if isinstance(bug.broken, type) and issubclass(bug.broken, ProviderSuite):
        return type(f"Test{bug.name}", (bug.broken,), {**said, "provider": Acme})
    return type(f"Test{bug.name}", (ProviderSuite,), said)


@contextmanager
def installed(bug: Bug, folder: Path) -> Iterator[None]:
    """Install a broken package for the time of a block; nothing for a plugin that is none."""
    if bug.install is None:
        yield
        return
    site, before = folder / "site", set(sys.modules)
    bug.install(site)
    sys.path.insert(0, str(site))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(str(site))
        for name in set(sys.modules) - before:
            if name.startswith("plugin_acme_"):
                del sys.modules[name]


def outcomes(suite: type[ProviderSuite], wanted: Collection[str] = ()) -> Iterator[Outcome]:
    """Run tests and yield what each came to.

    Args:
        suite: The suite class.
        wanted: Names of tests, with or without a parameter; all if empty.
    """
    if problems := problems_of(suite):
        yield Outcome(POLICY, fail("a suite class overrides nothing", "; ".join(problems)))
        return
    names = {test.partition("[")[0] for test in wanted}
    target = suite.make_target()
    for name, (_, test) in tests_of(suite).items():
        if (wanted and name not in names) or level_of(test) != "required":
            continue
        each = each_of(test)
        for case in [Case("", None)] if each is None else _cases(each.source, target):
            test_id = f"{name}[{case.id}]" if case.id else name
            if not wanted or name in wanted or test_id in wanted:
                given = {} if each is None else {each.argument: case.value}
                yield Outcome(test_id, _error_of(test, suite, target, given))


def _cases(source: Source, target: Target) -> list[Case]:
    try:
        with closed_sockets():
            return list(source(target))
    except Exception as error:  # noqa: BLE001  # as the pytest plugin does: the tests that need it say so
        return [Case(UNFOUND, error)]


def _error_of(
    test: Callable[..., None], suite: type[ProviderSuite], target: Target, given: dict[str, object]
) -> Exception | None:
    arguments = test.__code__.co_varnames[: test.__code__.co_argcount]
    if "target" in arguments:
        given = {**given, "target": target}
    for value in given.values():
        if isinstance(value, Exception):
            return value
    try:
        with closed_sockets():
            test(suite(), **given)
    except NotApplicableError:
        return None
    except Exception as error:  # noqa: BLE001  # whatever it is, the test did not pass
        return error
    return None


def told(error: Exception) -> str:
    """Return what a test says went wrong: the rule and the finding, or the bare exception of a suite that fell over."""
    if isinstance(error, ConformanceFailure):
        return f"{error.finding.rule}: {error.finding.found}"
    return f"!! {type(error).__name__}: {error}"
