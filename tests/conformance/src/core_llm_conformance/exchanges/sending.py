"""Sending: what a plugin asks, turn by turn, is what its cassette answers."""

from __future__ import annotations

import httpx

from core_llm_conformance.conversation import converse
from core_llm_conformance.playing import Playback
from core_llm_conformance.replay import ReplayTransport
from core_llm_conformance.scenario import Shown
from core_llm_conformance.target import Target


def check_requests(target: Target, shown: Shown) -> None:
    """Check method, address and the scenario's part of the body of every request, and that there is no other.

    Raises:
        ConformanceFailure: A request differs, is missing, or is one too many.
    """
    scenario = shown.scenario
    playback = Playback(*shown.interactions, scenario=scenario.name)
    with httpx.Client(transport=ReplayTransport(playback)) as http, target.client(http) as client:
        played = converse(client, target, scenario, shown.mode)
    playback.check_requests(target, scenario, played.responses)
