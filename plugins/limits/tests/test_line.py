"""The line itself: left in the midst of anything, and begun anew in a forked process."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from plugin_limits._line import Line


class Impatient:
    """Somebody who leaves the line as soon as it is called."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.calls = 0

    def call(self) -> None:
        """Go."""
        self.calls += 1
        self.line.leave(self)


def test_who_is_called_may_leave_at_once() -> None:
    """Also while the line is being changed by the same thread, as garbage collection does it."""
    line = Line()
    waiters = [Impatient(line) for _ in range(3)]
    for waiter in waiters:
        line.enter(waiter)
    assert [waiter.calls for waiter in waiters] == [1, 1, 1]
    assert line.first is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform does not fork processes")
def test_a_forked_process_does_not_wait_for_its_parent() -> None:
    """Those who stand in the line are the parent's; the first of the child is told when to ask again."""
    program = """
import math, os
from core_llm import Message, Request
from plugin_limits import Limit, RateLimits
limits = RateLimits({"acme:*": Limit(requests=1, per=3600)})
def turn():
    return limits.core_llm_admit_call("acme", "m", Request(model="m", messages=(Message.user("Why?"),)))
parents = [turn() for _ in range(3)]
waits = [each.ask() for each in parents]
assert waits[2] == math.inf, waits
if os.fork() == 0:
    print(math.isfinite(turn().ask()), flush=True)
    os._exit(0)
os.wait()
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout == "True\n"
