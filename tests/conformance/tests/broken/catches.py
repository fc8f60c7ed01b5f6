"""The score: the whole suite on every broken plugin, each in a process of its own, and which tests caught it.

Run by `nox -s catches`; names of bugs as arguments run those alone.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .bugs import Bug

SECONDS = 600
"""After which a run of the suite counts as one that hangs."""
HUNG = "the run did not end"
GOOD = ("GoodAcme", "GoodZenith")


@dataclass(frozen=True, slots=True)
class Caught:
    """What the suite said of one plugin: the tests that failed, each with its parameter."""

    name: str
    tests: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The tests without their parameters."""
        return tuple(dict.fromkeys(test.partition("[")[0] for test in self.tests))


def main(wanted: Sequence[str]) -> int:
    """Run the suite on the twins and on every bug, print a row as soon as it is known, and return the exit status."""
    from .every import PLAIN, SUBTLE  # noqa: PLC0415  # the child processes import it, too

    kinds: dict[str, list[Bug]] = {"broken plugins": PLAIN, "subtly broken plugins": SUBTLE}
    faults: list[str] = []
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        good = list(pool.map(_caught, GOOD))
        faults += [
            f"{caught.name} is not broken, and fails {', '.join(caught.tests)}" for caught in good if caught.tests
        ]
        noise = {test for caught in good for test in caught.tests}
        for kind, bugs in kinds.items():
            chosen = [bug for bug in bugs if not wanted or bug.name in wanted]
            missed = 0
            print(f"\n== {len(chosen)} {kind}", flush=True)
            for bug, found in zip(chosen, pool.map(_caught, [bug.name for bug in chosen]), strict=True):
                caught = Caught(bug.name, tuple(test for test in found.tests if test not in noise))
                missed += not caught.tests
                faults += _told(bug, caught)
            print(f"-- {len(chosen) - missed} of {len(chosen)} {kind} are caught, {missed} missed", flush=True)
    print("".join(f"!! {fault}\n" for fault in faults), end="")
    return 1 if faults else 0


def _told(bug: Bug, caught: Caught) -> list[str]:
    """Print a row, and return what is not as the bug says."""
    is_named = set(bug.caught_by) <= {*caught.tests, *caught.names}
    mark = "missed" if not caught.tests else "caught" if is_named else "CAUGHT OTHERWISE"
    how = ", ".join(caught.names) or bug.missed or "it ought to be caught"
    print(f"{mark:7} {bug.name}: {bug.summary}\n        {how}", flush=True)
    if bool(caught.tests) == bool(bug.missed) or (caught.tests and not is_named):
        return [f"{bug.name} was to be caught by {', '.join(bug.caught_by) or 'no test'}, and was by {how}"]
    return []


def _caught(name: str) -> Caught:
    command = [sys.executable, "-m", __spec__.name, "--one", name]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=True)
    except subprocess.TimeoutExpired:
        return Caught(name, (HUNG,))
    return Caught(name, tuple(json.loads(run.stdout.splitlines()[-1])))


def one(name: str) -> list[str]:
    """Return the tests that a plugin fails."""
    from ..twin.acme import Acme  # noqa: PLC0415  # the parent process needs none of it
    from ..twin.zenith import Zenith  # noqa: PLC0415
    from .bugs import Bug  # noqa: PLC0415
    from .every import BUGS  # noqa: PLC0415
    from .running import installed, outcomes, suite_of  # noqa: PLC0415

    good = [Bug(which, "", "", (), "", twin, twin.name) for which, twin in zip(GOOD, (Acme, Zenith), strict=True)]
    [bug] = [bug for bug in (*good, *BUGS) if bug.name == name]
    with tempfile.TemporaryDirectory() as folder, installed(bug, Path(folder)):
        return [outcome.test for outcome in outcomes(suite_of(bug, Path(folder))) if outcome.error]


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        failed = one(sys.argv[2])
        print(json.dumps(failed))
    else:
        sys.exit(main(sys.argv[1:]))
