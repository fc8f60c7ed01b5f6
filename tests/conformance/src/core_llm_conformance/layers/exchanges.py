"""The exchanges layer: every scenario that a plugin claims, played from its cassette. The checks are in `exchanges`."""

from __future__ import annotations

from core_llm_conformance.applicability import both_modes, chats, claimed, error_statuses, errors, requests, shown
from core_llm_conformance.base import SuiteBase
from core_llm_conformance.each import each
from core_llm_conformance.exchanges.answers import check_scenario
from core_llm_conformance.exchanges.claims import check_claim, check_clean, check_nothing_denied, every_cassette
from core_llm_conformance.exchanges.failing import check_error, check_error_in_200
from core_llm_conformance.exchanges.going_back import check_message_goes_back, check_survives_json
from core_llm_conformance.exchanges.in_process import asked_here, check_in_process
from core_llm_conformance.exchanges.parity import (
    check_async_equals_sync,
    check_plain_equals_stream,
    check_vcrpy_plays_it,
)
from core_llm_conformance.exchanges.sending import check_requests
from core_llm_conformance.scenario import Scenario, Shown
from core_llm_conformance.target import Target


class ExchangeTests(SuiteBase):
    """What comes of the recorded answers, whole."""

    @each("scenario", claimed)
    def test_every_claim_has_its_cassette(self, target: Target, scenario: Scenario) -> None:
        """What is declared supported is shown by a cassette, in every form of answer that the wire has."""
        check_claim(target, scenario)

    @each("name", every_cassette)
    def test_nothing_denied_is_shown(self, target: Target, name: str) -> None:
        """No cassette shows what is declared unsupported, and each is a scenario's."""
        check_nothing_denied(target, name)

    @each("name", every_cassette)
    def test_cassette_is_clean(self, target: Target, name: str) -> None:
        """A cassette holds nothing that must not be published, and says where it comes from."""
        check_clean(target, name)

    @each("shown", requests)
    def test_scenario(self, target: Target, shown: Shown) -> None:
        """A whole answer comes to what it holds, by every oracle there is, and to what its scenario is about."""
        check_scenario(target, shown)

    @each("shown", errors)
    def test_error(self, target: Target, shown: Shown) -> None:
        """An error that the provider sent is raised, in its class, with its words and what had come before."""
        check_error(target, shown)

    @each("shown", error_statuses)
    def test_error_in_200(self, target: Target, shown: Shown) -> None:
        """The same error with status 200 is no success, streamed or plain."""
        check_error_in_200(target, shown)

    @each("shown", shown)
    def test_request_matches(self, target: Target, shown: Shown) -> None:
        """What is sent is what the cassette answers, in all that the scenario says."""
        check_requests(target, shown)

    @each("scenario", claimed)
    def test_vcrpy_plays_it(self, target: Target, scenario: Scenario) -> None:
        """Stock vcrpy loads the cassette and plays it to the same end, every interaction once."""
        check_vcrpy_plays_it(target, scenario)

    @each("shown", shown)
    def test_async_equals_sync(self, target: Target, shown: Shown) -> None:
        """The async client makes the same events and answers, on asyncio and on trio."""
        check_async_equals_sync(target, shown)

    @each("both", both_modes)
    def test_plain_equals_stream(self, target: Target, both: tuple[Shown, Shown]) -> None:
        """A stream has to say what a plain answer says: the same parts, finish reason, figures of usage."""
        check_plain_equals_stream(target, both)

    @each("shown", chats)
    def test_message_goes_back(self, target: Target, shown: Shown) -> None:
        """An answer goes into the next request with all that its provider wants to see again, and nothing else."""
        check_message_goes_back(target, shown)

    @each("shown", chats)
    def test_survives_json(self, target: Target, shown: Shown) -> None:
        """An answer that was stored as JSON is the same when it is read."""
        check_survives_json(target, shown)

    @each("scenario", asked_here, otherwise="it has a server, whose answers are recorded")
    def test_in_process(self, target: Target, scenario: Scenario) -> None:
        """A model in this process answers what any model can, sync and async."""
        check_in_process(target, scenario)
