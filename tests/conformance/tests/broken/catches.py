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
    """Run the suite on the twins and on every bug, print the table, and return the exit status."""
    from .every import BUGS  # noqa: PLC0415  # the child processes import it, too

    chosen = [bug for bug in BUGS if not wanted or bug.name in wanted]
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        found = {caught.name: caught for caught in pool.map(_caught, [*GOOD, *(bug.name for bug in chosen)])}
    noise = {test for name in GOOD for test in found[name].tests}
    faults = [f"{name} is not broken, and fails {', '.join(found[name].tests)}" for name in GOOD if found[name].tests]
    for kind, bugs in (
        ("broken plugins", [bug for bug in chosen if not bug.is_subtle]),
        ("subtle ones", [bug for bug in chosen if bug.is_subtle]),
    ):
        missed = []
        print(f"\n== {kind}")
        for bug in bugs:
            caught = Caught(bug.name, tuple(test for test in found[bug.name].tests if test not in noise))
            by_name = {*caught.tests, *caught.names}
            is_named = set(bug.caught_by) <= by_name
            mark = "missed" if not caught.tests else "caught" if is_named else "CAUGHT OTHERWISE"
            print(f"{mark:7} {bug.name}: {bug.summary}")
            print(f"        by {', '.join(caught.names) or 'none'}")
            if not caught.tests:
                missed.append(f"{bug.name}: {bug.missed or 'it ought to be caught'}")
            if bool(caught.tests) == bool(bug.missed) or (caught.tests and not is_named):
                faults.append(f"{bug.name}: {', '.join(bug.caught_by) or 'no test'} was to catch it; see above")
        print(f"-- {len(bugs) - len(missed)} of {len(bugs)} {kind} are caught; missed: {len(missed)}")
        print("".join(f"     {line}\n" for line in missed), end="")
    print("".join(f"!! {fault}\n" for fault in faults), end="")
    return 1 if faults else 0


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
    from .every import BUGS, Bug  # noqa: PLC0415
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
