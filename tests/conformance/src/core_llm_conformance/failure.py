"""ConformanceFailure: what a check raises, said as a good compiler says it. How it is set out is in `rendering`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One rule that a plugin broke.

    Attributes:
        rule: What must hold, as a sentence.
        found: What happened instead.
        scenario: The scenario it happened in, where there is one.
        event: The number of the stream event (or frame) at which it shows, from 0.
        sent: What the plugin sent, as far as it matters; redacted where it is shown.
        received: What it was answered, likewise.
        look_at: Where to look and what to do, for the plugin's author.
    """

    rule: str
    found: str
    scenario: str | None = None
    event: int | None = None
    sent: str | None = None
    received: str | None = None
    look_at: str = ""


class NotApplicableError(Exception):
    """A test has nothing to test with this plugin, as it found out while it ran; says why. The report lists it."""


class ConformanceFailure(AssertionError):  # noqa: N818  # it is a finding about a plugin, and no error of the suite
    """A plugin broke a rule of the suite."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding)
        self.finding = finding

    def __str__(self) -> str:
        """Say rule, finding and where to look, each on a line of its own."""
        from core_llm_conformance.rendering import render_finding  # noqa: PLC0415  # only a failure pays for it

        return render_finding(self.finding)


def fail(  # the arguments are Finding's
    rule: str,
    found: str,
    *,
    scenario: str | None = None,
    event: int | None = None,
    sent: str | None = None,
    received: str | None = None,
    look_at: str = "",
) -> ConformanceFailure:
    """Return the failure to raise; the arguments are those of `Finding`."""
    return ConformanceFailure(
        Finding(rule=rule, found=found, scenario=scenario, event=event, sent=sent, received=received, look_at=look_at)
    )
