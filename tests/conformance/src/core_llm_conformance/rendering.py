"""Setting out a finding for the reader of a terminal, as a good compiler does, redacted as the core redacts.

rule: a stream that ends before the wire's terminal marker is interrupted
  scenario  text-stream, at event 3
  found     Finish(finish_reason='stop')
  received     2 | data: {"choices":[{"delta":{"content":"Hel"}}]}
            >  3 | data: {"choices":[{"delta":{"content":"lo"}}]}
  look at   close() of the wire's decoder
  again     pytest 'tests/test_conformance.py::TestAcme::test_truncation[text-stream]'
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core_llm._redaction import redact  # noqa: PLC2701  # the same redaction that errors go through

if TYPE_CHECKING:
    from core_llm_conformance.failure import Finding

SHOWN_LINES = 24
"""Lines of what was sent or received that a failure shows."""
SHOWN_COLUMNS = 200
"""Characters of one of them."""
AROUND = 3
"""Frames shown before and after the one at which it happened."""
_LABEL = 10
"""The width of the column of labels."""


def render_finding(finding: Finding, *, again: str = "") -> str:
    """Return a finding as lines of text, redacted.

    Args:
        finding: What is to be told.
        again: The command that runs this test alone, where it is known.
    """
    told = [
        ("scenario", _where(finding)),
        ("found", finding.found),
        ("sent", _shortened(finding.sent)),
        ("received", _received(finding)),
        ("look at", finding.look_at),
        ("again", again),
    ]
    lines = [f"rule: {finding.rule}", *(_set(label, text) for label, text in told if text)]
    return redact("\n".join(lines))


def first_line(finding: Finding) -> str:
    """Return a finding in one line, redacted, for summaries."""
    where = f" ({where})" if (where := _where(finding)) else ""
    found = " ".join(finding.found.split())
    return redact(f"{finding.rule}{where}: {_cut(found)}")


def _where(finding: Finding) -> str:
    event = "" if finding.event is None else f"at event {finding.event}"
    return ", ".join(part for part in (finding.scenario, event) if part)


def _received(finding: Finding) -> str:
    """Return what was received, around the frame at which it happened if that can be told."""
    if finding.received is None:
        return ""
    frames = _frames(finding.received)
    if finding.event is None or not 0 <= finding.event < len(frames) or len(frames) == 1:
        return _shortened(finding.received)
    first, width = max(0, finding.event - AROUND), len(str(finding.event + AROUND))
    numbered = enumerate(frames[first : finding.event + AROUND + 1], first)
    return "\n".join(
        f"{'>' if number == finding.event else ' '} {number:>{width}} | {_cut(' '.join(frame.splitlines()))}"
        for number, frame in numbered
    )


def _frames(text: str) -> list[str]:
    """Return the frames of a body: parted by empty lines (server-sent events), or else a line each."""
    unified = text.replace("\r\n", "\n").replace("\r", "\n")
    parts = unified.split("\n\n") if "\n\n" in unified.strip("\n") else unified.split("\n")
    return [part for part in parts if part.strip()]


def _shortened(text: str | None) -> str:
    lines = (text or "").splitlines()
    if len(lines) > SHOWN_LINES:
        head, tail = lines[: SHOWN_LINES // 2], lines[-SHOWN_LINES // 2 :]
        lines = [*head, f"… {len(lines) - SHOWN_LINES} lines …", *tail]
    return "\n".join(_cut(line) for line in lines)


def _cut(line: str) -> str:
    return line if len(line) <= SHOWN_COLUMNS else f"{line[:SHOWN_COLUMNS]}… ({len(line)} characters)"


def _set(label: str, text: str) -> str:
    """Return a label with a text beside it, whose further lines stand below its first."""
    first, *rest = text.splitlines()
    return "\n".join([f"  {label:<{_LABEL}}{first}", *(" " * (_LABEL + 2) + line for line in rest)])
