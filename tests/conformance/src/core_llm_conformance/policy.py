"""What a suite class may say, and what it may not do to the tests of the suite.

A test counts only as the suite wrote it: overridden, deleted or re-parametrised it fails the run, and so does a test
that did not run. The one way out is a strict xfail with a reason and a URL, which the report shows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from inspect import getattr_static
from types import FunctionType
from urllib.parse import urlsplit

from core_llm import Provider
from core_llm_conformance.base import SuiteBase, Xfail, is_own, layers_of
from core_llm_conformance.scenarios import BY_NAME

SETTINGS = ("provider", "model", "models", "config", "cassettes", "xfail")
"""The attributes by which a class describes its plugin."""
_URL = re.compile(r"https?://[^\s)>\]]+")
_DO_THIS = "; if it is known to fail, say so: xfail = {{{name!r}: Xfail(reason, url)}}"


def tests_of(cls: type[SuiteBase]) -> dict[str, tuple[str, FunctionType]]:
    """Return the tests that a suite class consists of, as the suite wrote them: name → layer, function."""
    return {name: (layer.name, test) for layer in layers_of(cls) for name, test in layer.tests.items()}


def problems_of(cls: type[SuiteBase]) -> list[str]:
    """Return what a suite class must not do or lacks, a sentence each, with what to do about it."""
    return [*_settings(cls), *_tests(cls), *_xfails(cls)]


def xfails_of(cls: type[SuiteBase]) -> dict[str, Xfail]:
    """Return what may fail, by test, with or without its parameter; those of overriding tests too."""
    found = {name: _marked(getattr_static(cls, name, None)) for name in tests_of(cls)}
    marked = {name: xfail for name, xfail in found.items() if xfail is not None}
    return {**marked, **cls.xfail}


def unknown_xfails(cls: type[SuiteBase], ids: Iterable[str]) -> list[str]:
    """Return what is wrong with xfails that name no test of those that apply to the plugin.

    Args:
        cls: The suite class.
        ids: Every test with its parameter, ``test_truncation[text-stream]``, as collected.
    """
    known = set(ids)
    known |= {test_id.partition("[")[0] for test_id in known}
    return [
        f"xfail names {name!r}, which is no test for this plugin{near(name, known)}; take it out"
        for name in xfails_of(cls)
        if name not in known
    ]


@dataclass(frozen=True, slots=True)
class Case:
    """What of a collected test the policy looks at."""

    name: str
    arguments: frozenset[str]


def changed_cases(cls: type[SuiteBase], argument_of: Mapping[str, str | None], cases: Sequence[Case]) -> list[str]:
    """Return what is wrong with the tests that pytest made of a class.

    Args:
        cls: The suite class.
        argument_of: Test → the one argument that the suite repeats it over, None if it runs once.
        cases: What was collected, the not applicable included.
    """
    collected = {case.name for case in cases}
    lacking = [
        f"{name} was not collected; see python_functions in pytest's settings, and hooks in conftest.py"
        for name in argument_of
        if name not in collected
    ]
    repeated = {
        f"{case.name} is repeated over {', '.join(sorted(extra))}; the suite alone says what a test is repeated over"
        for case in cases
        if case.name in argument_of and (extra := case.arguments - {"target", argument_of[case.name]})
    }
    return [f"{cls.__name__}: {problem}" for problem in (*lacking, *sorted(repeated))]


def _settings(cls: type[SuiteBase]) -> Iterator[str]:
    if not isinstance(getattr(cls, "provider", None), str | Provider | type):
        yield 'it does not say which provider it tests; add provider = "<the name of its entry point>"'
    if not (isinstance(getattr(cls, "model", None), str) and cls.model):
        yield 'it does not say which model the scenarios ask; add model = "<as the provider names it>"'
    for name in ("models", "config", "xfail"):
        if not isinstance(getattr(cls, name), Mapping):
            yield f"{name} is a {type(getattr(cls, name)).__name__}; it must be a dict"
            return
    for scenario in set(cls.models) - set(BY_NAME):
        yield f"models names {scenario!r}, which is no scenario{near(scenario, BY_NAME)}"
    yield from _others(cls)


def _others(cls: type[SuiteBase]) -> Iterator[str]:
    """Yield what an author's classes define besides settings and tests that may be a mistake."""
    for base in _author_s(cls):
        for name in vars(base):
            if name in ("make_target", "__init_subclass__"):
                yield f"it overrides {name}; a suite class says of its plugin {', '.join(SETTINGS)}, and no more"
            elif not name.startswith(("_", "test_")) and name not in SETTINGS and (hint := near(name, SETTINGS, 0.8)):
                yield f"{name!r} means nothing to the suite{hint}"


def _tests(cls: type[SuiteBase]) -> Iterator[str]:
    for name, (_, test) in tests_of(cls).items():
        found = getattr_static(cls, name, None)
        if found is test or _marked(found) is not None:
            continue
        then = _DO_THIS.format(name=name)
        if found is None or not callable(found):
            yield f"{name} is deleted; the suite's tests stand as they are{then}"
        elif getattr(found, "pytestmark", None):
            yield (
                f"{name} is overridden; the suite's tests stand as they are. An override counts only with "
                f"@pytest.mark.xfail(strict=True, reason='why, and a URL'){then}"
            )
        else:
            yield f"{name} is overridden; the suite's tests stand as they are: name yours otherwise{then}"


def _xfails(cls: type[SuiteBase]) -> Iterator[str]:
    given: object = cls.xfail
    known = tests_of(cls)
    for name, xfail in given.items() if isinstance(given, Mapping) else ():
        if not isinstance(xfail, Xfail):
            yield f"xfail has {type(xfail).__name__} for {name!r}; it must be Xfail(reason=…, url=…)"
        elif not xfail.reason.strip():
            yield f"the xfail of {name!r} has no reason; say why it fails"
        elif not _is_url(xfail.url):
            yield f"the xfail of {name!r} has the URL {xfail.url!r}; name the page where it is followed up (http…)"
        elif name.partition("[")[0] not in known:
            yield f"xfail names {name!r}, which is no test of the suite{near(name, known)}"


def _marked(found: object) -> Xfail | None:
    """Return what a test's own mark says: a strict xfail with a reason that has a URL; None for anything else."""
    for mark in getattr(found, "pytestmark", ()):
        reason = (
            str(mark.kwargs.get("reason", "")) if mark.name == "xfail" and mark.kwargs.get("strict") is True else ""
        )
        url = _URL.search(reason)
        words = _URL.sub("", reason).strip(" ():;,-")
        if url and words and not mark.args:
            return Xfail(words, url[0])
    return None


def _author_s(cls: type) -> list[type[SuiteBase]]:
    """Return the classes that the author wrote."""
    return [base for base in cls.__mro__ if issubclass(base, SuiteBase) and not is_own(base)]


def _is_url(url: object) -> bool:
    parts = urlsplit(url) if isinstance(url, str) else None
    return parts is not None and parts.scheme in ("http", "https") and bool(parts.hostname)


def near(name: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """Return the question whether another name was meant, to be put behind a wrong one; nothing if none is like it."""
    found = get_close_matches(name, list(known), n=1, cutoff=cutoff)
    return f" (do you mean {found[0]!r}?)" if found else ""
