"""The faults layer: streamed cassettes, spoilt as networks and servers spoil answers. The checks are in `faults`."""

from __future__ import annotations

from core_llm_conformance.applicability import first_stream, streams, typical_streams
from core_llm_conformance.base import SuiteBase
from core_llm_conformance.each import each
from core_llm_conformance.faults import (
    cost,
    cutting,
    damage,
    ending,
    exact,
    leaving,
    local,
    pool,
    secrets,
    stalls,
    statuses,
    strange,
)
from core_llm_conformance.scenario import Scenario, Shown
from core_llm_conformance.scenarios.errors import DerivedError
from core_llm_conformance.target import Target


class FaultTests(SuiteBase):
    """What comes of answers that a network or a server has spoilt."""

    @each("shown", streams)
    def test_any_cut(self, target: Target, shown: Shown) -> None:
        """The same bytes make the same events and the same response, however they are cut."""
        cutting.check_any_cut(target, shown)

    @each("shown", typical_streams)
    def test_line_ends(self, target: Target, shown: Shown) -> None:
        """Line ends, a byte order mark and spaces are what the framing says."""
        cutting.check_line_ends(target, shown)

    @each("shown", streams)
    def test_comments_and_pings(self, target: Target, shown: Shown) -> None:
        """What keeps a connection alive changes nothing."""
        cutting.check_comments_and_pings(target, shown)

    @each("shown", typical_streams)
    def test_slow_drip(self, target: Target, shown: Shown) -> None:
        """An answer is the same when it comes bit by bit."""
        cutting.check_slow_drip(target, shown)

    @each("shown", typical_streams)
    def test_huge_frame(self, target: Target, shown: Shown) -> None:
        """Lines that are longer than any read are taken."""
        cutting.check_huge_frame(target, shown)

    @each("shown", typical_streams)
    def test_compressed(self, target: Target, shown: Shown) -> None:
        """A body that a proxy has compressed is read as it was, and a cut one is no success."""
        cutting.check_compressed(target, shown)

    @each("shown", streams)
    def test_unknown_events(self, target: Target, shown: Shown) -> None:
        """Events of names and types that nobody knows are passed over."""
        strange.check_unknown_events(target, shown)

    @each("shown", streams)
    def test_unknown_fields(self, target: Target, shown: Shown) -> None:
        """Fields that nobody knows are passed over, in every object."""
        strange.check_unknown_fields(target, shown)

    @each("shown", streams)
    def test_unknown_values(self, target: Target, shown: Shown) -> None:
        """A finish reason that nobody knows is ``other``, and the answer stays whole."""
        strange.check_unknown_values(target, shown)

    @each("shown", streams)
    def test_values_are_exact(self, target: Target, shown: Shown) -> None:
        """Texts, calls, id and model come out as the answer says them, letter by letter."""
        exact.check_values_are_exact(target, shown)

    @each("shown", streams)
    def test_truncation(self, target: Target, shown: Shown) -> None:
        """An answer that ends cleanly is a success only if its terminal marker has come."""
        ending.check_truncation(target, shown)

    @each("shown", streams)
    def test_reset(self, target: Target, shown: Shown) -> None:
        """An answer whose connection breaks is a success only if its terminal marker has come."""
        ending.check_reset(target, shown)

    @each("shown", streams)
    def test_error_after_any_event(self, target: Target, shown: Shown) -> None:
        """An error that the provider sends in mid-stream is raised, with what had come."""
        damage.check_error_after_any_event(target, shown)

    @each("shown", streams)
    def test_duplicate_frames(self, target: Target, shown: Shown) -> None:
        """A frame that comes twice never counts a token, a call or the end twice."""
        damage.check_duplicate_frames(target, shown)

    @each("shown", streams)
    def test_reordered_frames(self, target: Target, shown: Shown) -> None:
        """A frame that comes late makes the same answer or a typed error."""
        damage.check_reordered_frames(target, shown)

    @each("shown", streams)
    def test_garbage(self, target: Target, shown: Shown) -> None:
        """A frame that is rubbish is a typed error, or is passed over without a loss."""
        damage.check_garbage(target, shown)

    @each("shown", typical_streams)
    def test_not_a_stream(self, target: Target, shown: Shown) -> None:
        """A page, nothing, or something else with status 200 is never an empty success."""
        damage.check_not_a_stream(target, shown)

    @each("shown", typical_streams)
    def test_stall(self, target: Target, shown: Shown) -> None:
        """Each limit of time holds, by its own name; what brings no content is no progress."""
        stalls.check_stall(target, shown)

    @each("shown", typical_streams)
    def test_early_break(self, target: Target, shown: Shown) -> None:
        """A stream that is left in the middle frees its connection and keeps what was taken."""
        leaving.check_early_break(target, shown)

    @each("shown", first_stream)
    def test_forgotten_stream(self, target: Target, shown: Shown) -> None:
        """Nothing holds a stream that its caller has forgotten without closing it."""
        leaving.check_forgotten_stream(target, shown)

    @each("shown", typical_streams)
    def test_abort(self, target: Target, shown: Shown) -> None:
        """A stream that is aborted, or whose task is cancelled, stops at once and keeps what was taken."""
        leaving.check_abort(target, shown)

    @each("derived", statuses.statuses)
    def test_error_status(self, target: Target, derived: DerivedError) -> None:
        """An error status is the error of its class, with the provider's words, its id and the time to wait."""
        statuses.check_error_status(target, derived)

    @each("status", statuses.giants)
    def test_giant_error(self, target: Target, status: int) -> None:
        """An error with a body without end is read and kept as far as is of use."""
        statuses.check_giant_error(target, status)

    @each("status", statuses.redirects)
    def test_redirect_is_an_error(self, target: Target, status: int) -> None:
        """A redirect is an error, and nothing goes where it points."""
        statuses.check_redirect(target, status)

    @each("fault", secrets.secret_faults)
    def test_no_secret_in_errors(self, target: Target, fault: secrets.Fault) -> None:
        """A key that the server echoes is in no text of the error, and in no log."""
        secrets.check_no_secret(target, fault)

    @each("shown", typical_streams)
    def test_cost_is_linear(self, target: Target, shown: Shown) -> None:
        """What a frame costs does not grow with the number of those before it."""
        cost.check_cost_is_linear(target, shown)

    @each("shown", typical_streams)
    def test_decoding_does_not_block(self, target: Target, shown: Shown) -> None:
        """A decoder sleeps, reads, writes and waits for nothing."""
        cost.check_decoding_does_not_block(target, shown)

    @each("shown", first_stream)
    def test_pool_is_reusable(self, target: Target, shown: Shown) -> None:
        """A pool of one connection, a real one, can be used again after every kind of failure."""
        pool.check_pool_is_reusable(target, shown)

    @each("scenario", local.local_models)
    def test_local_answer(self, target: Target, scenario: Scenario) -> None:
        """A model in this process makes a whole answer, again and again."""
        local.check_local_answer(target, scenario)

    @each("scenario", local.local_models)
    def test_local_stop(self, target: Target, scenario: Scenario) -> None:
        """A model in this process stops soon when it is told to, after any of its events."""
        local.check_local_stop(target, scenario)

    @each("scenario", local.local_models)
    def test_local_failure(self, target: Target, scenario: Scenario) -> None:
        """A model in this process that fails, or leaves off, is a typed error with what had come."""
        local.check_local_failure(target, scenario)

    @each("scenario", local.local_models)
    def test_local_deadline(self, target: Target, scenario: Scenario) -> None:
        """The limits of time hold for a model in this process, and end its thread."""
        local.check_local_deadline(target, scenario)
