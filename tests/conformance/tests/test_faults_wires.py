"""Broken wires and providers, and other framings: the fault layer finds what it is for, whatever the framing.

That good plugins pass all of its checks is in `test_twins`; broken decoders are in `test_faults`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest

from core_llm import Provider, StatusError
from core_llm.wire import Framing, decode_status_error, make_status_error
from core_llm_conformance.applicability import streams
from core_llm_conformance.failure import ConformanceFailure
from core_llm_conformance.faults import (
    cost,
    cutting,
    damage,
    ending,
    leaving,
    pool,
    rules,
    secrets,
    stalls,
    statuses,
    strange,
)
from core_llm_conformance.scenario import Shown
from core_llm_conformance.target import KEY, Target

from .twin.acme import Acme, AcmeWire
from .twin.zenith import Zenith, ZenithWire

CASSETTES = Path(__file__).parent / "twin/cassettes"


def shown_by(target: Target, scenario: str) -> Shown:
    """Return a streamed cassette."""
    shown = next(case.value for case in streams(target) if case.id == f"{scenario}-stream")
    assert isinstance(shown, Shown)
    return shown


# ---- broken wires and providers --------------------------------------------------------------------------------------


class WrongClass(AcmeWire):
    """Has one error for everything."""

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> StatusError:
        """Take all for the caller's fault."""
        return make_status_error(400, decode_status_error(status, headers, body).message, headers=headers)


class NoWords(AcmeWire):
    """Leaves out what the provider says."""

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> StatusError:  # noqa: ARG002  # that is it
        """Say the status alone."""
        return make_status_error(status, "it failed", headers=headers)


class MillisecondsAreSeconds(AcmeWire):
    """Reads Retry-After in the wrong unit."""

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> StatusError:
        """Read it."""
        error = super().decode_error(status, headers, body)
        found = headers.get("retry-after") or headers.get("retry-after-ms") or ""
        error.retry_after = float(found) if found.isdigit() else None
        return error


class NoRequestId(AcmeWire):
    """Forgets the request's id."""

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> StatusError:
        """Forget it."""
        error = super().decode_error(status, headers, body)
        error.request_id = None
        return error


class KeepsTheBody(AcmeWire):
    """Keeps the whole of an error's body, as it came."""

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> StatusError:
        """Keep it."""
        error = super().decode_error(status, headers, body)
        vars(error)["body"] = body.decode("utf-8", "replace")  # past the core, which masks what is set
        return error


class Prints(AcmeWire):
    """Shows what came, for debugging."""

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> StatusError:
        """Show it."""
        print("failed:", body)  # noqa: T201  # that is what is wrong with it
        return super().decode_error(status, headers, body)


def acme_on(wire: type[AcmeWire]) -> Target:
    """Return Acme with another wire."""
    return Target(type("Broken", (Acme,), {"wire_format": wire}), "acme-1", cassettes=CASSETTES / "acme")


@pytest.mark.parametrize(
    ("wire", "derived", "says"),
    [
        (WrongClass, "500", "it must be a ServerError"),
        (NoWords, "429", "are not in the message"),
        (MillisecondsAreSeconds, "429-milliseconds", "retry_after is 1500.0, and must be 1.5"),
        (MillisecondsAreSeconds, "429-date", None),
        (NoRequestId, "503", "request_id is None"),
        (KeepsTheBody, "401", "the key is in its attributes"),
    ],
    ids=lambda value: value if isinstance(value, str) else getattr(value, "__name__", ""),
)
def test_a_status_that_is_read_wrongly_is_found(wire: type[AcmeWire], derived: str, says: str | None) -> None:
    """Class, words, the time to wait, the id, the key; what the plugin leaves open the core fills in."""
    target = acme_on(wire)
    case = next(case.value for case in statuses.statuses(target) if case.id == derived)
    if says is None:
        statuses.check_error_status(target, case)  # type: ignore[arg-type]  # a DerivedError
        return
    with pytest.raises(ConformanceFailure, match=rules.STATUS) as raised:
        statuses.check_error_status(target, case)  # type: ignore[arg-type]  # likewise
    assert says in raised.value.finding.found


def test_a_body_that_is_kept_is_found() -> None:
    """Four megabytes are no message."""
    with pytest.raises(ConformanceFailure, match="characters kept"):
        statuses.check_giant_error(acme_on(KeepsTheBody), 500)


@pytest.mark.parametrize(
    ("wire", "fault", "says"),
    [(KeepsTheBody, "400-text", "its attributes of BadRequestError"), (Prints, "401-json", "was logged, warned of")],
    ids=["kept", "printed"],
)
def test_a_key_that_shows_is_found(wire: type[AcmeWire], fault: str, says: str) -> None:
    """Wherever the plugin puts it; the failure itself does not show it."""
    target = acme_on(wire)
    check = next(case.value for case in secrets.secret_faults(target) if case.id == fault)
    with pytest.raises(ConformanceFailure, match=says) as raised:
        secrets.check_no_secret(target, check)  # type: ignore[arg-type]  # a Fault
    assert KEY not in str(raised.value)


@pytest.mark.parametrize("provider", [Acme, Zenith], ids=["acme", "zenith"])
def test_leaving_finds_nothing_wrong_with_a_good_plugin(provider: type[Provider]) -> None:
    """Nor do the checks that only the core could fail."""
    target = Target(provider, f"{provider.name}-1", cassettes=CASSETTES / provider.name)
    shown = shown_by(target, "tool_call")
    leaving.check_early_break(target, shown)
    leaving.check_abort(target, shown)
    leaving.check_forgotten_stream(target, shown)


# ---- other framings --------------------------------------------------------------------------------------------------


class ZenithInAnArray(ZenithWire):
    """Zenith's lines as the elements of one array."""

    framing: ClassVar[Framing] = "json_array"


class ZenithInEvents(ZenithWire):
    """Zenith's lines as server-sent events with names."""

    framing: ClassVar[Framing] = "sse"


def rewritten(framing: Framing, body: bytes) -> bytes:
    """Return Zenith's lines in another framing."""
    lines = body.splitlines()
    if framing == "json_array":
        return b"[" + b",".join(lines) + b"]"
    return b"".join(b"event: line\ndata: " + line + b"\n\n" for line in lines)


CHECKS: tuple[Callable[[Target, Shown], None], ...] = (
    cutting.check_any_cut,
    cutting.check_line_ends,
    cutting.check_comments_and_pings,
    cutting.check_huge_frame,
    cutting.check_compressed,
    strange.check_unknown_events,
    strange.check_unknown_fields,
    strange.check_unknown_values,
    ending.check_truncation,
    ending.check_reset,
    damage.check_error_after_any_event,
    damage.check_duplicate_frames,
    damage.check_reordered_frames,
    damage.check_garbage,
    damage.check_not_a_stream,
    stalls.check_stall,
    leaving.check_early_break,
    cost.check_cost_is_linear,
    pool.check_pool_is_reusable,
)


@pytest.mark.parametrize("wire", [ZenithInAnArray, ZenithInEvents], ids=["array", "events"])
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_any_framing_can_be_spoilt(check: Callable[[Target, Shown], None], wire: type[ZenithWire]) -> None:
    """A good plugin passes whatever frames its answers."""
    provider = type("Framed", (Zenith,), {"wire_format": wire})
    target = Target(provider, "zenith-1", cassettes=CASSETTES / "zenith")
    shown = shown_by(target, "tool_call")
    told = {"body": rewritten(wire.framing, shown.interactions[0].body), "headers": {}}
    check(target, replace(shown, interactions=(shown.interactions[0].model_copy(update=told),)))
