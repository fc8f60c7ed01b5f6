"""The control of one call: which deadline strikes, who may stop it, and what the watchdog keeps."""

from __future__ import annotations

import gc
import math
import os
import threading
import time
import weakref

import pytest

from core_llm._stream.control import Aborted, AnyLimit, Control, LimitExceeded
from core_llm._timers import CLEAN_FROM, watchdog

GUARD = 10.0
SOON = 0.03


class Watched(Control):
    """A control that can be referred to weakly, and says when it was woken."""

    __slots__ = ("woken",)

    def __init__(self) -> None:
        super().__init__()
        self.woken = threading.Event()
        self.set_wake(self.woken.set)


def armed(seconds: float, limit: AnyLimit = "between_events") -> Watched:
    """Return a control that is armed from now on."""
    control = Watched()
    control.arm(limit, seconds, time.monotonic() + seconds)
    return control


def test_a_passed_deadline_wakes_and_says_which_limit_it_was() -> None:
    """The watchdog notes the limit and its seconds before it wakes the call."""
    control = armed(SOON)
    assert control.woken.wait(GUARD)
    assert control.interruption == LimitExceeded("between_events", SOON)


def test_a_deadline_moved_later_by_writing_it_is_the_one_that_strikes() -> None:
    """The watchdog looks at the old time, finds the deadline moved, and comes again."""
    control = armed(SOON)
    control.deadline = time.monotonic() + 60
    witness = armed(4 * SOON)
    assert witness.woken.wait(GUARD)
    assert control.interruption is None
    control.arm("total", SOON, time.monotonic() + SOON)
    assert control.woken.wait(GUARD)
    assert control.interruption == LimitExceeded("total", SOON)
    control.finish()


def test_an_earlier_deadline_strikes_though_the_watchdog_sleeps_for_a_later_one() -> None:
    """Arming with a nearer deadline wakes the watchdog up."""
    late = armed(60)
    control = armed(SOON)
    assert control.woken.wait(GUARD)
    assert late.interruption is None
    late.finish()


def test_the_time_of_the_consumer_does_not_count() -> None:
    """A deadline of infinity, while a consumer holds a batch, is none; waiting again makes it count again."""
    control = armed(SOON)
    control.deadline = math.inf
    witness = armed(4 * SOON)
    assert witness.woken.wait(GUARD)
    assert control.interruption is None
    control.deadline = time.monotonic() + SOON
    assert control.woken.wait(GUARD)
    assert control.interruption == LimitExceeded("between_events", SOON)


def test_the_end_of_the_whole_call_strikes_also_while_nothing_is_waited_for() -> None:
    """The total limit counts the consumer's time too, and is named when it strikes."""
    control = Watched()
    control.begin(2 * SOON, time.monotonic() + 2 * SOON)
    control.arm("between_events", SOON / 2, time.monotonic() + SOON / 2)
    control.deadline = math.inf
    assert control.woken.wait(GUARD)
    assert control.interruption == LimitExceeded("total", 2 * SOON)


def test_a_finished_call_is_never_interrupted() -> None:
    """Neither its deadline nor an abort reaches a call that is over."""
    control = armed(SOON)
    control.finish()
    control.abort("too late")
    witness = armed(2 * SOON)
    assert witness.woken.wait(GUARD)
    assert control.interruption is None
    assert not control.woken.is_set()


def test_the_first_reason_stays() -> None:
    """An abort after an abort changes nothing."""
    control = Watched()
    control.abort("first")
    control.abort("second")
    assert control.interruption == Aborted("first")


def test_what_is_set_to_be_woken_after_the_abort_is_told_so() -> None:
    """Who is about to wait learns that it must not."""
    control = Control()
    assert control.set_wake(lambda: None)
    control.abort(None)
    assert not control.set_wake(lambda: None)


def test_many_finished_calls_leave_nothing() -> None:
    """Calls that are over long before their deadlines are dropped by those that follow."""
    refs = []
    for _ in range(3 * CLEAN_FROM):
        control = armed(3600)
        control.finish()
        refs.append(weakref.ref(control))
    del control
    gc.collect()
    assert sum(ref() is not None for ref in refs) <= 2 * CLEAN_FROM


def test_a_call_that_cannot_be_woken_does_not_end_the_watchdog() -> None:
    """What one call's wake raises is logged; the deadlines of others still hold."""
    broken = Watched()

    def fail() -> None:
        broken.woken.set()
        raise OSError

    broken.set_wake(fail)
    broken.arm("total", SOON, time.monotonic() + SOON)
    assert broken.woken.wait(GUARD)
    assert armed(SOON).woken.wait(GUARD)


def test_a_signal_handler_may_abort_while_its_thread_is_inside_the_control() -> None:
    """The lock is reentrant: a handler that runs in the middle of `set_wake` does not wait for itself."""
    control = Control()
    with control._lock:
        control.abort("Ctrl-C")
    assert control.interruption == Aborted("Ctrl-C")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_deadlines_hold_in_a_forked_child() -> None:
    """A child has no watchdog thread, and a lock that nobody will release; its first deadline starts anew."""
    late = armed(60)
    is_held, may_release = threading.Event(), threading.Event()

    def hold() -> None:
        with watchdog._condition:
            is_held.set()
            may_release.wait(GUARD)

    holder = threading.Thread(target=hold)
    holder.start()
    is_held.wait(GUARD)
    child = os.fork()
    if child == 0:
        first, second = armed(30), armed(SOON)
        os._exit(0 if second.woken.wait(GUARD) and first.interruption is None else 1)
    may_release.set()
    holder.join()
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    late.finish()
