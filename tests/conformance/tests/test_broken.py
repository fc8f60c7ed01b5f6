"""The suite is tested by its catches: every broken plugin fails, by the test that names its fault, and in its words.

Here each bug meets the tests that are to catch it. The whole suite on every bug, and the score, is a session of nox.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from core_llm_conformance.failure import ConformanceFailure
from core_llm_conformance.layers.contract import ContractTests

from .broken.every import BUGS, PLAIN, SUBTLE, Bug
from .broken.packaged import GOOD
from .broken.running import installed, outcomes, suite_of, told


@pytest.mark.parametrize("bug", [pytest.param(bug, id=bug.name) for bug in BUGS if not bug.missed])
def test_a_broken_plugin_is_caught(bug: Bug, tmp_path: Path) -> None:
    """The named tests fail, and say what the bug is."""
    with installed(bug, tmp_path):
        found = [outcome for outcome in outcomes(suite_of(bug, tmp_path), bug.caught_by) if outcome.error]
    failed = {outcome.test for outcome in found} | {outcome.name for outcome in found}
    assert set(bug.caught_by) <= failed
    said = [told(outcome.error) for outcome in found if outcome.error]
    assert all(isinstance(outcome.error, ConformanceFailure) for outcome in found), said
    assert any(words in one for one in said for words in bug.says.split("|")), said


def test_there_are_enough_of_them() -> None:
    """Sixty plain ones and twenty subtle ones, each with its name, its summary and where such a plugin was seen."""
    assert len(PLAIN) >= 60
    assert len(SUBTLE) >= 20
    assert len({bug.name for bug in BUGS}) == len(BUGS)
    assert all(bug.summary.endswith(".") and bug.source for bug in BUGS)
    assert all(bool(bug.caught_by and bug.says) != bool(bug.missed) for bug in BUGS)


def test_the_good_package_passes(tmp_path: Path) -> None:
    """What the broken packages are made of is not found wrong."""
    good = Bug("Good", "", "", (), "", GOOD.name, "acme", install=GOOD.install)
    contract = [name for name in vars(ContractTests) if name.startswith("test_")]
    with installed(good, tmp_path):
        found = [outcome for outcome in outcomes(suite_of(good, tmp_path), contract) if outcome.error]
    assert [(outcome.test, told(outcome.error)) for outcome in found if outcome.error] == []
