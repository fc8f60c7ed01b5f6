"""A finding reads like a good compiler's error: the rule, where, what came, around the place, and what to do."""

from __future__ import annotations

from core_llm_conformance.failure import Finding, fail
from core_llm_conformance.rendering import first_line, render_finding
from core_llm_conformance.target import KEY


def test_a_finding_is_set_out() -> None:
    """Each part has its label, and what was not said is left out."""
    finding = Finding(rule="the key goes out as a header", found="no header has it", scenario="text", look_at="auth")
    assert render_finding(finding, again="pytest 'x.py::test_key'").splitlines() == [
        "rule: the key goes out as a header",
        "  scenario  text",
        "  found     no header has it",
        "  look at   auth",
        "  again     pytest 'x.py::test_key'",
    ]


def test_what_was_received_is_shown_around_the_event() -> None:
    """The frame at which it happened is marked, with three on each side."""
    body = "".join(f"data: {number}\n\n" for number in range(20))
    text = render_finding(Finding(rule="a rule", found="no", event=10, received=body))
    assert text.splitlines()[1:] == [
        "  scenario  at event 10",
        "  found     no",
        "  received     7 | data: 7",
        "               8 | data: 8",
        "               9 | data: 9",
        "            > 10 | data: 10",
        "              11 | data: 11",
        "              12 | data: 12",
        "              13 | data: 13",
    ]


def test_what_is_long_is_cut() -> None:
    """Of many lines the first and the last are shown, and of a long line its beginning."""
    text = render_finding(Finding(rule="a rule", found="no", sent="\n".join(["x" * 500] * 100)))
    assert "… 76 lines …" in text
    assert "x" * 200 + "… (500 characters)" in text


def test_no_secret_is_shown() -> None:
    """What was sent and received may hold keys; neither the finding nor its summary does."""
    failure = fail("a rule", f"it sent {KEY}", sent=f"authorization: Bearer {KEY}", received=f"no such key {KEY}")
    assert KEY not in str(failure)
    assert KEY not in first_line(failure.finding)
    assert "  sent      authorization: Bearer [redacted]" in str(failure)
