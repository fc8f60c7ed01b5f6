"""Signals by themselves: when they fire, whom they tell, and that they leave nothing."""

from __future__ import annotations

import gc
import math
import sys
import threading
import time
from collections.abc import Callable

import anyio
import pytest

from core_llm import AbortedError, InvalidSettingError, Signal, SignalController
from core_llm._signals import attach
from core_llm._timers import CLEAN_FROM, watchdog

GUARD = 10.0
SOON = 0.03
LONG = 3600.0


def controlled() -> tuple[SignalController, Signal]:
    """Return a controller and its signal."""
    controller = SignalController()
    return controller, controller.signal


# ---- firing


def test_a_signal_fires_when_its_controller_aborts() -> None:
    """Not before, and with the reason that was given."""
    controller, signal = controlled()
    assert (signal.is_fired, signal.reason) == (False, None)
    signal.raise_if_fired()
    controller.abort("the user left")
    assert (signal.is_fired, signal.reason) == (True, "the user left")


def test_the_first_reason_stays() -> None:
    """A signal fires once."""
    controller, signal = controlled()
    controller.abort("first")
    controller.abort("second")
    assert signal.reason == "first"


def test_a_signal_may_fire_without_a_reason() -> None:
    """It has fired all the same."""
    controller, signal = controlled()
    controller.abort()
    assert (signal.is_fired, signal.reason) == (True, None)


@pytest.mark.parametrize(
    "signal", [Signal.timeout(0), SignalController(timeout=0).signal], ids=["signal", "controller"]
)
def test_a_timeout_fires_by_itself_and_says_so(signal: Signal) -> None:
    """Its reason names the timeout; nobody has to wait for it."""
    with pytest.raises(AbortedError, match=r"the signal has fired: the signal's timeout of 0 s has passed") as raised:
        signal.raise_if_fired()
    assert raised.value.reason == "the signal's timeout of 0 s has passed"
    assert raised.value.kind == "timeout"


def test_a_timeout_has_not_fired_before_its_time() -> None:
    """Its clock runs from the call that made it."""
    assert not Signal.timeout(LONG).is_fired


def test_a_controller_with_a_timeout_fires_by_whichever_comes_first() -> None:
    """Here the hand; and once the time has passed, a hand comes too late."""
    early = SignalController(timeout=LONG)
    early.abort("by hand")
    assert early.signal.reason == "by hand"
    late = SignalController(timeout=0)
    late.abort("by hand")
    assert late.signal.reason == "the signal's timeout of 0 s has passed"


def test_never_does_not_fire() -> None:
    """There is one such signal, and it says what it is."""
    assert not Signal.never().is_fired
    assert not Signal.never().wait(0)
    assert Signal.never() is Signal.never()
    assert repr(Signal.never()) == "<Signal: never>"


def test_a_signal_says_whether_it_has_fired() -> None:
    """For whoever prints it; a reason, which may be anything, is not shown."""
    controller, signal = controlled()
    assert repr(signal) == "<Signal: not fired>"
    controller.abort("secret")
    assert repr(signal) == "<Signal: fired (abort)>"


# ---- composites


def test_any_fires_with_the_first_of_its_parts() -> None:
    """Its reason and kind are that part's, whoever fires later."""
    one, two = SignalController(), SignalController()
    both = Signal.any(one.signal, Signal.timeout(LONG), two.signal)
    assert not both.is_fired
    two.abort("two")
    one.abort("one")
    assert both.reason == "two"


def test_any_of_any_is_flat() -> None:
    """A composite of composites fires like its innermost part."""
    controller, signal = controlled()
    outer = Signal.any(Signal.any(Signal.never(), signal), Signal.any(signal, Signal.timeout(LONG)))
    told: list[str | None] = []
    outer.add_callback(told.append)
    controller.abort("deep")
    assert told == ["deep"]


def test_any_of_what_has_fired_has_fired() -> None:
    """Also when it is made."""
    assert Signal.any(Signal.timeout(LONG), Signal.timeout(0)).is_fired
    assert Signal.any(Signal.timeout(0), Signal.never()).reason == "the signal's timeout of 0 s has passed"


def test_any_of_nothing_does_not_fire() -> None:
    """And is not the one that says never, which lifts limits."""
    assert not Signal.any().is_fired
    assert Signal.any() is not Signal.never()
    assert Signal.any(Signal.never()) is not Signal.never()


# ---- being told


def test_a_callback_is_called_once_with_the_reason() -> None:
    """In the thread that aborts, before `abort` returns."""
    controller, signal = controlled()
    told: list[tuple[str | None, threading.Thread]] = []
    signal.add_callback(lambda reason: told.append((reason, threading.current_thread())))
    controller.abort("enough")
    controller.abort("again")
    assert told == [("enough", threading.current_thread())]


def test_a_callback_of_a_fired_signal_is_called_at_once() -> None:
    """Who comes late is told too."""
    told: list[str | None] = []
    Signal.timeout(0).add_callback(told.append)
    assert told == ["the signal's timeout of 0 s has passed"]


def test_a_callback_that_was_taken_back_is_not_called() -> None:
    """Taking it back twice, or after it was called, does nothing."""
    controller, signal = controlled()
    told: list[str | None] = []
    remove = signal.add_callback(told.append)
    kept = signal.add_callback(told.append)
    remove()
    remove()
    controller.abort("x")
    kept()
    assert told == ["x"]


def test_a_callback_that_fails_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged; the others are called, and who aborts does not see it."""
    controller, signal = controlled()
    told: list[str | None] = []

    def fail(reason: str | None) -> None:
        raise ValueError(reason)

    signal.add_callback(fail)
    signal.add_callback(told.append)
    controller.abort("x")
    assert told == ["x"]
    assert "a callback of a signal failed" in caplog.text


def test_the_callbacks_of_a_timeout_may_take_their_time() -> None:
    """They run beside the thread that keeps everybody's deadlines."""
    is_held, may_go = threading.Event(), threading.Event()

    def hold(_: str | None) -> None:
        is_held.set()
        may_go.wait(GUARD)

    Signal.timeout(SOON).add_callback(hold)
    assert is_held.wait(GUARD)
    assert Signal.timeout(SOON).wait(GUARD)
    may_go.set()


def test_a_chain_of_signals_passes_the_reason_on() -> None:
    """A controller's `abort` is a callback."""
    (first, source), (second, target) = controlled(), controlled()
    source.add_callback(second.abort)
    first.abort("down the line")
    assert target.reason == "down the line"


def test_a_callback_may_take_others_back() -> None:
    """Whom it has taken back is not called."""
    controller, signal = controlled()
    told: list[str] = []
    removes: list[Callable[[], None]] = []
    signal.add_callback(lambda _: removes[0]())
    removes.append(signal.add_callback(lambda _: told.append("second")))
    controller.abort()
    assert told == []


def test_every_thread_that_races_to_abort_tells_once() -> None:
    """Of many hands at once one reason is kept, and each callback is called once."""
    controller, signal = controlled()
    told: list[str | None] = []
    for _ in range(50):
        signal.add_callback(told.append)
    start = threading.Barrier(8)

    def abort(number: int) -> None:
        start.wait(GUARD)
        controller.abort(str(number))

    threads = [threading.Thread(target=abort, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(GUARD)
    assert told == [signal.reason] * 50


# ---- waiting


def test_a_thread_waits_until_the_signal_fires() -> None:
    """The wait ends with the abort of another thread."""
    controller, signal = controlled()
    stopper = threading.Timer(SOON, controller.abort)
    stopper.start()
    assert signal.wait(GUARD)
    stopper.join()


def test_a_wait_may_end_before_the_signal() -> None:
    """Then it says so."""
    assert not Signal.timeout(LONG).wait(SOON)


def test_a_timeout_wakes_those_who_wait() -> None:
    """Through the watchdog, also as a part of a composite."""
    assert Signal.any(Signal.timeout(LONG), Signal.timeout(SOON)).wait(GUARD)


@pytest.mark.anyio
@pytest.mark.parametrize("by", ["thread", "task", "time"])
async def test_a_task_waits_until_the_signal_fires(by: str) -> None:
    """Whoever fires it: a thread, a task of the same loop, or time."""
    controller = SignalController(timeout=SOON if by == "time" else None)
    with anyio.fail_after(GUARD):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(controller.signal.wait_async)
            await anyio.lowlevel.checkpoint()
            if by == "thread":
                await anyio.to_thread.run_sync(controller.abort)
            elif by == "task":
                controller.abort()
    assert controller.signal.is_fired


@pytest.mark.anyio
async def test_a_task_that_gives_up_waiting_leaves_nothing() -> None:
    """Its timer is gone with it."""
    with anyio.move_on_after(SOON):
        await Signal.timeout(LONG).wait_async()
    assert watchdog.left() == []


# ---- wrong words


@pytest.mark.parametrize("seconds", [-1, math.nan, math.inf, 31 * 24 * 3600, "30", True, None])
def test_a_timeout_that_is_no_time_is_refused(seconds: float) -> None:
    """By this package's own error, with what to do."""
    with pytest.raises(InvalidSettingError, match=r"timeout must be 0 to 2592000 seconds \(30 days\), not"):
        Signal.timeout(seconds)


@pytest.mark.parametrize("tokens", [0, -5, 1.5, True, "many", math.inf])
def test_a_limit_that_is_no_number_of_tokens_is_refused(tokens: int) -> None:
    """The same."""
    with pytest.raises(InvalidSettingError, match="token_limit must be a whole number of 1 or more, not"):
        Signal.token_limit(tokens)


def test_a_controller_is_no_signal() -> None:
    """The error says where its signal is."""
    with pytest.raises(InvalidSettingError, match=r"a signal must be a Signal, its \.signal, not SignalController"):
        Signal.any(SignalController())  # type: ignore[arg-type]


# ---- leaving nothing


def grown(make: Callable[[], object], count: int) -> int:
    """Return how many blocks of memory are held after `count` calls of `make` that were not held before."""
    for _ in range(CLEAN_FROM):
        make()
    gc.collect()
    before = sys.getallocatedblocks()
    for _ in range(count):
        make()
    gc.collect()
    return sys.getallocatedblocks() - before


def test_a_million_signals_made_and_dropped_leave_nothing() -> None:
    """No timer, no thread, no memory; alone, and merged with one that lives on."""
    lasting = SignalController()
    threads = threading.active_count()
    assert grown(lambda: Signal.timeout(LONG), 1_000_000) < 100
    assert grown(lambda: Signal.any(lasting.signal, Signal.timeout(LONG)), 100_000) < 100
    assert watchdog.left() == []
    assert threading.active_count() <= threads


def test_what_was_waited_for_in_vain_leaves_nothing() -> None:
    """Whoever attaches and goes takes his timer with him, and is not kept by the signal."""
    lasting = SignalController()
    attach(Signal.timeout(LONG), print).remove()  # the watchdog's thread is there from now on

    def come_and_go() -> None:
        Signal.any(lasting.signal, Signal.timeout(LONG)).add_callback(print)()

    assert grown(come_and_go, 20_000) < 20 * CLEAN_FROM
    assert watchdog.left() == []


def test_a_timer_exists_only_while_somebody_waits() -> None:
    """Making a timeout schedules nothing; being called back by it does, until it is taken back."""
    signal = Signal.timeout(LONG)
    assert watchdog.left() == []
    remove = signal.add_callback(print)
    assert len(watchdog.left()) == 1
    remove()
    assert watchdog.left() == []


def test_a_handler_may_abort_in_the_midst_of_an_abort() -> None:
    """Nothing waits for a lock: a callback that aborts its own signal returns."""
    controller, signal = controlled()
    told: list[str | None] = []
    signal.add_callback(controller.abort)
    signal.add_callback(told.append)
    controller.abort("once")
    assert told == ["once"]


def test_waiting_is_not_longer_than_threads_can() -> None:
    """A wait for an eternity is a wait; here the signal has fired already."""
    assert Signal.timeout(0).wait(sys.float_info.max)


def test_time_that_passes_is_seen_by_everybody() -> None:
    """A timeout is compared with the clock, so it has fired for all at once, whoever looks."""
    signal = Signal.timeout(SOON)
    ends = time.monotonic() + GUARD
    while not signal.is_fired and time.monotonic() < ends:
        pass
    assert signal.reason == "the signal's timeout of 0.03 s has passed"
