"""The good twins pass the whole suite: what is right is not found wrong."""

from __future__ import annotations

from core_llm_conformance import ProviderSuite

from .twin.acme import Acme


class TestAcme(ProviderSuite):
    """A compatible service."""

    provider = Acme
    model = "acme-1"
    cassettes = "twin/cassettes/acme"
