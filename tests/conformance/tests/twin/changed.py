"""The twins with one thing changed, and what a check says of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from core_llm import Provider
from core_llm.wire import WireFormat
from core_llm_conformance.failure import ConformanceFailure
from core_llm_conformance.scenario import Mode, Shown
from core_llm_conformance.scenarios import BY_NAME
from core_llm_conformance.target import Target

from .acme import Acme

CASSETTES = Path(__file__).parent / "cassettes"


def speaking(wire: type[WireFormat], twin: type[Provider] = Acme, **changes: object) -> Target:
    """Return a twin with another wire, and with other attributes."""
    provider = type(twin.__name__, (twin,), {"wire_format": wire, **changes})
    return Target(provider, f"{twin.name}-1", cassettes=CASSETTES / twin.name)


def shown(target: Target, scenario: str, mode: Mode = "stream") -> Shown:
    """Return a scenario as the twin's cassette has it."""
    return Shown(BY_NAME[scenario], mode, target.cassette(scenario).of(mode))


def caught(check: Callable[..., None], *arguments: object) -> str:
    """Return the rule and the finding by which a check fails."""
    with pytest.raises(ConformanceFailure) as failure:
        check(*arguments)
    finding = failure.value.finding
    return f"{finding.rule}: {finding.found}"
