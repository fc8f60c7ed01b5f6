"""A soak: a crowd of streams on one client, each spoilt at random. `nox -s soak` runs ten thousand of them.

`SOAK_STREAMS` is how many there are, `SOAK_SEED` the seed that is printed; with a seed the same streams are
spoilt in the same way again.
"""

from __future__ import annotations

import asyncio
import os
import time
import tracemalloc
from pathlib import Path

import pytest

from .conftest import Record
from .soak import Soak

STREAMS = int(os.environ.get("SOAK_STREAMS", "500"))
AT_ONCE = min(200, STREAMS // 4)
KEPT_BY_PYTHON = 400_000
"""Bytes that may be held more: caches of regular expressions, of selectors, and the like; of no stream."""


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="descriptors are counted in /proc")
def test_no_stream_is_lost_and_nothing_is_left(record_property: Record) -> None:
    """Every stream ends as what was done to it wants; memory, descriptors, threads and tasks are as before."""
    seed = int(os.environ.get("SOAK_SEED", time.time_ns() % 1_000_000))
    tracemalloc.start()
    try:
        soaked = asyncio.run(Soak(seed, AT_ONCE).run(STREAMS))
    finally:
        tracemalloc.stop()
    over = soaked.kinds.total() - 2 * AT_ONCE
    record_property(
        "said", f"soak: seed {seed}, {over} streams, {AT_ONCE} at once: {len(soaked.wrong)} wrong, {soaked.left} left"
    )
    record_property("said", f"soak: {soaked.grown:+} bytes held; ended as {dict(soaked.kinds.most_common())}")
    assert soaked.wrong == []
    assert over == STREAMS
    assert soaked.left == []
    assert soaked.grown < KEPT_BY_PYTHON
