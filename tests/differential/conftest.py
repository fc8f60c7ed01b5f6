"""What the differential tests count, shown at the end: how many streams are read alike, and how the others are not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

_COUNTS = pytest.StashKey[Counter[tuple[str, str, str]]]()


def pytest_configure(config: pytest.Config) -> None:
    """Begin to count."""
    config.stash[_COUNTS] = Counter()


@pytest.fixture
def count(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Return what notes one outcome under a heading."""
    kit, counts = request.path.stem.removeprefix("test_"), request.config.stash[_COUNTS]

    def note(heading: str, outcome: str) -> None:
        counts[kit, heading, outcome] += 1

    return note


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show the counts."""
    terminalreporter.section("theirs and ours")
    for (kit, heading, outcome), number in sorted(config.stash[_COUNTS].items()):
        terminalreporter.write_line(f"{kit:17} {heading:14} {number:4} {outcome}")
