"""Signal: a caller's way to stop calls, any number of them, from any thread or task: by hand, by time, by tokens.

A signal is made of *sources*: never none, a timeout one, `any` those of its parts. Whoever wants to be told attaches to
the sources for as long as he wants it, so a composite leaves nothing with its parts, and a timer exists only while
somebody waits for it: a timeout is a point in time, which is compared with the clock when it is asked for.

Firing waits for no lock, since a handler of the operating system's signals may abort in the midst of anything. Who
attaches puts himself down before he looks whether it has fired; who fires writes that down before he looks whom to
tell; and one atomic `pop` decides who of several makes the call. How a call obeys is the business of `_stream.control`,
what counts as tokens that of `_stream.tokens`.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core_llm._errors import AbortedError, AbortKind, InvalidSettingError
from core_llm._logging import logger
from core_llm._timers import watchdog

MAX_SECONDS = 30 * 24 * 3600.0
"""A time beyond thirty days is taken for a mistake, such as milliseconds for seconds."""


@dataclass(slots=True, frozen=True)
class Fired:
    """That a source fired.

    Attributes:
        kind: What fired it.
        reason: In words, if there are any.
        at: When (monotonic clock).
    """

    kind: AbortKind
    reason: str | None
    at: float


class Source:
    """One thing that can fire: once, for good."""

    __slots__ = ("_told", "deadline", "seconds", "subscriptions")

    def __init__(self, seconds: float = math.inf) -> None:
        self.seconds = seconds
        self.deadline = math.inf if seconds == math.inf else time.monotonic() + seconds
        self.subscriptions: dict[Subscription, None] = {}
        self._told: list[Fired] = []

    @property
    def fired(self) -> Fired | None:
        """What fired it, if it has."""
        if self._told and self._told[0].at < self.deadline:
            return self._told[0]
        if self.deadline <= time.monotonic():
            return Fired("timeout", f"the signal's timeout of {self.seconds:g} s has passed", self.deadline)
        return None

    def fire(self, kind: AbortKind, reason: str | None) -> None:
        """Let it fire; a second time changes nothing."""
        if self.fired is None:
            self._told.append(Fired(kind, reason, time.monotonic()))
        self.tell()

    def tell(self) -> None:
        """Tell everybody who is attached that it has fired: first the calls that must stop, then the caller's own."""
        fired = self.fired
        if fired is None:
            return
        attached = list(self.subscriptions)
        for subscription in attached:
            if subscription.is_quick:
                subscription.fire(fired)
        slow = [subscription for subscription in attached if not subscription.is_quick]
        if slow and watchdog.is_current():  # a callback may take its time, and every call's deadline would wait for it
            arguments = (slow, fired)
            threading.Thread(target=_fire_all, args=arguments, name="core-llm-signal", daemon=True).start()
        else:
            _fire_all(slow, fired)


class Budget(Source):
    """A source that fires when more tokens are wanted than there are.

    Attributes:
        limit: How many there are.
        used: How many were taken, by all streams together.
    """

    __slots__ = ("_lock", "limit", "used")

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit = limit
        self.used = 0
        self._lock = threading.RLock()

    def take(self) -> bool:
        """Take one token; if there is none left, fire and return False."""
        with self._lock:
            is_left = self.used < self.limit
            self.used += is_left
        if not is_left:
            self.exhaust()
        return is_left

    def correct(self, difference: int) -> None:
        """Add to what was used what a provider's report says that was counted too few (or, below zero, too many)."""
        with self._lock:
            self.used += difference

    def exhaust(self) -> None:
        """Fire if nothing is left."""
        if self.used >= self.limit:
            self.fire("token_limit", f"the signal's limit of {self.limit} output tokens is used up")


class Subscription:
    """Somebody to be told when the first of some sources fires."""

    __slots__ = ("_callbacks", "_sources", "is_quick", "scheduled")

    def __init__(self, sources: Sequence[Source], callback: Callable[[Fired], object], *, is_quick: bool) -> None:
        self._sources = sources
        self._callbacks = [callback]
        self.is_quick = is_quick
        self.scheduled = math.inf

    @property
    def is_finished(self) -> bool:
        """Whether it was told, or removed."""
        return not self._callbacks

    def begin(self) -> None:
        """Attach to the sources; if one has fired, tell at once."""
        for source in self._sources:
            source.subscriptions[self] = None
        fired = first(self._sources)
        if fired is not None:
            self.fire(fired)
            return
        deadline = min((source.deadline for source in self._sources), default=math.inf)
        if deadline < math.inf:
            watchdog.schedule(self, deadline)

    def fire(self, fired: Fired) -> None:
        """Tell, unless it was told or removed."""
        callback = self._claimed()
        if callback is None:
            return
        try:
            callback(fired)
        except Exception:  # noqa: BLE001  # the callbacks of others, and who aborts, have no part in it
            logger.warning("a callback of a signal failed", exc_info=True)

    def remove(self) -> None:
        """Take it off its sources."""
        self._claimed()

    def expire(self, now: float) -> float:
        """Let the source whose time has come tell everybody; for the watchdog."""
        for source in self._sources:
            if source.deadline <= now:
                source.tell()
        return math.inf

    def _claimed(self) -> Callable[[Fired], object] | None:
        """Return the callback to whoever asks first, and let go of the sources."""
        try:
            callback = self._callbacks.pop()
        except IndexError:
            return None
        sources, self._sources = self._sources, ()
        for source in sources:
            source.subscriptions.pop(self, None)
        return callback


def _fire_all(subscriptions: Sequence[Subscription], fired: Fired) -> None:
    for subscription in subscriptions:
        subscription.fire(fired)


def first(sources: Sequence[Source]) -> Fired | None:
    """Return what fired first."""
    found = [fired for source in sources if (fired := source.fired) is not None]
    return min(found, key=lambda fired: fired.at, default=None)


class Signal:
    """Stops the calls it is given to (``signal=``), once and for good; usable from any thread or task.

    Make one with `timeout`, `token_limit`, `any`, `never`, or a `SignalController`.
    """

    __slots__ = ("__weakref__", "_sources")

    def __init__(self, sources: Sequence[Source] = ()) -> None:
        self._sources = tuple(sources)

    @staticmethod
    def never() -> Signal:
        """Return the signal that never fires; given to a call, it lifts the total limit of that call too."""
        return _NEVER

    @staticmethod
    def timeout(seconds: float) -> Signal:
        """Return a signal that fires so many seconds from now: the clock runs from this very call.

        Raises:
            InvalidSettingError: That is no time: negative, not a number, beyond thirty days.
        """
        return Signal((Source(_checked_seconds(seconds)),))

    @staticmethod
    def token_limit(tokens: int) -> Signal:
        """Return a signal that fires when the calls it is given to have brought so many output tokens, all together.

        Tokens count as the provider reports them; until it does, each piece of text, reasoning, refusal or tool
        arguments counts as one. A stream is stopped at the first piece beyond the limit; one that has come to its end
        stays whole.

        Raises:
            InvalidSettingError: That is no number of tokens.
        """
        if not _is_number(tokens) or isinstance(tokens, float) or tokens < 1:
            raise InvalidSettingError(f"token_limit must be a whole number of 1 or more, not {tokens!r}")
        return Signal((Budget(tokens),))

    @staticmethod
    def any(*signals: Signal) -> Signal:
        """Return a signal that fires with the first of these; without any, it does not fire."""
        sources: dict[Source, None] = {}
        for signal in signals:
            sources |= dict.fromkeys(as_signal(signal)._sources)  # noqa: SLF001  # of its own kind
        return Signal(tuple(sources))

    @property
    def is_fired(self) -> bool:
        """Whether it has fired."""
        return first(self._sources) is not None

    @property
    def reason(self) -> str | None:
        """Why it has fired; None if it has not, or if no reason was given."""
        fired = first(self._sources)
        return None if fired is None else fired.reason

    def raise_if_fired(self) -> None:
        """Do nothing, or raise.

        Raises:
            AbortedError: It has fired.
        """
        fired = first(self._sources)
        if fired is not None:
            because = f": {fired.reason}" if fired.reason else ""
            raise AbortedError(f"the signal has fired{because}", reason=fired.reason, kind=fired.kind)

    def add_callback(self, callback: Callable[[str | None], object]) -> Callable[[], None]:
        """Call `callback` with the reason when the signal fires, once; at once if it has. Returns what takes it back.

        It runs in the thread that aborts; for a timeout, in a thread of its own. What it raises is logged.
        """
        return attach(self, lambda fired: callback(fired.reason), is_quick=False).remove

    def wait(self, timeout: float | None = None) -> bool:
        """Block until the signal fires, or for so many seconds; returns whether it has fired."""
        woken = threading.Event()
        subscription = attach(self, lambda _: woken.set())
        try:
            return woken.wait(None if timeout is None else min(timeout, threading.TIMEOUT_MAX)) or self.is_fired
        finally:
            subscription.remove()

    async def wait_async(self) -> None:
        """Wait until the signal fires, on asyncio or trio; give it up by cancelling it."""
        import anyio  # noqa: PLC0415  # a sync program does without

        from core_llm._loops import run_soon  # noqa: PLC0415  # the same

        woken = anyio.Event()
        wake = run_soon(woken.set)
        subscription = attach(self, lambda _: wake())
        try:
            await woken.wait()
        finally:
            subscription.remove()

    def __repr__(self) -> str:
        """Say whether it has fired, and why."""
        fired = first(self._sources)
        if fired is None:
            return "<Signal: never>" if self is _NEVER else "<Signal: not fired>"
        return f"<Signal: fired ({fired.kind})>"


_NEVER = Signal()


class SignalController:
    """A signal, and the switch that fires it.

    Attributes:
        signal: To be given to calls.
    """

    __slots__ = ("__weakref__", "_source", "signal")

    def __init__(self, *, timeout: float | None = None) -> None:
        """Make a signal that `abort` fires, or the passing of time if a timeout is given.

        Args:
            timeout: Seconds from now.

        Raises:
            InvalidSettingError: That is no time.
        """
        self._source = Source(math.inf if timeout is None else _checked_seconds(timeout))
        self.signal = Signal((self._source,))

    def abort(self, reason: str | None = None) -> None:
        """Fire the signal, from any thread or task, or from a handler of the system's signals.

        A second time changes nothing. When it returns, every call that was stopped has been told to.
        """
        self._source.fire("abort", None if reason is None else str(reason))


def attach(signal: Signal, callback: Callable[[Fired], object], *, is_quick: bool = True) -> Subscription:
    """Let a callback be called once when the signal fires, at once if it has; a quick one may run in the watchdog."""
    subscription = Subscription(signal._sources, callback, is_quick=is_quick)  # noqa: SLF001  # of this room
    subscription.begin()
    return subscription


def fired_by(signal: Signal) -> Fired | None:
    """Return what fired a signal, if it has."""
    return first(signal._sources)  # noqa: SLF001  # of this room


def budgets(signal: Signal | None) -> list[Budget]:
    """Return what counts the tokens of a signal's calls."""
    sources = () if signal is None else signal._sources  # noqa: SLF001  # of this room
    return [source for source in sources if isinstance(source, Budget)]


def as_signal(value: object) -> Signal:
    """Return what was given as a signal.

    Raises:
        InvalidSettingError: It is something else.
    """
    if isinstance(value, Signal):
        return value
    hint = "its .signal" if isinstance(value, SignalController) else "such as Signal.timeout(30)"
    raise InvalidSettingError(f"a signal must be a Signal, {hint}, not {type(value).__name__}")


def _checked_seconds(seconds: float) -> float:
    if _is_number(seconds) and 0 <= seconds <= MAX_SECONDS:  # which a NaN is not
        return seconds
    hint = "for what is left of a time, say max(0, left); without a timeout, leave the signal out"
    raise InvalidSettingError(f"timeout must be 0 to {MAX_SECONDS:.0f} seconds (30 days), not {seconds!r}; {hint}")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
