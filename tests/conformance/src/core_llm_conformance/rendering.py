"""Setting out a finding for the reader of a terminal; everything shown goes through the core's redaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core_llm._redaction import redact  # noqa: PLC2701  # the same redaction that errors go through

if TYPE_CHECKING:
    from core_llm_conformance.failure import Finding

SHOWN = 2_000
"""Characters of what was sent or received that a failure shows."""


def render_finding(finding: Finding) -> str:
    """Return a finding as lines of text, redacted."""
    where = "" if finding.scenario is None else f" [{finding.scenario}]"
    event = "" if finding.event is None else f" at event {finding.event}"
    lines = [f"{finding.rule}{where}{event}", f"  found:    {finding.found}"]
    if finding.sent is not None:
        lines.append(f"  sent:     {_shortened(finding.sent)}")
    if finding.received is not None:
        lines.append(f"  received: {_shortened(finding.received)}")
    if finding.look_at:
        lines.append(f"  look at:  {finding.look_at}")
    return redact("\n".join(lines))


def _shortened(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}… ({len(text)} characters)"
