"""The matrix: every case on every wire with every runner ends by its own error or limit, and leaves nothing.

Of each play these are asked: the type of the error, the limit that struck, the text that was kept, the partial response
in the error, how often the server was asked, that it saw the client go, that the next call on the same client is
answered, and that no task, thread, socket or other descriptor is left. `nox -s hostile` prints how many were tried and
how many were right.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from core_llm_conformance.server import FaultServer

from .case import GUARD, Case
from .cases_ending import all_endings
from .cases_http import all_http
from .conftest import Record
from .play import RUNNERS, Runner, Scene, held, objections
from .wires import WIRES

CASES = [*all_endings(), *all_http()]
COLUMNS = {**{wire.name: (wire, False) for wire in WIRES}, "pool of one": (WIRES[0], True)}
"""The five wires through the client's own pool, and one of them through a caller's pool of one connection."""

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="descriptors are counted in /proc")


def test_every_case_has_a_name_of_its_own() -> None:
    """Or the matrix would count one for two."""
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_is_spoilt_ends_right_and_leaves_nothing(
    case: Case, column: str, tls: ssl.SSLContext, elsewhere: FaultServer, record_property: Record
) -> None:
    """Sync, on asyncio and on trio, side by side in three threads."""
    scene = Scene(*COLUMNS[column], tls, elsewhere.url)
    before = held()
    found: dict[Runner, list[str]] = {}
    threads = [threading.Thread(target=_play, args=(case, scene, runner, found), name=runner) for runner in RUNNERS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    left = _left_after(before)
    record_property("played", [[case.family, column, runner, not found[runner] and not left] for runner in RUNNERS])
    said = [f"{runner}: {what}" for runner in RUNNERS for what in found[runner]]
    assert not said, "\n".join(said)
    assert left == []
    assert elsewhere.connections == []


def _play(case: Case, scene: Scene, runner: Runner, found: dict[Runner, list[str]]) -> None:
    try:
        found[runner] = objections(case, scene, runner)
    except BaseException as error:  # noqa: BLE001  # a thread has nobody to raise to
        found[runner] = [f"{type(error).__name__}: {error}"]


def _left_after(before: tuple[list[str], list[str]]) -> list[str]:
    """Return what is held that was not before, as soon as there is nothing, at the latest after a while."""
    ends = time.monotonic() + GUARD / 3
    while True:
        links, threads = held()
        left = [*_more(links, before[0]), *_more(threads, before[1])]
        if not left or time.monotonic() > ends:
            return left
        time.sleep(0.001)


def _more(now: list[str], before: list[str]) -> list[str]:
    return list((Counter(now) - Counter(before)).elements())
