"""Bug: a plugin that is broken in one way, and by which test of the suite that is to be found out.

What is marked with `bug` is a provider, a wire, a decoder, or a way to sign, and descends from one of the good twins,
which gets it in place of its own. This module is imported by plugins under test, and so brings nothing but the core.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from core_llm import Auth, Provider, Request
from core_llm.wire import Decoder, WireFormat

from ..twin.acme import Acme, AcmeWire
from ..twin.zenith import Zenith, ZenithWire

T = TypeVar("T", bound=type)
Edit = Callable[[Path], None]
"""Changes something in a folder of cassettes, a copy of the twin's."""


@dataclass(frozen=True, slots=True)
class Bug:
    """A broken plugin.

    Attributes:
        name: Of its class.
        summary: What is wrong, in a sentence.
        source: Where such a plugin was seen: a line of the users' complaints, or of the wires' quirks.
        caught_by: The tests of the suite that must fail, with or without their parameter; none if all of them pass.
        says: Words that the failure of each of them must have: so it fails for this bug and for nothing else.
        broken: What is broken: a provider's class, the name of an entry point, or a suite class.
        twin: Whose cassettes it has.
        edit: What is done to them.
        install: Puts it into a folder of the path, if it is a package.
        is_subtle: Whether it is one of those that were thought out to slip through.
        missed: Why no test finds it, where none does.
    """

    name: str
    summary: str
    source: str
    caught_by: tuple[str, ...]
    says: str
    broken: type | str
    twin: str
    edit: Edit | None = None
    install: Callable[[Path], None] | None = None
    is_subtle: bool = False
    missed: str = ""

    @property
    def model(self) -> str:
        """The model that is asked."""
        return f"{self.twin}-1"


POLICY = "policy"
"""Stands among the tests for what is refused when they are collected."""
BUGS: list[Bug] = []


def bug(  # what is said of a Bug
    source: str, *caught_by: str, says: str = "", edit: Edit | None = None, subtle: bool = False, missed: str = ""
) -> Callable[[T], T]:
    """Return a decorator that enters a class in the list of bugs. Its docstring says what is wrong."""

    def enter(broken: T) -> T:
        provider = provider_of(broken)
        summary = (broken.__doc__ or "").partition("\n")[0]
        twin = "zenith" if issubclass(provider, Zenith) else "acme"
        BUGS.append(
            Bug(
                broken.__name__,
                summary,
                source,
                caught_by,
                says,
                provider,
                twin,
                edit,
                None,
                is_subtle=subtle,
                missed=missed,
            )
        )
        return broken

    return enter


def suite_bug(source: str, *, says: str) -> Callable[[T], T]:
    """Return a decorator that enters a suite class that must be refused."""

    def enter(suite: T) -> T:
        summary = (suite.__doc__ or "").partition("\n")[0]
        BUGS.append(Bug(suite.__name__, summary, source, (POLICY,), says, suite, "acme"))
        return suite

    return enter


class Installable(Protocol):
    """A package that can be put into a folder."""

    @property
    def name(self) -> str:
        """Its entry point's."""
        ...

    def install(self, site: Path) -> None:
        """Put it there."""
        ...


def package_bug(
    package: Installable, name: str, summary: str, source: str, *caught_by: str, says: str, subtle: bool = False
) -> None:
    """Enter a package in the list of bugs."""
    BUGS.append(
        Bug(name, summary, source, caught_by, says, package.name, "acme", None, package.install, is_subtle=subtle)
    )


def provider_of(broken: type) -> type[Provider]:
    """Return the twin with what is broken in place of its own."""
    if issubclass(broken, Provider):
        return broken
    if issubclass(broken, Auth):
        return _made(broken, Acme, auth=broken())
    if issubclass(broken, Decoder):
        broken = _with_decoder(broken)
    if not issubclass(broken, WireFormat):
        raise TypeError(f"{broken.__name__} is nothing that a plugin is made of")
    return _made(broken, Zenith if issubclass(broken, ZenithWire) else Acme, wire_format=broken)


def _with_decoder(decoder: type[Decoder]) -> type:
    from ..twin.zenith import ZenithDecoder  # noqa: PLC0415

    if not issubclass(decoder, ZenithDecoder):
        return _made(decoder, AcmeWire, decoder_type=decoder)

    def made(self: ZenithWire, request: Request) -> Decoder:  # noqa: ARG001  # of the contract
        return decoder(self.provider)

    return _made(decoder, ZenithWire, decoder=made, decoder_type=decoder)


def _made(broken: type, base: type, **attributes: object) -> type:
    return type(broken.__name__, (base,), {"__module__": broken.__module__, "__doc__": broken.__doc__, **attributes})
