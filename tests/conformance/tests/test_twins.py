"""The good twins pass the whole suite: what is right is not found wrong."""

from __future__ import annotations

from core_llm_conformance import ProviderSuite
from core_llm_conformance.recording.composing import check_composed
from core_llm_conformance.scenarios import BY_NAME

from .twin import acme_bodies, zenith_bodies
from .twin.acme import Acme
from .twin.described import descriptions
from .twin.zenith import Zenith


class TestAcme(ProviderSuite):
    """A compatible service."""

    provider = Acme
    model = "acme-1"
    cassettes = "twin/cassettes/acme"


class TestZenith(ProviderSuite):
    """A service with a wire of its own."""

    provider = Zenith
    model = "zenith-1"
    cassettes = "twin/cassettes/zenith"


def test_the_cassettes_are_what_the_descriptions_say() -> None:
    """They were composed, and nobody has touched them since."""
    for suite, bodies in ((TestAcme, acme_bodies), (TestZenith, zenith_bodies)):
        target = suite.make_target()
        check_composed(target, descriptions(target, bodies))


def test_every_scenario_is_shown() -> None:
    """Between them the twins show all there is."""
    targets = [suite.make_target() for suite in (TestAcme, TestZenith)]
    shown = {name for name in BY_NAME if any(target.has_cassette(name) for target in targets)}
    assert shown == set(BY_NAME)
